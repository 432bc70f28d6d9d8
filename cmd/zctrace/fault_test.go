//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
)

// inShell runs the command by a line of shell, in which "$@" is the command.
func inShell(t *testing.T, cmd *exec.Cmd, line string) *exec.Cmd {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Args = shell, append([]string{"sh", "-c", line, "sh"}, cmd.Args...)
	return cmd
}

// failsWith wants the exit code and all of the words in one message on stderr.
func failsWith(t *testing.T, r result, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, w := range words {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("it does not say %q", w)
		}
	}
	if t.Failed() {
		t.Logf("stderr: %s", r.stderr)
	}
}

// smallDisk mounts a tmpfs of so many bytes.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, options); err != nil {
		cannot(t, fmt.Sprintf("mounting a tmpfs: %v (run as root)", err))
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// Whoever is stopped and goes on again, nothing is lost.
func TestStoppedAndContinued(t *testing.T) {
	oncePerMachine(t)
	for _, who := range []string{"sender", "receiver", "zctrace"} {
		t.Run(who, func(t *testing.T) {
			cmd, _, stderr := running(t, "--bytes", "32MiB", "--rate", "16MiB", "--json", "t.json")
			for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
				if who != "zctrace" {
					signalWorker(t, who, s)
				} else if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
				time.Sleep(300 * time.Millisecond)
			}
			if code := exitStatus(t, cmd.Wait()); code != 0 {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			tr := readTrace(t, filepath.Join(cmd.Dir, "t.json"))
			want{"sender.payload_bytes": 32 << 20, "sender.moved.page_refs": 32 << 20, "sender.syscalls.by_name.sendfile.calls": 512}.check(t, tr)
			last := tr.Samples[len(tr.Samples)-1]
			if last.Sender.PayloadBytes != tr.Total.Sender.PayloadBytes || last.Sender.Syscalls.Calls != tr.Total.Sender.Syscalls.Calls {
				t.Error("the total is not the last sample")
			}
			if tr.Run.Ended != trace.Done {
				t.Errorf("it ended %q", tr.Run.Ended)
			}
		})
	}
}

// memoryGroup makes a cgroup with a memory limit, and returns the file that takes the
// processes.
func memoryGroup(t *testing.T, limit int64) string {
	t.Helper()
	for _, v := range []struct{ root, limit, swap, swapLimit string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", fmt.Sprint(limit)}, // version 1
		{"/sys/fs/cgroup", "memory.max", "memory.swap.max", "0"},
	} {
		dir, err := os.MkdirTemp(v.root, "zctrace-test-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { // its processes take a moment to be gone
			eventually(t, dir+" is removed", func() bool { return os.Remove(dir) == nil })
		})
		if set(filepath.Join(dir, v.limit), fmt.Sprint(limit)) == nil {
			_ = set(filepath.Join(dir, v.swap), v.swapLimit) // without swap accounting there is none
			return filepath.Join(dir, "cgroup.procs")
		}
	}
	cannot(t, "there is no cgroup here whose memory could be limited (it takes root and the memory controller)")
	return ""
}

