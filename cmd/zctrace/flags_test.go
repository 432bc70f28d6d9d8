//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zctrace/zctrace/workloads"
)

// Pacing keeps to the rate, is counted and shown, and is no transfer.
func TestRate(t *testing.T) {
	oncePerMachine(t)
	tr := traced(t, "read-write", "--bytes", "5MiB", "--rate", "20MiB", "--chunk", "256KiB")
	// Each of 20 chunks is sent when it is due, 12.5 ms after the one before.
	if elapsed := time.Duration(tr.Run.ElapsedNS); elapsed < 250*time.Millisecond || elapsed > 2*time.Second {
		t.Errorf("5 MiB at 20 MiB/s took %v", elapsed)
	}
	want{"sender.syscalls.transfer_calls": 40, "sender.payload_bytes": 5 * mib}.check(t, tr)
	if naps := callNames(tr)["clock_nanosleep"]; naps < 20 {
		t.Errorf("%d calls of clock_nanosleep, want at least 20", naps)
	}
}

func TestLatencyOff(t *testing.T) {
	oncePerMachine(t)
	tr := traced(t, "sendfile", "--bytes", "64MiB", "--latency", "off")
	checkTextbook(t, 2, tr)
	if s := tr.Total.Sender.Syscalls.ByName["sendfile"]; s.TimeNS.Known() || s.LatencyLog2 != nil {
		t.Errorf("the time is %v, want null", s.TimeNS)
	}
	if o := tr.Total.Sender.Origin("syscalls.by_name.sendfile.time_ns"); o.Reason == "" {
		t.Error("nothing says why the time is null")
	}
	for _, h := range tr.Hooks {
		if h.Name == "tp_btf/sys_enter" && (h.Attached || h.Reason == "") {
			t.Errorf("%s is attached, or without a reason not: %+v", h.Name, h)
		}
	}
}

// A pipe of one page takes a page at a time, whatever the chunk.
func TestPipeSize(t *testing.T) {
	oncePerMachine(t)
	tr := traced(t, "splice", "--bytes", "1MiB", "--chunk", "64KiB", "--pipe-size", "4KiB")
	want{
		"sender.syscalls.by_name.splice.calls": 512, "sender.syscalls.short_transfers": 240,
		"sender.moved.page_refs": 2 * mib, "sender.copies.in_kernel": 0,
	}.check(t, tr)
	r := zctrace(t, "run", "sendfile", "--pipe-size", "4KiB")
	if r.code != exitUsage || !strings.Contains(r.stderr, "of no use to sendfile, without a pipe of its own") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

// A file that the user names gets the payload, and is kept.
func TestSinkFile(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	dir := t.TempDir()
	source, sink := filepath.Join(dir, "source"), filepath.Join(dir, "sink")
	text := bytes.Repeat([]byte("payload, "), 12345)
	if err := os.WriteFile(source, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, strategy := range workloads.AllNames() {
		_ = os.Remove(sink)
		if !takes(strategy, "file") {
			continue
		}
		args := []string{strategy, "--source", source, "--bytes", "111105", "--verify", "--sink", "file:" + sink}
		if strategy == "tee" {
			args = append(args, "--sink", "unix")
		}
		tr := traced(t, args...)
		want{"sender.payload_bytes": int64(len(text))}.check(t, tr)
		if got, err := os.ReadFile(sink); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: the sink has %d bytes that are not the source's %d, %v", strategy, len(got), len(text), err)
		}
	}
}

func TestDurationOrBytes(t *testing.T) {
	oncePerMachine(t)
	tr := traced(t, "sendfile", "--bytes", "1MiB", "--duration", "60s")
	want{"run.payload_bytes": mib}.check(t, tr)
	tr = traced(t, "sendfile", "--bytes", "1TiB", "--duration", "300ms")
	if e := time.Duration(tr.Run.ElapsedNS); e < 300*time.Millisecond || e > 3*time.Second {
		t.Errorf("300 ms took %v", e)
	}
	if tr.Run.Ended != "done" {
		t.Errorf("it ended %q", tr.Run.Ended)
	}
}

func TestCPU(t *testing.T) {
	oncePerMachine(t)
	traced(t, "sendfile", "--bytes", "1MiB", "--cpu", "0,0")
	r := zctrace(t, "run", "sendfile", "--bytes", "1MiB", "--cpu", "0,1000")
	if r.code != exitUsage || !strings.Contains(r.stderr, "CPUs that may be used") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

func TestMan(t *testing.T) {
	oncePerMachine(t)
	dir := t.TempDir()
	if r := zctrace(t, "man", dir); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	page, err := os.ReadFile(filepath.Join(dir, "zctrace-run.1"))
	if err != nil || !bytes.Contains(page, []byte("cache")) {
		t.Errorf("the page of run has %d bytes, %v", len(page), err)
	}
}
