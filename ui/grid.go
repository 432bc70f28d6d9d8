package ui

import (
	"strconv"
	"strings"
)

// grid aligns the rows of a plain-text table.
type grid struct {
	// align has a letter per column: l and r for left and right, m for a mark
	// that stands close to the number before it, w for a last column of words
	// that may go on in the next line.
	align string
	rows  [][]string
	tight bool // a single space between columns
}

func (g *grid) add(row ...string) { g.rows = append(g.rows, row) }

// unlessEmpty are the lines, or none if there is nothing under the headings.
func (g *grid) unlessEmpty(width int) []string {
	if len(g.rows) < 2 {
		return nil
	}
	return g.lines(width)
}

// lines are at most width cells wide. Numbers are never cut: if they are too
// long their separators go, then the space around them, and only then digits,
// into an exponent.
func (g *grid) lines(width int) []string {
	widths := g.widths()
	for _, shorten := range []func(){
		func() { g.eachNumber(func(s string) string { return strings.ReplaceAll(s, ",", "") }) },
		func() { g.tight = true },
		func() { g.eachNumber(exponent) },
	} {
		if g.total(widths) <= width {
			break
		}
		shorten()
		widths = g.widths()
	}
	var lines []string
	for _, row := range g.rows {
		var l line
		for i, cell := range row {
			if i > 0 {
				l.to(l.end + g.gap(i))
			}
			switch g.align[i] {
			case 'r':
				l.right(paint{}, cell, widths[i])
			case 'w':
				start := l.end
				for n, part := range wrap(cell, width-start) {
					if n > 0 {
						lines = append(lines, strings.TrimRight(l.String(), " "))
						l = line{}
						l.to(start)
					}
					l.put(paint{}, part)
				}
			default:
				l.put(paint{}, cell).to(l.end + widths[i] - cells(cell))
			}
		}
		lines = append(lines, strings.TrimRight(l.String(), " "))
	}
	return lines
}

func (g *grid) gap(column int) int {
	if g.align[column] == 'm' || g.tight {
		return 1
	}
	return 2
}

func (g *grid) eachNumber(change func(string) string) {
	for _, row := range g.rows {
		for i := range row {
			if g.align[i] == 'r' {
				row[i] = change(row[i])
			}
		}
	}
}

// exponent writes integers of more than nine digits as 9.22e+18.
func exponent(s string) string {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) > 9 {
		return strconv.FormatFloat(float64(n), 'e', 2, 64)
	}
	return s
}

func (g *grid) widths() []int {
	widths := make([]int, len(g.align))
	for _, row := range g.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], cells(cell))
		}
	}
	return widths
}

// total is the width of the widest row; a column of words takes what is left.
func (g *grid) total(widths []int) int {
	const wordsNeed = 20
	total := 0
	for i, w := range widths {
		if i > 0 {
			total += g.gap(i)
		}
		if g.align[i] == 'w' {
			w = min(w, wordsNeed)
		}
		total += w
	}
	return total
}
