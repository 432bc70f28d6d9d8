//go:build linux

package workloads

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestVerifyCatchesACorruptedByte(t *testing.T) {
	const at = 123_457
	for _, source := range []string{"auto:1M", "auto:100000", "zero"} { // the second goes round before
		for _, sink := range []SinkKind{SinkTCP, SinkUnix, SinkPipe} {
			t.Run(source+"/"+string(sink), func(t *testing.T) {
				o := workload{readWrite, source, string(sink), Config{Bytes: 1 << 20, Chunk: 4096, Verify: true, CorruptAt: ptr(int64(at))}}.run(t)
				if o.sendErr != nil || o.receiveErr != nil || o.received.Payload != 1<<20 {
					t.Fatalf("%+v", o)
				}
				checkMismatch(t, o.received.Mismatch, at)
			})
		}
	}
	t.Run("file", func(t *testing.T) {
		o := workload{readWrite, "auto:1M", "file", Config{Bytes: 1 << 20, Chunk: 4096, CorruptAt: ptr(int64(at))}}.run(t)
		bad, err := o.sink.VerifyFile(t.Context(), o.source, o.sent.Payload)
		if err != nil {
			t.Fatal(err)
		}
		checkMismatch(t, bad, at)
	})
}

func checkMismatch(t *testing.T, bad *Mismatch, at int64) {
	t.Helper()
	if bad == nil {
		t.Fatal("the corrupted byte was not found")
	}
	if bad.Offset != at || bad.Got != ^bad.Expected {
		t.Errorf("found %+v, want all bits flipped at %d", *bad, at)
	}
}

func TestVerifyAgainstASnapshot(t *testing.T) {
	source, err := OpenSource(t.Context(), tempFile(t, 300_001), nil)
	must(t, err)
	defer source.Close()
	expect, err := source.Snapshot(t.Context(), 200_000)
	must(t, err)
	defer expect.Close()

	wl := workload{sendfile, source.Path, "tcp", Config{Bytes: 200_000, Chunk: 4096, Verify: true, Expect: expect}}
	wl.run(t).verified(t, 200_000)

	// And it is the snapshot that counts.
	_, err = expect.WriteAt([]byte{0}, 199_999)
	must(t, err)
	o := wl.run(t)
	if m := o.received.Mismatch; m == nil || m.Offset != 199_999 || m.Expected != 0 {
		t.Errorf("found %+v, want offset 199999", m)
	}
}

func TestOnlyAUserBufferCanBeCorrupted(t *testing.T) {
	source, sink := open(t, "zero", "null")
	_, err := Start(Config{Role: Sender, Strategy: sendfile, Source: source, Sink: sink, Chunk: 1, CorruptAt: ptr(int64(0))})
	mustFail(t, err, Usage, "sendfile", "read-write")
}

func open(t *testing.T, source, sink string) (*Source, *Sink) {
	t.Helper()
	from, err := OpenSource(t.Context(), source, nil)
	must(t, err)
	t.Cleanup(func() { from.Close() })
	to, err := OpenSink(sink, from, nil)
	must(t, err)
	t.Cleanup(to.Close)
	return from, to
}

func TestReceiverKilled(t *testing.T) {
	for _, s := range Strategies {
		for _, sink := range []SinkKind{SinkTCP, SinkUnix, SinkPipe} {
			t.Run(s.Name+"/"+string(sink), func(t *testing.T) {
				t.Parallel()
				sender, receiver, _, _ := workload{s, "auto:1M", string(sink), Config{Chunk: 65536}}.start(t)
				release(t, receiver)
				release(t, sender)
				eventually(t, "payload", func() bool { return receiver.Payload() > 1<<20 })
				receiver.Kill()
				_, err := wait(t, receiver)
				mustSay(t, err, "receiver", "SIGKILL", "bytes")
				res, err := wait(t, sender)
				mustSay(t, err, "sender", "bytes", "the receiver ended first")
				if !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
					t.Errorf("the sender got %v", err)
				}
				if res.Payload == 0 {
					t.Errorf("the sender says %+v", res)
				}
			})
		}
	}
}

