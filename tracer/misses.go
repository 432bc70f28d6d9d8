//go:build linux

package tracer

import (
	"fmt"
	"slices"

	"github.com/zctrace/zctrace/tracer/ledger"
)

// misses are the events that the kernel did not run the hooks' programs for. Those of breakpoints it does not count,
// see [Tracer.breakpointLosses].
func (t *Tracer) misses() ([]ledger.Misses, error) {
	var list []ledger.Misses
	for i := range t.hooks {
		h := &t.hooks[i]
		if h.prog == nil || h.kind == BreakpointHook || t.loaded(h.Replaces) {
			continue
		}
		stats, err := h.prog.Stats()
		if err != nil {
			return nil, fmt.Errorf("read the misses of %s: %w", h.name(), err)
		}
		list = append(list, ledger.Misses{Index: i, Hook: h.name(), Feeds: h.Feeds, Kind: h.misses(), Events: int64(stats.RecursionMisses)})
	}
	return list, nil
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
