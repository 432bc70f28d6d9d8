package report

import (
	"fmt"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// legend explains the marks that the tables above it have, and why what is n/a there was not counted.
func (d programDocument) legend(width int) []string {
	run := reading.AsRun(d.Program)
	isShown := func(_ string, v trace.Value) bool { return d.shown[v.Path()] }
	used, counts := reading.Tally(&run.Total, isShown), reading.Tally(&run.Total, reading.OfPrograms)
	g := term.Grid{Align: "lw"}
	explain := func(mark string, reasons []reading.Reason) {
		for _, group := range reasons {
			g.Add(mark, d.Text(group.String()))
			mark = ""
		}
	}
	if used[trace.Derived] > 0 { // why each is not observed stands in the trace
		g.Add("d", "derived: certain from the system call, its files and its result")
	}
	if used[trace.Estimated] > 0 {
		g.Add("~", "estimated, not exact")
		explain("", reading.Reasons(run, trace.Estimated, isShown))
	}
	explain(human.NotCounted, reading.Reasons(run, trace.Unavailable, func(party string, v trace.Value) bool {
		return v.Number.OfPrograms() && (isShown(party, v) || v.Number.Kind() == trace.Class)
	}))
	lines := g.Lines(width)
	total := 0
	for _, n := range counts {
		total += n
	}
	tally := fmt.Sprintf("Of %d numbers %d were observed, %d derived, %d estimated, %d not counted.", total,
		counts[trace.Observed], counts[trace.Derived], counts[trace.Estimated], counts[trace.Unavailable])
	return append(lines, term.Wrap(tally, width)...)
}

// limitWords say what each limit made coarser.
var limitWords = map[string]string{
	"no_slot":           "threads were counted with their process, for want of room (--max-threads)",
	"raced_descriptors": "calls, at most, were on a number that another thread reopened meanwhile: their bytes may be on the wrong path",
	"objects_overflow":  "files and sockets were not told apart, for want of room",
	"flows_overflow":    "flows were not told apart, for want of room",
	"names_lost":        "files and sockets have no name",
	"stacks_lost":       "stacks were not kept, for want of room",
	"no_forwarding":     "processes were not looked at for what they forward",
	"errnos_overflow":   "errors have no errno, for want of room",
	"kinds_overflow":    "times there was no room for what the descriptors of calls were: what these moved is on the path of other things",
}

// trust says how far the numbers can be believed, where the point does not.
func (d programDocument) trust(width int) (lines []string) {
	lost, limits := reading.ProgramLosses(d.Program)
	switch {
	case len(d.Losses) == 0:
		lines = append(lines, "losses: not recorded")
	case len(lost) == 0:
		lines = append(lines, "losses: none")
	}
	for _, limit := range limits {
		what := limitWords[limit.Cause]
		lines = append(lines, term.Wrap(d.Text(fmt.Sprintf("%s: %s %s; the totals are exact", limit.Cause, human.Grouped(limit.Count), what)), width)...)
	}
	return lines
}
