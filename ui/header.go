package ui

import (
	"fmt"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/report"
	"github.com/zctrace/zctrace/ui/term"
)

// phaseText says in a word how the run stands.
func (d data) phaseText() string {
	switch {
	case d.phase == running:
		return "running"
	case d.phase == stopping:
		return "stopping"
	case d.problem != "" || d.outcome == trace.Failed:
		return "failed"
	case d.outcome == trace.Interrupted:
		return "interrupted"
	case d.replay && d.outcome == "":
		return report.NoEnd
	}
	return "done"
}

// headerPanel is one line of what runs and one of under which conditions.
func headerPanel(d data, width int) string {
	r := d.Trace.Run
	sign, p := d.SignRunning, d.Strong
	switch d.phaseText() {
	case "done":
		sign = d.SignEnded
	case "interrupted", report.NoEnd:
		sign, p = d.SignEnded, d.Warning
	case "failed":
		sign, p = d.SignFailed, d.Alarm
	}
	state := sign + " " + d.phaseText() + " " + d.clock(d.Now.ElapsedNS)
	if d.moment {
		sign = "at"
		if d.playing {
			sign = d.Head
		}
		state = sign + " " + d.clock(d.Now.ElapsedNS) + " of " + d.clock(d.end())
	}
	if d.paused {
		p = d.Warning
		state = d.SignPaused + " paused at " + human.Clock(d.Now.ElapsedNS)
		switch d.phase {
		case running:
			state += ", run goes on"
		case ended:
			state += ", run " + d.phaseText()
		}
	}

	var l term.Line
	l.Put(d.Title, "zctrace").Put(d.Plain, "  ")
	name := d.Fit(d.Text(r.Strategy), max(width-l.End-term.Width(state)-2, 0))
	l.Put(d.Key, name).Put(d.Plain, "  ")
	if room := width - l.End - term.Width(state) - 2; room >= 12 {
		l.Put(d.Plain, report.SourceToSink(d.Look, r, room))
	}
	l.PadTo(width-term.Width(state)).Put(p, state)
	rows := []string{l.String()}

	return crop(append(rows, d.Listed(d.conditions(), width)), d.rows)
}

// clock is a time of the run: of a short one in milliseconds and less.
func (d data) clock(ns int64) string {
	if end := d.end(); d.phase == ended && end > 0 && end < 1e9 {
		return human.Latency(float64(max(ns, 0)), d.Micro)
	}
	return human.Clock(ns)
}

// conditions are what a number would be compared under, the most telling first.
func (d data) conditions() []string {
	r, h := d.Trace.Run, d.Trace.Host
	list := []string{human.FormatBytes(r.ChunkBytes) + " chunks"}
	if d.pair != nil {
		name := term.FitEnd(d.Text(d.pair.names[d.pair.shown]), 24, d.Ellipsis)
		list = append([]string{fmt.Sprintf("%s, %d of 2", name, d.pair.shown+1)}, list...)
	}
	add := func(before, s, after string) {
		if s = d.Text(s); s != "" {
			list = append(list, before+s+after)
		}
	}
	add("", reading.LimitText(r.LimitRate), "")
	if r.Receiver != "read" {
		add("receiver ", r.Receiver, "")
	}
	add("", r.Engine, " engine")
	add("Linux ", h.Kernel, "")
	add("", r.Cache, " cache")
	if r.Receiver == "read" {
		add("receiver ", r.Receiver, "s")
	}
	add("", reading.Filesystems(r.Source.Filesystem, r.Source.Below), "")
	add("", h.Arch, "")
	add("", h.Virtualization, "")
	return list
}
