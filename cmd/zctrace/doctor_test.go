//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/trace"
)

// What is in the way, and what to do about it, is the beginning and the end of what doctor prints, in few
// lines; what could not be tried takes none.
func TestDoctorSaysWhatIsMissing(t *testing.T) {
	oncePerMachine(t)
	untried := make([]tracer.Check, 40)
	for i := range untried {
		untried[i] = tracer.Check{Name: "tp_btf/sys_exit", For: "syscalls", State: tracer.NotTried, Needed: i == 0}
	}
	rights := tracer.Check{Name: "CAP_BPF", For: "everything", State: tracer.Refused, Needed: true, Reason: "CAP_BPF is missing", Remedy: "run it with sudo"}
	works := tracer.Check{Name: "tp_btf/sys_exit", For: "syscalls", State: tracer.Works, Needed: true}
	refused := tracer.Check{Name: "fexit/pipe_read", For: "copies", State: tracer.Refused, Optional: true, Reason: "it is hardened", Remedy: "take another"}
	for _, c := range []struct {
		name   string
		report tracer.Report
		point  string
		most   int // lines in all
	}{
		{"without rights", tracer.Report{System: []tracer.Check{rights}, Hooks: untried, Engines: untried[:3]},
			"zctrace does not work here.\n  CAP_BPF: CAP_BPF is missing\n    remedy: run it with sudo\n", 20},
		{"a hook that is needed is refused", tracer.Report{System: []tracer.Check{works}, Hooks: []tracer.Check{works, rights}},
			"zctrace does not work here.\n  CAP_BPF: CAP_BPF is missing\n    remedy: run it with sudo\n", 20},
		{"one that is not", tracer.Report{System: []tracer.Check{works}, Hooks: []tracer.Check{works, refused}}, "zctrace works here.\n", 20},
	} {
		var b strings.Builder
		if err := printReport(&b, trace.Host{CPUs: 2}, &c.report, false); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if !strings.HasPrefix(text, c.point+"\nLinux ") || !strings.HasSuffix(text, "\n\n"+c.point) || strings.Count(text, "\n") > c.most {
			t.Errorf("%s: not first and last, or more than %d lines:\n%sin\n%s", c.name, c.most, c.point, text)
		}
		if c.report.OK() != strings.HasPrefix(text, "zctrace works") {
			t.Errorf("%s: OK is %v, and it says\n%s", c.name, c.report.OK(), text)
		}
	}
}
