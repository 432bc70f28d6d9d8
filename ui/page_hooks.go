package ui

import (
	"maps"
	"slices"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// hooksPage shows where the numbers come from: every hook, attached or why not,
// the reason for every number that was not observed, and what got lost.
func hooksPage(d data, width int) page {
	attached := 0
	for _, h := range d.Trace.Hooks {
		if h.Attached {
			attached++
		}
	}
	pg := page{title: "HOOKS, " + human.Grouped(int64(attached)) + " of " + human.Grouped(int64(len(d.Trace.Hooks))) + " attached"}
	pg.lines = append(pg.lines, d.hookLines(width)...)
	for _, part := range []struct {
		title string
		from  trace.Provenance
	}{
		{"NOT COUNTED  n/a", trace.Unavailable},
		{"ESTIMATED  ~", trace.Estimated},
		{"DERIVED  d", trace.Derived},
	} {
		groups := reading.Reasons(d.Trace, part.from, reading.Any)
		if len(groups) == 0 {
			continue
		}
		pg.lines = append(pg.lines, "", d.Heading(part.title, width))
		for _, g := range groups {
			pg.lines = append(pg.lines, d.reasonLines(g, width)...)
		}
	}
	return page{pg.title, nil, append(append(pg.lines, ""), d.lossLines(width)...)}
}

// hookLines list the hooks; a reason that several in a row have stands once,
// above them.
func (d data) hookLines(width int) []string {
	if len(d.Trace.Hooks) == 0 {
		return []string{d.Dim.Apply("the trace names none")}
	}
	name := 0
	for _, h := range d.Trace.Hooks {
		name = max(name, term.Width(d.Text(h.Name)))
	}
	name = min(name, width/2)
	var lines []string
	reason := ""
	for _, h := range d.Trace.Hooks {
		sign, ink := d.SignRunning, d.Strong
		switch {
		case h.Attached:
			reason = ""
		case h.Reason != reason:
			reason = h.Reason
			lines = append(lines, "")
			for _, s := range term.Wrap("not attached: "+d.Text(reason), width) {
				lines = append(lines, d.Dim.Apply(s))
			}
		}
		if !h.Attached {
			sign, ink = "-", d.Dim
		}
		var l term.Line
		l.Left(ink, sign, 2).Left(ink, d.Fit(d.Text(h.Name), name), name+2)
		counter := d.Text(h.Counter)
		if n := h.Misses.Or(0); n > 0 {
			counter = "skipped " + human.Plural(n, "time") + ": " + counter
		}
		l.Put(d.Plain, d.Fit(counter, width-l.End))
		lines = append(lines, l.String())
	}
	return lines
}

func (d data) reasonLines(g reading.Reason, width int) []string {
	lines := term.Wrap(d.Text(g.String()), width-2)
	for i := 1; i < len(lines); i++ {
		lines[i] = "  " + lines[i]
	}
	return lines
}

// lossLines are the checks that the run makes on itself.
func (d data) lossLines(width int) []string {
	lines := []string{d.Heading("LOSSES", width)}
	if !reading.LossesKnown(d.Trace) {
		return append(lines, d.Dim.Apply("not recorded"))
	}
	for _, cause := range slices.Sorted(maps.Keys(d.Trace.Losses)) {
		n := d.Trace.Losses[cause]
		ink := d.Dim
		if n != 0 {
			ink = d.Warning
		}
		var l term.Line
		l.Right(ink, human.Grouped(n), 12).Put(ink, "  "+d.Fit(d.Text(cause), width-14))
		lines = append(lines, l.String())
	}
	return lines
}
