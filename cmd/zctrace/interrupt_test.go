package main

import (
	"bytes"
	"os"
	"syscall"
	"testing"
	"time"
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
