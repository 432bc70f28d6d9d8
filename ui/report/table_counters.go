package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// elsewhere are the numbers that other sections of the table show.
var elsewhere = []trace.Number{trace.PayloadBytes, trace.Calls}

// always are the numbers whose 0 is an answer; the others are shown if they
// are something else.
var always = []trace.Number{
	trace.ModeSwitches, trace.VoluntarySwitches, trace.InvoluntarySwitches, trace.MinorFaults, trace.MajorFaults, trace.DiskReadBytes, trace.DiskWriteBytes, trace.RuntimeNS,
}

// countersSection shows the plain counters.
func (d document) countersSection(width int) []string {
	parties := d.Processes()
	g := term.Grid{Align: "l" + strings.Repeat("rm", len(parties))}
	head := []string{"Counters"}
	for _, p := range parties {
		head = append(head, p.Name, "")
	}
	g.Add(head...)
	for _, m := range trace.OfKind(trace.Plain) {
		if slices.Contains(elsewhere, m) {
			continue
		}
		if !slices.ContainsFunc(parties, func(p reading.Party) bool {
			n := p.Now.Int(m)
			return n.Or(0) != 0 || n.Known() && slices.Contains(always, m)
		}) {
			continue
		}
		row := []string{label(m)}
		for _, p := range parties {
			n := p.Now.Value(m)
			d.show(p.Name, n)
			row = append(row, reading.Text(n.Int, func(v int64) string { return exact(m, v) }), reading.Mark(n.Origin.Provenance))
		}
		g.Add(row...)
	}
	return g.UnlessEmpty(width)
}

// label is a measure's in the final table, exact its number there.
func label(m trace.Number) string {
	if m.Unit() == trace.Bytes {
		return "  " + m.Name() + ", bytes"
	}
	return "  " + m.Name()
}

func exact(m trace.Number, v int64) string {
	if m.Unit() == trace.Nanoseconds {
		return human.Seconds(v)
	}
	return human.Grouped(v)
}

// kernelSection shows what softirq, kworkers and io-wq did on the run's behalf
// and neither party could be charged with, if there was any.
func (d document) kernelSection(width int) []string {
	g := term.Grid{Align: "lrrm"}
	g.Add("By the kernel on its own", "", "passes", "")
	name := d.Kernel().Name
	for _, k := range trace.OfKind(trace.Class) {
		if n := d.Now.Kernel.Value(k); n.Int.Or(0) != 0 {
			d.show(name, n)
			share, _ := n.Per(d.Payload())
			g.Add("  "+className(k)+", bytes", reading.Text(n.Int, human.Grouped), human.Passes(share), reading.Mark(n.Origin.Provenance))
		}
	}
	for _, m := range trace.OfKind(trace.Plain) {
		if n := d.Now.Kernel.Value(m); n.Int.Or(0) != 0 {
			d.show(name, n)
			g.Add(label(m), reading.Text(n.Int, func(v int64) string { return exact(m, v) }), "", reading.Mark(n.Origin.Provenance))
		}
	}
	return g.UnlessEmpty(width)
}

// trustSection says how far the numbers can be believed, where [document.alerts] do not.
func (d document) trustSection(width int) []string {
	r := d.Trace.Run
	var lines []string
	switch {
	case !reading.LossesKnown(d.Trace):
		lines = append(lines, "losses: not recorded")
	case len(reading.Losses(d.Trace)) == 0:
		lines = append(lines, "losses: none")
	}
	switch {
	case r.Verified == nil && !slices.ContainsFunc(r.Command, asksToVerify):
		lines = append(lines, "verified: not asked for")
	case r.Verified == nil && r.Ended == trace.Interrupted:
		lines = append(lines, "verified: no, the run was interrupted")
	case r.Verified == nil:
		lines = append(lines, "verified: no, the run failed before")
	case *r.Verified:
		lines = append(lines, "verified: yes, the sink received the bytes of the source")
	}
	if untraced, ok := r.UntracedElapsedNS.Get(); ok && untraced > 0 && r.ElapsedNS > 0 {
		cost := fmt.Sprintf("tracing cost: %+.1f %% (%s traced, %s untraced; one pair, so noise included)",
			(float64(r.ElapsedNS)/float64(untraced)-1)*100, human.Seconds(r.ElapsedNS), human.Seconds(untraced))
		lines = append(lines, term.Wrap(cost, width)...)
	}
	return lines
}

// asksToVerify is whether an argument is --verify.
func asksToVerify(arg string) bool {
	name, value, given := strings.Cut(arg, "=")
	asked, _ := strconv.ParseBool(value)
	return name == "--verify" && (asked || !given)
}

// legendSection explains the signs and marks that the tables above it have, and why what is n/a there
// was not counted.
func (d document) legendSection(width int) []string {
	g := term.Grid{Align: "lw"}
	explain := func(mark, what string, reasons []reading.Reason) {
		if what != "" {
			g.Add(mark, what)
			mark = ""
		}
		for _, group := range reasons {
			g.Add(mark, d.Text(group.String()))
			mark = ""
		}
	}
	for _, sign := range []struct {
		sign      string
		agreement reading.Agreement
		meaning   string
	}{
		{d.Explained, reading.Explained, "differs from the textbook for a known reason"},
		{d.Differs, reading.Differs, "differs from the textbook"},
	} {
		if slices.ContainsFunc(d.Verdict().Rows, func(r reading.Row) bool { return r.Agreement == sign.agreement }) {
			explain(sign.sign, sign.meaning, nil)
		}
	}
	isShown := func(party string, v trace.Value) bool { return d.shown[figure{party, v.Path()}] }
	used := reading.Tally(&d.Now.Totals, isShown)
	if used[trace.Derived] > 0 { // why each is not observed stands in the trace
		explain("d", "derived: certain from the system call, its files and its result", nil)
	}
	if used[trace.Estimated] > 0 {
		explain("~", "estimated, not exact", reading.Reasons(d.Trace, trace.Estimated, isShown))
	}
	explain(human.NotCounted, "", reading.Reasons(d.Trace, trace.Unavailable, isShown))
	counts := reading.Tally(&d.Now.Totals, reading.Any)
	total := 0
	for _, n := range counts {
		total += n
	}
	lines := g.Lines(width)
	if counts[trace.Observed] < total {
		tally := fmt.Sprintf("Of %d numbers %d were observed, %d derived, %d estimated, %d not counted", total,
			counts[trace.Observed], counts[trace.Derived], counts[trace.Estimated], counts[trace.Unavailable])
		if counts[trace.Unavailable] > used[trace.Unavailable] {
			tally += "; the trace (--json) names these, and why"
		}
		lines = append(lines, term.Wrap(tally+".", width)...)
	}
	return lines
}
