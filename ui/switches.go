package ui

import (
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// switchesPanel shows how often the program entered the kernel, how often it
// was switched out, and its page faults.
func switchesPanel(d data, width int) string {
	faults := numbered("page faults min/maj", trace.MinorFaults, trace.MajorFaults)
	rows := []figure{
		numbered("mode switches", trace.ModeSwitches),
		numbered("context voluntary", trace.VoluntarySwitches),
		numbered("context involuntary", trace.InvoluntarySwitches),
		faults,
	}
	if d.rows > len(rows)+2 {
		rows = append(rows[:3],
			numbered("page faults minor", trace.MinorFaults),
			numbered("page faults major", trace.MajorFaults),
			numbered("  from user mode", trace.UserFaults))
	}
	return figures(d, "SWITCHES & FAULTS", rows, width)
}

// resourcesPanel shows what the CPU, the disk, the page cache and the NIC had to
// do.
func resourcesPanel(d data, width int) string {
	cpu := figure{label: "CPU per KiB", numbers: []trace.Number{trace.RuntimeNS}, perKiB: true}
	read, written := numbered("disk read", trace.DiskReadBytes), numbered("disk write", trace.DiskWriteBytes)
	hit := numbered("cache hit", trace.CacheHitBytes)
	var nic []figure
	if d.Trace.Run.Sink.Device.Kind == "nic" {
		nic = []figure{numbered("NIC sent", trace.NICTxBytes), numbered("NIC received", trace.NICRxBytes)}
	}
	rows := slices.Concat([]figure{cpu}, nic, []figure{read, written, hit})
	if d.rows > len(rows)+2 {
		rows = slices.Concat([]figure{
			numbered("CPU time", trace.RuntimeNS),
			numbered("  in the kernel", trace.SystemNS),
			cpu,
		}, nic, []figure{read, written, hit, numbered("cache missed", trace.CacheMissBytes)})
	}
	return figures(d, "RESOURCES", rows, width)
}

// figure is a row: a label and one number, or two that belong together.
type figure struct {
	label   string
	numbers []trace.Number
	perKiB  bool // of the party's payload
}

func numbered(label string, numbers ...trace.Number) figure {
	return figure{label: label, numbers: numbers}
}

// figures draws rows with a column for each party.
func figures(d data, title string, list []figure, width int) string {
	parties := d.Processes()
	label := 0
	for _, f := range list {
		label = max(label, term.Width(f.label))
	}
	each := min(16, (width-label)/len(parties))
	var heads []term.Column
	for i, p := range parties {
		heads = append(heads, term.Column{Name: p.Name, End: label + (i+1)*each - 2})
	}
	rows := []string{d.Heading(title, width, heads...)}
	for _, f := range list {
		var l term.Line
		l.Left(d.Plain, f.label, label)
		for _, p := range parties {
			text, mark, ink := d.figureText(f, p.Now, each-3)
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
	for _, m := range f.numbers {
		n := c.Value(m)
		if f.perKiB {
			n.Int = perKiB(n, c.PayloadBytes)
		}
		exact = append(exact, reading.Text(n.Int, func(v int64) string { return d.measureText(m.Unit(), v, width) }))
		short = append(short, reading.Text(n.Int, func(v int64) string { return d.measureText(m.Unit(), v, 0) }))
		known = known || n.Int.Known()
		if reading.Mark(n.Origin.Provenance) != " " {
			mark = reading.Mark(n.Origin.Provenance)
		}
		if n.Int.Or(0) != 0 {
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

// perKiB is a number by payload, in whole units.
func perKiB(n trace.Value, payload trace.Int) trace.Int {
	share, known := n.Per(payload)
	if !known {
		return trace.Int{}
	}
	return trace.Known(int64(share * 1024))
}

// measureText is a number in its unit; counts in at most width characters.
func (d data) measureText(u trace.Unit, v int64, width int) string {
	switch u {
	case trace.Bytes:
		return human.FormatBytes(v)
	case trace.Nanoseconds:
		return human.Latency(float64(v), d.Micro)
	}
	return human.Count(v, width)
}
