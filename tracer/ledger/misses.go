//go:build linux

package ledger

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zctrace/zctrace/bpf"
)

// Misses are the events of one hook that the kernel did not run its program for, whoever's they were.
type Misses struct {
	Index  int    // of the hook in the list that the tracer gives when it attaches them
	Hook   string // as it is shown
	Feeds  Feed
	Kind   MissKind
	Events int64
}

// MissKind is how a hook's program gets to run, which decides what keeps it from that.
type MissKind int

const (
	// AtTracepoint: it was running on that CPU already.
	AtTracepoint MissKind = iota
	// Preempted: so it was, at a kernel function, or at a tracepoint where nothing else can be had: a thread that is
	// preempted inside the program keeps it from running for all others on that CPU, and so does one that a softirq
	// interrupts there.
	Preempted
	// AtPerfEvent: some process was preempted inside a bpf(2) map operation on that CPU, which makes it blind:
	// whoever runs there meanwhile has a blind stint.
	AtPerfEvent
)

// why is why numbers that the hook feeds are not known.
func (m Misses) why() string {
	return fmt.Sprintf("the kernel skipped %s %d times, because it was running on that CPU already", m.Hook, m.Events)
}

// missedCopies is why an engine's hooks did not see all copies, though they are there; "" if they did.
func missedCopies(missed []Misses, e Engine) string {
	for _, m := range missed {
		if m.Feeds == e.Copies() && m.Kind == Preempted && m.Events > 0 {
			return m.why()
		}
	}
	return ""
}

// Lacking are the feeds that go missing besides, because hooks whose programs are preempted did not see all of their events. Copies
// are not among them: each engine says of its own whether it knows them all the same.
func (s *Snapshot) Lacking(missing Missing) Missing {
	before := missing
	for _, m := range s.Missed {
		feed := m.Feeds
		if feed == Disk && s.sawDiskReads(before) {
			feed = DiskWrites
		}
		if m.Kind != Preempted || m.Events == 0 || feed == FentryCopies || missing[feed] != "" {
			continue
		}
		missing = maps.Clone(missing)
		missing[feed] = m.why()
	}
	return missing
}

// sawDiskReads is whether the hook saw each byte that the kernel charged to the threads. What others read for them it
// does not charge to them.
func (s *Snapshot) sawDiskReads(missing Missing) bool {
	for i := range s.Slots {
		slot := &s.Slots[i]
		saw := slot.State == bpf.ObjectSlotStateCLOSED && slot.Begin.ReadBytes != notAccounted && missedReads(slot) == 0
		if !saw && slot.State != bpf.ObjectSlotStateIDLE {
			return false
		}
	}
	return missing[UringRequests] != ""
}

// InOrder are the engines in the order in which they count: one that missed copies of a party, and does not know its
// numbers therefore, comes last. If none is left, Derived is the first, unless one was asked for by its name: nothing
// stands in for that.
func (s *Snapshot) InOrder(engines []Engine, named bool, sender, receiver Party) []Engine {
	parties := [2]Party{Sender: sender, Receiver: receiver}
	return inOrder(engines, named, func(e Engine) bool {
		return missedCopies(s.Missed, e) == "" || s.everyTally(e, parties, func(t *tally) bool { return t.lost == "" })
	})
}

// inOrder is the same of processes, but for those that had no room for what engines saw.
func (s *ProgramSnapshot) inOrder(engines []Engine, named bool, all []*Process, party *Party) []Engine {
	return inOrder(engines, named, func(e Engine) bool {
		return missedCopies(s.Missed, e) == "" || !slices.ContainsFunc(all, func(p *Process) bool {
			return p.seesCopies() && p.tally(e, party, everything).lost != ""
		})
	})
}

func inOrder(engines []Engine, named bool, knows func(Engine) bool) []Engine {
	var know, lost []Engine
	for _, e := range engines {
		if knows(e) {
			know = append(know, e)
		} else {
			lost = append(lost, e)
		}
	}
	if len(know) == 0 && len(lost) > 0 && !named {
		know = []Engine{Derived}
	}
	return slices.Concat(know, lost)
}

// missedHits are the hits of breakpoints that may have been a party's: none if what its engine saw accounts for
// every byte.
func (s *Snapshot) missedHits(parties [2]Party) int64 {
	if s.BreakpointMisses == 0 || s.everyTally(Breakpoint, parties, func(t *tally) bool { return t.unplaced == 0 }) {
		return 0
	}
	return s.BreakpointMisses
}

// everyTally is whether something is so of the tally of each party, by one engine.
func (s *Snapshot) everyTally(e Engine, parties [2]Party, so func(*tally) bool) bool {
	for i := range parties {
		if !so(newTally(&s.Slots[i], e, &parties[i])) {
			return false
		}
	}
	return true
}

// missedEvents are the misses that may have been of a traced thread, and that nothing else tells of. A party that
// declares its system calls tells of those that were lost.
func (s *Snapshot) missedEvents(parties [2]Party) (n int64) {
	blind, declared := s.BlindUnknown, true
	for i, p := range parties {
		slot := &s.Slots[i]
		blind = blind || slot.BlindStints > 0
		declared = declared && (slot.State == bpf.ObjectSlotStateIDLE || slot.State != bpf.ObjectSlotStateDIED && p.Calls != nil)
	}
	for _, m := range s.Missed {
		// The program that reads what io_getevents gave is at the event of the one that counts calls, and the kernel
		// skips all that are at an event together.
		call := m.Feeds == Syscalls || m.Feeds == SyscallTime || m.Feeds == AIORequests
		switch {
		case m.Kind == Preempted: // what they feed is null
		case m.Kind == AtPerfEvent && (!blind || call && declared):
		default:
			n += m.Events
		}
	}
	return n
}
