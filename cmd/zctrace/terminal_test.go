//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"
	"golang.org/x/sys/unix"
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

// holds waits, within a bound, until it does.
func holds(condition func() bool) bool {
	for deadline := time.Now().Add(hang); ; time.Sleep(10 * time.Millisecond) {
		if condition() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if !holds(condition) {
		t.Errorf("never: %s", what)
	}
}

// terminal is a pseudo-terminal with zctrace on it. What a user types is written
// to it.
type terminal struct {
	*os.File
	t      *testing.T
	cmd    *exec.Cmd
	screen screen
	ended  chan error
}

func onTerminal(t *testing.T, rows, columns uint16, args ...string) *terminal {
	t.Helper()
	needTracing(t)
	term := &terminal{t: t, cmd: command(t, args...), ended: make(chan error, 1)}
	term.cmd.Env = append(term.cmd.Env, "TERM=xterm-256color")
	var err error
	if term.File, err = pty.StartWithSize(term.cmd, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = term.Close() })
	read := make(chan struct{})
	go func() { // until the program is gone and the read fails
		_, _ = io.Copy(&term.screen, term.File)
		close(read)
	}()
	go func() {
		err := term.cmd.Wait()
		select {
		case <-read:
		case <-time.After(10 * time.Second): // something else holds the terminal open
		}
		term.ended <- err
	}()
	return term
}

func (term *terminal) types(keys string) { _, _ = term.WriteString(keys) }

func (term *terminal) resize(rows, columns uint16) {
	_ = pty.Setsize(term.File, &pty.Winsize{Rows: rows, Cols: columns})
}

// jams makes every write to the terminal wait for ever.
func (term *terminal) jams() {
	term.t.Helper()
	name, err := unix.IoctlGetInt(int(term.Fd()), unix.TIOCGPTN)
	if err != nil {
		term.t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", name), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		term.t.Fatal(err)
	}
	defer slave.Close()
	if err := unix.IoctlSetInt(int(slave.Fd()), unix.TCXONC, unix.TCOOFF); err != nil {
		term.t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // until a frame is stuck
}

// waits until it holds, and ends the test if it does not, with what the screen
// shows and where the program is.
func (term *terminal) waits(what string, condition func() bool) {
	term.t.Helper()
	if holds(condition) {
		return
	}
	_ = term.cmd.Process.Signal(syscall.SIGQUIT) // Go prints its goroutines
	if err := <-term.ended; err != nil {
		term.t.Log(err)
	}
	term.t.Fatalf("never: %s; on the screen:\n%s", what, term.shown())
}

func (term *terminal) shows(text string) {
	term.t.Helper()
	term.waits(text, func() bool { return strings.Contains(term.screen.String(), text) })
}

// writesTrace waits for t.json, which is there as a whole or not at all.
func (term *terminal) writesTrace() {
	term.t.Helper()
	term.waits("the trace is written", func() bool {
		_, err := os.Stat(filepath.Join(term.cmd.Dir, "t.json"))
		return err == nil
	})
}

// exits wants the program to end, with this code.
func (term *terminal) exits(code int) {
	term.t.Helper()
	if got := exitStatus(term.t, <-term.ended); got != code {
		term.t.Fatalf("exit code %d, want %d; on the screen:\n%s", got, code, term.shown())
	}
}

// shown is the last of what was on the screen, as text.
func (term *terminal) shown() string {
	text := ansi.Strip(term.screen.String())
	return text[max(0, len(text)-16<<10):]
}

const leaveAltScreen, showCursor = "\x1b[?1049l", "\x1b[?25h"

// isNormal wants the normal screen, the cursor and the line editing back.
func (term *terminal) isNormal() {
	term.t.Helper()
	modes, err := unix.IoctlGetTermios(int(term.Fd()), unix.TCGETS)
	if err != nil || modes.Lflag&unix.ICANON == 0 || modes.Lflag&unix.ECHO == 0 {
		term.t.Errorf("the terminal is still raw: %+v, %v", modes, err)
	}
	if text := term.screen.String(); !strings.Contains(text, leaveAltScreen) || !strings.Contains(text, showCursor) {
		term.t.Errorf("the normal screen and the cursor are not back:\n%q", text)
	}
}
