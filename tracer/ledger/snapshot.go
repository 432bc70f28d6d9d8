//go:build linux

package ledger

import "github.com/zctrace/zctrace/bpf"

// Indices of [Snapshot.Slots]: the roles that the workers' markers name.
const (
	Sender = iota
	Receiver
)

// Snapshot is a copy of the cells at one moment. Each number in it is whole;
// numbers of a call that is just being counted may be one call apart, and the
// kernel's own counters of a thread whose window is open may be a few dozen
// small calls behind the rest (bpf/syscalls.bpf.h: SMALL_CALLS), until its next switch.
type Snapshot struct {
	Slots            bpf.ObjectSlotArray
	Kernel           bpf.ObjectKernelCells
	Missed           []Misses // of each hook that was loaded
	BlindUnknown     bool     // nobody looks whether traced threads have blind stints
	BreakpointMisses int64    // hits for which the kernel ran no program
	UnwatchedCPUs    int64    // on which breakpoints are missing
	NowNS            uint64   // CLOCK_MONOTONIC, as the slots' times
}

// SawEnd is whether the slot's worker was seen to end by itself.
func (s *Snapshot) SawEnd(slot int) bool { return s.Slots[slot].State == bpf.ObjectSlotStateCLOSED }

// Closed is whether a window was opened, and none is open any more.
func (s *Snapshot) Closed() bool {
	opened := false
	for i := range s.Slots {
		switch s.Slots[i].State {
		case bpf.ObjectSlotStateOPEN:
			return false
		case bpf.ObjectSlotStateCLOSED, bpf.ObjectSlotStateDIED:
			opened = true
		}
	}
	return opened
}

// WindowNS is how long the slot's window has been open, in nanoseconds.
func (s *Snapshot) WindowNS(slot int) int64 {
	w := &s.Slots[slot]
	switch w.State {
	case bpf.ObjectSlotStateOPEN:
		return max(0, int64(s.NowNS-w.OpenedNs))
	case bpf.ObjectSlotStateCLOSED, bpf.ObjectSlotStateDIED:
		return int64(w.ClosedNs - w.OpenedNs)
	}
	return 0
}
