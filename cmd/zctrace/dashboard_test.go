package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/zctrace/zctrace/tracer/trace"
)

// screen is all that was written to a terminal so far.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// eventually waits, within a bound, until it holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 2000 { // 20 s: emulated machines are slow
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("never: %s", what)
}

// The dashboard as a user works with it, left in each way that there is. The
// terminal is as it was afterwards, and the final table is on its normal
// screen.
func TestDashboard(t *testing.T) {
	needTracing(t)
	for _, test := range []struct {
		name  string
		leave func(*testing.T, *os.File, *os.Process)
		code  int
		ended trace.Ended
	}{
		{"q", func(_ *testing.T, tty *os.File, _ *os.Process) { _, _ = tty.WriteString("q") }, 0, trace.Interrupted},
		{"Ctrl-C", func(_ *testing.T, tty *os.File, _ *os.Process) { _, _ = tty.WriteString("\x03") }, 130, trace.Interrupted},
		{"SIGTERM", func(_ *testing.T, _ *os.File, p *os.Process) { _ = p.Signal(syscall.SIGTERM) }, 143, trace.Interrupted},
		{"the sender is killed, then q", func(t *testing.T, tty *os.File, _ *os.Process) {
			_ = syscall.Kill(workerPIDs(t)["sender"], syscall.SIGKILL)
			workersAreGone(t)
			time.Sleep(200 * time.Millisecond) // a key before the end would end the run itself
			_, _ = tty.WriteString("q")
		}, 1, trace.Failed},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := command(t, "run", "sendfile", "--duration", "60s", "--json", "t.json")
			cmd.Env = append(cmd.Env, "TERM=xterm-256color")
			tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
			if err != nil {
				t.Fatal(err)
			}
			defer tty.Close()
			out := &screen{}
			go func() { _, _ = io.Copy(out, tty) }()
			shows := func(text string) func() bool {
				return func() bool { return strings.Contains(out.String(), text) }
			}
			eventually(t, "numbers on the dashboard", shows("iB/s"))
			_, _ = tty.WriteString("p")
			eventually(t, "it says that the view is paused", shows("paused"))
			_, _ = tty.WriteString("s") // also while it is paused
			eventually(t, "it says where the trace was saved", shows("saved zctrace-sendfile-"))
			saved, _ := filepath.Glob(filepath.Join(cmd.Dir, "zctrace-sendfile-*.json"))
			if len(saved) != 1 {
				t.Fatalf("%d saved traces, want 1", len(saved))
			}
			readTrace(t, saved[0])
			_, _ = tty.WriteString("p")

			test.leave(t, tty, cmd.Process)
			if code := exitStatus(t, cmd.Wait()); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if got := readTrace(t, filepath.Join(cmd.Dir, "t.json")).Run.Ended; got != test.ended {
				t.Errorf("it ended %q, want %q", got, test.ended)
			}
			const leaveAltScreen, showCursor = "\x1b[?1049l", "\x1b[?25h"
			eventually(t, "the table on the normal screen, and the cursor back", func() bool {
				text := out.String()
				_, after, left := strings.Cut(text, leaveAltScreen)
				return left && strings.Contains(after, "moved page_refs") && strings.Contains(text, showCursor)
			})
			workersAreGone(t)
		})
	}
}

// A terminal that goes away after the run has ended takes the dashboard along.
func TestHangUpAfterTheEnd(t *testing.T) {
	needTracing(t)
	cmd := command(t, "run", "sendfile", "--bytes", "1MiB")
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	out := &screen{}
	go func() { _, _ = io.Copy(out, tty) }()
	eventually(t, "it says that the run is done", func() bool { return strings.Contains(out.String(), "done") })
	_ = cmd.Process.Signal(syscall.SIGHUP) // as the kernel then does
	if code := exitStatus(t, cmd.Wait()); code != 128+int(syscall.SIGHUP) {
		t.Errorf("exit code %d, want 129", code)
	}
}

// A terminal too small for anything says what it needs, and the run goes on.
func TestTinyTerminal(t *testing.T) {
	needTracing(t)
	cmd := command(t, "run", "sendfile", "--bytes", "64MiB", "--json", "t.json")
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 5, Cols: 20})
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	out := &screen{}
	go func() { _, _ = io.Copy(out, tty) }()
	eventually(t, "it says what it needs", func() bool { return strings.Contains(out.String(), "60") })
	eventually(t, "the trace is written", func() bool {
		_, err := os.Stat(filepath.Join(cmd.Dir, "t.json"))
		return err == nil
	})
	_, _ = tty.WriteString("q")
	if code := exitStatus(t, cmd.Wait()); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
