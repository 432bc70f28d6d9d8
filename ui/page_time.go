package ui

import (
	"cmp"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// series is the sum of numbers that is followed over the time of the run.
type series struct {
	title   string
	ink     term.Paint
	party   string
	numbers []trace.Number
	text    func(perSecond float64) string
}

// at is the series at a moment, cumulative. A party that is not there yet is taken
// for the main one.
func (s series) at(moment *trace.Sample) trace.Int {
	c, sum := cmp.Or(moment.Party(s.party), moment.Main()), trace.Known(0)
	for _, n := range s.numbers {
		sum = sum.Add(c.Int(n))
	}
	return sum
}

// axisWidth is the room left of a chart for its scale.
const axisWidth = 12

// seriesOf are what is followed of the party that is looked at.
func seriesOf(d data) (throughput, copied, switches series) {
	name := d.looked().Name
	follow := func(title string, ink term.Paint, text func(float64) string, numbers ...trace.Number) series {
		return series{title, ink, name, numbers, text}
	}
	return follow("THROUGHPUT", d.Area, human.Rate, trace.PayloadBytes),
		follow("COPIED BY THE CPU", d.Copied, human.Rate, trace.ToUser, trace.FromUser, trace.InKernel, trace.UserSpace),
		follow("CONTEXT SWITCHES", d.Key, func(v float64) string { return human.PerSecond(v, 9) + "/s" }, trace.VoluntarySwitches, trace.InvoluntarySwitches)
}

// timePage draws throughput, copies and context switches over the time of the
// run, one above the other.
func timePage(d data, width, rows int) page {
	throughput, copied, switches := seriesOf(d)
	list := []series{throughput, copied, switches}
	pg := page{title: "OVER TIME, " + strings.ToUpper(d.looked().Name)}
	// A heading for each, and two lines for the axis of time.
	high := max(1, (rows-len(list)-2)/len(list))
	for _, s := range list {
		pg.lines = append(pg.lines, d.Plain.Apply(s.title)+d.Dim.Apply("  "+d.lately(s)))
		pg.lines = append(pg.lines, d.overTime(s, width, high)...)
	}
	pg.lines = append(pg.lines, d.timeAxis(width-axisWidth, d.timeScale())...)
	return pg
}

// copiedPanel and contextPanel draw a series of the time page by itself.
func copiedPanel(d data, width int) string {
	_, copied, _ := seriesOf(d)
	return d.seriesPanel(copied, width)
}

func contextPanel(d data, width int) string {
	_, _, switches := seriesOf(d)
	return d.seriesPanel(switches, width)
}

// lowestSeries is how many rows a chart of its own takes at the least.
const lowestSeries = 7

func (d data) seriesPanel(s series, width int) string {
	height := min(max(d.rows, lowestSeries), 2*lowestSeries)
	rows := []string{d.Heading(s.title, width, term.Column{Name: d.looked().Name + ", " + d.lately(s), End: width - 2})}
	rows = append(rows, d.overTime(s, width, height-3)...)
	return crop(append(rows, d.timeAxis(width-axisWidth, d.timeScale())...), d.rows)
}

// overTime draws a series in so many lines, with its scale on the left.
func (d data) overTime(s series, width, high int) []string {
	columns, scale := width-axisWidth, d.timeScale()
	position := func(sample *trace.Sample) float64 { return float64(sample.ElapsedNS) / scale * float64(columns) }
	values, known := rates(d.Trace.Samples, columns, position, s.at)
	if !known {
		return []string{d.Dim.Apply(strings.Repeat(" ", axisWidth) + human.NotCounted)}
	}
	var lines []string
	for i, row := range d.Chart(values, high) {
		scale := ""
		switch i {
		case 0:
			scale = s.text(max(0, slices.Max(values)))
		case high - 1:
			scale = "0"
		}
		var l term.Line
		l.Right(d.Dim, scale, axisWidth-1).Put(d.Dim, d.Edge).Put(s.ink, row)
		lines = append(lines, l.String())
	}
	return lines
}

// lately is a series' number now.
func (d data) lately(s series) string {
	n, known := s.at(&d.Now).Get()
	seconds := d.Seconds()
	if !known || seconds <= 0 {
		return ""
	}
	word := "now "
	if d.phase == ended && !d.moment {
		word = "mean "
	}
	return word + s.text(max(0, float64(n-s.at(&d.Back).Or(0))/seconds))
}

// timeScale is the time at the right end: the limit of the run, or the next
// round number, so that the charts stand still for a while.
func (d data) timeScale() float64 {
	elapsed := float64(max(d.end(), 1))
	if limit, ok := d.Trace.Run.LimitDurationNS.Get(); ok && float64(limit) >= elapsed && d.phase != ended {
		return float64(limit)
	}
	if d.phase == ended {
		return elapsed
	}
	for scale := 1e9; ; scale *= 10 {
		for _, step := range []float64{1, 2, 5} {
			if elapsed <= scale*step {
				return scale * step
			}
		}
	}
}

// end is the moment of the latest sample.
func (d data) end() int64 {
	end := d.Now.ElapsedNS
	if n := len(d.Trace.Samples); n > 0 {
		end = max(end, d.Trace.Samples[n-1].ElapsedNS)
	}
	return end
}

// timeAxis names some moments, and marks the one that is shown of a saved run.
func (d data) timeAxis(columns int, scale float64) []string {
	var l term.Line
	l.PadTo(axisWidth)
	if d.replay {
		at := min(int(float64(d.Now.ElapsedNS)/scale*float64(columns)), columns-1)
		l.Put(d.Dim, strings.Repeat(d.Rule, max(at, 0))).Put(d.Key, d.Here)
	}
	l.Put(d.Dim, strings.Repeat(d.Rule, max(0, axisWidth+columns-l.End)))
	var text term.Line
	text.PadTo(axisWidth)
	const ticks = 4
	for i := range ticks + 1 {
		label := d.clock(int64(scale * float64(i) / ticks))
		at := axisWidth + columns*i/ticks
		if i > 0 {
			at -= term.Width(label)
		}
		if at >= text.End {
			text.PadTo(at).Put(d.Dim, label)
		}
	}
	return []string{l.String(), text.String()}
}
