//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// buildPrograms compiles testdata/programs, once. Guests have them, made by internal/guests.
var buildPrograms = sync.OnceValues(func() (path string, err error) {
	if inGuest() {
		return filepath.Join(filepath.Dir(os.Args[0]), "programs"), nil
	}
	dir, err := os.MkdirTemp("", "zctrace-programs-")
	if err != nil {
		return "", err
	}
	removePrograms = func() { os.RemoveAll(dir) }
	path = filepath.Join(dir, "programs")
	if out, err := exec.Command("testdata/programs/build", dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build testdata/programs: %w\n%s", err, out)
	}
	return path, nil
})

// removePrograms removes what that has made.
var removePrograms = func() {}

// program is the path of testdata/programs, and that by which its measure has a name of its own.
func program(t testing.TB) (path, measure string) {
	t.Helper()
	path, err := buildPrograms()
	if err != nil {
		t.Fatal(err)
	}
	return path, filepath.Join(filepath.Dir(path), "measure")
}

// moved is what became of one call.
type moved struct{ calls, bytes, failed int64 }

func (m moved) plus(n moved) moved {
	return moved{m.calls + n.calls, m.bytes + n.bytes, m.failed + n.failed}
}

// account is what programs say of themselves, by call and by the kind of its file. What is no call's
// stands in the bytes.
type account map[[2]string]moved

// byCall is the sum over all kinds of those that are calls.
func (a account) byCall() map[string]moved {
	sums := map[string]moved{}
	for key, m := range a {
		switch key[0] {
		case "io", "rusage", "kernel", "time":
		default:
			sums[key[0]] = sums[key[0]].plus(m)
		}
	}
	return sums
}

// byPath is the account by call and by the path of a single call.
func (a account) byPath() map[[2]string]moved {
	sums := map[[2]string]moved{}
	for key, m := range a {
		switch call, kind := key[0], key[1]; {
		case slices.Contains(readCalls, call):
			sums[[2]string{call, kind + "->user"}] = m
		case slices.Contains(writeCalls, call):
			sums[[2]string{call, "user->" + kind}] = m
		}
	}
	return sums
}

// said is a number that is no call's, such as io's rchar.
func (a account) said(what, of string) int64 { return a[[2]string{what, of}].bytes }

// ledgerFile is a file for programs to keep their account in, which is their descriptor 3.
func ledgerFile(t testing.TB) *os.File {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "ledger")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if err := file.Truncate(8192); err != nil {
		t.Fatal(err)
	}
	return file
}

// readLedger reads what programs have left in it: struct row of testdata/programs/programs.h.
func readLedger(t testing.TB, file *os.File) account {
	t.Helper()
	data, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		State                uint64
		Call, Kind           [24]byte
		Calls, Bytes, Failed int64
	}
	a := account{}
	for r := (row{}); ; {
		if n, err := binary.Decode(data, binary.NativeEndian, &r); err != nil || r.State == 0 {
			return a
		} else {
			data = data[n:]
		}
		call, _, _ := bytes.Cut(r.Call[:], []byte{0})
		kind, _, _ := bytes.Cut(r.Kind[:], []byte{0})
		a[[2]string{string(call), string(kind)}] = moved{r.Calls, r.Bytes, r.Failed}
	}
}

// keep runs a command that keeps an account, in a directory of its own, and returns that.
func keep(t testing.TB, cmd *exec.Cmd) account {
	t.Helper()
	file := ledgerFile(t)
	cmd.ExtraFiles = []*os.File{file}
	if cmd.Dir == "" {
		cmd.Dir = t.TempDir()
	}
	r := finish(t, cmd)
	if r.code != 0 {
		t.Fatalf("%s: exit code %d\n%s%s", strings.Join(cmd.Args, " "), r.code, r.stdout, r.stderr)
	}
	return readLedger(t, file)
}

// accounted are the calls that the kernel accounts as read and as written by a process, and nothing else.
var accounted = map[string]struct{ read, written bool }{
	"read": {read: true}, "pread64": {read: true}, "readv": {read: true}, "preadv": {read: true}, "preadv2": {read: true},
	"write": {written: true}, "pwrite64": {written: true}, "writev": {written: true}, "pwritev": {written: true}, "pwritev2": {written: true},
	"sendfile": {true, true}, "copy_file_range": {true, true},
}

// readAndWritten are what these calls come to in the kernel's account.
func readAndWritten(sums map[string]moved) (rchar, wchar int64) {
	for call, m := range sums {
		if accounted[call].read {
			rchar += m.bytes
		}
		if accounted[call].written {
			wchar += m.bytes
		}
	}
	return rchar, wchar
}

// follow is a program whose processes, threads and descriptors are hard to follow.
type follow struct {
	args   []string
	execs  int64    // that it makes itself
	killed bool     // what was killed meanwhile is in the kernel's account only
	raced  bool     // which file a call was of is by chance
	dumps  bool     // core
	loads  bool     // a file as a module
	limits []string // that it may meet
}

func (f follow) name() string { return strings.Join(f.args, " ") }

// follows are all, so large or at a fraction of it.
func follows(fraction int) []follow {
	n := func(n int) string { return strconv.Itoa(max(1, n/fraction)) }
	// That a call was raced is an upper bound: of one whose descriptor was reopened since the thread's last call, nobody
	// knows when it began.
	raced := []string{"raced_descriptors"}
	return []follow{
		{args: []string{"forks", n(1000)}},
		{args: []string{"threads", n(10000), n(100)}},
		{args: []string{"threads", n(9000), n(9000)}, limits: []string{"no_slot"}},
		{args: []string{"mixed", n(220)}, killed: true},
		{args: []string{"execs", n(50)}, execs: int64(max(1, 50/fraction))},
		{args: []string{"vforks", n(200)}, execs: int64(max(1, 200/fraction)) / 2},
		{args: []string{"odd", n(50)}, execs: int64(max(1, 50/fraction))},
		{args: []string{"tables", n(1000)}, limits: raced},
		{args: []string{"reopen", n(100000), "ordered"}, limits: raced},
		{args: []string{"reopen", n(100000), "unordered"}, limits: raced, raced: true},
		{args: []string{"passed", n(1000)}},
	}
}
