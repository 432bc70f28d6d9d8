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

// lossWords say what is not known for each cause, and what would help.
var lossWords = map[string]string{
	"late_tasks":         "threads began while too many others lived: nothing is known of them",
	"no_process":         "processes found no room, and are counted together as others: --max-processes makes more",
	"no_cell":            "calls found no room, and what they moved is not known",
	"compat_calls":       "calls were made by the numbers of 32-bit programs, or of x32: what they moved is not known",
	"uncounted_calls":    "calls have results that could not be read: what they moved is not known",
	"recursion_misses":   "events of its hooks were skipped by the kernel",
	"breakpoint_misses":  "copies were seen by breakpoints of which no program was run",
	"unsteady_processes": "processes did not hold still at the end: what was counted of them is of a moment before",
	"unwatched_cpus":     "CPUs have no breakpoints, for they came online meanwhile",
	"rchar":              "bytes differ between what calls have read and what the kernel has accounted",
	"wchar":              "bytes differ between what calls have written and what the kernel has accounted",
	"context_switches":   "switches differ between those that were seen and those that the kernel has counted",
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
	say := func(l reading.Loss, what string) {
		lines = append(lines, term.Wrap(d.Text(fmt.Sprintf("%s: %s %s", l.Cause, human.Grouped(l.Count), what)), width)...)
	}
	for _, l := range lost {
		if what := lossWords[l.Cause]; what != "" { // else a later version's
			say(l, what)
		}
	}
	for _, l := range limits {
		say(l, limitWords[l.Cause]+"; the totals are exact")
	}
	return lines
}
