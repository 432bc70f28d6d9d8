//go:build linux

package main

import (
	"fmt"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// onReceipt are the runs of TestReceiversExactly: payload that comes from user
// memory, by reference, and by reference but copied into new pages when it arrives.
var onReceipt = []struct{ receiver, strategy, sink string }{
	{"splice", "sendfile", "tcp"},
	{"splice", "read-write", "tcp"},
	{"splice", "msg-zerocopy", "tcp"},
	{"splice", "sendfile", "unix"},
	{"splice", "read-write", "unix"},
	{"splice", "sendfile", "pipe"},
	{"splice", "read-write", "pipe"},
	{"zerocopy", "sendfile", "tcp"},
	{"zerocopy", "read-write", "tcp"},
	{"zerocopy", "msg-zerocopy", "tcp"},
	{"trunc", "sendfile", "tcp"},
	{"trunc", "read-write", "tcp"},
	{"trunc", "msg-zerocopy", "tcp"},
}

// However it is received, each byte counts where it went, by every engine or with
// the reason why it cannot know.
func TestReceiversExactly(t *testing.T) {
	for _, run := range onReceipt {
		t.Run(run.receiver+" of "+run.strategy+" from "+run.sink, func(t *testing.T) {
			const n = mib
			args := []string{run.strategy, "--receiver", run.receiver, "--sink", run.sink, "--source", "auto:300001",
				"--bytes", "1MiB", "--chunk", "64KiB"}
			if run.receiver != "trunc" {
				args = append(args, "--verify")
			}
			tr, closed := tracedByAll(t, args...)
			if tr.Run.Receiver != run.receiver {
				t.Errorf("the receiver is %q", tr.Run.Receiver)
			}
			if v := tr.Run.Verified; run.receiver != "trunc" && (v == nil || !*v) {
				t.Errorf("verified is %v", v)
			}
			e := expect(run.strategy, run.sink, tr.Run.Source.Filesystem, n, 0)
			if run.strategy == "msg-zerocopy" {
				e.orResent(t, &tr.Total.Sender, closed)
			}
			checkEngines(t, "sender", &tr.Total.Sender, e)

			c := tr.Total.Receiver
			w := want{"receiver.payload_bytes": n, "receiver.page_faults.minor": 0, "receiver.copies.from_user": 0}
			r := expectation{bytes: want{}}
			mapped := int64(0)
			switch run.receiver {
			case "splice":
				r = expectSplice(t, run.strategy, run.sink, c, n)
				w["receiver.syscalls.by_name.lseek.calls"] = 3 // its file goes round as the source does
			case "zerocopy":
				mapped = checkMapped(t, run.strategy, c, n)
				r.bytes["receiver.copies.to_user"] = n - mapped
			case "trunc":
				w["receiver.syscalls.by_name.recvfrom.bytes"] = n
				w["receiver.syscalls.by_name.recvfrom.errors"] = 0
			}
			w["receiver.moved.mapped"] = mapped
			w.check(t, tr)
			checkEngines(t, "receiver", c, r)
		})
	}
}

// A long run at full speed loses nothing, and no byte that arrives goes unaccounted.
func TestReceiversLoseNothing(t *testing.T) {
	size := int64(256 * mib)
	if testing.Short() { // emulated
		size = 16 * mib
	}
	for _, receiver := range receiverNames() {
		for _, strategy := range []string{"sendfile", "msg-zerocopy"} {
			tr := traced(t, strategy, "--receiver", receiver, "--bytes", fmt.Sprint(size))
			for cause, n := range tr.Losses {
				if n != 0 {
					t.Errorf("%s of %s: loss %s: %d", receiver, strategy, cause, n)
				}
			}
			want{"receiver.payload_bytes": size}.check(t, tr)
		}
	}
}

// expectSplice is what n bytes cost that are spliced into a file: N copied there
// and, from a socket, N by reference before, but for what did not lie in pages.
func expectSplice(t *testing.T, strategy, sink string, c *trace.Counters, n int64) expectation {
	t.Helper()
	const copied, refs = "receiver.copies.in_kernel", "receiver.moved.page_refs"
	moved := c.Syscalls.ByName["splice"].Bytes
	if sink == "pipe" {
		if moved != trace.Known(n) {
			t.Errorf("%v bytes were spliced, want %d", moved, n)
		}
		return expectation{bytes: want{copied: n}}
	}
	if moved != trace.Known(2*n) {
		t.Errorf("%v bytes were spliced, want %d twice", moved, n)
	}
	linear := int64(0)
	if in, known := c.Copies.InKernel.Bytes.Get(); known {
		linear = in - n
	}
	switch {
	case sink == "tcp": // the stack makes a few of its packets smaller, as it comes
		if linear < 0 || linear > n/100 {
			t.Errorf("%d bytes were not in pages", linear)
		}
	case strategy == "read-write":
		linear = unixHeads(n)
	default:
		linear = 0
	}
	e := expectation{bytes: want{copied: n + linear, refs: n - linear}}
	e.byFentry = []string{copied, refs}
	return e
}

// unixHeads is how much of n bytes, written to a unix socket by 64 KiB out of a source
// of 300,001, lies in the linear parts of packets: each takes up to 32 KiB into pages,
// and of the rest what fits into a page of its own (net/unix/af_unix.c:
// unix_stream_sendmsg).
func unixHeads(n int64) (heads int64) {
	const source, chunk, head, pages, page = 300_001, 64 << 10, 4096 - 320, 32 << 10, 4096
	for at := int64(0); n > 0; {
		write := min(chunk, n, source-at)
		n, at = n-write, (at+write)%source
		for write > 0 {
			packet := min(write, head+pages)
			if packet > head {
				heads += packet - (packet-head+page-1)/page*page
			} else {
				heads += packet
			}
			write -= packet
		}
	}
	return heads
}

// checkMapped: what was not mapped was copied, by the call that maps or by a read.
func checkMapped(t *testing.T, strategy string, c *trace.Counters, n int64) int64 {
	t.Helper()
	mapped := c.Moved.Mapped.Bytes.Or(-1)
	moved := fmt.Sprint(c.Syscalls.ByName["getsockopt"].Bytes.Or(0) + c.Syscalls.ByName["read"].Bytes.Or(0))
	switch {
	case moved != fmt.Sprint(n):
		t.Errorf("the receiver's calls moved %s bytes, want %d", moved, n)
	case strategy == "msg-zerocopy" && (mapped < n/2 || mapped >= n):
		t.Errorf("%d bytes were mapped: new pages can be, and the source ends within one", mapped)
	case strategy != "msg-zerocopy" && mapped != 0:
		t.Errorf("%d bytes were mapped of pages that cannot be", mapped)
	}
	return mapped
}
