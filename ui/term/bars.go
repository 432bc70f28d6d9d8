package term

import (
	"math"
	"strings"
)

// Bar fills part of width cells. parts are how the terminal can fill a cell
// step by step, the last one wholly. What is not 0 is seen.
func Bar(fraction float64, width int, parts []string) string {
	if width <= 0 || !(fraction > 0) {
		return ""
	}
	n := len(parts)
	steps := int(math.Round(min(fraction, 1) * float64(width*n)))
	steps = max(steps, 1)
	s := strings.Repeat(parts[n-1], steps/n)
	if rest := steps % n; rest > 0 {
		s += parts[rest-1]
	}
	return s
}

// Chart draws values as columns of the given height, top line first. Negative
// values are left empty; the smallest step is drawn for 0, so that a stall
// differs from what has not happened yet.
func (l *Look) Chart(values []float64, height int) []string {
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	n := len(l.Levels)
	rows := make([]string, height)
	for row := range rows {
		var b strings.Builder
		ground := (height - 1 - row) * n // steps below this line
		for _, v := range values {
			steps := -1
			if v >= 0 {
				steps = 1
				if top > 0 {
					steps = max(1, int(math.Round(v/top*float64(height*n))))
				}
			}
			switch {
			case steps <= ground:
				b.WriteByte(' ')
			case steps-ground >= n:
				b.WriteString(l.Levels[n-1])
			default:
				b.WriteString(l.Levels[steps-ground-1])
			}
		}
		rows[row] = b.String()
	}
	return rows
}
