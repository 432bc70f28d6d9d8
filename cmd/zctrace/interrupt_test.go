//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Ctrl-C before anything runs: while a large source is being made.
func TestInterruptedPreparation(t *testing.T) {
	oncePerMachine(t)
	raced(t)
	needTracing(t)
	cmd := command(t, "run", "sendfile", "--source", "auto:8GiB", "--plain")
	cmd.Env = append(cmd.Env, "TMPDIR="+cmd.Dir)
	stderr := &screen{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it says what takes its time", func() bool { return strings.Contains(stderr.String(), "making source auto:8GiB") })
	if err := cmd.Process.Signal(os.Signal(syscall.SIGINT)); err != nil {
		t.Fatal(err)
	}
	if code := exitStatus(t, cmd.Wait()); code != 130 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	leftovers(t, cmd.Dir)
}

// Signals that come all the time, to whichever thread, do not keep the eBPF programs from being loaded.
func TestSignalsWhileLoading(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	cmd := command(t, "run", "sendfile", "--bytes", "1MiB", "--plain")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if code := exitStatus(t, err); code != 0 {
				t.Errorf("exit code %d", code)
			}
			return
		default:
			threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", cmd.Process.Pid))
			for _, thread := range threads {
				tid, _ := strconv.Atoi(thread.Name())
				_ = unix.Tgkill(cmd.Process.Pid, tid, unix.SIGWINCH)
			}
		}
	}
}

// timeout(1) sends its signal to the process and to its group: two that come
// together are one.
func TestRepeatedSignal(t *testing.T) {
	oncePerMachine(t)
	for range 5 {
		cmd, stdout, _ := running(t, "--json", "t.json")
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if code := exitStatus(t, cmd.Wait()); code != 143 || !strings.Contains(stdout.String(), "moved page_refs") {
			t.Errorf("exit code %d:\n%s", code, stdout)
		}
		readTrace(t, filepath.Join(cmd.Dir, "t.json"))
	}
}

// Whatever signal ends a dashboard, the terminal is given back.
func TestSignalsOnTheDashboard(t *testing.T) {
	oncePerMachine(t)
	trace, err := filepath.Abs("../../tracer/trace/testdata/sendfile.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, shows string
		args        []string
	}{
		{"show", "space", []string{"show", trace}},
		{"run", "iB/s", []string{"run", "sendfile", "--duration", "60s"}},
	} {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
			t.Run(test.name+" "+unix.SignalName(s), func(t *testing.T) {
				term := onTerminal(t, 24, 80, test.args...)
				term.shows(test.shows)
				_ = term.cmd.Process.Signal(s)
				if s == syscall.SIGQUIT {
					term.exits(2) // by Go's runtime
				} else {
					term.exits(128 + int(s))
				}
				term.isNormal()
				before, after, _ := strings.Cut(term.screen.String(), leaveAltScreen)
				if s == syscall.SIGQUIT && (strings.Contains(before, "goroutine ") || !strings.Contains(after, "goroutine ")) {
					t.Error("the stacks are not on the normal screen")
				}
				workersAreGone(t)
			})
		}
	}
}

// A second signal, when the first one does not get anywhere, ends the dashboard
// at once and gives the terminal back.
func TestSecondSignal(t *testing.T) {
	oncePerMachine(t)
	raced(t)
	for _, test := range []struct {
		name  string
		stall func(*terminal)
		first func(*terminal) // what comes of the first one
		after func(*terminal)
	}{
		{"the receiver is stopped", func(term *terminal) {
			signalWorker(term.t, "receiver", syscall.SIGSTOP)
			time.Sleep(200 * time.Millisecond) // until the socket's buffers are full
		}, func(*terminal) {}, (*terminal).isNormal},
		{"the terminal takes nothing", (*terminal).jams, (*terminal).writesTrace, func(term *terminal) { // but the run itself had ended
			readTrace(term.t, filepath.Join(term.cmd.Dir, "t.json"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			term := onTerminal(t, 24, 80, "run", "sendfile", "--duration", "60s", "--json", "t.json")
			term.shows("iB/s")
			test.stall(term)
			_ = term.cmd.Process.Signal(syscall.SIGTERM)
			test.first(term)
			time.Sleep(2 * patience) // sooner it would count as the same, however late that was taken
			_ = term.cmd.Process.Signal(syscall.SIGTERM)
			term.exits(143)
			test.after(term)
			workersAreGone(t)
		})
	}
}
