package ui

import (
	"fmt"
	"sort"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// progressTextWidth is the room beside the bar for its figures.
const progressTextWidth = 30

// progressPanel is a bar of how far the run is and, on the same scale below it,
// how the throughput was on the way.
func progressPanel(d data, width int) string {
	payload := d.Payload().Or(0)
	p := reading.ProgressOf(&d.Trace.Run, d.Now.ElapsedNS, payload)
	switch {
	case d.moment:
		p = reading.Progress{Fraction: float64(d.Now.ElapsedNS) / float64(max(d.end(), 1))}
	case d.phase == ended && (d.outcome == trace.Done || !p.Limited):
		p = reading.Progress{Fraction: 1} // a run may be done a little before its limit
	}
	barWidth := width - progressTextWidth - 2
	sofar := human.FormatBytes(payload)

	var text string
	switch {
	case d.phase == ended:
		text = human.Grouped(payload) + " bytes"
	case !p.Limited:
		text = sofar + ", no limit"
	default:
		text = fmt.Sprintf("%5s   %s   ETA %s", human.Percent(p.Fraction), sofar, human.Clock(p.LeftNS))
	}
	p.Fraction = min(max(p.Fraction, 0), 1)
	done := int(p.Fraction*float64(barWidth) + 0.5)
	var l term.Line
	l.Put(d.Key, strings.Repeat(d.BarDone, done)).Put(d.Dim, strings.Repeat(d.BarLeft, barWidth-done))
	l.Right(d.Plain, d.Fit(text, progressTextWidth), width-l.End)
	rows := []string{l.String()}

	height := min(max(d.rows-1, 1), highestChart)
	for i, c := range d.Chart(d.throughput(p, barWidth), height) {
		var l term.Line
		l.Put(d.Area, c)
		if i == 0 {
			l.Right(d.Plain, d.Fit(d.throughputText(), progressTextWidth), width-l.End)
		}
		rows = append(rows, l.String())
	}
	return crop(rows, d.rows)
}

// highestChart is as much as the throughput deserves among other panels.
const highestChart = 4

// throughputText is the throughput now and in the mean.
func (d data) throughputText() string {
	mean := human.NotCounted
	if payload, ok := d.Payload().Get(); ok && d.Now.ElapsedNS > 0 {
		mean = human.Rate(float64(payload) * 1e9 / float64(d.Now.ElapsedNS))
	}
	if d.phase == ended && !d.moment {
		return "mean " + mean
	}
	now := human.NotCounted
	if n, ok := d.Payload().Get(); ok && d.Seconds() > 0 {
		now = human.Rate(float64(n-d.Back.Main().PayloadBytes.Or(0)) / d.Seconds())
	}
	return now + "   mean " + mean
}

// throughput is bytes per second in each column of the chart; -1 where the run
// has not been yet. A limited run's columns are shares of its limit, so that
// the chart stands still under the bar; those of one without a limit are the
// latest samples, and once it has ended all of it.
func (d data) throughput(p reading.Progress, columns int) []float64 {
	if columns <= 0 {
		return nil
	}
	at := func(s *trace.Sample) float64 { return float64(s.ElapsedNS) }
	scale := float64(d.Now.ElapsedNS)
	if d.moment {
		scale = float64(d.end())
	}
	from := 0.0
	switch {
	case p.Limited && p.ByBytes:
		at = func(s *trace.Sample) float64 { return float64(s.Main().PayloadBytes.Or(0)) }
		scale = float64(d.Trace.Run.LimitBytes.Or(1))
	case p.Limited:
		scale = float64(d.Trace.Run.LimitDurationNS.Or(1))
	case d.phase != ended:
		scale = float64(columns) * float64(max(d.Trace.Run.IntervalNS, 1e6))
		from = max(0, float64(d.Now.ElapsedNS)-scale)
	}
	position := func(s *trace.Sample) float64 { return (at(s) - from) / scale * float64(columns) }
	samples := d.Trace.Samples
	samples = samples[:sort.Search(len(samples), func(i int) bool { return samples[i].ElapsedNS > d.Now.ElapsedNS })]
	values, _ := rates(samples, columns, position, func(s *trace.Sample) trace.Int { return trace.Known(s.Main().PayloadBytes.Or(0)) })
	return values
}
