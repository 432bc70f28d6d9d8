package ui

import (
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/ui/term"
)

// within is a quantile as text: below the end of its bucket.
func (d data) within(c reading.Call, share float64) string {
	if ns, ok := c.QuantileNS(share); ok {
		return "<" + human.Latency(ns, d.Micro)
	}
	return human.NotCounted
}

// looked is the party that is looked at.
func (d data) looked() reading.Party {
	parties := d.Processes()
	if d.other && len(parties) > 1 {
		return parties[1]
	}
	return parties[0]
}

// callsPage shows a party's system calls with all that is known of each, and
// how long they took.
func callsPage(d data, width, rows int) page {
	p := d.looked()
	pg := page{title: strings.ToUpper(p.Name) + "'S CALLS"}
	calls := reading.Calls(p.Now)
	if len(calls) == 0 {
		pg.lines = []string{d.Dim.Apply("none so far")}
		return pg
	}
	t := callTable(d, p, calls, width)
	pg.columns = t.columns
	pg.lines = append(append(t.lines, d.quantileLines(t.columns, calls, width)...), "")
	pg.lines = append(pg.lines, d.requestLines(p, width)...)
	pg.lines = append(pg.lines, d.histograms(calls, width, rows-len(pg.lines))...)
	return pg
}

// quantileLines say what the columns p50 and p99 are, for they need not fit the mean beside them.
func (d data) quantileLines(columns []term.Column, calls []reading.Call, width int) (lines []string) {
	if !slices.ContainsFunc(calls, func(c reading.Call) bool { return len(c.Log2) > 0 }) {
		return nil
	}
	text := "p99: 99 % of the calls"
	if slices.ContainsFunc(columns, func(c term.Column) bool { return c.Name == "p50" }) {
		text = "p50, p99: half, 99 % of the calls"
	}
	for _, s := range term.Wrap(text+" took less; a few slow ones raise the mean", width) {
		lines = append(lines, d.Dim.Apply(s))
	}
	return lines
}

// callTable lists the calls in as many columns as there is room for.
func callTable(d data, p reading.Party, calls []reading.Call, width int) page {
	type field struct {
		name  string
		width int
		text  func(c reading.Call, width int) string
	}
	fields := []field{
		{"calls", 13, func(c reading.Call, w int) string {
			return reading.Text(c.Count.Int, func(n int64) string { return human.Count(n, w-1) })
		}},
		{"calls/s", 10, func(c reading.Call, w int) string {
			return d.CountRateText(c.Count.Int, p.Back.Syscalls.ByName[c.Name].Calls, w-1)
		}},
		{"bytes", 16, func(c reading.Call, w int) string {
			return reading.Text(c.Bytes.Int, func(n int64) string { return human.ExactBytes(n, w-1) })
		}},
		{"bytes/s", 13, func(c reading.Call, _ int) string {
			return d.RateText(reading.Grown(c.Bytes.Int, p.Back.Syscalls.ByName[c.Name].Bytes), human.Rate)
		}},
		{"mean", 9, func(c reading.Call, _ int) string {
			if ns, ok := c.MeanNS(); ok {
				return human.Latency(ns, d.Micro)
			}
			return human.NotCounted
		}},
		{"p50", 10, func(c reading.Call, _ int) string { return d.within(c, 0.5) }},
		{"p99", 10, func(c reading.Call, _ int) string { return d.within(c, 0.99) }},
		{"errors", 8, func(c reading.Call, w int) string {
			return reading.Text(c.Errors.Int, func(n int64) string { return human.Count(n, w-1) })
		}},
		{"blocked", 10, func(c reading.Call, w int) string {
			return reading.Text(c.Blocked.Int, func(n int64) string { return human.Count(n, w-1) })
		}},
	}
	name := longestCall(calls, 10)
	// What is least missed goes first.
	for _, drop := range []string{"blocked", "errors", "bytes/s", "p50", "calls/s"} {
		if total := name + sum(fields, func(f field) int { return f.width }); total <= width {
			break
		}
		fields = slices.DeleteFunc(fields, func(f field) bool { return f.name == drop })
	}
	if lacking := name + sum(fields, func(f field) int { return f.width }) - width; lacking > 0 {
		fields[1].width -= min(lacking, 5) // what is left of bytes tells less than a name
	}
	name = max(min(name, width-sum(fields, func(f field) int { return f.width })), 0)

	var t page
	end := name
	for _, f := range fields {
		end += f.width
		t.columns = append(t.columns, term.Column{Name: f.name, End: end})
	}
	for _, c := range calls {
		var l term.Line
		l.Left(d.Strong, d.Fit(d.Text(c.Name), name), name)
		for _, f := range fields {
			ink := d.Plain
			if f.name == "errors" && c.Errors.Int.Or(0) != 0 {
				ink = d.Warning
			}
			l.Right(ink, f.text(c, f.width), f.width)
		}
		t.lines = append(t.lines, l.String())
		for _, e := range c.Errnos {
			t.lines = append(t.lines, d.errnoRow(e, t.columns))
		}
	}
	return t
}

