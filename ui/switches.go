package ui

import (
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// switchesPanel shows how often the program entered the kernel, how often it
// was switched out, and its page faults.
func switchesPanel(d data, width int) string {
	faults := figure{"page faults min/maj", []measure{minorFaults, majorFaults}}
	rows := []figure{
		{"mode switches", []measure{modeSwitches}},
		{"context voluntary", []measure{voluntary}},
		{"context involuntary", []measure{involuntary}},
		faults,
	}
	if d.rows > len(rows)+2 {
		rows = append(rows[:3],
			figure{"page faults minor", []measure{minorFaults}},
			figure{"page faults major", []measure{majorFaults}},
			figure{"  from user mode", []measure{userFaults}})
	}
	return figures(d, "SWITCHES & FAULTS", rows, width)
}

// cpuPerKiB is CPU time over a party's payload, in whole nanoseconds.
var cpuPerKiB = measure{cpuTime.path, "CPU per KiB", span, func(c *trace.Counters) trace.Int {
	ns, timed := cpuTime.of(c).Get()
	payload, moved := c.PayloadBytes.Get()
	if !timed || !moved || payload <= 0 {
		return trace.Int{}
	}
	return trace.Known(int64(float64(ns) / float64(payload) * 1024))
}}

// resourcesPanel shows what the CPU, the disk, the page cache and the NIC had to
// do.
func resourcesPanel(d data, width int) string {
	perKiB := figure{cpuPerKiB.name, []measure{cpuPerKiB}}
	read, written := figure{"disk read", []measure{diskRead}}, figure{"disk write", []measure{diskWritten}}
	hit := figure{"cache hit", []measure{cacheHit}}
	var nic []figure
	if d.trace.Run.Sink.Device.Kind == "nic" {
		nic = []figure{{"NIC sent", []measure{nicSent}}, {"NIC received", []measure{nicReceived}}}
	}
	rows := slices.Concat([]figure{perKiB}, nic, []figure{read, written, hit})
	if d.rows > len(rows)+2 {
		rows = slices.Concat([]figure{
			{"CPU time", []measure{cpuTime}},
			{"  in the kernel", []measure{systemTime}},
			perKiB,
		}, nic, []figure{read, written, hit, {"cache missed", []measure{cacheMiss}}})
	}
	return figures(d, "RESOURCES", rows, width)
}

// figure is a row: a label and one number, or two that belong together.
type figure struct {
	label string
	of    []measure
}

// figures draws rows with a column for each party.
func figures(d data, title string, list []figure, width int) string {
	parties := d.parties()
	label := 0
	for _, f := range list {
		label = max(label, term.Width(f.label))
	}
	each := min(16, (width-label)/len(parties))
	var heads []term.Column
	for i, p := range parties {
		heads = append(heads, term.Column{Name: p.name, End: label + (i+1)*each - 2})
	}
	rows := []string{d.Heading(title, width, heads...)}
	for _, f := range list {
		var l term.Line
		l.Left(d.Plain, f.label, label)
		for _, p := range parties {
			text, mark, ink := d.figureText(f, p.now, each-3)
			l.Right(ink, text, each-2).Put(d.Dim, " "+mark)
		}
		rows = append(rows, l.String())
	}
	return crop(rows, d.rows)
}

// figureText is a row's text for one party: exact if that fits.
func (d data) figureText(f figure, c *trace.Counters, width int) (text, mark string, ink term.Paint) {
	mark, ink = " ", d.Dim
	known := false
	var exact, short []string
	for _, m := range f.of {
		n := m.in(c)
		exact = append(exact, n.text(func(v int64) string { return d.measureText(m.unit, v, width) }))
		short = append(short, n.text(func(v int64) string { return d.measureText(m.unit, v, 0) }))
		known = known || n.value.Known()
		if n.mark() != " " {
			mark = n.mark()
		}
		if n.nonzero() {
			ink = d.Strong
		}
	}
	if !known {
		return human.NotCounted, " ", ink // once is enough
	}
	if text = strings.Join(exact, "/"); term.Width(text) > width {
		text = strings.Join(short, "/")
	}
	return text, mark, ink
}

// measureText is a number in its unit; counts in at most width characters.
func (d data) measureText(u unit, v int64, width int) string {
	switch u {
	case size:
		return human.FormatBytes(v)
	case span:
		return human.Latency(float64(v), d.Micro)
	}
	return human.Count(v, width)
}
