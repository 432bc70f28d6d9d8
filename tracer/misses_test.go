//go:build linux

package tracer

import (
	"testing"

	"github.com/zctrace/zctrace/tracer/ledger"
)

// What keeps a hook's program from running is known of each, for it decides whether its misses are a loss.
func TestWhatKeepsProgramsFromRunning(t *testing.T) {
	for _, h := range Hooks {
		want := ledger.AtTracepoint
		if h.Kind == FuncEntry || h.Kind == FuncExit || h.Program == "block_bio_queue" {
			want = ledger.Preempted
		}
		if got := (&loadedHook{Hook: h, place: place{kind: h.Kind}}).misses(); h.Kind != BreakpointHook && got != want {
			t.Errorf("%s: %v, want %v", h.Name(), got, want)
		}
		if got := (&loadedHook{Hook: h, place: place{kind: PerfEvent}}).misses(); h.Perf.program != "" && got != ledger.AtPerfEvent {
			t.Errorf("%s at perf's event: %v", h.Name(), got)
		}
	}
}
