package ui

import (
	"math"
	"strings"
)

// plot is a drawing that is made cell by cell.
type plot struct {
	*look
	width, height int
	cells         []spot
}

// spot is a cell of a plot: a glyph, or some of the eight dots of a braille letter.
type spot struct {
	glyph string
	dots  rune
	ink   paint
}

func (l *look) newPlot(width, height int) *plot {
	width, height = max(width, 0), max(height, 0)
	return &plot{l, width, height, make([]spot, width*height)}
}

// at is a cell, counted from the upper left corner; nil outside.
func (p *plot) at(x, y int) *spot {
	if x < 0 || x >= p.width || y < 0 || y >= p.height {
		return nil
	}
	return &p.cells[y*p.width+x]
}

// put draws a glyph over what is there.
func (p *plot) put(x, y int, glyph string, ink paint) {
	if c := p.at(x, y); c != nil {
		*c = spot{glyph: glyph, ink: ink}
	}
}

// fill draws a glyph into the first line, from one column to before another.
func (p *plot) fill(from, to int, glyph string, ink paint) {
	for x := from; x < to; x++ {
		p.put(x, 0, glyph, ink)
	}
}

// A cell has two columns of four dots, which are these bits of its letter.
var dotBits = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

const noDots = '\u2800' // the braille letter without any

// segment draws a straight line between the middles of two cells' columns, at
// heights from 0, the bottom, to 1.
func (p *plot) segment(x0 int, h0 float64, x1 int, h1 float64, ink paint) {
	steps := 4 * max(x1-x0, p.height, 1)
	for i := range steps + 1 {
		share := float64(i) / float64(steps)
		x := float64(x0) + 0.5 + share*float64(x1-x0)
		y := p.down(h0 + share*(h1-h0))
		c := p.at(int(x), int(y))
		if c == nil || c.glyph != "" {
			continue
		}
		if p.joint != "" {
			p.put(int(x), int(y), p.joint, ink)
			continue
		}
		c.dots |= dotBits[int(y*4)%4][int(x*2)%2]
		c.ink = ink
	}
}

// down is where a height is, in lines from the top.
func (p *plot) down(h float64) float64 {
	return min(max(1-h, 0), 1) * (float64(p.height) - 0.01)
}

// mark draws a glyph at a height.
func (p *plot) mark(x int, h float64, glyph string, ink paint) {
	if !math.IsNaN(h) {
		p.put(x, int(p.down(h)), glyph, ink)
	}
}

// line is a row of the plot.
func (p *plot) line(y int) string {
	var l line
	for x := 0; x < p.width; {
		from := *p.at(x, y)
		var text strings.Builder
		for ; x < p.width && p.at(x, y).ink == from.ink; x++ {
			switch c := p.at(x, y); {
			case c.glyph != "":
				text.WriteString(c.glyph)
			case c.dots != 0:
				text.WriteRune(noDots | c.dots)
			default:
				text.WriteByte(' ')
			}
		}
		l.put(from.ink, text.String())
	}
	return l.String()
}
