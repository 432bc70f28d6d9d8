package ui

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal is a program on a terminal, seen from the terminal's side.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	tty  *os.File
	done chan struct{}

	mu  sync.Mutex
	all strings.Builder
}

func start(t *testing.T, cmd *exec.Cmd, columns, rows uint16) *terminal {
	t.Helper()
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: columns, Rows: rows})
	if err != nil {
		t.Fatalf("start on a pty: %v", err)
	}
	s := &terminal{t: t, cmd: cmd, tty: tty, done: make(chan struct{})}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-s.done
		_ = tty.Close()
	})
	go func() {
		defer close(s.done)
		b := make([]byte, 4096)
		for {
			n, err := tty.Read(b)
			s.mu.Lock()
			s.all.Write(b[:n])
			s.mu.Unlock()
			if err != nil { // EIO: the program has ended
				_ = cmd.Wait()
				return
			}
		}
	}()
	return s
}

func (s *terminal) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// hang is how long a test waits for what must happen. None waits that long unless it fails.
const hang = time.Minute

// waitFor waits until the program has written something since a place in its
// output, and returns the place behind it.
func (s *terminal) waitFor(what string, since int) int {
	s.t.Helper()
	for deadline := time.Now().Add(hang); ; time.Sleep(5 * time.Millisecond) {
		out := s.output()
		if i := strings.Index(out[since:], what); i >= 0 {
			return since + i + len(what)
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%q was not drawn; since then:\n%q", what, out[since:])
		}
	}
}

func (s *terminal) press(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// TestOnARealTerminal drives the program as a user does, on a terminal that
// answers nothing.
func TestOnARealTerminal(t *testing.T) {
	for _, c := range []struct{ name, keys, why string }{
		{"quit", "q", "left: <nil> stopped"},
		{"interrupt", "\x03", "left: <nil> interrupted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, helper(t, "dashboard"), 80, 24)
			at := s.waitFor("COPIES & MOVES", 0)
			s.press("p")
			at = s.waitFor("paused", at)
			s.press("p")
			at = s.waitFor("running", at)
			if err := pty.Setsize(s.tty, &pty.Winsize{Cols: 58, Rows: 12}); err != nil {
				t.Fatal(err)
			}
			at = s.waitFor("58x12", at)
			if err := pty.Setsize(s.tty, &pty.Winsize{Cols: 120, Rows: 40}); err != nil {
				t.Fatal(err)
			}
			at = s.waitFor("CPU copies", at) // a row that only a large one has
			s.press(c.keys)
			at = s.waitFor("\x1b[?1049l", at) // leaves the alternate screen
			s.waitFor(c.why, at)
			s.waitFor("copied to_user", at) // the final table stays
			select {
			case <-s.done:
			case <-time.After(hang):
				t.Fatal("the program does not end")
			}
			out := s.output()
			if shown, hidden := strings.LastIndex(out, "\x1b[?25h"), strings.LastIndex(out, "\x1b[?25l"); shown < hidden {
				t.Error("the cursor stays hidden")
			}
			for _, q := range queries {
				if strings.Contains(out, q) {
					t.Errorf("the terminal was asked %q", q)
				}
			}
		})
	}
}
