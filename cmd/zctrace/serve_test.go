//go:build linux

package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// serves runs zctrace serve on the loopback device until the test ends.
func serves(t *testing.T) (cmd *exec.Cmd, stdout *screen, address string) {
	t.Helper()
	cmd, stdout = serving("--listen", "127.0.0.1:0"), &screen{}
	cmd.Stdout, cmd.Stderr = stdout, stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(t, "its address", func() bool { return strings.Contains(stdout.String(), "; Ctrl-C ends it") })
	_, rest, _ := strings.Cut(stdout.String(), "listening on ")
	address, _, _ = strings.Cut(rest, ";")
	return cmd, stdout, address
}

// serve is the other end of --sink HOST:PORT: it says what it got, and Ctrl-C ends it.
func TestServe(t *testing.T) {
	oncePerMachine(t)
	raced(t)
	needTracing(t)
	cmd, stdout, address := serves(t)
	bytes := func(n string) int { return strings.Count(stdout.String(), "  "+n+" bytes in ") }

	t.Run("run", func(t *testing.T) {
		tr := traced(t, "sendfile", "--sink", address, "--source", "auto:300001", "--bytes", "1000123", "--chunk", "4093", "--verify")
		want{
			"sender.payload_bytes": 1_000_123, "sender.moved.page_refs": 1_000_123, "sender.copies.in_kernel": 0,
			"sender.nic.tx_bytes": 0, "sender.nic.rx_packets": 0,
		}.check(t, tr)
		if tr.Total.Receiver != nil || tr.Run.Verified == nil || !*tr.Run.Verified {
			t.Errorf("receiver %v, verified %v", tr.Total.Receiver, tr.Run.Verified)
		}
		if s := tr.Run.Sink; s.Kind != "tcp" || s.Address != address || s.Device.Name != "lo" || s.Device.Kind != "loopback" {
			t.Errorf("sink %+v", s)
		}
		eventually(t, "a line of the server's", func() bool { return bytes("1,000,123") == 1 })
	})
	t.Run("baseline", func(t *testing.T) {
		traced(t, "read-write", "--sink", address, "--bytes", "1000124", "--baseline")
		eventually(t, "two lines of the server's", func() bool { return bytes("1,000,124") == 2 })
	})
	t.Run("a wrong byte", func(t *testing.T) {
		cmd := command(t, "run", "read-write", "--sink", address, "--bytes", "1MiB", "--verify", "--plain", "--json", "t.json")
		cmd.Env = append(cmd.Env, "ZCTRACE_TEST_CORRUPT_AT=777777")
		r := finish(t, cmd)
		if r.code != exitFailed || !strings.Contains(r.stderr, "verification failed") {
			t.Errorf("exit code %d: %s", r.code, r.stderr)
		}
		tr := readTrace(t, filepath.Join(cmd.Dir, "t.json"))
		if tr.Run.Verified == nil || *tr.Run.Verified {
			t.Error("the trace does not say so")
		}
	})
	t.Run("compare", func(t *testing.T) {
		r := zctrace(t, "compare", "sendfile", "read-write", "msg-zerocopy", "--sink", address, "--bytes", "1000125", "--rounds", "2")
		if r.code != exitDone {
			t.Fatalf("exit code %d: %s", r.code, r.stderr)
		}
		eventually(t, "a line for each run", func() bool { return bytes("1,000,125") == 6 })
	})
	t.Run("Ctrl-C", func(t *testing.T) {
		r := make(chan result)
		run := command(t, "run", "sendfile", "--sink", address, "--duration", "60s", "--plain", "--interval", "50ms", "--json", "t.json")
		shown := &screen{}
		run.Stdout = shown
		go func() { r <- finish(t, run) }()
		eventually(t, "numbers", func() bool { return strings.Contains(shown.String(), "iB/s") })
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if code := exitStatus(t, cmd.Wait()); code != 130 {
			t.Errorf("the server's exit code is %d", code)
		}
		if !strings.HasSuffix(stdout.String(), "; interrupted by interrupt\n") {
			t.Errorf("the server does not say what became of the last: %s", stdout)
		}
		got := <-r
		if got.code != exitFailed || !strings.Contains(got.stderr, "the receiver ended first") {
			t.Errorf("the run's exit code is %d: %s", got.code, got.stderr)
		}
		if tr := readTrace(t, filepath.Join(run.Dir, "t.json")); tr.Run.Ended != "failed" {
			t.Errorf("the run %s", tr.Run.Ended)
		}
		workersAreGone(t)
	})
}

// The first Ctrl-C ends a run whose transfer is done, and whose receiver elsewhere does not
// say what it got.
func TestInterruptedReceipt(t *testing.T) {
	oncePerMachine(t)
	server, _, address := serves(t)
	cmd, stdout, stderr := running(t, "--sink", address, "--bytes", "64KiB", "--chunk", "4KiB", "--rate", "32KiB", "--verify", "--json", "t.json")
	if err := server.Process.Signal(syscall.SIGSTOP); err != nil { // what is sent fits into the socket's buffers
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool {
		return strings.Contains(stderr.String(), "waiting for "+address+" to say what it received")
	})
	start := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := exitStatus(t, cmd.Wait()); code != 130 || time.Since(start) > 10*time.Second {
		t.Errorf("exit code %d after %v: %s", code, time.Since(start), stderr)
	}
	tr := readTrace(t, filepath.Join(cmd.Dir, "t.json"))
	if tr.Run.Ended != trace.Interrupted || tr.Run.Error != "" || tr.Run.Verified != nil {
		t.Errorf("it ended %q, error %q, verified %v", tr.Run.Ended, tr.Run.Error, tr.Run.Verified)
	}
	want{"sender.payload_bytes": 64 << 10}.check(t, tr)
	if !strings.Contains(stdout.String(), "verified: no, the run was interrupted") {
		t.Errorf("it printed\n%s", stdout)
	}
}

// What is wrong with the address, told once and at once.
func TestNobodyServes(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	for _, args := range [][]string{{"run", "sendfile"}, {"compare"}, {"sweep", "sendfile", "read-write"}} {
		start := time.Now()
		r := zctrace(t, append(args, "--sink", "127.0.0.1:1")...)
		if r.code != exitFailed || strings.Count(r.stderr, "nobody listens there") != 1 || !strings.Contains(r.stderr, "zctrace serve --listen 127.0.0.1:1") {
			t.Errorf("%v: exit code %d: %s", args, r.code, r.stderr)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%v took %v", args, took)
		}
	}
}

func TestOutcome(t *testing.T) {
	oncePerMachine(t)
	for want, served := range map[string]workloads.Served{
		"71 bytes in 2.05 us, 33.0 MiB/s":        {Bytes: 71, Elapsed: 2050},
		"1 byte in 10.000 s, 0.10 B/s":           {Bytes: 1, Elapsed: 10 * time.Second},
		"1,024 bytes in 1.000 s, 1 KiB/s; reset": {Bytes: 1024, Elapsed: time.Second, Err: errors.New("reset")},
		"sent nothing":                           {},
	} {
		if got := outcome(served); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