func TestSenderKilled(t *testing.T) {
	sender, receiver, _, _ := workload{sendfile, "auto:1M", "tcp", Config{Chunk: 65536}}.start(t)
	release(t, receiver)
	release(t, sender)
	eventually(t, "payload", func() bool { return receiver.Payload() > 1<<20 })
	sender.Kill()
	res, err := wait(t, sender)
	mustSay(t, err, "sender", "SIGKILL", "bytes")
	if res.Payload < 1<<20 || res.Elapsed != 0 {
		t.Errorf("the sender says %+v", res)
	}
	if got, err := wait(t, receiver); err != nil || got.Payload < 1<<20 {
		t.Errorf("the receiver should just come to the end: %+v, %v", got, err)
	}
}

// mustSay checks the words of a Failure, which may well have no remedy.
func mustSay(t *testing.T, err error, words ...string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != Failure {
		t.Fatalf("got %v, want a failure that mentions %q", err, words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not mention %q", err, word)
		}
	}
}

func TestSourceTruncatedWhileItIsRead(t *testing.T) {
	for _, s := range Strategies {
		t.Run(s.Name, func(t *testing.T) {
			path := tempFile(t, 1<<20)
			sender, _, _, _ := workload{s, path, "file", Config{Chunk: 4096}}.start(t)
			must(t, os.Truncate(path, 8192))
			release(t, sender)
			res, err := wait(t, sender)
			mustSay(t, err, "sender", "8192 bytes")
			if res.Payload != 8192 {
				t.Errorf("moved %d bytes, want what was there: 8192", res.Payload)
			}
		})
	}
}

