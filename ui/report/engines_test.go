package report

import (
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// With --copies all the table sets the engines side by side and names every
// difference; a run with one engine has no such section.
func TestEnginesSection(t *testing.T) {
	n := func(v int64) trace.Amount {
		return trace.Amount{Bytes: trace.Known(v), DerivedBytes: trace.Known(0), Provenance: trace.Observed}
	}
	counted := func(toUser, inKernel trace.Amount) *trace.EngineCounters {
		return &trace.EngineCounters{ToUser: toUser, FromUser: n(0), InKernel: inKernel, PageRefs: n(4096)}
	}
	unknown := trace.Amount{Provenance: trace.Unavailable, Reason: "it may be a \x1b[31mreflink"}
	for _, test := range []struct {
		name    string
		engines map[string]*trace.EngineCounters
		want    string
	}{
		{"one", nil, ""},
		{"agreed", map[string]*trace.EngineCounters{"fentry": counted(n(1234567), n(0)), "derived": counted(n(1234567), n(0)), "breakpoint": nil}, `
Engines, bytes    to user  from user  in kernel  by reference
  sender
    fentry      1,234,567          0          0         4,096
    derived     1,234,567          0          0         4,096
  the engines agree to the byte`},
		{"different", map[string]*trace.EngineCounters{"fentry": counted(n(8), n(0)), "breakpoint": counted(n(9), n(0)), "derived": counted(n(8), unknown)}, `
Engines, bytes  to user  from user  in kernel  by reference
  sender
    fentry            8          0          0         4,096
    breakpoint        9          0          0         4,096
    derived           8          0        n/a         4,096
  !! sender, to user: fentry 8, breakpoint 9, derived 8
  !! sender, in kernel: fentry 0, breakpoint 0, derived n/a (it may be a
  [31mreflink)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := &trace.Trace{}
			tr.Total.Sender.Engines = test.engines
			got := strings.Join(newDocument(tr).enginesSection(tableWidth), "\n")
			if want := strings.TrimPrefix(test.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
