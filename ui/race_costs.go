package ui

import (
	"fmt"
	"strings"
)

// costLines are the columns that the table had no room for.
func (s rounds) costLines(l *look, r race, order []int, width int) []string {
	at := raceSign + r.label + 1
	var heads []column
	var shown []raceColumn
	for _, c := range r.rest {
		if at+c.width+raceMark <= width {
			heads = append(heads, column{c.name, at + c.width})
			shown = append(shown, c)
			at += c.width + raceMark
		}
	}
	if len(shown) == 0 {
		return nil
	}
	lines := []string{l.heading("COST", width, heads...)}
	for _, i := range order {
		row := &s.rows[i]
		rank, ink := row.rank, l.strong
		if s.underWay(i) && rank.Rounds == 0 && s.live != nil {
			rank, ink = s.live, l.key
		}
		var text line
		text.to(raceSign).left(l.plain, l.fit(l.text(row.Strategy), r.label), r.label+1)
		for _, c := range shown {
			putRank(l, &text, c, rank, ink)
		}
		lines = append(lines, l.within(&text, width))
	}
	return lines
}

// bookLines say how each strategy stands to the textbook.
func (s rounds) bookLines(l *look, r race, order []int, width int) []string {
	lines := []string{l.heading("NEXT TO THE TEXTBOOK", width)}
	for _, i := range order {
		row := &s.rows[i]
		var text line
		text.to(raceSign).left(l.plain, l.fit(l.text(row.Strategy), r.label), r.label+1)
		ink := l.dim
		if strings.HasPrefix(row.verdict, "not as in") {
			ink = l.warning
		}
		text.put(ink, l.fit(l.text(row.verdict), max(width-text.end, 0)))
		lines = append(lines, text.String())
	}
	return lines
}

// sayingLines are what can be said of the order, in at most so many lines.
func (s rounds) sayingLines(l *look, width, rows int) []string {
	var lines []string
	for _, saying := range s.sayings {
		for _, text := range wrap(l.text(saying), width) {
			lines = append(lines, l.dim.of(text))
		}
	}
	if over := len(lines) - rows; over > 0 && rows > 0 {
		lines = append(lines[:rows-1:rows-1], l.dim.of(fmt.Sprintf("%s %d lines more", l.ellipsis, over+1)))
	}
	return lines
}
