//go:build linux

package tracer

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
)

// Roles are indices of [Snapshot.Slots], as SENDER and RECEIVER in bpf/cells.h.
const (
	Sender = iota
	Receiver
	slots
)

// Snapshot is a copy of the cells at one moment. Each number in it is whole;
// numbers of a call that is just being counted may be one call apart, and the
// kernel's own counters of a thread whose window is open may be a few dozen
// small calls behind the rest (bpf/syscalls.bpf.h: SMALL_CALLS), until its next switch.
type Snapshot struct {
	Slots            [slots]bpf.ObjectSlot
	Kernel           bpf.ObjectKernelCells
	RecursionMisses  int64
	BreakpointMisses int64  // hits for which the kernel ran no program
	UnwatchedCPUs    int64  // on which breakpoints are missing
	NowNS            uint64 // CLOCK_MONOTONIC, as the slots' times
}

// Snapshot copies the cells.
func (t *Tracer) Snapshot() (*Snapshot, error) {
	// The clock first: a window that closes while the cells are copied has then
	// not been open for longer than it was.
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return nil, fmt.Errorf("read the clock: %w", err)
	}
	s := &Snapshot{NowNS: uint64(now.Nano())}
	for name, out := range map[string]any{bpf.ObjectVarSlots: &s.Slots, bpf.ObjectVarKernel: &s.Kernel} {
		if err := t.collection.Variables[name].Get(out); err != nil {
			return nil, fmt.Errorf("read the eBPF cells: %w", err)
		}
	}
	var err error
	if s.RecursionMisses, err = t.recursionMisses(); err != nil {
		return nil, err
	}
	if s.BreakpointMisses, s.UnwatchedCPUs, err = t.breakpointLosses(s.closed()); err != nil {
		return nil, err
	}
	return s, nil
}

// SawEnd is whether the slot's worker was seen to end by itself.
func (s *Snapshot) SawEnd(slot int) bool { return s.Slots[slot].State == bpf.ObjectSlotStateCLOSED }

// closed: a window was opened, and none is open any more.
func (s *Snapshot) closed() bool {
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
