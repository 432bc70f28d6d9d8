//go:build linux

package ledger

import (
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// tally adds up the payload bytes of one slot by class, as one engine counts
// them: what its hooks saw, and what follows for the rest from each system call,
// its descriptors, its flags and its result.
type tally struct {
	engine  Engine
	watched bool // the engine's hooks see all copies, where a rule says so
	dense   bool // nothing that was read can have been a hole
	missing *Missing
	pool    copies // copies that were made for requests

	bytes   [classes]int64
	seen    [classes]int64  // of bytes
	unknown [classes]string // why a class is not known
}

func newTally(s *bpf.ObjectSlot, engine Engine, run *Run) *tally {
	m := &run.Missing
	t := &tally{engine: engine, watched: engine != Derived && m.Copies[engine] == "", dense: run.Dense, missing: m}
	for i := range s.Cells {
		if cell := &s.Cells[i]; cell.Calls > 0 && !torn(cell) {
			t.add(cell)
		}
	}
	switch last := copiesOf(s.Seen[engine.Cells()]); {
	case s.State == bpf.ObjectSlotStateOPEN: // in a call that will have a cell
	case t.countsRequests(): // by the thread, on its way out of the last one
		t.pool.add(last)
	default: // in a call that never returned
		t.saw(last)
	}
	t.settle(&s.Helpers)
	t.late(s, run.Zerocopy)
	return t
}

// zerocopySends are those whose bytes may be copied late.
type zerocopySends struct{ succeeded, bytes int64 }

func zerocopySendsOf(s *bpf.ObjectSlot) (sum zerocopySends) {
	add := func(calls, errors, bytes uint64) {
		sum.succeeded += int64(calls - errors)
		sum.bytes += int64(bytes)
	}
	for i := range s.Cells {
		if c := &s.Cells[i]; c.Calls > 0 && !torn(c) && c.Key.Flags&unix.MSG_ZEROCOPY != 0 {
			add(c.Calls, c.Errors, c.Bytes)
		}
	}
	for i := range s.Helpers.Requests {
		if c := &s.Helpers.Requests[i]; isReady(c) && requestOf(c.Key.Nr).zerocopy {
			add(c.Requests, c.Errors, c.Bytes)
		}
	}
	return sum
}

// late adds what was sent by reference and copied after all.
func (t *tally) late(s *bpf.ObjectSlot, notified *trace.Zerocopy) {
	m, sent := t.missing, zerocopySendsOf(s)
	// By the stack, because a NIC cannot gather.
	t.bytes[inKernel] += int64(s.Sent.LinearBytes - s.Refused.LinearBytes)
	switch {
	case t.engine == Fentry && t.watched:
		t.sawClass(inKernel, int64(s.LateBytes[bpf.ObjectEngineFENTRY]))
	case m.LateCopies == "":
		late := int64(s.LateBytes[bpf.ObjectEngineTRACEPOINTS]) // the packet arrived; the copy follows
		// On Linux 6.18, now and then one that a timer of TCP sends passes no
		// tracepoint; and of those that pass one, some are sent elsewhere before they
		// are copied (tc). Once all notifications are there, they know better.
		if all := trace.Known(sent.succeeded); notified != nil && notified.Completions == all {
			switch notified.Copied {
			case all:
				late = max(late, sent.bytes)
			case trace.Known(0):
				late = 0
			}
		}
		t.bytes[inKernel] += late
	case sent.succeeded > 0:
		t.unknown[inKernel] = "a zero-copy send is copied later if its receiver is on this machine: " + m.LateCopies
	}
}

func (t *tally) sawClass(c class, n int64) {
	t.bytes[c] += n
	t.seen[c] += n
}

func (t *tally) saw(seen copies) {
	for c, n := range seen {
		t.sawClass(class(c), n)
	}
}

// countsRequests is whether copies may have been made for requests rather than
// for the call that they were seen in.
func (t *tally) countsRequests() bool { return t.missing.Uring == "" || t.missing.AIO == "" }

func (t *tally) add(cell *bpf.ObjectCell) {
	seen := copiesOf(cell.Seen[t.engine.Cells()])
	verdictOf := ruleOf(cell.Key.Nr)
	why, submits := t.missing.notCounted(cell.Key.Nr)
	switch {
	case submits && why == "":
		t.pool.add(seen)
		return
	case submits:
		verdictOf = func(_, _ bpf.ObjectFdKind, _ uint32) verdict { return notCounted(why) }
	case verdictOf == nil:
		seen[inKernel] = 0 // what the kernel reads for itself: an executable's headers
		if t.countsRequests() {
			t.pool.add(seen)
		} else {
			t.saw(seen)
		}
		return
	}
	n := int64(cell.Bytes - cell.Mapped)
	for c := range seen {
		t.pool[c] += max(0, seen[c]-n)
		seen[c] = min(seen[c], n)
	}
	t.place(verdictOf(cell.Key.In, cell.Key.Out, cell.Key.Flags), n, cell.Calls > cell.Errors, seen)
}

// place puts the n bytes of calls, or of requests, of which the hooks saw some
// copied, where the verdict says.
func (t *tally) place(v verdict, n int64, succeeded bool, seen copies) {
	t.saw(seen)
	rest := max(0, n-seen.sum())
	for _, c := range v.certain {
		if c == fill { // besides how the filled pages go on
			t.bytes[c] += n
		} else {
			t.bytes[c] += rest
		}
	}
	switch {
	case len(v.unknown) == 0:
	case v.unmeasured:
		if succeeded {
			t.notKnown(v)
		}
	case rest == 0:
	case !t.watched || !v.watched || v.byFentry && t.engine != Fentry:
		t.notKnown(v)
	case v.rest != nil && (t.dense || !v.unlessDense):
		t.bytes[*v.rest] += rest
	default: // the copies at least were seen
		t.notKnown(v, toUser, fromUser, inKernel)
	}
}

// notKnown makes the verdict's unknown classes unknown, but for some.
func (t *tally) notKnown(v verdict, but ...class) {
next:
	for _, c := range v.unknown {
		for _, b := range but {
			if b == c {
				continue next
			}
		}
		t.unknown[c] = v.reason
	}
}

func (t *tally) amount(c class) trace.Amount {
	if t.unknown[c] != "" {
		return Unavailable(t.unknown[c])
	}
	if t.watched && c <= inKernel && t.seen[c] == t.bytes[c] { // also 0
		return hooked(uint64(t.bytes[c]), "")
	}
	return mixed(t.bytes[c], t.seen[c])
}
