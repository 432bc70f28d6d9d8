//go:build linux

package tracer

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// Snapshot copies the cells. Once all processes have ended that may open a window, breakpoints stop counting.
func (t *Tracer) Snapshot(ended bool) (*ledger.Snapshot, error) {
	// The clock first: a window that closes while the cells are copied has then
	// not been open for longer than it was.
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return nil, fmt.Errorf("read the clock: %w", err)
	}
	s := &ledger.Snapshot{NowNS: uint64(now.Nano())}
	for name, out := range map[string]any{bpf.ObjectVarSlots: &s.Slots, bpf.ObjectVarKernel: &s.Kernel} {
		if err := t.collection.Variables[name].Get(out); err != nil {
			return nil, fmt.Errorf("read the eBPF cells: %w", err)
		}
	}
	s.BlindUnknown = !t.watchesBlind
	var err error
	if s.Missed, err = t.misses(s); err != nil {
		return nil, err
	}
	if s.BreakpointMisses, s.UnwatchedCPUs, err = t.breakpointLosses(ended && s.Closed()); err != nil {
		return nil, err
	}
	return s, nil
}
