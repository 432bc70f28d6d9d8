package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/report"
	"github.com/zctrace/zctrace/ui/term"
)

// sizes and strategies of a sweep that there is room for, and where they stand. The
// chart and the tables share their columns.
type sweepGrid struct {
	sizes      []int64
	strategies []string
	first      int // of the strategies, among all
	label      int // cells left of the sizes
	column     int // cells of a size: its number, and a mark
}

// sweepColumn is the least room of a size: four digits and a mark.
const sweepColumn = 5

// widestColumn is more than a number needs, but the chart likes it.
const widestColumn = 24

// gridFor shows what runs now if not everything fits.
func (s rounds) gridFor(l *term.Look, width, rows int) sweepGrid {
	g := sweepGrid{sizes: s.sizes, strategies: s.strategies, label: axisWidth}
	for _, name := range g.strategies {
		g.label = max(g.label, term.Width(l.Text(name))+3)
	}
	g.label = min(g.label, width/3)
	size, strategy := 0, 0
	if s.begun != nil {
		row := s.rows[s.begun.Row]
		size, strategy = slices.Index(g.sizes, row.ChunkBytes), slices.Index(g.strategies, row.Strategy)
	}
	from, to := around(size, (width-g.label)/s.digits(), len(g.sizes))
	g.sizes = g.sizes[from:to]
	g.column = min((width-g.label)/len(g.sizes), widestColumn)
	g.first, to = around(strategy, rows, len(g.strategies))
	g.strategies = g.strategies[g.first:to]
	return g
}

// digits is the room that the largest number of the table needs.
func (s rounds) digits() int {
	n := sweepColumn
	for _, row := range s.rows {
		n = max(n, term.Width(mibText(row.rank.Throughput.Median.Or(0)))+1)
	}
	return n
}

// end is the cell behind the number of a size.
func (g sweepGrid) end(i int) int { return g.label + (i+1)*g.column - 1 }

// sizeText is short where the column is.
func (g sweepGrid) sizeText(chunk int64) string {
	text := human.FormatBytes(chunk)
	if g.column > 8 {
		return text
	}
	return strings.NewReplacer("iB", "", "B", "", " ", "").Replace(text)
}

// mibText is a rate in MiB/s without separators.
func mibText(v float64) string { return strings.ReplaceAll(report.PerMiBText(v), ",", "") }

// sweepBody is the chart over the sizes, the tables below it, and what else there
// is room for.
func (s rounds) sweepBody(l *term.Look, width int, b *stack) {
	const leastChart, fairChart = 7, 14
	g := s.gridFor(l, width, b.room-leastChart-2)
	title := "MiB/s"
	if all := len(s.strategies); len(g.strategies) < all {
		title += fmt.Sprintf(" %d of %d", len(g.strategies), all)
	}
	table := s.sweepTable(l, g, width, title, s.speedText)
	below := [][]string{table}
	left := b.room - len(table) - 1 // and a blank line above
	add := func(lines []string, chart int) {
		if n := len(lines); n > 0 && left-n-1 >= chart {
			below = append(below, lines)
			left -= n + 1
		}
	}
	add(s.sayingLines(l, width, left-leastChart-1), leastChart)
	add(s.sweepTable(l, g, width, "CPU ns/KiB", rankText(reading.ColumnOf("cpu_ns_per_kib.total"))), fairChart)
	add(s.sweepTable(l, g, width, "CPU copies", rankText(reading.CopiesInAll)), fairChart)
	add(s.now(l, width, nowRows), fairChart)
	if left > leastChart {
		left-- // a blank line at the end
	}
	b.lines = append(b.lines, "")
	b.lines = append(b.lines, s.sweepChart(l, g, width, left)...)
	for i, lines := range below {
		if i > 0 {
			b.lines = append(b.lines, "")
		}
		b.lines = append(b.lines, lines...)
	}
}

