package ui

import (
	"fmt"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
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
	case d.replay && d.outcome == "": // saved before its end
		return "running"
	}
	return "done"
}

// headerPanel is one line of what runs and one of under which conditions.
func headerPanel(d data, width int) string {
	r := d.trace.Run
	sign, p := d.signRunning, d.strong
	switch d.phaseText() {
	case "done":
		sign = d.signEnded
	case "interrupted":
		sign, p = d.signEnded, d.warning
	case "failed":
		sign, p = d.signFailed, d.alarm
	}
	state := sign + " " + d.phaseText() + " " + d.clock(d.now.ElapsedNS)
	if d.moment {
		sign = "at"
		if d.playing {
			sign = d.head
		}
		state = sign + " " + d.clock(d.now.ElapsedNS) + " of " + d.clock(d.end())
	}
	if d.paused {
		p = d.warning
		state = d.signPaused + " paused at " + clock(d.now.ElapsedNS)
		switch d.phase {
		case running:
			state += ", run goes on"
		case ended:
			state += ", run " + d.phaseText()
		}
	}

	var l line
	l.put(d.title, "zctrace").put(d.plain, "  ")
	name := d.fit(d.text(r.Strategy), max(width-l.end-cells(state)-2, 0))
	l.put(d.key, name).put(d.plain, "  ")
	if room := width - l.end - cells(state) - 2; room >= 12 {
		l.put(d.plain, d.sourceToSink(r, room))
	}
	l.to(width-cells(state)).put(p, state)
	rows := []string{l.String()}

	return crop(append(rows, d.listed(d.conditions(), width)), d.rows)
}

// listed are as many of the words as there is room for, in one line.
func (l *look) listed(words []string, width int) string {
	var text line
	for _, word := range words {
		sep := " " + l.dot + " "
		if text.end == 0 {
			sep = ""
		}
		if text.end+cells(sep)+cells(word) > width {
			break
		}
		text.put(l.dim, sep+word)
	}
	return text.String()
}

// clock is a time of the run: of a short one in milliseconds and less.
func (d data) clock(ns int64) string {
	if end := d.end(); d.phase == ended && end > 0 && end < 1e9 {
		return latency(float64(max(ns, 0)), d.micro)
	}
	return clock(ns)
}

// conditions are what a number would be compared under, the most telling first.
func (d data) conditions() []string {
	r, h := d.trace.Run, d.trace.Host
	list := []string{human.FormatBytes(r.ChunkBytes) + " chunks"}
	if d.pair != nil {
		name := fitEnd(d.text(d.pair.names[d.pair.shown]), 24, d.ellipsis)
		list = append([]string{fmt.Sprintf("%s, %d of 2", name, d.pair.shown+1)}, list...)
	}
	add := func(before, s, after string) {
		if s = d.text(s); s != "" {
			list = append(list, before+s+after)
		}
	}
	if r.Receiver != "read" {
		add("receiver ", r.Receiver, "")
	}
	add("", r.Engine, " engine")
	add("Linux ", h.Kernel, "")
	add("", r.Cache, " cache")
	if r.Receiver == "read" {
		add("receiver ", r.Receiver, "s")
	}
	add("", r.Source.Filesystem, "")
	add("", h.Arch, "")
	add("", h.Virtualization, "")
	return list
}
