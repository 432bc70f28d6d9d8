package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// Ctrl-C before anything runs: while a large source is being made.
func TestInterruptedPreparation(t *testing.T) {
	needTracing(t)
	cmd := command(t, "run", "sendfile", "--source", "auto:8GiB", "--plain")
	cmd.Env = append(cmd.Env, "TMPDIR="+cmd.Dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(map[bool]time.Duration{false: 300 * time.Millisecond, true: 3 * time.Second}[testing.Short()]) // making it takes longer
	if err := cmd.Process.Signal(os.Signal(syscall.SIGINT)); err != nil {
		t.Fatal(err)
	}
	if code := exitStatus(t, cmd.Wait()); code != 130 {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	leftovers(t, cmd.Dir)
}

// timeout(1) sends its signal to the process and to its group: two that come
// together are one.
func TestRepeatedSignal(t *testing.T) {
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

// A second signal, when the first one does not get anywhere, ends the dashboard
// at once and gives the terminal back.
func TestSecondSignal(t *testing.T) {
	needTracing(t)
	cmd := command(t, "run", "sendfile", "--duration", "60s")
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	out := &screen{}
	go func() { _, _ = io.Copy(out, tty) }()
	eventually(t, "numbers on the dashboard", func() bool { return strings.Contains(out.String(), "iB/s") })
	if err := syscall.Kill(workerPIDs(t)["receiver"], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // until the socket's buffers are full
	_ = cmd.Process.Signal(syscall.SIGTERM)
	time.Sleep(patience + 200*time.Millisecond)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if code := exitStatus(t, cmd.Wait()); code != 143 {
		t.Errorf("exit code %d", code)
	}
	eventually(t, "the normal screen and the cursor are back", func() bool {
		return strings.Contains(out.String(), "\x1b[?1049l") && strings.Contains(out.String(), "\x1b[?25h")
	})
	workersAreGone(t)
}
