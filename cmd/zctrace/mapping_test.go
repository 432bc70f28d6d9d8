//go:build linux

package main

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// With MAP_POPULATE the mmap call maps all that is sent, whether anybody looks at it or
// not, and nothing is left to faults from user mode.
func TestPopulate(t *testing.T) {
	for _, run := range []struct {
		strategy, sink string
		transferCalls  int64
	}{
		{"mmap-write", "null", 1 + 16},
		{"mmap-write", "tcp", 1 + 16},
		{"vmsplice", "null", 2 * 16},
		{"msg-zerocopy", "tcp", -1}, // as it does by itself; how many notifications come is a matter of time
		{"mmap-copy", "file", 2},
	} {
		t.Run(run.strategy+" to "+run.sink, func(t *testing.T) {
			args := []string{run.strategy, "--source", "auto:2MiB", "--bytes", "1000123", "--chunk", "64KiB", "--sink", run.sink}
			tr := traced(t, append(args, "--populate")...)
			w := want{
				"sender.syscalls.by_name.mmap.errors": 0, "sender.syscalls.by_name.munmap.errors": 0,
				"sender.payload_bytes": 1_000_123,
			}
			if run.transferCalls >= 0 {
				w["sender.syscalls.transfer_calls"] = run.transferCalls
			}
			c := &tr.Total.Sender
			if c.Moved.Mapped.Bytes.Known() {
				w["sender.moved.mapped"] = 1_003_520 // 245 pages
			}
			switch userFaults := c.PageFaults.UserMode; {
			case runtime.GOARCH != "amd64": // the tracepoint is x86's
			case run.sink == "file": // those on the sink's mapping are left
				if before := traced(t, args...).Total.Sender.PageFaults.UserMode; userFaults.Or(-1) < 0 || userFaults.Or(-1) >= before.Or(-1) {
					t.Errorf("%v faults from user mode, and without --populate %v", userFaults, before)
				}
			default:
				w["sender.page_faults.user_mode"] = 0
			}
			if c.PageFaults.Minor.Or(0) == 0 {
				t.Error("no page fault: nothing was populated")
			}
			w.check(t, tr)
		})
	}
}

// Without it, what is sent to where nobody looks is never mapped.
func TestNotPopulated(t *testing.T) {
	tr := traced(t, "mmap-write", "--source", "auto:2MiB", "--bytes", "1000123", "--sink", "null")
	w := want{"sender.page_faults.minor": 0, "sender.page_faults.user_mode": 0}
	if runtime.GOARCH != "amd64" {
		delete(w, "sender.page_faults.user_mode")
	}
	if tr.Total.Sender.Moved.Mapped.Bytes.Known() {
		w["sender.moved.mapped"] = 0
	}
	w.check(t, tr)
}

// The advice is one call of the window, and no transfer.
func TestAdvise(t *testing.T) {
	needTracing(t)
	for _, advice := range []string{"sequential", "random", "hugepage"} {
		t.Run(advice, func(t *testing.T) {
			args := []string{"mmap-write", "--advise", advice, "--bytes", "1MiB", "--chunk", "64KiB", "--verify"}
			if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil && advice == "hugepage" {
				r := zctrace(t, append([]string{"run"}, args...)...)
				if r.code != exitUnsupported || !strings.Contains(r.stderr, "--advise hugepage is not possible here") {
					t.Errorf("exit code %d: %s", r.code, r.stderr)
				}
				return
			}
			tr := traced(t, args...)
			want{
				"sender.syscalls.by_name.madvise.calls": 1, "sender.syscalls.by_name.madvise.errors": 0,
				"sender.syscalls.calls": 1 + 1 + 16 + 1, "sender.syscalls.transfer_calls": 1 + 16,
				"sender.copies.from_user": mib, "receiver.copies.to_user": mib,
			}.check(t, tr)
			if v := tr.Run.Verified; v == nil || !*v {
				t.Errorf("verified is %v", v)
			}
		})
	}
}

// Among several strategies, those that map the source do as they are told.
func TestComparePopulated(t *testing.T) {
	oncePerMachine(t) // as TestPopulate and TestAdvise, which the guests run
	needTracing(t)
	file := t.TempDir() + "/set.json"
	r := zctrace(t, "compare", "sendfile", "mmap-write", "--populate", "--advise", "sequential", "--receiver", "trunc",
		"--bytes", "1MiB", "--rounds", "1", "--plain", "--json", file)
	if r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	for _, tr := range readSet(t, file).Traces {
		advised := tr.Total.Sender.Syscalls.ByName["madvise"].Calls
		if maps := tr.Run.Strategy == "mmap-write"; maps && advised != trace.Known(1) || !maps && advised.Known() {
			t.Errorf("%s makes %v calls of madvise", tr.Run.Strategy, advised)
		}
		if tr.Run.Receiver != "trunc" || tr.Total.Receiver.Copies.ToUser.Bytes != trace.Known(0) {
			t.Errorf("the receiver %q copied %v bytes", tr.Run.Receiver, tr.Total.Receiver.Copies.ToUser.Bytes)
		}
	}
}
