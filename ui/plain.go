package ui

import (
	"fmt"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// plainLook is for output that is no terminal: no colours, and ASCII, so that
// it survives a mail.
var plainLook = &term.Look{Glyphs: term.ASCIIGlyphs}

// plainColumns are the columns of PlainLine.
var plainColumns = []struct {
	name  string
	width int
}{
	{"elapsed", 8}, {"payload", 10}, {"throughput", 13}, {"calls/s", 9}, {"passes", 8},
	{"modesw/s", 10}, {"ctxsw/s", 9}, {"done", 7},
}

// PlainHeader says what runs and names the columns of the lines to come. All
// numbers but elapsed, payload and done are the sender's in the interval;
// passes are how often its CPU copied the payload.
func PlainHeader(t *trace.Trace) string {
	var l term.Line
	for _, c := range plainColumns {
		l.Right(term.Paint{}, c.name, c.width)
	}
	title := "zctrace " + human.Sanitize(t.Run.Strategy) + ": "
	return title + sourceToSink(plainLook, t.Run, 80-term.Width(title)) + "\n" + l.String()
}

// PlainLine is one line for the interval between two states of a run. prev is
// nil for the first.
func PlainLine(prev, cur *trace.Trace) string {
	now, back := newData(plainLook, cur, ended), data{}
	if prev != nil {
		back = newData(plainLook, prev, ended)
	}
	now.Back = back.Now
	sender := now.Processes()[0]
	payload := now.Payload()
	moved := trace.Int{}
	if n, ok := payload.Get(); ok {
		moved = trace.Known(n - senderPayload(back))
	}
	p := reading.ProgressOf(&cur.Run, now.Now.ElapsedNS, payload.Or(0))
	done := "-"
	if p.Limited {
		done = fmt.Sprintf("%.0f %%", p.Fraction*100)
	}

	var l term.Line
	for i, text := range []string{
		human.Clock(now.Now.ElapsedNS),
		orMissing(payload, human.FormatBytes),
		now.rateOf(moved, func(v float64) string { return human.Rate(v) }),
		now.rateOf(since(sender, trace.Calls), func(v float64) string { return perSecond(v, 8) }),
		passesIn(sender, moved),
		now.rateOf(since(sender, trace.ModeSwitches), func(v float64) string { return perSecond(v, 9) }),
		now.rateOf(since(sender, trace.VoluntarySwitches).Add(since(sender, trace.InvoluntarySwitches)), func(v float64) string { return perSecond(v, 8) }),
		done,
	} {
		l.Right(term.Paint{}, text, plainColumns[i].width)
	}
	return strings.TrimRight(l.String(), " ")
}

func senderPayload(d data) int64 {
	if d.Trace == nil {
		return 0
	}
	return d.Payload().Or(0)
}

// since is how much a measure grew in the interval.
func since(p reading.Party, m trace.Number) trace.Int {
	n, known := p.Now.Value(m).Int.Get()
	if !known {
		return trace.Int{}
	}
	return trace.Known(n - p.Back.Int(m).Or(0))
}

// passesIn is how often the CPU copied the payload of the interval.
func passesIn(p reading.Party, moved trace.Int) string {
	copied := trace.Known(0)
	for _, k := range []trace.Number{trace.ToUser, trace.FromUser, trace.InKernel} {
		n, known := p.Now.Value(k).Int.Get()
		if !known {
			return human.NotCounted
		}
		copied = copied.Add(trace.Known(n - p.Back.Int(k).Or(0)))
	}
	v, ok := trace.Value{Int: copied}.Per(moved)
	if !ok {
		return "-" // nothing moved
	}
	return human.Passes(v)
}

// rateOf is a number of the interval per second.
func (d data) rateOf(n trace.Int, format func(float64) string) string {
	v, known := n.Get()
	if seconds := d.Seconds(); known && seconds > 0 {
		return format(float64(v) / seconds)
	}
	return human.NotCounted
}

func orMissing(n trace.Int, format func(int64) string) string {
	if v, known := n.Get(); known {
		return format(v)
	}
	return human.NotCounted
}