func TestWorkersThatNeverGetReady(t *testing.T) {
	cases := []struct {
		name  string
		argv  []string
		words []string
	}{
		{"exit", []string{"/bin/sh", "-c", "echo it broke >&2; exit 7"}, []string{"sender", "exit status 7", "it broke"}},
		{"signal", []string{"/bin/sh", "-c", "kill -SEGV $$"}, []string{"sender", "SIGSEGV", "0 bytes"}},
		{"clean exit", []string{"/bin/true"}, []string{"sender", "ended early"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			source, sink := open(t, "zero", "null")
			p, err := Start(Config{Role: Sender, Exec: c.argv, Strategy: readWrite, Source: source, Sink: sink, Chunk: 1})
			must(t, err)
			mustSay(t, p.WaitReady(t.Context()), c.words...)
			if p.Go() == nil {
				t.Error("it can still be let go")
			}
		})
	}
	t.Run("never starts", func(t *testing.T) {
		source, sink := open(t, "zero", "null")
		_, err := Start(Config{Role: Sender, Exec: []string{"/no/such/file"}, Strategy: readWrite, Source: source, Sink: sink, Chunk: 1})
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "sender") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("hangs", func(t *testing.T) {
		source, sink := open(t, "zero", "null")
		p, err := Start(Config{Role: Sender, Exec: []string{"/bin/sh", "-c", "exec sleep 1000"}, Strategy: readWrite, Source: source, Sink: sink, Chunk: 1})
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := p.WaitReady(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		p.Kill()
		_, err = wait(t, p)
		mustSay(t, err, "SIGKILL")
	})
}

func TestConfigIsChecked(t *testing.T) {
	source, sink := open(t, "zero", "null")
	good := Config{Role: Sender, Strategy: readWrite, Source: source, Sink: sink, Chunk: 1}
	for name, change := range map[string]func(*Config){
		"no chunk":         func(c *Config) { c.Chunk = 0 },
		"huge chunk":       func(c *Config) { c.Chunk = MaxChunk + 1 },
		"negative payload": func(c *Config) { c.Bytes = -1 },
		"negative rate":    func(c *Config) { c.Rate = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := Start(cfg)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		mustFail(t, err, Usage)
	}
}

// What a worker is: a process group of its own, no way to new privileges, and
// no descriptor but the ones that it was given.
func TestWorkersAreConfined(t *testing.T) {
	sender, receiver, _, _ := workload{sendfile, "auto:1M", "tcp", Config{Chunk: 4096}}.start(t)
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
	sender, _, _, _ := workload{sendfile, "auto:1M", "null", Config{Chunk: 4096}}.start(t)
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
	source, err := OpenSource(context.Background(), "zero", nil)
	fail(err)
	sink, err := OpenSink("null", source, nil)
	fail(err)
	p, err := Start(Config{Role: Sender, Strategy: readWrite, Source: source, Sink: sink, Chunk: 4096})
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
	_, err := Start(Config{Role: Sender, Exec: []string{path}, User: &User{UID: 65534, GID: 65534}, Strategy: readWrite, Source: source, Sink: sink, Chunk: 1})
	mustFail(t, err, Unsupported, "sender", "user 65534", "permission denied", "chmod a+rx "+path)
}

func TestExpectationTruncatedWhileItIsCompared(t *testing.T) {
	source, err := OpenSource(t.Context(), "auto:1M", nil)
	must(t, err)
	defer source.Close()
	expect, err := source.Snapshot(t.Context(), 0)
	must(t, err)
	defer expect.Close()
	sender, receiver, _, _ := workload{sendfile, "auto:1M", "tcp", Config{Chunk: 4096, Verify: true, Expect: expect}}.start(t)
	must(t, expect.Truncate(0))
	release(t, receiver)
	release(t, sender)
	_, err = wait(t, receiver)
	mustSay(t, err, "receiver", "SIGBUS", "truncated the source")
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
	source, err := OpenSource(t.Context(), "auto:64K", user)
	must(t, err)
	defer source.Close()
	sink, err := OpenSink("file", source, user)
	must(t, err)
	defer sink.Close()
	p := startWorker(t, Config{Role: Sender, User: user, Strategy: readWrite, Source: source, Sink: sink, Bytes: 100_000, Chunk: 4096})
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

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can work for another user")
	}
}

// orphanCommand makes the test binary a process that starts a sender, prints
// its id, and is killed.
const orphanCommand = "__orphan"

// fail ends a process that is not the test.
func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func orphan() {
	source, err := OpenSource(context.Background(), "zero", nil)
	fail(err)
	sink, err := OpenSink("null", source, nil)
	fail(err)
	p, err := Start(Config{Role: Sender, Strategy: readWrite, Source: source, Sink: sink, Chunk: 4096})
	fail(err)
	fail(p.WaitReady(context.Background()))
	fail(p.Go())
	fmt.Println(p.PID())
	fail(unix.Kill(os.Getpid(), unix.SIGKILL))
}

func TestWorkersDieWithTheirParent(t *testing.T) {
	parent := exec.Command("/proc/self/exe", orphanCommand)
	out, err := parent.StdoutPipe()
	must(t, err)
	must(t, parent.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	_ = parent.Wait() // killed, as it asked for
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	must(t, err)
	eventually(t, "the worker's end", func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		// A zombie is as good: who adopted it may take its time.
		return err != nil || strings.Contains(string(status), "State:\tZ")
	})
}

// The parent-death signal is sent when the thread that forked dies, which must
// not be that of a goroutine that the caller has locked.
func TestWorkersOutliveTheThreadThatStartedThem(t *testing.T) {
	source, sink := open(t, "zero", "null")
	started := make(chan *Process)
	go func() {
		runtime.LockOSThread() // and ends locked: the thread dies
		p, err := Start(Config{Role: Sender, Strategy: readWrite, Source: source, Sink: sink, Chunk: 4096, Bytes: 4096})
		if err != nil {
			t.Error(err)
		}
		started <- p
	}()
	p := <-started
	if p == nil {
		t.FailNow()
	}
	t.Cleanup(p.Kill)
	must(t, p.WaitReady(t.Context()))
	release(t, p)
	if res, err := wait(t, p); err != nil || res.Payload != 4096 {
		t.Errorf("%+v, %v", res, err)
	}
}