// sweepChart draws the throughput of each strategy over the sizes.
func (s rounds) sweepChart(l *term.Look, g sweepGrid, width, rows int) []string {
	high := max(rows-1, 1)
	p := l.NewPlot(g.label+len(g.sizes)*g.column-axisWidth, high)
	scale := s.scale()
	column := func(i int) int { return g.end(i) - axisWidth - 2 }
	now := -1
	if s.begun != nil {
		now = slices.Index(g.sizes, s.rows[s.begun.Row].ChunkBytes)
	}
	if now >= 0 {
		for y := range high {
			p.Put(column(now), y, l.Guide, l.Area)
		}
	}
	for i, name := range s.strategies {
		s.drawSeries(p, g, i, name, scale, column)
	}
	if now >= 0 && s.live != nil && scale > 0 {
		p.Mark(column(now), s.live.Throughput.Median.Or(0)/scale, s.spin(l), l.Key)
	}
	title := "THROUGHPUT BY CHUNK SIZE"
	if all := len(s.sizes); len(g.sizes) < all {
		title += fmt.Sprintf(", %d of %d", len(g.sizes), all)
	}
	lines := []string{l.Heading(title, width)}
	for y := range high {
		label := ""
		switch {
		case y == 0 && scale > 0:
			label = human.Rate(scale)
		case y == int(p.Down(0.5)) && high > 6 && scale > 0:
			label = human.Rate(scale / 2)
		case y == high-1:
			label = "0"
		}
		var text term.Line
		text.Right(l.Dim, label, axisWidth-1).Put(l.Dim, l.Edge).Put(term.Paint{}, p.Line(y))
		lines = append(lines, text.String())
	}
	return lines
}

// drawSeries draws the line of a strategy, and its marks.
func (s rounds) drawSeries(p *term.Plot, g sweepGrid, i int, name string, scale float64, column func(int) int) {
	ink := p.SeriesInk(i)
	before := -1
	heights := make([]float64, len(g.sizes))
	for k, chunk := range g.sizes {
		heights[k] = -1
		if row := s.row(name, chunk); row != nil && row.rank.Rounds > 0 {
			heights[k] = row.grown / scale
		}
		if heights[k] >= 0 && before >= 0 {
			p.Segment(column(before), heights[before], column(k), heights[k], ink)
		}
		if heights[k] >= 0 {
			before = k
		}
	}
	for k, h := range heights {
		if h >= 0 {
			p.Mark(column(k), h, p.SeriesMark(i), ink)
		}
	}
}

// sweepNumber is a number of a table, a mark of one cell, and whether no strategy's
// is better.
type sweepNumber func(*trace.Ranked) (text, mark string, best bool)

// sweepTable has a row for each strategy and a column for each size.
func (s rounds) sweepTable(l *term.Look, g sweepGrid, width int, title string, cell sweepNumber) []string {
	var heads []term.Column
	for i, chunk := range g.sizes {
		heads = append(heads, term.Column{Name: g.sizeText(chunk), End: g.end(i)})
	}
	lines := []string{l.Heading(title, width, heads...)}
	for i, name := range g.strategies {
		ink := l.Plain
		if s.begun != nil && s.rows[s.begun.Row].Strategy == name {
			ink = l.Key
		}
		var text term.Line
		text.Put(l.SeriesInk(g.first+i), l.SeriesMark(g.first+i)).Put(l.Plain, " ")
		text.Left(ink, l.Fit(l.Text(name), g.label-3), g.label-2)
		for k, chunk := range g.sizes {
			number, mark, ink := s.sweepCell(l, s.row(name, chunk), cell)
			text.Right(ink, number, g.end(k)-text.End)
			if mark == report.FirstMark {
				text.Put(l.Strong, mark)
			} else {
				text.Put(l.Dim, mark)
			}
		}
		lines = append(lines, l.Cut(&text, width))
	}
	return lines
}

// sweepCell is a number of a row: its median, or while it runs for the first time
// the number so far.
func (s rounds) sweepCell(l *term.Look, row *roundsRow, cell sweepNumber) (text, mark string, ink term.Paint) {
	if row == nil {
		return "", "", l.Dim
	}
	running := s.begun != nil && row == &s.rows[s.begun.Row]
	switch {
	case row.rank.Rounds == 0 && row.failed != "":
		return l.SignFailed, "", l.Warning
	case row.rank.Rounds == 0 && running && s.live != nil:
		text, mark, _ = cell(s.live)
		return text, strings.TrimPrefix(mark, report.FirstMark), l.Key
	case row.rank.Rounds == 0 && running:
		return s.spin(l), "", l.Key
	case row.rank.Rounds == 0:
		return l.Nothing, "", l.Dim
	}
	text, mark, best := cell(row.rank)
	ink = l.Plain
	if best {
		ink = l.Strong
	}
	if running {
		ink = l.Key
	}
	return text, mark, ink
}

// speedText is a throughput, and whether nobody else came near it.
func (s rounds) speedText(r *trace.Ranked) (text, mark string, best bool) {
	v, known := r.Throughput.Median.Get()
	if !known {
		return human.NotCounted, "", false
	}
	if s.ranking.ClearlyFirst(r) {
		mark = report.FirstMark
	}
	return mibText(v), mark, r.Rank == trace.Known(1)
}

// rankText is the number of a column, with the mark of where it comes from.
func rankText(c reading.Column) sweepNumber {
	return func(r *trace.Ranked) (string, string, bool) {
		return c.Text(r), c.Mark(r), false
	}
}
