package tracer

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

	bytes   [classes]int64
	seen    [classes]int64  // of bytes
	unknown [classes]string // why a class is not known
}

func newTally(s *bpf.ObjectSlot, engine Engine, run *Run) *tally {
	m := &run.Missing
	t := &tally{engine: engine, watched: engine != Derived && m.Copies[engine] == "", dense: run.Dense}
	zerocopy := false
	for i := range s.Cells {
		if cell := &s.Cells[i]; cell.Calls > 0 && !torn(cell) {
			t.add(cell)
			zerocopy = zerocopy || isZerocopySend(cell)
		}
	}
	if s.State == bpf.ObjectSlotStateDIED { // in a call that never returned
		t.saw(s.Seen[engine.cells()])
	}
	t.late(s, zerocopy, m)
	return t
}

func isZerocopySend(cell *bpf.ObjectCell) bool { return cell.Key.Flags&unix.MSG_ZEROCOPY != 0 }

// late adds what was sent by reference and copied after all.
func (t *tally) late(s *bpf.ObjectSlot, zerocopy bool, m *Missing) {
	switch {
	case t.engine == Fentry && t.watched:
		t.sawClass(inKernel, s.LateBytes[bpf.ObjectEngineFENTRY])
	case m.LateCopies == "":
		t.bytes[inKernel] += int64(s.LateBytes[bpf.ObjectEngineTRACEPOINTS]) // the packet arrived; the copy follows
	case zerocopy:
		t.unknown[inKernel] = "a zero-copy send is copied later if its receiver is on this machine: " + m.LateCopies
	}
}

func (t *tally) sawClass(c class, n uint64) {
	t.bytes[c] += int64(n)
	t.seen[c] += int64(n)
}

func (t *tally) saw(copied bpf.ObjectCopied) {
	t.sawClass(toUser, copied.ToUser)
	t.sawClass(fromUser, copied.FromUser)
	t.sawClass(inKernel, copied.InKernel)
}

func (t *tally) add(cell *bpf.ObjectCell) {
	seen := cell.Seen[t.engine.cells()]
	rule := ruleOf(cell.Key.Nr)
	if rule == nil {
		seen.InKernel = 0 // what the kernel reads for itself: an executable's headers
		t.saw(seen)
		return
	}
	if t.engine != Fentry { // they are before the copy, which may fail or be done in two goes
		seen.ToUser = min(seen.ToUser, cell.Bytes)
		seen.FromUser = min(seen.FromUser, cell.Bytes)
		seen.InKernel = min(seen.InKernel, cell.Bytes)
	}
	t.saw(seen)
	rest := max(0, int64(cell.Bytes-cell.Mapped)-int64(seen.ToUser+seen.FromUser+seen.InKernel))

	v := rule(cell.Key.In, cell.Key.Out, cell.Key.Flags)
	for _, c := range v.certain {
		if c == fill { // besides how the filled pages go on
			t.bytes[c] += int64(cell.Bytes)
		} else {
			t.bytes[c] += rest
		}
	}
	switch {
	case len(v.unknown) == 0:
	case v.reason == whyResult:
		// Even with a result of 0, where the result is not a number of bytes.
		if cell.Calls > cell.Errors {
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
