package ui

import (
	"strings"

	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// phase is what the run is doing, as far as the dashboard knows.
type phase int

const (
	running phase = iota
	stopping
	ended
)

// data is all that a panel may draw from. Panels are pure: the same data and
// width give the same string.
type data struct {
	*term.Look
	reading.Moment // that is drawn
	phase          phase
	outcome        trace.Ended // how the run ended; the drawn moment may be an earlier one
	paused         bool
	problem        string // why the run failed
	notAgain       string // why another run did not begin
	other          bool   // the receiver's side is looked at, where there is no room for both
	replay         bool   // a saved run is looked at,
	moment         bool   // and a moment before its end
	playing        bool   // which moves on
	pair           *pair  // the trace is one of two that are compared
	rows           int    // lines that the panel may have; 0: as many as it wants
}

// newData looks at the latest state of a trace.
func newData(l *term.Look, t *trace.Trace, ph phase) data {
	d := data{Look: l, Moment: reading.End(t), phase: ph, outcome: t.Run.Ended}
	if ph != ended {
		d.Moment = reading.Latest(t)
	}
	return d
}

// newDataAt looks at a sample of a saved trace.
func newDataAt(l *term.Look, t *trace.Trace, sample int) data {
	d := newData(l, t, ended)
	d.Moment, d.moment = reading.At(t, sample), true
	return d
}

// severalProcesses is whether there is another side to look at.
func severalProcesses(t *trace.Trace) bool {
	n := 0
	for range t.Total.Processes() {
		n++
	}
	return n > 1
}

// crop cuts a panel to the rows that it may have.
func crop(rows []string, limit int) string {
	if limit > 0 && len(rows) > limit {
		rows = rows[:limit]
	}
	return strings.Join(rows, "\n")
}
