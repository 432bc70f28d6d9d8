//go:build linux

package workloads

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// What a worker is: a process group of its own, no way to new privileges, and
// no descriptor but the ones that it was given.
func TestWorkersAreConfined(t *testing.T) {
	sender, receiver, _, _ := workload{sendfile, "auto:1M", "tcp", Config{Work: Work{Chunk: 4096}}}.start(t)
	for _, p := range []*Process{sender, receiver} {
		if pgid, err := unix.Getpgid(p.PID()); err != nil || pgid != p.PID() {
			t.Errorf("the %s has process group %d, %v, want its own %d", p.role, pgid, err, p.PID())
		}
		dir := fmt.Sprintf("/proc/%d/task/%d/", p.PID(), thread(t, p))
		status := readFile(t, dir+"status")
		for _, want := range []string{"NoNewPrivs:\t1", "Name:\tzc-" + string(p.role), "SigBlk:\tfffffffffffbfeff"} { // all but KILL and STOP
			if !strings.Contains(status, want) {
				t.Errorf("the %s's status lacks %q:\n%s", p.role, want, status)
			}
		}
		sockets := 0
		entries, err := os.ReadDir(dir + "fd")
		must(t, err)
		for _, e := range entries {
			if to, _ := os.Readlink(dir + "fd/" + e.Name()); strings.HasPrefix(to, "socket:") {
				sockets++
			}
		}
		if sockets != 2 {
			t.Errorf("the %s has %d sockets, want its gate and its end of the connection", p.role, sockets)
		}
		env := strings.Split(strings.TrimRight(readFile(t, dir+"environ"), "\x00"), "\x00")
		slices.Sort(env)
		if want := []string{"GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMAXPROCS=2"}; !slices.Equal(env, want) {
			t.Errorf("the %s's environment is %q, want %q", p.role, env, want)
		}
	}
}

// thread is the id of the worker's thread whose system calls count: the one that
// blocks all signals. Its name alone would not do, since threads inherit it.
func thread(t *testing.T, p *Process) int {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/task/", p.PID())
	tasks, err := os.ReadDir(dir)
	must(t, err)
	found := 0
	for _, task := range tasks {
		status := readFile(t, dir+task.Name()+"/status")
		if !strings.Contains(status, "Name:\tzc-"+string(p.role)+"\n") || !strings.Contains(status, "SigBlk:\tfffffffffffbfeff") {
			continue
		}
		if found != 0 {
			time.Sleep(time.Millisecond) // the other one is just being made, or makes one
			return thread(t, p)
		}
		found, err = strconv.Atoi(task.Name())
		must(t, err)
	}
	if found == 0 {
		t.Fatalf("none of the %s's %d threads is it", p.role, len(tasks))
	}
	return found
}

// What a shell left open must not keep a file open, or a pipe alive.
func TestWorkersInheritNoDescriptor(t *testing.T) {
	var fds [2]int
	must(t, unix.Pipe2(fds[:], 0)) // no O_CLOEXEC
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	high, err := unix.FcntlInt(uintptr(fds[0]), unix.F_DUPFD, 251)
	must(t, err)
	defer unix.Close(high)
	left, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", high))
	must(t, err)
	sender, _, _, _ := workload{sendfile, "auto:1M", "null", Config{Work: Work{Chunk: 4096}}}.start(t)
	dir := fmt.Sprintf("/proc/%d/fd/", sender.PID())
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if to, _ := os.Readlink(dir + e.Name()); to == left {
			t.Errorf("the worker has descriptor %s, %s", e.Name(), to)
		}
	}
}

// capableCommand makes the test binary a process that starts a sender, and
// prints what capabilities it has.
const capableCommand = "__capable"

func capable() {
	source, err := sourceNamed(context.Background(), "zero", nil)
	fail(err)
	sink, err := sinkNamed("null", source, nil)
	fail(err)
	p, err := Start(Config{Role: Sender, Work: Work{Strategy: readWrite, Chunk: 4096}, Source: source, Sink: sink})
	fail(err)
	fail(p.WaitReady(context.Background()))
	for _, pid := range []int{os.Getpid(), p.PID()} {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		fail(err)
		fmt.Printf("%s", status)
	}
	p.Kill()
	os.Exit(0)
}

func TestWorkersHaveNoAmbientCapabilities(t *testing.T) {
	needRoot(t)
	parent := exec.Command("/proc/self/exe", capableCommand)
	parent.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: 65534, Gid: 65534},
		AmbientCaps: []uintptr{unix.CAP_NET_RAW},
	}
	out, err := parent.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var effective []string
	for line := range strings.Lines(string(out)) {
		if mask, ok := strings.CutPrefix(line, "CapEff:\t"); ok {
			effective = append(effective, strings.TrimSpace(mask))
		}
	}
	if want := []string{"0000000000002000", "0000000000000000"}; !slices.Equal(effective, want) {
		t.Errorf("parent and worker have %q, want %q", effective, want)
	}
}

func TestBinaryThatTheUserMayNotExecute(t *testing.T) {
	needRoot(t)
	path := filepath.Join(t.TempDir(), "zctrace")
	must(t, os.WriteFile(path, []byte("#!/bin/true\n"), 0o700))
	openToAll(t, path)
	must(t, os.Chmod(path, 0o700))
	source, sink := open(t, "zero", "null")
	_, err := Start(Config{Role: Sender, Work: Work{Strategy: readWrite, Chunk: 1}, Exec: []string{path}, User: &User{UID: 65534, GID: 65534}, Source: source, Sink: sink})
	mustFail(t, err, fault.Unsupported, "sender", "user 65534", "permission denied", "chmod a+rx "+path)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

func TestWorkersRunAsTheInvokingUser(t *testing.T) {
	needRoot(t)
	user := &User{UID: 65534, GID: 65533, Groups: []uint32{65533, 12345}}
	source, err := sourceNamed(t.Context(), "auto:64K", user)
	must(t, err)
	defer source.Close()
	sink, err := sinkNamed("file", source, user)
	must(t, err)
	defer sink.Close()
	p := startWorker(t, Config{Role: Sender, Work: Work{Strategy: readWrite, Bytes: 100_000, Chunk: 4096}, User: user, Source: source, Sink: sink})
	status := readFile(t, fmt.Sprintf("/proc/%d/status", p.PID()))
	for _, want := range []string{"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65533\t65533\t65533\t65533", "Groups:\t12345 65533", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000"} {
		if !strings.Contains(status, want) {
			t.Errorf("the worker's status lacks %q:\n%s", want, status)
		}
	}
	release(t, p)
	if _, err := wait(t, p); err != nil {
		t.Error(err)
	}
}

// needRoot skips without root, which is a failure in CI's `make test-native`.
func needRoot(t *testing.T) {
	t.Helper()
	const why = "only root can work for another user (make test-native)"
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") != "" && os.Getenv("ZCTRACE_TEST_ROOT") != "":
		t.Fatal(why)
	default:
		t.Skip(why)
	}
}
