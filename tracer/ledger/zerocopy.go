//go:build linux

package ledger

import (
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// zerocopySends are those whose bytes may be copied late.
type zerocopySends struct{ succeeded, bytes int64 }

func zerocopySendsOf(s *bpf.ObjectSlot) (sum zerocopySends) {
	add := func(calls, errors, bytes uint64) {
		sum.succeeded += int64(calls - errors)
		sum.bytes += int64(bytes)
	}
	for c := range cellsOf(s) {
		if c.Key.Flags&unix.MSG_ZEROCOPY != 0 {
			add(c.Calls, c.Errors, c.Bytes)
		}
	}
	for c := range requestsOf(s) {
		if requestOf(c.Key.Nr).zerocopy {
			add(c.Requests, c.Errors, c.Bytes)
		}
	}
	return sum
}

// zerocopy is what the notifications said.
func (a *account) zerocopy() {
	both := []trace.Number{trace.ZerocopyCompletions, trace.ZerocopyCopied}
	switch declared := a.party.Zerocopy; {
	case declared != nil:
		a.Zerocopy = *declared
		say(&a.Counters, trace.Derived, "declared by the workload, which reads the notifications", both...)
		if !declared.Copied.Known() {
			say(&a.Counters, trace.Unavailable, "this kernel's io_uring does not tell: it takes Linux 6.2 (IORING_SEND_ZC_REPORT_USAGE)", trace.ZerocopyCopied)
		}
	case zerocopySendsOf(a.slot).succeeded > 0:
		say(&a.Counters, trace.Unavailable, "nobody reads the error queue", both...)
	default:
		a.Zerocopy = trace.Zerocopy{Completions: trace.Known(0), Copied: trace.Known(0)}
		say(&a.Counters, trace.Derived, "nothing was sent with MSG_ZEROCOPY", both...)
	}
}

// late adds what was sent by reference and copied after all.
func (t *tally) late(s *bpf.ObjectSlot) {
	missing, sent := t.party.Missing, zerocopySendsOf(s)
	// By the stack, because a NIC cannot gather.
	t.bytes[inKernel] += int64(s.Sent.LinearBytes - s.Refused.LinearBytes)
	if why := missing[NICSent]; why != "" && t.party.NoNIC == "" {
		t.unknown[inKernel] = "what the stack copies together for a NIC that cannot gather is not seen: " + why
	}
	switch {
	case t.engine == Fentry && t.watched:
		t.sawClass(inKernel, int64(s.LateBytes[bpf.ObjectEngineFENTRY]))
	case missing[LateCopies] == "":
		t.bytes[inKernel] += lateCopies(s, sent, t.party.Zerocopy)
	case sent.succeeded > 0:
		t.unknown[inKernel] = "a zero-copy send is copied later if its receiver is on this machine: " + missing[LateCopies]
	}
}

// lateCopies are those that the tracepoint tells of: the packet arrived; the copy
// follows. On Linux 6.18, now and then one that a timer of TCP sends passes no
// tracepoint; and of those that pass one, some are sent elsewhere before they
// are copied (tc). Once all notifications are there, they know better, but of what
// left through a NIC: that a driver had a small packet in one piece, and which of its
// bytes, they do not tell apart (net/core/skbuff.c: __pskb_pull_tail).
func lateCopies(s *bpf.ObjectSlot, sent zerocopySends, notified *trace.Zerocopy) int64 {
	late := int64(s.LateBytes[bpf.ObjectEngineTRACEPOINTS])
	if all := trace.Known(sent.succeeded); notified != nil && notified.Completions == all {
		switch notified.Copied {
		case all:
			if s.Sent.Packets == 0 {
				return max(late, sent.bytes)
			}
		case trace.Known(0):
			return 0
		}
	}
	return late
}
