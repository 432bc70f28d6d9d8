package ui

import (
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// callColumns is what a line of the panel has room for.
type callColumns struct {
	name, calls, rate, bytes, mean, p50, p99, errors, blocked int // widths; 0: left out
}

func callColumnsFor(width int) callColumns {
	c := callColumns{calls: 10, rate: 8, bytes: 10, mean: 9}
	for _, step := range []struct {
		from  int
		widen func()
	}{
		{54, func() { c.p99 = 9 }},
		{66, func() { c.p50, c.mean = 9, 8 }},
		{78, func() { c.calls, c.rate, c.bytes, c.mean = 11, 9, 15, 9 }},
		{88, func() { c.errors = 8 }},
		{100, func() { c.blocked = 10 }},
		{108, func() { c.calls, c.bytes = 13, 18 }},
	} {
		if width >= step.from {
			step.widen()
		}
	}
	c.name = width - c.calls - c.rate - c.bytes - c.mean - c.p50 - c.p99 - c.errors - c.blocked
	return c
}

// syscallsPanel shows the system calls by name, of the sender and the receiver.
func syscallsPanel(d data, width int) string {
	col := callColumnsFor(width)
	rows := make([]string, 0, 8)

	var heads []term.Column
	end := col.name
	for _, c := range []struct {
		name  string
		width int
	}{{"calls", col.calls}, {"calls/s", col.rate}, {"bytes", col.bytes}, {"errors", col.errors}, {"blocked", col.blocked}, {"mean", col.mean}, {"p50", col.p50}, {"p99", col.p99}} {
		if end += c.width; c.width > 0 {
			heads = append(heads, term.Column{Name: c.name, End: end})
		}
	}
	rows = append(rows, d.Heading("SYSTEM CALLS", width, heads...))

	parties := d.Processes()
	shares, totals := d.shareRows(parties, d.rows-len(rows))
	for i, n := range shares {
		calls := reading.Calls(parties[i].Now)
		indent := ""
		if totals {
			indent = " "
			rows = append(rows, d.callTotals(parties[i], len(calls)-n, col))
		}
		for _, c := range calls[:n] {
			rows = append(rows, d.callRow(parties[i], c, indent, col))
		}
	}
	return crop(rows, d.rows)
}

// shareRows says how many calls each party may show in so many rows, and
// whether there is a row for its totals, too. With less than two rows for each
// party, and one more, there are only the sender's calls.
func (d data) shareRows(parties []reading.Party, rows int) (shares []int, totals bool) {
	shares = make([]int, len(parties))
	if d.rows == 0 {
		for i, p := range parties {
			shares[i] = len(p.Now.Syscalls.ByName)
		}
		return shares, true
	}
	if rows < 2*len(parties)+1 {
		return []int{min(rows, len(parties[0].Now.Syscalls.ByName))}, false
	}
	free := rows - len(parties)
	for given := true; given && free > 0; {
		given = false
		for i, p := range parties {
			if free > 0 && shares[i] < len(p.Now.Syscalls.ByName) {
				shares[i]++
				free--
				given = true
			}
		}
	}
	return shares, true
}

func (d data) callTotals(p reading.Party, hidden int, col callColumns) string {
	var l term.Line
	l.Put(d.Strong, p.Name)
	if hidden > 0 {
		l.Put(d.Dim, " +"+human.Grouped(int64(hidden)))
	}
	l.PadTo(col.name)
	l.Right(d.Dim, reading.Text(p.Now.Int(trace.Calls), func(n int64) string { return human.Count(n, col.calls-1) }), col.calls)
	l.Right(d.Dim, d.CountRateText(p.Now.Syscalls.Calls, p.Back.Syscalls.Calls, col.rate-1), col.rate)
	return l.String()
}

func (d data) callRow(p reading.Party, c reading.Call, indent string, col callColumns) string {
	var l term.Line
	l.Left(d.Plain, indent+d.Fit(d.Text(c.Name), col.name-len(indent)), col.name)
	l.Right(d.Plain, reading.Text(c.Count.Int, func(n int64) string { return human.Count(n, col.calls-1) }), col.calls)
	l.Right(d.Plain, d.CountRateText(c.Count.Int, p.Back.Syscalls.ByName[c.Name].Calls, col.rate-1), col.rate)
	bytes := ""
	if c.Bytes.Int.Or(1) != 0 { // 0 for a call that moves none says nothing
		bytes = reading.Text(c.Bytes.Int, func(n int64) string { return human.ExactBytes(n, col.bytes-1) })
	}
	l.Right(d.Plain, bytes, col.bytes)
	if col.errors > 0 {
		p := d.Plain
		if c.Errors.Int.Or(0) != 0 {
			p = d.Warning
		}
		l.Right(p, reading.Text(c.Errors.Int, func(n int64) string { return human.Count(n, col.errors-1) }), col.errors)
	}
	if col.blocked > 0 {
		l.Right(d.Plain, reading.Text(c.Blocked.Int, func(n int64) string { return human.Count(n, col.blocked-1) }), col.blocked)
	}
	mean := human.NotCounted
	if ns, ok := c.MeanNS(); ok {
		mean = human.Latency(ns, d.Micro)
	}
	l.Right(d.Plain, mean, col.mean)
	if col.p50 > 0 {
		l.Right(d.Plain, d.within(c, 0.5), col.p50)
	}
	if col.p99 > 0 {
		l.Right(d.Plain, d.within(c, 0.99), col.p99)
	}
	return l.String()
}
