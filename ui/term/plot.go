package term

import (
	"math"
	"strings"
)

// Plot is a drawing that is made cell by cell.
type Plot struct {
	*Look
	width, height int
	cells         []spot
}

// spot is a cell of a plot: a glyph, or some of the eight dots of a braille letter.
type spot struct {
	glyph string
	dots  rune
	ink   Paint
}

// NewPlot is an empty drawing of so many cells.
func (l *Look) NewPlot(width, height int) *Plot {
	width, height = max(width, 0), max(height, 0)
	return &Plot{l, width, height, make([]spot, width*height)}
}

// at is a cell, counted from the upper left corner; nil outside.
func (p *Plot) at(x, y int) *spot {
	if x < 0 || x >= p.width || y < 0 || y >= p.height {
		return nil
	}
	return &p.cells[y*p.width+x]
}

// Put draws a glyph over what is there.
func (p *Plot) Put(x, y int, glyph string, ink Paint) {
	if c := p.at(x, y); c != nil {
		*c = spot{glyph: glyph, ink: ink}
	}
}

// Fill draws a glyph into the first line, from one column to before another.
func (p *Plot) Fill(from, to int, glyph string, ink Paint) {
	for x := from; x < to; x++ {
		p.Put(x, 0, glyph, ink)
	}
}

// A cell has two columns of four dots, which are these bits of its letter.
var dotBits = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

const noDots = '\u2800' // the braille letter without any

// Segment draws a straight line between the middles of two cells' columns, at
// heights from 0, the bottom, to 1.
func (p *Plot) Segment(x0 int, h0 float64, x1 int, h1 float64, ink Paint) {
	steps := 4 * max(x1-x0, p.height, 1)
	for i := range steps + 1 {
		share := float64(i) / float64(steps)
		x := float64(x0) + 0.5 + share*float64(x1-x0)
		y := p.Down(h0 + share*(h1-h0))
		c := p.at(int(x), int(y))
		if c == nil || c.glyph != "" {
			continue
		}
		if p.joint != "" {
			p.Put(int(x), int(y), p.joint, ink)
			continue
		}
		c.dots |= dotBits[int(y*4)%4][int(x*2)%2]
		c.ink = ink
	}
}

// Down is where a height is, in lines from the top.
func (p *Plot) Down(h float64) float64 {
	return min(max(1-h, 0), 1) * (float64(p.height) - 0.01)
}

// Mark draws a glyph at a height.
func (p *Plot) Mark(x int, h float64, glyph string, ink Paint) {
	if !math.IsNaN(h) {
		p.Put(x, int(p.Down(h)), glyph, ink)
	}
}

// Line is a row of the plot.
func (p *Plot) Line(y int) string {
	var l Line
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
		l.Put(from.ink, text.String())
	}
	return l.String()
}
