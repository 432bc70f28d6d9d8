//go:build linux

package tracer

import (
	"fmt"
	"slices"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// misses are the events that the kernel did not run the hooks' programs for, since these were attached and until the
// windows closed: what is skipped later is no event of the run. Those of breakpoints it does not count, see
// [Tracer.breakpointLosses].
func (t *Tracer) misses(s *ledger.Snapshot) ([]ledger.Misses, error) {
	over := t.over(s)
	var list []ledger.Misses
	for i := range t.hooks {
		h := &t.hooks[i]
		if h.prog == nil || h.kind == BreakpointHook || t.loaded(h.Replaces) {
			continue
		}
		skipped, err := h.skipped()
		if err != nil {
			return nil, err
		}
		list = append(list, ledger.Misses{Index: i, Hook: h.name(), Feeds: h.Feeds, Kind: h.misses(), Events: h.skips.note(skipped, over && !h.After)})
	}
	return list, nil
}

// over is whether all windows had closed by the snapshot before, and none was opened since.
func (t *Tracer) over(s *ledger.Snapshot) bool {
	var states [len(s.Slots)]bpf.ObjectSlotState
	for i := range s.Slots {
		states[i] = s.Slots[i].State
	}
	before := t.states
	t.states = states
	return s.Closed() && states == before
}

// skipped is how often the kernel did not run the hook's program since it was loaded.
func (h *loadedHook) skipped() (uint64, error) {
	stats, err := h.prog.Stats()
	if err != nil {
		return 0, fmt.Errorf("read the misses of %s: %w", h.name(), err)
	}
	return stats.RecursionMisses, nil
}

// missCount counts the events that are skipped while a run may have had some.
type missCount struct{ before, counted uint64 }

// note takes how many were skipped in all, and returns how many of them may have been the run's. Once it is over there
// are no more.
func (m *missCount) note(skipped uint64, over bool) int64 {
	if !over {
		m.counted = skipped - m.before
	}
	return int64(m.counted)
}

// loaded is whether a program is; nothing is called "".
func (t *Tracer) loaded(program string) bool {
	return slices.ContainsFunc(t.hooks, func(h loadedHook) bool { return h.Program == program && h.prog != nil })
}

// misses is what keeps the hook's program from running.
func (h *loadedHook) misses() ledger.MissKind {
	switch {
	case h.kind == FuncEntry, h.kind == FuncExit:
		return ledger.Preempted
	case h.Feeds == ledger.Disk: // its event has no twin of perf's that tells which request it is
		return ledger.Preempted
	case h.kind == PerfEvent:
		return ledger.AtPerfEvent
	}
	return ledger.AtTracepoint
}
