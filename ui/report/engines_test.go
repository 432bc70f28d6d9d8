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
	skipped := trace.Amount{Provenance: trace.Unavailable, Reason: "the kernel skipped fexit/filemap_read 3 times"}
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
		{"one missed events", map[string]*trace.EngineCounters{
			"fentry": {ToUser: skipped, FromUser: skipped, InKernel: skipped, PageRefs: skipped}, "derived": counted(n(8), n(0)),
		}, `
Engines, bytes  to user  from user  in kernel  by reference
  sender
    fentry          n/a        n/a        n/a           n/a
    derived           8          0          0         4,096
  !! sender: fentry knows nothing: the kernel skipped fexit/filemap_read 3 times`},
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

// Where the engine that counted missed events and another one counts instead, the run's head says why.
func TestEngineThatMissedEvents(t *testing.T) {
	for _, test := range []struct {
		engine, fentry, want string
	}{
		{"derived", "the kernel skipped it", "not fentry: the kernel skipped it"},
		{"breakpoint", "the kernel skipped it", "not fentry: the kernel skipped it"},
		{"derived", "", ""},
		{"breakpoint", "", ""},
		{"fentry", "the kernel skipped it", ""},
	} {
		amount := trace.Amount{Provenance: trace.Unavailable, Reason: test.fentry}
		tr := &trace.Trace{Run: trace.Run{Engine: test.engine}}
		tr.Total.Receiver = &trace.Counters{Engines: map[string]*trace.EngineCounters{"fentry": {ToUser: amount, FromUser: amount, InKernel: amount, PageRefs: amount}}}
		if got := whyNotSeen(tr); got != test.want {
			t.Errorf("engine %s, fentry %q: %q, want %q", test.engine, test.fentry, got, test.want)
		}
	}
}

// Where --copies all finds one engine, there is nothing to compare, and it is said why.
func TestEnginesThatDoNotWorkHere(t *testing.T) {
	hooks := []trace.Hook{
		{Name: "tp_btf/sys_exit", Attached: true}, {Name: "tp_btf/io_uring_complete", Reason: "not needed for this run"},
		{Name: "fexit/filemap_read", Reason: "the kernel is \x1b[31mhardened"}, {Name: "breakpoint/_copy_to_iter", Reason: "no CONFIG_KPROBES"},
	}
	one := `
Engines: 1 of 3 works here, derived: nothing to compare
  not fentry: the kernel is [31mhardened
  not breakpoint: no CONFIG_KPROBES`
	two := `
Engines, bytes  to user  from user  in kernel  by reference
  sender
    fentry          n/a        n/a        n/a           n/a
    derived         n/a        n/a        n/a           n/a
  sender, to user: no engine knows
  sender, from user: no engine knows
  sender, in kernel: no engine knows
  sender, by reference: no engine knows
  not breakpoint: no CONFIG_KPROBES`
	for _, test := range []struct {
		command, engine string
		engines         []string
		want            string
	}{
		{"zctrace run sendfile --copies all --plain", "derived", nil, one},
		{"zctrace run sendfile --copies=all", "derived", nil, one},
		{"zctrace run sendfile --copies all", "fentry", []string{"fentry", "derived"}, two},
		{"zctrace run sendfile --copies auto --source all", "derived", nil, ""},
		{"zctrace run sendfile", "derived", nil, ""},
		{"zctrace run sendfile --copies all", "", nil, ""}, // nothing says what counted
	} {
		tr := &trace.Trace{Hooks: hooks}
		tr.Run.Command, tr.Run.Engine = strings.Fields(test.command), test.engine
		for _, name := range test.engines {
			if tr.Total.Sender.Engines == nil {
				tr.Total.Sender.Engines = map[string]*trace.EngineCounters{}
			}
			tr.Total.Sender.Engines[name] = &trace.EngineCounters{}
		}
		if got, want := strings.Join(newDocument(tr).enginesSection(tableWidth), "\n"), strings.TrimPrefix(test.want, "\n"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.command, got, want)
		}
	}
}
