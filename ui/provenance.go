package ui

import (
	"fmt"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// alerts are what makes a run unbelievable or other than it seems, worst first.
func (d data) alerts() []string {
	var list []string
	if d.notAgain != "" {
		list = append(list, "NOT RUN AGAIN: "+d.Text(d.notAgain))
	}
	if d.problem != "" {
		list = append(list, "FAILED: "+d.Text(d.problem))
	}
	if v := d.Trace.Run.Verified; v != nil && !*v {
		list = append(list, "NOT VERIFIED: the sink did not receive the bytes of the source")
	}
	if lost := reading.LossesText(d.Trace); lost != "" {
		list = append(list, d.Text("EVENTS LOST, do not believe these numbers: "+lost))
	}
	for _, row := range d.Verdict().Differing() {
		list = append(list, d.Text("NOT AS IN THE TEXTBOOK: "+row.String()))
	}
	return list
}

// statusPanel says whether the numbers may be believed, and which of them were
// observed, derived, estimated or not counted.
func statusPanel(d data, width int) string {
	var rows []string
	for _, alert := range d.alerts() {
		rows = append(rows, d.Alarm.Apply(d.Fit(" "+alert+" ", width)))
	}
	counts := reading.Tally(&d.Now.Totals, reading.Any)
	var l term.Line
	if len(reading.Losses(d.Trace)) == 0 {
		word := "no losses"
		if !reading.LossesKnown(d.Trace) {
			word = "losses not recorded"
		}
		l.Put(d.Plain, word).Put(d.Dim, " "+d.Dot+" ")
	}
	l.Put(d.Plain, fmt.Sprint(counts[trace.Observed])).Put(d.Dim, " observed "+d.Dot+" ")
	l.Put(d.Plain, fmt.Sprint(counts[trace.Derived])).Put(d.Dim, " derived ").Put(d.Plain, "d").Put(d.Dim, " "+d.Dot+" ")
	l.Put(d.Plain, fmt.Sprint(counts[trace.Estimated])).Put(d.Dim, " estimated ").Put(d.Plain, "~").Put(d.Dim, " "+d.Dot+" ")
	l.Put(d.Plain, fmt.Sprint(counts[trace.Unavailable])).Put(d.Dim, " not counted ").Put(d.Plain, human.NotCounted)
	rows = append(rows, d.Fit(l.String(), width))
	return crop(rows, d.rows)
}
