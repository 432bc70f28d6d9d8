//go:build linux

package workloads

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

func open(t *testing.T, source, sink string) (*Source, *Sink) {
	t.Helper()
	from, err := sourceNamed(t.Context(), source, nil)
	must(t, err)
	t.Cleanup(func() { from.Close() })
	to, err := sinkNamed(sink, from, nil)
	must(t, err)
	t.Cleanup(to.Close)
	return from, to
}

func TestReceiverKilled(t *testing.T) {
	for _, s := range Strategies {
		for _, sink := range []SinkKind{SinkTCP, SinkUnix, SinkPipe} {
			if !s.Takes(sink) {
				continue
			}
			t.Run(s.Name+"/"+string(sink), func(t *testing.T) {
				t.Parallel()
				sender, receiver, _, _ := workload{s, "auto:1M", string(sink), Config{Work: Work{Chunk: 65536}}}.start(t)
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
	sender, receiver, _, _ := workload{sendfile, "auto:1M", "tcp", Config{Work: Work{Chunk: 65536}}}.start(t)
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

// A worker that moves data is busy; one that was stopped is not, nor one whose
// receiver was.
func TestBusy(t *testing.T) {
	sender, receiver, _, _ := workload{sendfile, "auto:1M", "tcp", Config{Work: Work{Chunk: 65536}}}.start(t)
	eventually(t, "a sender that waits for its go", func() bool { return !sender.Busy() })
	release(t, receiver)
	release(t, sender)
	eventually(t, "a busy sender", sender.Busy)
	must(t, unix.Kill(receiver.PID(), unix.SIGSTOP))
	eventually(t, "a sender that waits", func() bool { return !sender.Busy() })
	eventually(t, "a receiver that has stopped", func() bool { return !receiver.Busy() })
	must(t, unix.Kill(receiver.PID(), unix.SIGCONT))
	sender.Stop()
	if _, err := wait(t, sender); err != nil {
		t.Error(err)
	}
}

// mustSay checks the words of a failure, which may well have no remedy.
func mustSay(t *testing.T, err error, words ...string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != fault.Failed {
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
			sink := SinkFile
			if !s.Takes(sink) {
				sink = s.Sinks[0]
			}
			sender, _, _, _ := workload{s, path, string(sink), Config{Work: Work{Chunk: 4096}}}.start(t)
			must(t, os.Truncate(path, 8192))
			release(t, sender)
			res, err := wait(t, sender)
			mustSay(t, err, "sender", "8,192 bytes")
			if res.Payload != 8192 {
				t.Errorf("moved %d bytes, want what was there: 8192", res.Payload)
			}
		})
	}
}

func TestWorkersThatNeverGetReady(t *testing.T) {
	says := func(text string) []string { // as Go's runtime does at its end
		return []string{"/bin/sh", "-c", "echo 'runtime: first' >&2; echo '" + text + "' >&2; exit 2"}
	}
	cases := []struct {
		name  string
		argv  []string
		words []string
	}{
		{"exit", []string{"/bin/sh", "-c", "echo it broke >&2; exit 7"}, []string{"sender", "exit status 7", "it broke"}},
		{"signal", []string{"/bin/sh", "-c", "kill -SEGV $$"}, []string{"sender", "SIGSEGV", "0 bytes"}},
		{"clean exit", []string{"/bin/true"}, []string{"sender", "ended early"}},
		{"no thread", says("runtime: failed to create new OS thread (have 2 already; errno=11)"), []string{"exit status 2", "ulimit -u", "pids.max"}},
		{"no thread, with cgo", says("runtime/cgo: pthread_create failed: Resource temporarily unavailable"), []string{"ulimit -u", "pids.max"}},
		{"no memory", says("runtime: out of memory: cannot allocate 4194304-byte block (7045120 in use)"), []string{"exit status 2", "ulimit -v"}},
		{"no address space", says("fatal error: failed to reserve page summary memory"), []string{"exit status 2", "ulimit -v"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			source, sink := open(t, "zero", "null")
			p, err := Start(Config{Role: Sender, Work: Work{Strategy: readWrite, Chunk: 1}, Exec: c.argv, Source: source, Sink: sink})
			must(t, err)
			mustSay(t, p.WaitReady(t.Context()), c.words...)
			if p.Go() == nil {
				t.Error("it can still be let go")
			}
		})
	}
	t.Run("never starts", func(t *testing.T) {
		source, sink := open(t, "zero", "null")
		_, err := Start(Config{Role: Sender, Work: Work{Strategy: readWrite, Chunk: 1}, Exec: []string{"/no/such/file"}, Source: source, Sink: sink})
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "sender") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("may not be started", func(t *testing.T) {
		cfg := &Config{Role: Sender}
		mustFail(t, cfg.startError(&os.PathError{Op: "fork/exec", Err: unix.EAGAIN}, nil), fault.Failed, "start the sender", "ulimit -u", "pids.max")
		mustFail(t, cfg.startError(&os.PathError{Op: "fork/exec", Err: unix.ENOMEM}, nil), fault.Failed, "start the sender", "ulimit -v")
	})
	t.Run("hangs", func(t *testing.T) {
		source, sink := open(t, "zero", "null")
		p, err := Start(Config{Role: Sender, Work: Work{Strategy: readWrite, Chunk: 1}, Exec: []string{"/bin/sh", "-c", "exec sleep 1000"}, Source: source, Sink: sink})
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
	good := Config{Role: Sender, Work: Work{Strategy: readWrite, Chunk: 1}, Source: source, Sink: sink}
	for name, change := range map[string]func(*Config){
		"no chunk":         func(c *Config) { c.Work.Chunk = 0 },
		"huge chunk":       func(c *Config) { c.Work.Chunk = MaxChunk + 1 },
		"negative payload": func(c *Config) { c.Work.Bytes = -1 },
		"negative rate":    func(c *Config) { c.Work.Rate = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := Start(cfg)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		mustFail(t, err, fault.Usage)
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
	source, err := sourceNamed(context.Background(), "zero", nil)
	fail(err)
	sink, err := sinkNamed("null", source, nil)
	fail(err)
	p, err := Start(Config{Role: Sender, Work: Work{Strategy: readWrite, Chunk: 4096}, Source: source, Sink: sink})
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
		p, err := Start(Config{Role: Sender, Work: Work{Strategy: readWrite, Chunk: 4096, Bytes: 4096}, Source: source, Sink: sink})
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
