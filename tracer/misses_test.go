//go:build linux

package tracer

import (
	"testing"

	"github.com/zctrace/zctrace/bpf"
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

// Events are the run's until a snapshot has found all windows closed: not those that were skipped before the hook was
// attached, nor those after, unless a window was opened since, or the hook counts on.
func TestMissesOfTheWindows(t *testing.T) {
	const idle, open, closed, died = bpf.ObjectSlotStateIDLE, bpf.ObjectSlotStateOPEN, bpf.ObjectSlotStateCLOSED, bpf.ObjectSlotStateDIED
	type states [2]bpf.ObjectSlotState
	type reading struct {
		states
		skipped uint64 // in all
		want    int64
		after   int64 // of a hook that counts on
	}
	for _, test := range []struct {
		name     string
		readings []reading
	}{
		{"before and after", []reading{{states{idle, idle}, 100, 0, 0}, {states{open, open}, 103, 3, 3}, {states{closed, closed}, 105, 5, 5}, {states{closed, closed}, 109, 5, 9}}},
		{"one is open yet", []reading{{states{closed, open}, 101, 1, 1}, {states{closed, open}, 102, 2, 2}, {states{closed, closed}, 104, 4, 4}, {states{closed, closed}, 105, 4, 5}}},
		{"one opens late", []reading{{states{closed, idle}, 101, 1, 1}, {states{closed, idle}, 102, 1, 2}, {states{closed, open}, 103, 3, 3}, {states{closed, died}, 105, 5, 5}, {states{closed, died}, 106, 5, 6}}},
		{"one opens and closes between two", []reading{{states{closed, idle}, 101, 1, 1}, {states{closed, closed}, 104, 4, 4}, {states{closed, closed}, 105, 4, 5}}},
		{"none is opened", []reading{{states{idle, idle}, 101, 1, 1}, {states{idle, idle}, 102, 2, 2}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr, m, after := &Tracer{}, missCount{before: 100}, missCount{before: 100}
			for i, r := range test.readings {
				s := &ledger.Snapshot{}
				s.Slots[ledger.Sender].State, s.Slots[ledger.Receiver].State = r.states[0], r.states[1]
				over := tr.over(s)
				if n := m.note(r.skipped, over); n != r.want {
					t.Errorf("reading %d: %d, want %d", i, n, r.want)
				}
				if n := after.note(r.skipped, false); n != r.after {
					t.Errorf("reading %d of a hook that counts on: %d, want %d", i, n, r.after)
				}
			}
		})
	}
}
