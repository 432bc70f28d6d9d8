//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zctrace/zctrace/tracer/trace"
)

// The dashboard as a user works with it, left in each way that there is. The
// terminal is as it was afterwards, and the final table is on its normal
// screen.
func TestDashboard(t *testing.T) {
	oncePerMachine(t)
	raced(t)
	for _, test := range []struct {
		name  string
		leave func(*terminal)
		code  int
		ended trace.Ended
	}{
		{"q", func(term *terminal) { term.types("q") }, 0, trace.Interrupted},
		{"Ctrl-C", func(term *terminal) { term.types("\x03") }, 130, trace.Interrupted},
		{"SIGTERM", func(term *terminal) { _ = term.cmd.Process.Signal(syscall.SIGTERM) }, 143, trace.Interrupted},
		{"the sender is killed, then q", func(term *terminal) {
			signalWorker(term.t, "sender", syscall.SIGKILL)
			term.shows("failed ") // a key before the end would end the run itself
			term.types("q")
		}, 1, trace.Failed},
	} {
		t.Run(test.name, func(t *testing.T) {
			term := onTerminal(t, 24, 80, "run", "sendfile", "--duration", "60s", "--json", "t.json")
			term.shows("iB/s")
			term.types("p")
			term.shows("paused")
			term.types("s") // also while it is paused
			term.shows("saved zctrace-sendfile-")
			saved, _ := filepath.Glob(filepath.Join(term.cmd.Dir, "zctrace-sendfile-*.json"))
			if len(saved) != 1 {
				t.Fatalf("%d saved traces, want 1", len(saved))
			}
			readTrace(t, saved[0])
			term.types("p")

			test.leave(term)
			term.exits(test.code)
			if got := readTrace(t, filepath.Join(term.cmd.Dir, "t.json")).Run.Ended; got != test.ended {
				t.Errorf("it ended %q, want %q", got, test.ended)
			}
			term.isNormal()
			if _, after, _ := strings.Cut(term.screen.String(), leaveAltScreen); !strings.Contains(after, "moved page_refs") {
				t.Errorf("the table is not on the normal screen:\n%s", term.shown())
			}
			workersAreGone(t)
		})
	}
}

// A terminal that goes away during the run ends it, and the trace is written.
func TestHangUp(t *testing.T) {
	oncePerMachine(t)
	term := onTerminal(t, 24, 80, "run", "sendfile", "--duration", "60s", "--json", "t.json")
	term.shows("iB/s")
	if err := term.Close(); err != nil { // the other end, as a terminal's window or sshd
		t.Fatal(err)
	}
	term.exits(128 + int(syscall.SIGHUP))
	tr := readTrace(t, filepath.Join(term.cmd.Dir, "t.json"))
	n := tr.Total.Sender.PayloadBytes.Or(0)
	if refs := tr.Total.Sender.Moved.PageRefs.Bytes.Or(-1); tr.Run.Ended != trace.Interrupted || n == 0 || refs != n {
		t.Errorf("it ended %q, payload %d, page_refs %d", tr.Run.Ended, n, refs)
	}
	workersAreGone(t)
}

// Another run that does not begin takes nothing of the one before: the dashboard says
// why, and goes on.
func TestNotRunAgain(t *testing.T) {
	oncePerMachine(t)
	raced(t)
	for _, test := range []struct {
		name     string
		code     int
		complain string
		then     func(*terminal)
	}{
		{"left then", exitUsage, "not run again: sink x exists already", func(*terminal) {}},
		{"run again after all", exitDone, "", func(term *terminal) {
			for _, name := range []string{"x", "t.json"} {
				if err := os.Remove(filepath.Join(term.cmd.Dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			term.types("r")
			term.writesTrace()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			term := onTerminal(t, 24, 80, "run", "sendfile", "--bytes", "4MiB", "--sink", "file:x", "--json", "t.json")
			term.shows("done")
			term.types("r")
			term.shows("NOT RUN AGAIN: sink x exists already")
			test.then(term)
			term.types("q")
			term.exits(test.code)
			_, after, _ := strings.Cut(term.screen.String(), leaveAltScreen)
			if !strings.Contains(after, "4,194,304") || !strings.Contains(after, test.complain) {
				t.Errorf("want the table and %q:\n%s", test.complain, term.shown())
			}
			if test.complain == "" && strings.Contains(after, "not run again") {
				t.Errorf("it still says that it was not run again:\n%s", term.shown())
			}
		})
	}
}

// Whoever asks for another run and leaves before it has begun, leaves with the one before.
func TestAgainAndLeave(t *testing.T) {
	oncePerMachine(t)
	raced(t)
	for range 5 { // it depends on which of the two comes first
		term := onTerminal(t, 24, 80, "run", "sendfile", "--bytes", "1MiB", "--expect", "sender.copies.to_user==1")
		term.shows("done")
		term.types("rq")
		term.exits(exitExpectation)
		if _, after, _ := strings.Cut(term.screen.String(), leaveAltScreen); !strings.Contains(after, "1,048,576") {
			t.Errorf("the table of the run is not there:\n%s", term.shown())
		}
		term.isNormal()
	}
}

// A second ctrl+c does not wait for workers that do not end.
func TestAbandoned(t *testing.T) {
	oncePerMachine(t)
	for _, args := range [][]string{{"run", "sendfile"}, {"compare", "sendfile", "splice", "--rounds", "3"}} {
		t.Run(args[0], func(t *testing.T) {
			term := onTerminal(t, 24, 80, append(args, "--duration", "60s")...)
			term.waits("a transfer", func() bool { return len(workerPIDs(t)) == 2 && strings.Contains(term.screen.String(), "iB/s") })
			signalWorker(t, "receiver", syscall.SIGSTOP)
			signalWorker(t, "sender", syscall.SIGSTOP)
			term.types("\x03")
			term.shows("ctrl+c leaves at once")
			start := time.Now()
			term.types("\x03")
			term.exits(128 + int(syscall.SIGINT))
			if took := time.Since(start); took > 5*time.Second { // they are waited for 10 s
				t.Errorf("it took %v", took)
			}
			term.isNormal()
			workersAreGone(t)
		})
	}
}

// A terminal that goes away after the run has ended takes the dashboard along.
func TestHangUpAfterTheEnd(t *testing.T) {
	oncePerMachine(t)
	term := onTerminal(t, 24, 80, "run", "sendfile", "--bytes", "1MiB")
	term.shows("done")
	_ = term.cmd.Process.Signal(syscall.SIGHUP) // as the kernel then does
	term.exits(128 + int(syscall.SIGHUP))
}

// A terminal too small for anything says what it needs, and the run goes on.
func TestTinyTerminal(t *testing.T) {
	oncePerMachine(t)
	raced(t)
	term := onTerminal(t, 5, 20, "run", "sendfile", "--bytes", "64MiB", "--json", "t.json")
	term.shows("60")
	term.writesTrace()
	term.types("q")
	term.exits(0)
	term.isNormal()
}