// set writes to a file of the kernel's, and makes none.
func set(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// The kernel kills the worker that takes too much memory, and the run says so.
func TestOutOfMemory(t *testing.T) {
	needTracing(t)
	group := memoryGroup(t, 128<<20)
	cmd := command(t, "run", "read-write", "--source", "zero", "--sink", "null", "--chunk", "512MiB", "--bytes", "2GiB", "--plain", "--json", "t.json")
	r := finish(t, inShell(t, cmd, `echo $$ >`+group+` && exec "$@"`))
	failsWith(t, r, exitFailed, "the sender was killed by SIGKILL", "for want of memory", "dmesg")
	leftovers(t, cmd.Dir)
}

// With too few file descriptors it says how many it takes, before anything begins.
func TestOutOfDescriptors(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	done := false
	for _, limit := range []int{4, 5, 6, 7, 8, 12, 24, 48, 96, 256} {
		cmd := command(t, "run", "sendfile", "--bytes", "1MiB", "--plain")
		r := finish(t, inShell(t, cmd, fmt.Sprintf(`ulimit -n %d && exec "$@"`, limit)))
		if done = r.code == 0; !done {
			failsWith(t, r, exitUnsupported, "too few open files are allowed", fmt.Sprint("the limit is ", limit), "ulimit -n")
		}
		leftovers(t, cmd.Dir)
	}
	if !done {
		t.Error("256 are not enough")
	}
	for _, args := range [][]string{{"show", "t.json"}, {"serve", "--listen", "127.0.0.1:0"}, {"compare", "sendfile"}, {"doctor"}} {
		r := finish(t, inShell(t, command(t, args...), `ulimit -n 5 && exec "$@"`))
		failsWith(t, r, exitUnsupported, "too few open files are allowed", "the limit is 5", "ulimit -n")
	}
}

// A disk that fills up ends the run, which says how far it came.
func TestDiskFull(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	dir := smallDisk(t, "size=4m")
	sink := filepath.Join(dir, "sink")
	for _, strategy := range []string{"read-write", "sendfile", "splice", "aio", "io-uring", "mmap-copy"} {
		t.Run(strategy, func(t *testing.T) {
			cmd := command(t, "run", strategy, "--source", "auto:8MiB", "--bytes", "8MiB", "--sink", "file:"+sink, "--plain", "--json", "t.json")
			failsWith(t, finish(t, cmd), exitFailed, "no space left on device", "free some space")
			if strategy == "mmap-copy" { // which makes room before it begins
				leftovers(t, cmd.Dir)
				leftovers(t, dir)
				return
			}
			tr := readTrace(t, filepath.Join(cmd.Dir, "t.json"))
			if n := tr.Run.PayloadBytes.Or(0); tr.Run.Ended != trace.Failed || n != 4<<20 {
				t.Errorf("it ended %q after %d bytes", tr.Run.Ended, n)
			}
			if err := os.Remove(sink); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("for the source", func(t *testing.T) {
		cmd := command(t, "run", "sendfile", "--source", "auto:8MiB", "--plain")
		cmd.Env = append(cmd.Env, "TMPDIR="+dir)
		failsWith(t, finish(t, cmd), exitFailed, "make a source of 8 MiB in "+dir, "no space left on device", "TMPDIR")
		leftovers(t, dir)
	})
}

// A limit of the shell's on the size of files is a full disk for the trace.
func TestFileSizeLimit(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	cmd := command(t, "run", "sendfile", "--source", "zero", "--bytes", "1MiB", "--plain", "--json", "t.json")
	r := finish(t, inShell(t, cmd, `ulimit -f 16 && exec "$@"`)) // 8 KiB
	failsWith(t, r, exitFailed, "cannot write t.json: file too large", "ulimit -f")
	for _, sink := range []string{"sendfile", "mmap-copy"} { // to a file, which is too large for the limit
		cmd := command(t, "run", sink, "--source", "zero", "--bytes", "1MiB", "--plain", "--sink", "file:new")
		failsWith(t, finish(t, inShell(t, cmd, `ulimit -f 16 && exec "$@"`)), exitFailed, "file too large", "raise ulimit -f, which allows files of ")
	}
	small := command(t, "run", "sendfile", "--source", "zero", "--plain")
	failsWith(t, finish(t, inShell(t, small, `ulimit -f 8 && exec "$@"`)), exitFailed, "shared memory", "file too large", "raise ulimit -f")
	if !strings.Contains(r.stdout, "moved page_refs") {
		t.Error("the totals were not printed")
	}
	leftovers(t, cmd.Dir)
}

func TestReadOnlyDirectory(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	dir := smallDisk(t, "ro")
	file := filepath.Join(dir, "f")
	for _, test := range []struct{ flag, value, remedy string }{
		{"--source", "auto", "set TMPDIR to another directory"},
		{"--sink", "file:" + file, "in another directory"},
		{"--json", file, "name a file elsewhere"},
	} {
		t.Run(test.flag, func(t *testing.T) {
			cmd := command(t, "run", "sendfile", "--bytes", "1MiB", "--plain", test.flag, test.value)
			if test.flag == "--source" {
				cmd.Env = append(cmd.Env, "TMPDIR="+dir)
			}
			failsWith(t, finish(t, cmd), exitUnsupported, "read-only file system", dir, test.remedy)
			leftovers(t, cmd.Dir)
		})
	}
}

// The source is cut short, replaced or deleted under a run: it ends with an error that
// says so, or goes on with the file that it opened.
func TestSourceChangesDuringTheRun(t *testing.T) {
	oncePerMachine(t)
	const size = 4 << 20
	truncated := []string{"truncated the source"}
	for _, test := range []struct {
		strategy string
		args     []string
		says     []string // when it is truncated
	}{
		{"read-write", nil, truncated},
		{"sendfile", nil, truncated},
		{"mmap-write", nil, truncated}, // the kernel reads: EFAULT
		{"mmap-copy", []string{"--sink", "file"}, []string{"the sender was killed by SIGBUS", truncated[0]}},
		{"sendfile", []string{"--verify"}, truncated}, // by whoever finds out first: the receiver compares with a mapping of it
		{"io-uring-fixed", nil, truncated},
	} {
		for what, change := range map[string]func(path string) error{
			"truncated": func(path string) error { return os.Truncate(path, 0) },
			"replaced": func(path string) error {
				if err := os.WriteFile(path+"2", []byte("other"), 0o600); err != nil {
					return err
				}
				return os.Rename(path+"2", path)
			},
			"deleted": os.Remove,
		} {
			if what != "truncated" && test.strategy != "sendfile" && test.strategy != "mmap-write" {
				continue // the file stays as it is, and so does what happens
			}
			t.Run(strings.Join(append([]string{what, test.strategy}, test.args...), " "), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "source")
				if err := os.WriteFile(path, bytes.Repeat([]byte("payload."), size/8), 0o600); err != nil {
					t.Fatal(err)
				}
				cmd, stdout, stderr := runningStrategy(t, test.strategy, append(test.args, "--source", path, "--json", "t.json")...)
				if err := change(path); err != nil {
					t.Fatal(err)
				}
				code, ended := exitFailed, trace.Failed
				if what != "truncated" {
					shown := len(stdout.String())
					eventually(t, "more numbers", func() bool { return len(stdout.String()) > shown+200 })
					_ = cmd.Process.Signal(syscall.SIGINT)
					code, ended = 130, trace.Interrupted
				}
				if got := exitStatus(t, cmd.Wait()); got != code {
					t.Errorf("exit code %d, want %d: %s", got, code, stderr)
				}
				for _, text := range test.says {
					if what == "truncated" && !strings.Contains(stderr.String(), text) {
						t.Errorf("it says %q, not %q", stderr, text)
					}
				}
				if tr := readTrace(t, filepath.Join(cmd.Dir, "t.json")); tr.Run.Ended != ended {
					t.Errorf("it ended %q, want %q", tr.Run.Ended, ended)
				}
				workersAreGone(t)
			})
		}
	}
}

// Two cannot listen at one port, and the first goes on undisturbed.
func TestPortTaken(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	address := startServer(t, serving("--listen", "127.0.0.1:0"))
	r := zctrace(t, "serve", "--listen", address)
	failsWith(t, r, exitFailed, "listen at "+address, "the port is in use", "take another port")
	if tr := traced(t, "sendfile", "--sink", address, "--bytes", "1MiB", "--source", "auto:1MiB"); tr.Run.PayloadBytes != trace.Known(mib) {
		t.Errorf("%v bytes went to the first", tr.Run.PayloadBytes)
	}
}

// A receiver elsewhere that is killed resets the connection.
func TestConnectionReset(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	server := serving("--listen", "127.0.0.1:0")
	cmd, _, stderr := running(t, "--sink", startServer(t, server), "--json", "t.json")
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if code := exitStatus(t, cmd.Wait()); code != exitFailed || !strings.Contains(stderr.String(), "the receiver ended first") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if tr := readTrace(t, filepath.Join(cmd.Dir, "t.json")); tr.Run.Ended != trace.Failed || tr.Run.PayloadBytes.Or(0) == 0 {
		t.Errorf("it ended %q after %v bytes", tr.Run.Ended, tr.Run.PayloadBytes)
	}
	workersAreGone(t)
}

// Fifty at once: each counts its own and nothing of the others'.
func TestFiftyAtOnce(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	const runs = 50
	dir := t.TempDir()
	results := make([]result, runs)
	cmds := make([]*exec.Cmd, runs)
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%d.json", i)) }
	for i := range cmds {
		cmds[i] = command(t, "run", "sendfile", "--source", "auto:1MiB", "--bytes", "4MiB", "--plain", "--json", name(i))
	}
	done := make(chan int)
	for i := range cmds {
		go func() {
			defer func() { done <- i }() // also when it fails the test
			results[i] = finish(t, cmds[i])
		}()
	}
	for range cmds {
		<-done
	}
	for i, r := range results {
		if r.code != 0 {
			t.Fatalf("run %d: exit code %d: %s", i, r.code, r.stderr)
		}
		want{
			"sender.payload_bytes": 4 << 20, "sender.moved.page_refs": 4 << 20, "receiver.copies.to_user": 4 << 20,
			"sender.syscalls.by_name.sendfile.calls": 64,
		}.check(t, readTrace(t, name(i)))
	}
	workersAreGone(t)
}

// guestOnly skips what would change the machine for everybody on it.
func guestOnly(t *testing.T, why string) {
	t.Helper()
	if !inGuest() {
		t.Skip(why + ", which only a guest's tests do (make test-vm)")
	}
}

// A CPU that goes away during the run takes no event with it.
func TestCPUTakenOffline(t *testing.T) {
	guestOnly(t, "it takes a CPU offline")
	const online = "/sys/devices/system/cpu/cpu1/online"
	cmd, _, stderr := running(t, "--bytes", "8MiB", "--rate", "4MiB", "--cpu", "1,0", "--json", "t.json")
	defer func() { _ = os.WriteFile(online, []byte("1"), 0) }()
	if err := os.WriteFile(online, []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	if code := exitStatus(t, cmd.Wait()); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	want{
		"sender.payload_bytes": 8 << 20, "sender.moved.page_refs": 8 << 20, "sender.syscalls.by_name.sendfile.calls": 128,
	}.check(t, readTrace(t, filepath.Join(cmd.Dir, "t.json")))
}

// The clock is set back by a day during the run: nothing that is measured, and no time
// limit, goes by it.
func TestClockSetBack(t *testing.T) {
	guestOnly(t, "it sets the clock")
	cmd, _, stderr := running(t, "--duration", "3s", "--json", "t.json") // the last --duration counts
	var now unix.Timespec
	set := func(seconds int64) {
		t.Helper()
		if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
			t.Fatal(err)
		}
		now.Sec += seconds
		if err := unix.ClockSettime(unix.CLOCK_REALTIME, &now); err != nil {
			t.Fatal(err)
		}
	}
	set(-86400)
	defer set(86400)
	if code := exitStatus(t, cmd.Wait()); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	tr := readTrace(t, filepath.Join(cmd.Dir, "t.json"))
	// The window opens a moment after the time begins to run, which is what is missing at its end; on an emulated machine it may
	// be seconds.
	if took := time.Duration(tr.Run.ElapsedNS); took <= 0 || took > time.Minute {
		t.Errorf("the run took %v", took)
	}
	last := int64(math.MinInt64)
	for _, s := range tr.Samples {
		if s.ElapsedNS < last {
			t.Fatalf("a sample at %d ns after one at %d", s.ElapsedNS, last)
		}
		last = s.ElapsedNS
	}
	if len(tr.Samples) < 5 {
		t.Errorf("%d samples in 3 s at one each 50 ms", len(tr.Samples))
	}
}
