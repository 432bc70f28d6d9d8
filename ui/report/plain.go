package report

import (
	"fmt"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// Look is for output that is no terminal: no colours, and ASCII, so that
// it survives a mail.
var Look = &term.Look{Glyphs: term.ASCIIGlyphs}

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
	return title + SourceToSink(Look, t.Run, 80-term.Width(title)) + "\n" + l.String()
}

// PlainLine is one line for the interval between two states of a run. prev is
// nil for the first.
func PlainLine(prev, cur *trace.Trace) string {
	now := reading.End(cur)
	if prev != nil {
		now.Back = reading.End(prev).Now
	}
	sender := now.Processes()[0]
	payload := now.Payload()
	moved := trace.Int{}
	if n, ok := payload.Get(); ok {
		back := int64(0)
		if prev != nil {
			back = reading.End(prev).Payload().Or(0)
		}
		moved = trace.Known(n - back)
	}
	p := reading.ProgressOf(&cur.Run, now.Now.ElapsedNS, payload.Or(0))
	done := "-"
	if p.Limited {
		done = human.Percent(p.Fraction)
	}

	var l term.Line
	for i, text := range []string{
		human.Clock(now.Now.ElapsedNS),
		reading.Text(payload, human.FormatBytes),
		now.RateText(moved, func(v float64) string { return human.Rate(v) }),
		now.RateText(since(sender, trace.Calls), func(v float64) string { return human.PerSecond(v, 8) }),
		passesIn(sender, moved),
		now.RateText(since(sender, trace.ModeSwitches), func(v float64) string { return human.PerSecond(v, 9) }),
		now.RateText(since(sender, trace.VoluntarySwitches).Add(since(sender, trace.InvoluntarySwitches)), func(v float64) string { return human.PerSecond(v, 8) }),
		done,
	} {
		l.Right(term.Paint{}, text, plainColumns[i].width)
	}
	return strings.TrimRight(l.String(), " ")
}

// since is how much a number grew in the interval.
func since(p reading.Party, n trace.Number) trace.Int {
	return reading.Grown(p.Now.Int(n), p.Back.Int(n))
}

// passesIn is how often the CPU copied the payload of the interval.
func passesIn(p reading.Party, moved trace.Int) string {
	copied := trace.Known(0)
	for _, k := range []trace.Number{trace.ToUser, trace.FromUser, trace.InKernel, trace.UserSpace} {
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

// RunLine is a line for a run of several that has ended.
func RunLine(label string, round, rounds int, t *trace.Trace, err error) string {
	text := fmt.Sprintf("round %d/%d  %s  ", round, rounds, human.Sanitize(label))
	switch {
	case err != nil:
		return text + "failed: " + human.Sanitize(human.FirstLine(err.Error()))
	case t.Run.Ended == trace.Interrupted:
		return text + "interrupted"
	}
	return text + human.Rate(t.Throughput())
}
