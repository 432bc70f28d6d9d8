package ui

import (
	"fmt"

	"github.com/zctrace/zctrace/ui/term"
)

// costLines are the columns that the table had no room for.
func (s rounds) costLines(l *term.Look, r race, order []int, width int) []string {
	at := raceSign + r.label + 1
	var heads []term.Column
	var shown []raceColumn
	for _, c := range r.rest {
		if at+c.width+raceMark <= width {
			heads = append(heads, term.Column{Name: c.name, End: at + c.width})
			shown = append(shown, c)
			at += c.width + raceMark
		}
	}
	if len(shown) == 0 {
		return nil
	}
	lines := []string{l.Heading("COST", width, heads...)}
	for _, i := range order {
		row := &s.rows[i]
		rank, ink := row.rank, l.Strong
		if s.underWay(i) && rank.Rounds == 0 && s.live != nil {
			rank, ink = s.live, l.Key
		}
		var text term.Line
		text.PadTo(raceSign).Left(l.Plain, l.Fit(l.Text(row.Strategy), r.label), r.label+1)
		for _, c := range shown {
			putRank(l, &text, c, rank, ink)
		}
		lines = append(lines, l.Cut(&text, width))
	}
	return lines
}

// bookLines say how each strategy stands to the textbook.
func (s rounds) bookLines(l *term.Look, r race, order []int, width int) []string {
	lines := []string{l.Heading("NEXT TO THE TEXTBOOK", width)}
	for _, i := range order {
		row := &s.rows[i]
		var text term.Line
		text.PadTo(raceSign).Left(l.Plain, l.Fit(l.Text(row.Strategy), r.label), r.label+1)
		ink := l.Dim
		if len(row.verdict.Differing()) > 0 {
			ink = l.Warning
		}
		text.Put(ink, l.Fit(l.Text(row.verdict.String()), max(width-text.End, 0)))
		lines = append(lines, text.String())
	}
	return lines
}

// sayingLines are what can be said of the order, in at most so many lines.
func (s rounds) sayingLines(l *term.Look, width, rows int) []string {
	var lines []string
	for _, saying := range s.sayings {
		for _, text := range term.Wrap(l.Text(saying), width) {
			lines = append(lines, l.Dim.Apply(text))
		}
	}
	if over := len(lines) - rows; over > 0 && rows > 0 {
		lines = append(lines[:rows-1:rows-1], l.Dim.Apply(fmt.Sprintf("%s %d lines more", l.Ellipsis, over+1)))
	}
	return lines
}