// requestLines are the party's asynchronous requests, with an empty line below; none if there are none.
func (d data) requestLines(p reading.Party, width int) []string {
	fields := []term.Column{{Name: "completed", End: 13}, {Name: "bytes", End: 29}, {Name: "errors", End: 37}}
	name := max(min(width-fields[len(fields)-1].End, 30), 0)
	for i := range fields {
		fields[i].End += name
	}
	lines := []string{d.Heading("ASYNCHRONOUS REQUESTS", width, fields...)}
	requests := reading.Requests(p.Now)
	for _, r := range requests {
		var l term.Line
		l.Left(d.Strong, d.Fit(d.Text(r.Name), name), name)
		l.Right(d.Plain, reading.Text(r.Count.Int, func(n int64) string { return human.Count(n, 12) }), 13)
		l.Right(d.Plain, reading.Text(r.Bytes.Int, func(n int64) string { return human.ExactBytes(n, 15) }), 16)
		ink := d.Plain
		if r.Errors.Int.Or(0) != 0 {
			ink = d.Warning
		}
		l.Right(ink, reading.Text(r.Errors.Int, func(n int64) string { return human.Count(n, 7) }), 8)
		lines = append(lines, l.String())
		for _, e := range r.Errnos {
			lines = append(lines, d.errnoRow(e, fields))
		}
	}
	if len(requests) == 0 {
		return nil
	}
	return append(lines, "")
}

// errnoRow is how many of the call's errors had an errno, below them or, where there is no room for them, below
// the calls.
func (d data) errnoRow(e reading.Errno, columns []term.Column) string {
	const count = 8
	at := max(slices.IndexFunc(columns, func(c term.Column) bool { return c.Name == "errors" }), 0)
	name := max(columns[at].End-count, 0)
	var l term.Line
	l.Left(d.Warning, d.Fit("  "+d.Text(e.Name), name), name)
	l.Right(d.Warning, reading.Text(e.Count.Int, func(n int64) string { return human.Count(n, count-1) }), count)
	return l.String()
}

func sum[T any](list []T, of func(T) int) (total int) {
	for _, v := range list {
		total += of(v)
	}
	return total
}

func longestCall(calls []reading.Call, least int) int {
	for _, c := range calls {
		least = max(least, min(term.Width(human.Sanitize(c.Name)), 20))
	}
	return least
}

// The buckets that are always shown, so that a chart keeps its place while
// slower calls come in: 128 ns to 16 ms.
const firstBucket, endBucket = 7, 24

// histograms draw how long the calls took, each in its own scale, over one axis.
func (d data) histograms(calls []reading.Call, width, rows int) []string {
	first, end, timed := firstBucket, endBucket, 0
	for _, c := range calls {
		for i, n := range c.Log2 {
			if n > 0 {
				first, end = min(first, i), max(end, i+1)
			}
		}
		if _, ok := c.QuantileNS(1); ok {
			timed++
		}
	}
	heading := d.Heading("HOW LONG THEY TOOK", width, term.Column{Name: "each column twice as long as the one before", End: width - 2})
	if timed == 0 {
		why := "no histograms: they are kept for the end of a run only"
		if !d.Trace.Run.Latency {
			why = "not timed: --latency off"
		}
		return []string{heading, d.Dim.Apply(d.Fit(why, width))}
	}
	name := longestCall(calls, 10) + 1
	cell := max(1, min((width-name)/(end-first), 6))
	high := max(1, min((rows-2)/timed-1, 8))
	lines := []string{heading}
	for _, c := range calls {
		if _, ok := c.QuantileNS(1); !ok {
			continue
		}
		if high > 1 && len(lines) > 1 { // a bar must not touch the chart above
			lines = append(lines, "")
		}
		lines = append(lines, d.histogram(c, first, end, cell, name, high)...)
	}
	return append(lines, d.Dim.Apply(d.Fit(bucketAxis(first, end, cell, name, width, d.Micro), width)))
}

// histogram draws one call's, high lines of it.
func (d data) histogram(c reading.Call, first, end, cell, name, high int) []string {
	values := make([]float64, 0, (end-first)*cell)
	for i := first; i < end; i++ {
		v := -1.0
		if i < len(c.Log2) && c.Log2[i] > 0 {
			v = float64(c.Log2[i])
		}
		for n := range cell {
			if cell > 2 && n == cell-1 {
				values = append(values, -1) // a gap between columns
				continue
			}
			values = append(values, v)
		}
	}
	var lines []string
	for i, row := range d.Chart(values, high) {
		var l term.Line
		if i == high-1 {
			l.Left(d.Strong, d.Fit(d.Text(c.Name), name-1), name)
		}
		l.PadTo(name).Put(d.Area, row)
		lines = append(lines, l.String())
	}
	return lines
}

// bucketAxis names where some of the buckets begin.
func bucketAxis(first, end, cell, name, width int, micro string) string {
	const label = 9 // 65.5 µs and a space
	step := (label + cell - 1) / cell
	var l term.Line
	for i := first; i < end; i += step {
		text := "|" + human.Latency(float64(uint64(1)<<i), micro)
		if at := name + (i-first)*cell; at+term.Width(text) <= width {
			l.PadTo(at).Put(term.Paint{}, text)
		}
	}
	return l.String()
}
