//go:build linux

// Package ledger turns the cells that the eBPF programs fill into the counters of
// package trace. It is pure: it touches neither the kernel nor a file, and the same
// cells give the same counters.
package ledger

import (
	"iter"
	"slices"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Party is what the ledger must know of one party of a run besides its cells.
type Party struct {
	Missing
	Engines   []Engine // that counted; the first one's numbers are the counters'. None: derived
	Missed    []Misses // of each hook
	NoNIC     string   // why no byte can have passed a NIC; "" if it can
	UnknownTx string   // why what NICs sent for it cannot be told; "" if it can
	UnknownRx string   // the same of what they received
	Unheld    string   // why what no hook of [Fentry] saw copied may have been copied all the same; "" if it was not
	Workload
}

// Workload is what is known only of a workload that zctrace runs itself: what it
// declares, and how it uses its source and sink.
type Workload struct {
	Payload   trace.Int         // bytes that it moved, declared by it
	UserSpace trace.Int         // bytes that it copied itself, declared by it
	Calls     map[uint32]uint64 // system calls that it made, by number, declared by it; nil: it does not
	Zerocopy  *trace.Zerocopy   // what it read of notifications, declared by it; nil: it does not
	Transfer  []string          // names of the calls that count as transfer_calls
	Cached    bool              // it reads its source through the page cache
	MayCache  bool              // it may do that: it depends on who keeps the source's data
	Dense     bool              // blocks on a disk hold all of its source, which has no holes
	Zeros     trace.Int         // bytes of its source that are in holes, or unwritten
	Range     int64             // bytes of its source that this was looked up of
	Encoded   bool              // of its source some bytes are compressed, or not in blocks of their own
	FellBack  bool              // its direct reads did, all of them, to the page cache
	WhyDirect string            // more of why direct reads may have been copied
	TwoFiles  string            // why its source may have been two files, of which the rules know one; "" if it was one
	Clones    Clones
	Remote    bool // its source is on another machine, and what is read from there the kernel takes for read from a disk
	Pages     bool // it asks for whole pages of its source, but for the source's last
	Maps      bool // it maps its source
	MapsSink  bool // it writes its sink through a mapping
	Left      Left
}

// Clones is what the extents of a file say of how copy_file_range made it.
type Clones struct {
	Bytes  int64  // of the file
	Cloned int64  // of these: they share blocks with the source, or are holes as there
	Reason string // why that is not known; "" if it is
}

// Left is how much page cache the run left behind, which is looked up at its end.
type Left struct {
	Bytes  trace.Int
	Reason string // where they are from, or why nobody knows
}

// Counters turns the cells of a slot into the counters of a trace: it tallies the
// bytes as each engine counted them, counts everything with the first engine's tally,
// and sets what the engines counted side by side.
func Counters(s *bpf.ObjectSlot, p Party) trace.Counters {
	if s.State == bpf.ObjectSlotStateIDLE {
		return trace.Uncounted("the window is not open yet")
	}
	tallies := tallyEach(s, &p)
	a := account{slot: s, party: &p, calls: sumCalls(s, p.Transfer)}
	a.Provenance = map[string]trace.Origin{}
	a.count(tallies[0])
	a.Engines = sideBySide(tallies)
	return a.Counters
}

// account is the counters of one slot in the making.
type account struct {
	trace.Counters
	slot  *bpf.ObjectSlot
	party *Party
	calls callSums
}

func (a *account) count(t *tally) {
	a.payload()
	a.syscalls()
	a.requests()
	a.copies(t)
	a.moved(t)
	a.zerocopy()
	a.contextSwitches()
	a.faultsAndCPU()
	a.pageCache()
	a.disk()
	a.nic()
}

func (a *account) payload() {
	if a.PayloadBytes = a.party.Payload; a.PayloadBytes.Known() {
		say(&a.Counters, trace.Derived, whyDeclared, trace.PayloadBytes)
	} else {
		say(&a.Counters, trace.Unavailable, whyUndeclared, trace.PayloadBytes)
	}
}

const (
	whyDeclared   = "declared by the workload"
	whyUndeclared = "only a workload of zctrace's own declares it"
)

// lacks is whether the feed is missing. The plain numbers that it concerns are null
// then, and it notes why.
func (a *account) lacks(f Feed) bool {
	why := a.party.Missing[f]
	if why == "" {
		return false
	}
	class := func(n trace.Number) bool { return n.Kind() == trace.Class } // says so itself
	say(&a.Counters, trace.Unavailable, why, slices.DeleteFunc(slices.Clone(f.Numbers()), class)...)
	return true
}

// say notes where plain numbers come from; those that are a whole group, in one entry.
func say(c *trace.Counters, kind trace.Provenance, reason string, numbers ...trace.Number) {
	for _, n := range numbers {
		path := n.Path()
		if isWhole(n.Group(), numbers) {
			path = n.Group()
		}
		c.Provenance[path] = trace.Origin{Provenance: kind, Reason: reason}
	}
}

func isWhole(group string, numbers []trace.Number) bool {
	for n := range trace.Catalog() {
		if n.Group() == group && n.Kind() == trace.Plain && !slices.Contains(numbers, n) {
			return false
		}
	}
	return true
}

// cellsOf are the cells of a slot that have counted something.
func cellsOf(s *bpf.ObjectSlot) iter.Seq[*bpf.ObjectCell] {
	return func(yield func(*bpf.ObjectCell) bool) {
		for i := range s.Cells {
			if c := &s.Cells[i]; c.Calls > 0 && !torn(c) && !yield(c) {
				return
			}
		}
	}
}

// torn is a cell whose key was copied before it was written, and its calls
// after: key 0 is a read of nothing, which cannot succeed.
func torn(cell *bpf.ObjectCell) bool {
	return cell.Key == bpf.ObjectCellKey{} && cell.Errors < cell.Calls
}

// requestsOf are the cells of a slot's asynchronous requests that have counted something.
func requestsOf(s *bpf.ObjectSlot) iter.Seq[*bpf.ObjectRequestCell] {
	return func(yield func(*bpf.ObjectRequestCell) bool) {
		for i := range s.Helpers.Requests {
			if c := &s.Helpers.Requests[i]; c.State == uint64(bpf.ObjectClaimREADY) && !yield(c) {
				return
			}
		}
	}
}
