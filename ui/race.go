package ui

import (
	"fmt"
	"math"
	"slices"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// raceColumn is a number of the live table of a comparison.
type raceColumn struct {
	name  string
	ink   func(*term.Look) term.Paint // of what is not 0
	width int                         // of the number
	reading.Column
}

func strongInk(l *term.Look) term.Paint { return l.Strong }
func copiedInk(l *term.Look) term.Paint { return l.Copied }
func movedInk(l *term.Look) term.Paint  { return l.Moved }

// raceColumns are in the order in which they are drawn.
var raceColumns = []raceColumn{
	{"ns/KiB", strongInk, 7, reading.ColumnOf("cpu_ns_per_kib.total")},
	{"calls/MiB", strongInk, 9, reading.ColumnOf("per_mib.calls")},
	{"copies", copiedInk, 7, reading.CopiesInAll},
	{"to_user", copiedInk, 7, reading.ColumnOf("passes.to_user")},
	{"from_user", copiedInk, 9, reading.ColumnOf("passes.from_user")},
	{"in_kernel", copiedInk, 9, reading.ColumnOf("passes.in_kernel")},
	{"page_refs", movedInk, 9, reading.ColumnOf("passes.page_refs")},
	{"disk read", strongInk, 9, reading.ColumnOf("passes.disk_read")},
	{"ctxsw/MiB", strongInk, 9, reading.ColumnOf("per_mib.context_switches")},
	{"faults/MiB", strongInk, 10, reading.ColumnOf("per_mib.page_faults")},
	{"modesw/MiB", strongInk, 10, reading.ColumnOf("per_mib.mode_switches")},
}

// raceGroups are the columns that only a wide terminal has room for, and that
// belong together.
var raceGroups = [][]raceColumn{raceColumns[3:7], raceColumns[7:]}

// raceMark is the room behind a number for where it comes from.
const raceMark = 2

// race is how the live table is laid out.
type race struct {
	label, bar int
	rounds     int // 0: left out
	book       bool
	columns    []raceColumn
	rest       []raceColumn // there was no room for
}

// Widths of the parts of a row.
const (
	raceSign   = 4 // and the place
	raceMedian = 12
	raceGap    = 1 // behind it, so that the names of two columns do not read as one
	raceBook   = 6
	mostMarks  = 12 // rounds that are drawn
)

// raceFor chooses what a row of the width shows: the most telling first, while the
// bar stays long enough. It may be longer if what is left out stands below.
func (s rounds) raceFor(width int, below bool) race {
	r := race{label: term.Width("strategy")}
	for _, row := range s.rows {
		r.label = max(r.label, term.Width(human.Sanitize(row.Strategy)))
	}
	r.label = min(r.label, max(width/3, 8))
	least, roomy := 11, 30
	if below {
		least = 18
	}
	r.bar = width - raceSign - r.label - 1 - raceMedian - raceGap
	take := func(n, least int) bool {
		if r.bar-n < least {
			return false
		}
		r.bar -= n
		return true
	}
	chosen := map[string]bool{}
	choose := func(name string, least int) {
		for _, c := range raceColumns {
			if c.name == name {
				chosen[name] = take(c.width+raceMark, least)
			}
		}
	}
	choose("copies", 11)
	r.book = take(raceBook, 11)
	choose("ns/KiB", 11)
	choose("calls/MiB", least)
	marks := max(s.each, term.Width("rounds")) + 2
	if s.each > mostMarks { // then in figures
		marks = max(2*len(fmt.Sprint(s.each))+1, term.Width("rounds")) + 2
	}
	if take(marks, least) {
		r.rounds = marks
	}
	for _, group := range raceGroups {
		n := 0
		for _, c := range group {
			n += c.width + raceMark
		}
		if take(n, roomy) {
			for _, c := range group {
				chosen[c.name] = true
			}
		}
	}
	for _, c := range raceColumns {
		if chosen[c.name] {
			r.columns = append(r.columns, c)
		} else {
			r.rest = append(r.rest, c)
		}
	}
	return r
}

// raceBody is the table of a comparison, and below it what else there is room for.
func (s rounds) raceBody(l *term.Look, width int, b *stack) {
	r := s.raceFor(width, b.fits(2*(1+len(s.rows))+1+1+nowRows))
	at := 0
	order := s.order()
	for i, row := range order {
		if s.underWay(row) {
			at = i
		}
	}
	from, to := around(at, b.left()-1, len(order))
	b.add(s.raceLines(l, r, order[from:to], width))

	keep := b.left() - nowRows - 1 // for the run under way
	for _, lines := range [][]string{s.sayingLines(l, width, min(keep-1, 5)), s.costLines(l, r, order, width), s.bookLines(l, r, order, width)} {
		if len(lines) > 0 && 1+len(lines) <= keep {
			b.add(lines)
			keep -= 1 + len(lines)
		}
	}
	b.add(s.now(l, width, b.left()))
}

// raceLines draw a row for each strategy.
func (s rounds) raceLines(l *term.Look, r race, order []int, width int) []string {
	at := raceSign + r.label + 1
	var heads []term.Column
	if r.rounds > 0 {
		heads = append(heads, term.Column{Name: "rounds", End: at + term.Width("rounds")})
		at += r.rounds
	}
	scale := s.scale()
	if scale > 0 {
		heads = append(heads, term.Column{Name: "0", End: at + 1}, term.Column{Name: human.Rate(scale), End: at + r.bar})
	}
	heads = append(heads, term.Column{Name: "median", End: at + r.bar + raceMedian})
	at += r.bar + raceMedian + raceGap
	for _, c := range r.columns {
		at += c.width
		heads = append(heads, term.Column{Name: c.name, End: at})
		at += raceMark
		if c.name == "copies" && r.book {
			at += raceBook
			heads = append(heads, term.Column{Name: "book", End: at - 2})
		}
	}
	title := "STRATEGY"
	if len(order) < len(s.rows) {
		title += fmt.Sprintf(" %d of %d", len(order), len(s.rows))
	}
	lines := []string{l.Heading(title, width, heads...)}
	for _, i := range order {
		lines = append(lines, l.Cut(s.raceLine(l, r, i, scale), width))
	}
	return lines
}

func (s rounds) raceLine(l *term.Look, r race, i int, scale float64) *term.Line {
	row := &s.rows[i]
	running := s.underWay(i)
	name, ink := l.Plain, l.Strong
	text := &term.Line{}
	sign, place := " ", ""
	if running {
		sign, name = s.spin(l), l.Key
	}
	if row.place > 0 {
		place = fmt.Sprint(row.place)
	}
	text.Put(l.Key, sign).Right(l.Dim, place, 2).Put(l.Plain, " ")
	text.Left(name, l.Fit(l.Text(row.Strategy), r.label), r.label+1)
	if row.failed != "" && row.rank.Rounds == 0 {
		return text.Put(l.Alarm, " failed: "+l.Text(row.failed)+" ")
	}
	if r.rounds > 0 {
		s.putRounds(l, text, i, r.rounds, scale)
	}
	rank, live := row.rank, 0.0
	if running && s.live != nil {
		live = s.live.Throughput.Median.Or(0)
		if row.rank.Rounds == 0 { // so far
			rank, ink = s.live, l.Key
		}
	}
	start := text.End
	spread := row.rank.Throughput
	putBar(l, text, spread.Min.Or(0)/scale, row.grown/scale, spread.Max.Or(0)/scale, live/scale, r.bar)
	text.PadTo(start+r.bar).Right(ink, textOf(reading.Columns[0], rank), raceMedian).PadTo(text.End + raceGap)
	for _, c := range r.columns {
		putRank(l, text, c, rank, ink)
		if c.name == "copies" && r.book {
			s.putBook(l, text, row)
		}
	}
	return text
}

// textOf is the number of a column, or a dash while no run has one.
func textOf(c reading.Column, r *trace.Ranked) string {
	if r.Rounds == 0 {
		return "-"
	}
	return c.Text(r)
}

// putRank adds the number of a column, and where it comes from.
func putRank(l *term.Look, text *term.Line, c raceColumn, r *trace.Ranked, ink term.Paint) {
	v := c.Spread(r).Median.Or(0)
	switch {
	case v == 0:
		ink = l.Dim
	case ink == l.Strong:
		ink = c.ink(l)
	}
	mark := ""
	if r.Rounds > 0 {
		mark = c.Marks(r)
	}
	if len(mark) == 1 {
		mark = " " + mark
	}
	end := text.End + c.width
	text.Right(ink, textOf(c.Column, r), c.width)
	text.Put(l.Dim, mark).PadTo(end + raceMark)
}

// putBook adds how many copies the textbook says, and how the latest round stands
// to it.
func (s rounds) putBook(l *term.Look, text *term.Line, row *roundsRow) {
	end := text.End + raceBook
	for _, t := range slices.Backward(row.traces) {
		if !t.Counts() || t.Textbook == nil {
			continue
		}
		agreement := reading.End(t).Verdict().Agreement()
		ink := l.Dim
		if agreement == reading.Differs {
			ink = l.Warning
		}
		text.Right(l.Plain, fmt.Sprint(t.Textbook.Copies.InAll()), 2).Put(l.Plain, " ").Put(ink, agreementSign(l, agreement))
		break
	}
	text.PadTo(end)
}

// putRounds adds a column for each round, as high as its throughput.
func (s rounds) putRounds(l *term.Look, text *term.Line, i, width int, scale float64) {
	row := &s.rows[i]
	end := text.End + width
	if s.each > mostMarks {
		text.Left(l.Plain, fmt.Sprintf("%d/%d", row.ended, s.each), width)
		return
	}
	for n := range s.each {
		switch {
		case n < len(row.traces) && !row.traces[n].Counts():
			text.Put(l.Warning, l.SignFailed)
		case n < len(row.traces):
			level := int(row.traces[n].Throughput() / scale * float64(len(l.Levels)))
			text.Put(l.Area, l.Levels[max(0, min(level, len(l.Levels)-1))])
		case n == row.ended && s.underWay(i):
			text.Put(l.Key, s.spin(l))
		default:
			text.Put(l.Dim, l.Nothing)
		}
	}
	text.PadTo(end)
}

// putBar adds the bar of some rounds: solid up to the slowest, shaded to the
// median, a line to the fastest. All are shares of the width. The head is where the
// run under way is; 0: there is none.
func putBar(l *term.Look, text *term.Line, low, median, high, live float64, width int) {
	p := l.NewPlot(width, 1)
	at := func(v float64) int { return int(math.Round(min(max(v, 0), 1) * float64(width))) }
	switch {
	case low > 0 && high <= low: // one round, or all the same
		for x, glyph := range []rune(term.Bar(min(median, 1), width, l.CopyBar)) {
			p.Put(x, 0, string(glyph), l.Moved)
		}
	case low > 0:
		low = min(low, median)
		p.Fill(0, at(low), last(l.CopyBar), l.Moved)
		p.Fill(at(low), at(median), l.Shaded, l.Moved)
		p.Fill(at(median), at(high), l.Rule, l.Moved)
		if high > median {
			p.Fill(at(high)-1, at(high), l.Edge, l.Moved)
		}
	default: // the first round
		p.Fill(0, at(live), l.BarDone, l.Key)
	}
	if live > 0 {
		p.Put(min(at(live), width-1), 0, l.Head, l.Key)
	}
	text.Put(term.Paint{}, p.Line(0))
}
