//go:build linux

package ledger

import (
	"math/bits"
	"slices"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// tally adds up the payload bytes of one slot by class, as one engine counts
// them: what its hooks saw, and what follows for the rest from each system call,
// its descriptors, its flags and its result.
type tally struct {
	engine   Engine
	party    *Party
	unseen   string // which hook is not there, so that the engine does not see all copies; "" if it does
	watched  bool   // its hooks see all copies, where a rule says so
	pool     copies // copies that were made for requests
	unplaced int64  // bytes that no hook saw copied, of calls and requests whose bytes went somewhere
	lost     string // why the engine's numbers are not known at all; "" if they are

	bytes   [classes]int64
	seen    [classes]int64  // of bytes
	unknown [classes]string // why a class is not known

	told [classes]trace.Origin // where a class comes from, if extents told
}

// tallyEach is the tally of each engine that counted.
func tallyEach(s *bpf.ObjectSlot, p *Party) (tallies []*tally) {
	for _, e := range p.Engines {
		tallies = append(tallies, newTally(s, e, p))
	}
	if len(tallies) == 0 {
		tallies = append(tallies, newTally(s, Derived, p))
	}
	return tallies
}

// sideBySide is what engines counted, if there are several.
func sideBySide(tallies []*tally) map[string]*trace.EngineCounters {
	if len(tallies) < 2 {
		return nil
	}
	engines := map[string]*trace.EngineCounters{}
	for _, t := range tallies {
		engines[string(t.engine)] = &trace.EngineCounters{
			ToUser: t.amount(toUser), FromUser: t.amount(fromUser), InKernel: t.amount(inKernel), PageRefs: t.amount(pageRefs),
		}
	}
	return engines
}

func newTally(s *bpf.ObjectSlot, engine Engine, p *Party) *tally {
	t := &tally{engine: engine, party: p}
	if engine != Derived {
		t.unseen = p.Missing[engine.Copies()]
		t.watched = t.unseen == ""
	}
	for cell := range cellsOf(s) {
		t.add(cell)
	}
	switch last := t.sawIn(&s.Seen); {
	case s.State == bpf.ObjectSlotStateOPEN: // in a call that will have a cell
	case t.countsRequests(): // by the thread, on its way out of the last one
		t.pool.add(last)
	default: // in a call that never returned
		t.saw(last)
	}
	t.settle(s)
	t.late(s)
	if why := missedCopies(p.Missed, engine); why != "" && t.unplaced > 0 {
		t.lost = why // what it missed may be among these bytes, or have been copied late
	}
	return t
}

// sawIn is what the engine's hooks saw copied.
func (t *tally) sawIn(seen *[bpf.ObjectEngineENGINES]bpf.ObjectCopied) copies {
	if t.engine == Derived && t.party.Missing[SocketCopies] != "" {
		return copies{}
	}
	return copiesOf(seen[t.engine.Cells()])
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
func (t *tally) countsRequests() bool {
	return t.party.Missing[UringRequests] == "" || t.party.Missing[AIORequests] == ""
}

func (t *tally) add(cell *bpf.ObjectCell) {
	seen := t.sawIn(&cell.Seen)
	rulingOf := ruleOf(cell.Key.Nr)
	requests := requestsBy(cell.Key.Nr)
	why := t.party.Missing[requests]
	switch {
	case requests != 0 && why == "":
		t.pool.add(seen)
		return
	case requests != 0:
		rulingOf = func(_, _ bpf.ObjectFdKind, _ uint32) ruling { return notCounted(why) }
	case rulingOf == nil:
		seen[inKernel] = 0 // what the kernel reads for itself: an executable's headers
		if t.countsRequests() {
			t.pool.add(seen)
		} else {
			t.saw(seen)
		}
		return
	}
	n := int64(cell.Bytes - cell.Mapped - cell.Cut)
	v := rulingOf(cell.Key.In, cell.Key.Out, cell.Key.Flags)
	surplus := v.surplus(seen, n)
	for c := range seen {
		t.pool[c] += max(0, seen[c]-n)
		seen[c] = min(seen[c], n)
	}
	if v.apart {
		return
	}
	t.place(v, n, cell.Calls > cell.Errors, seen)
	t.notMade(v, cell.Errors > 0 || surplus)
}

// notMade makes the ruling's classes unknown if copies may have been counted that were not made then: of calls, or
// requests, of which some failed, at least in part.
func (t *tally) notMade(v ruling, failed bool) {
	if v.early && failed && t.engine == Fentry {
		v.reason = whyFailed
		t.notKnown(v)
	}
}

// place puts the n bytes of calls, or of requests, of which the hooks saw some
// copied, where the ruling says.
func (t *tally) place(v ruling, n int64, succeeded bool, seen copies) {
	t.saw(seen)
	rest := max(0, n-seen.sum())
	if len(v.certain) > 0 || len(v.unknown) > 0 {
		t.unplaced += rest
	}
	sees := v.watched && (t.engine == Fentry || t.engine == Breakpoint && !v.byFentry)
	if why := t.party.WhyDirect; v.unlessDense && why != "" && (sees || !v.byFentry) {
		v.reason = why
	}
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
	case v.unlessDense && t.party.FellBack:
		t.bytes[toUser] += rest
		t.told[toUser] = trace.Origin{Provenance: trace.Derived, Reason: whyFellBack}
	case v.anyway && (!sees || t.unseen != ""):
		t.bytes[v.unknown[0]] += rest
		t.told[v.unknown[0]] = trace.Origin{Provenance: trace.Derived, Reason: whyAnyway}
	case v.byExtents && (!sees || t.unseen != "") && t.party.Clones != (Clones{}):
		t.byExtents(v, n, rest)
	case sees && t.unseen != "":
		v.reason += ": " + t.unseen
		t.notKnown(v)
	case !sees:
		t.notKnown(v)
	case v.rest != nil && (t.party.Dense || !v.unlessDense):
		t.bytes[*v.rest] += rest
		t.doubt(v)
	case v.unlessDense && t.party.readsZeros(n) && (rest == n || rest == t.party.Zeros.Or(0)): // a pass over the source
		t.bytes[fill] += t.party.Zeros.Or(0)
		t.bytes[pageRefs] += rest - t.party.Zeros.Or(0)
		t.doubt(v)
	default: // the copies at least were seen
		t.notKnown(v, toUser, fromUser, inKernel)
	}
}

// doubt makes the ruling's classes estimates, if that no hook saw the bytes copied may not mean that they were not.
func (t *tally) doubt(v ruling) {
	if t.party.Unheld == "" || t.engine != Fentry {
		return
	}
	for _, c := range v.unknown {
		t.told[c] = trace.Origin{Provenance: trace.Estimated, Reason: t.party.Unheld}
	}
}

// readsZeros is whether direct reads of n bytes are known to have filled in Zeros of them.
func (p *Party) readsZeros(n int64) bool { return p.Zeros.Known() && !p.Encoded && n == p.Range }

// byExtents tells clones from copies by the extents of the file that copy_file_range has
// written, of n bytes in all: rest is what no hook saw copied of them. If it was written over,
// the last pass is all that can be looked up.
func (t *tally) byExtents(v ruling, n, rest int64) {
	c := t.party.Clones
	told := trace.Origin{Provenance: trace.Derived, Reason: whyExtents}
	switch {
	case n < c.Bytes:
		c.Reason = "there is more in the sink than it was told to write"
		fallthrough
	case c.Reason != "":
		v.reason = reflinkOrCopy + ": " + c.Reason
		t.notKnown(v)
		return
	case n > c.Bytes:
		told = trace.Origin{Provenance: trace.Estimated, Reason: whyLastPass}
	}
	clones := min(share(n, c.Cloned, c.Bytes), rest)
	t.bytes[cloned] += clones
	t.bytes[inKernel] += rest - clones
	t.told[cloned], t.told[inKernel] = told, told
}

const (
	whyFellBack = "the source is compressed or inline (FIEMAP), and btrfs makes direct reads of that through the page cache"
	whyAnyway   = "the sink must not change while it is written, and this kernel copies direct writes of such files"
	whyExtents  = "from the sink's extents (FIEMAP): what shares blocks was cloned, the rest copied"
	whyLastPass = "from the sink's extents (FIEMAP) after the last pass: it was written over, so what the others did is not seen"
)

// share is n * part / whole, rounded down, of a part that is not more than the whole.
func share(n, part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(n), uint64(part))
	quotient, _ := bits.Div64(high, low, uint64(whole))
	return int64(quotient)
}

// notKnown makes the ruling's unknown classes unknown, but for some.
func (t *tally) notKnown(v ruling, but ...class) {
	for _, c := range v.unknown {
		if !slices.Contains(but, c) {
			t.unknown[c] = v.reason
		}
	}
}

func (t *tally) amount(c class) trace.Amount {
	if t.lost != "" {
		return unavailable(t.lost)
	}
	if t.unknown[c] != "" {
		return unavailable(t.unknown[c])
	}
	if t.watched && c <= inKernel && t.seen[c] == t.bytes[c] && t.told[c].Provenance != trace.Estimated { // also 0
		return hooked(uint64(t.bytes[c]), "")
	}
	if why := t.party.TwoFiles; why != "" { // no rule holds for both
		return unavailable(why)
	}
	a := mixed(t.bytes[c], t.seen[c], whyTold)
	if told := t.told[c]; told.Reason != "" {
		a.Reason = told.Reason
		if told.Provenance == trace.Estimated {
			a.Provenance = trace.Estimated
		}
	}
	return a
}
