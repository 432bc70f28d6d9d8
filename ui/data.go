package ui

import (
	"cmp"
	"sort"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
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
	trace *trace.Trace
	// now is the moment that is drawn, and back one before it, from which
	// rates are counted: about a second while the run goes on, its beginning
	// once it has ended.
	now, back trace.Sample
	phase     phase
	outcome   trace.Ended // how the run ended; the drawn moment may be an earlier one
	paused    bool
	problem   string // why the run failed
	notAgain  string // why another run did not begin
	other     bool   // the receiver's side is looked at, where there is no room for both
	replay    bool   // a saved run is looked at,
	moment    bool   // and a moment before its end
	playing   bool   // which moves on
	pair      *pair  // the trace is one of two that are compared
	rows      int    // lines that the panel may have; 0: as many as it wants
}

// rateWindow is long enough for steady digits and short enough to see a stall.
const rateWindow = 1e9

// newData looks at the latest state of a trace.
func newData(l *term.Look, t *trace.Trace, ph phase) data {
	d := data{Look: l, trace: t, phase: ph, outcome: t.Run.Ended, now: trace.Sample{ElapsedNS: t.Run.ElapsedNS, Totals: t.Total}}
	if n := len(t.Samples); n > 0 {
		d.now.ElapsedNS = max(d.now.ElapsedNS, t.Samples[n-1].ElapsedNS)
	}
	if ph != ended {
		d.back = d.before()
	}
	return d
}

// newDataAt looks at a sample of a saved trace.
func newDataAt(l *term.Look, t *trace.Trace, sample int) data {
	d := newData(l, t, ended)
	d.now, d.moment = t.Samples[sample], true
	d.back = d.before()
	return d
}

// before is the last sample that is old enough for a rate; samples are in order
// of time.
func (d data) before() trace.Sample {
	samples := d.trace.Samples
	i := sort.Search(len(samples), func(i int) bool { return samples[i].ElapsedNS > d.now.ElapsedNS-rateWindow })
	if i == 0 {
		return trace.Sample{}
	}
	return samples[i-1]
}

// window is the time between back and now in seconds.
func (d data) window() float64 { return float64(d.now.ElapsedNS-d.back.ElapsedNS) / 1e9 }

// payload is the user's bytes so far.
func (d data) payload() trace.Int {
	if n := d.now.Main().PayloadBytes; n.Known() {
		return n
	}
	return d.trace.Run.PayloadBytes
}

// party is a process of the run, or the kernel, now and then.
type party struct {
	name      string
	now, back *trace.Counters
}

// payload is what the party's passes are counted over.
func (p party) payload(d data) trace.Int {
	if p.now.PayloadBytes.Known() {
		return p.now.PayloadBytes
	}
	return d.payload()
}

// parties are the processes of the run: the sender and, where the sink has one, the
// receiver.
func (d data) parties() (list []party) {
	for name, now := range d.now.Processes() {
		list = append(list, party{name, now, cmp.Or(d.back.Party(name), &trace.Counters{})})
	}
	return list
}

// kernel is what was done on the run's behalf by none of its processes.
func (d data) kernel() party { return party{"kernel", &d.now.Kernel, &d.back.Kernel} }

// severalProcesses is whether there is another side to look at.
func severalProcesses(t *trace.Trace) bool {
	n := 0
	for range t.Total.Processes() {
		n++
	}
	return n > 1
}

// perSecond is a rate in at most width characters.
func perSecond(v float64, width int) string {
	if v < 0 { // a thinned sample cannot be later; a foreign trace may say so
		return human.NotCounted
	}
	if v >= 10 || v == 0 {
		return human.Count(int64(v+0.5), width)
	}
	return human.Short(v)
}

// crop cuts a panel to the rows that it may have.
func crop(rows []string, limit int) string {
	if limit > 0 && len(rows) > limit {
		rows = rows[:limit]
	}
	return strings.Join(rows, "\n")
}
