package reading

import (
	"testing"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
)

// How fast programs go is what has grown in the last second while they run, and since the beginning once that has ended;
// what is not known is not 0.
func TestProgramMoment(t *testing.T) {
	cost := func(n int64) trace.Cost {
		return tracetest.CostOf(tracetest.Move{Call: "read", From: trace.EndFile, To: trace.EndUser, Calls: n, Bytes: 1000 * n})
	}
	sample := func(ms, n int64) trace.ProgramSample { return trace.ProgramSample{ElapsedNS: ms * 1e6, Total: cost(n)} }
	p := &trace.Program{
		Samples: []trace.ProgramSample{sample(0, 0), sample(500, 10), sample(1500, 30), sample(2500, 90)},
		Total:   cost(90), Run: trace.ProgramRun{ElapsedNS: 2.5e9},
		Processes: []trace.ProcessRow{{Comm: "runs"}, {Comm: "ended", EndedNS: trace.Known(1)}, {Comm: "several", Folded: 2}},
	}
	want := func(what, copied, referenced, calls string, alive int64) {
		t.Helper()
		m := ProgramMomentOf(p)
		count := func(v float64) string { return human.PerSecond(v, 8) }
		if a, b, c := m.PerSecond(m.Copied, count), m.PerSecond(m.Referenced, count), m.PerSecond(m.Calls, count); a != copied || b != referenced || c != calls || m.Alive != alive {
			t.Errorf("%s: %s copied, %s by reference, %s calls, %d processes", what, a, b, c, m.Alive)
		}
	}
	want("in the last second", "60,000", "0", "60", 1)
	p.Run.Ended = trace.Done
	want("on average", "36,000", "0", "36", 1)
	p.Total.Copies.ToUser, p.Run.ElapsedNS = tracetest.Missing("no hook"), 0
	want("unknown", human.NotCounted, human.NotCounted, human.NotCounted, 1)
	p.Run.ElapsedNS = 1e9
	want("partly unknown", human.NotCounted, "0", "90", 1)
}
