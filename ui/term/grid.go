package term

import (
	"strconv"
	"strings"
)

// Grid aligns the rows of a plain-text table.
type Grid struct {
	// Align has a letter per column: l and r for left and right, m for a mark
	// that stands close to the number before it, w for a last column of words
	// that may go on in the next line.
	Align string
	Rows  [][]string
	tight bool // a single space between columns
}

// Add appends a row, with a cell for each column.
func (g *Grid) Add(row ...string) { g.Rows = append(g.Rows, row) }

// UnlessEmpty are the lines, or none if there is nothing under the headings.
func (g *Grid) UnlessEmpty(width int) []string {
	if len(g.Rows) < 2 {
		return nil
	}
	return g.Lines(width)
}

// Lines are at most width cells wide. Numbers are never cut: if they are too
// long their separators go, then the space around them, and only then digits,
// into an exponent.
func (g *Grid) Lines(width int) []string {
	widths := g.Widths()
	for _, shorten := range []func(){
		func() { g.eachNumber(func(s string) string { return strings.ReplaceAll(s, ",", "") }) },
		func() { g.tight = true },
		func() { g.eachNumber(exponent) },
	} {
		if g.Total(widths) <= width {
			break
		}
		shorten()
		widths = g.Widths()
	}
	var lines []string
	for _, row := range g.Rows {
		var l Line
		for i, cell := range row {
			if i > 0 {
				l.PadTo(l.End + g.gap(i))
			}
			switch g.Align[i] {
			case 'r':
				l.Right(Paint{}, cell, widths[i])
			case 'w':
				start := l.End
				for n, part := range Wrap(cell, width-start) {
					if n > 0 {
						lines = append(lines, strings.TrimRight(l.String(), " "))
						l = Line{}
						l.PadTo(start)
					}
					l.Put(Paint{}, part)
				}
			default:
				l.Put(Paint{}, cell).PadTo(l.End + widths[i] - Width(cell))
			}
		}
		lines = append(lines, strings.TrimRight(l.String(), " "))
	}
	return lines
}

func (g *Grid) gap(column int) int {
	if g.Align[column] == 'm' || g.tight {
		return 1
	}
	return 2
}

func (g *Grid) eachNumber(change func(string) string) {
	for _, row := range g.Rows {
		for i := range row {
			if g.Align[i] == 'r' {
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

// Widths are those of the columns, in cells of the terminal.
func (g *Grid) Widths() []int {
	widths := make([]int, len(g.Align))
	for _, row := range g.Rows {
		for i, cell := range row {
			widths[i] = max(widths[i], Width(cell))
		}
	}
	return widths
}

// Total is the width of the widest row; a column of words takes what is left.
func (g *Grid) Total(widths []int) int {
	const wordsNeed = 20
	total := 0
	for i, w := range widths {
		if i > 0 {
			total += g.gap(i)
		}
		if g.Align[i] == 'w' {
			w = min(w, wordsNeed)
		}
		total += w
	}
	return total
}
