package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/ui/term"
)

// picturePanel draws the way of the data: what the payload passes as boxes, and
// between them an arrow for how it gets on. An arrow's shape and word say whether
// a device moved the bytes, the CPU copied them or they were handed on; its
// number is how often the whole payload went that way.
func picturePanel(d data, width int) string {
	p := d.DataPath()
	c, ok := d.canvasFor(p, width)
	if !ok {
		return ""
	}
	rows := []string{d.Heading(c.title, width, term.Column{Name: "1.00 = the whole payload once", End: width - 2})}
	rows = append(rows, c.leaps()...)
	for _, which := range c.lines() {
		rows = append(rows, c.line(which))
	}
	rows = append(rows, c.branchLine()...)
	return crop(append(rows, c.notes(width)...), d.rows)
}

// pictureRows is how many lines the picture takes at the least; 0: the terminal
// is too narrow for it.
func pictureRows(d data, width int) int {
	p := d.DataPath()
	c, ok := d.canvasFor(p, width)
	if !ok {
		return 0
	}
	return 1 + len(c.leaps()) + len(c.lines()) + len(c.branchLine())
}

// canvas is a picture of part of a data path, in columns.
type canvas struct {
	data
	title  string
	places []reading.Place
	hops   []reading.Hop
	branch *reading.Branch // from one of the places
	width  int
	boxed  bool
	short  int // which of the names are used
	pad    int // within a box
	gap    int // between places, at the least
	starts []int
	sizes  []int
}

// sizes of a picture, the roomiest first. gap is the least between two places.
var sizes = []struct {
	boxed           bool
	short, pad, gap int
}{
	{true, 0, 1, 14}, {true, 0, 1, 12}, {true, 1, 1, 11}, {true, 1, 0, 11}, {false, 1, 0, 10}, {false, 1, 0, 5},
}

// onOneLine is the gap from which a word and a number stand side by side in it.
const onOneLine = 10

// widestGap keeps boxes together that have more room than they need.
const widestGap = 26

// canvasFor lays out the data path: all of it if it fits well, else the side that
// is looked at.
func (d data) canvasFor(path reading.DataPath, width int) (canvas, bool) {
	all := part{"DATA PATH", 0, len(path.Places) - 1}
	side := all
	if path.Shared >= 0 {
		side = part{"DATA PATH, SENDER", 0, path.Shared}
		if d.other {
			side = part{"DATA PATH, RECEIVER", path.Shared, len(path.Places) - 1}
		}
	}
	if c := d.canvas(path, all, width, 0); c.gap >= sizes[0].gap {
		return c, true
	}
	for i := range sizes {
		if c := d.canvas(path, side, width, i); c.gap >= sizes[i].gap {
			return c, true
		}
	}
	return canvas{}, false
}

// part is the places of a data path from one to another.
type part struct {
	title    string
	from, to int
}

func (d data) canvas(path reading.DataPath, p part, width, size int) canvas {
	c := canvas{data: d, title: p.title, boxed: sizes[size].boxed, short: sizes[size].short, pad: sizes[size].pad, width: width}
	c.places = path.Places[p.from : p.to+1]
	for _, h := range path.Hops {
		if h.From >= p.from && h.To <= p.to {
			h.From, h.To = h.From-p.from, h.To-p.from
			c.hops = append(c.hops, h)
		}
	}
	if b := path.Branch; b != nil && b.From >= p.from && b.From <= p.to {
		shifted := *b
		shifted.From -= p.from
		c.branch = &shifted
	}
	taken := 0
	for i := range c.places {
		size := term.Width(c.name(i))
		if c.boxed {
			size += 2 + 2*c.pad
		}
		c.sizes = append(c.sizes, size)
		taken += size
	}
	free, hops := width-taken, max(len(c.places)-1, 1)
	c.gap = min(free/hops, widestGap)
	wider := free - c.gap*hops // so many gaps are a cell wider
	at := 0
	for i, size := range c.sizes {
		c.starts = append(c.starts, at)
		if at += size + c.gap; i < wider && c.gap < widestGap {
			at++
		}
	}
	return c
}

// longestName keeps a foreign trace's names from pushing all else out.
const longestName = 18

func (c *canvas) name(i int) string { return c.nameOf(c.places[i]) }

func (c *canvas) nameOf(p reading.Place) string {
	names := p.Names
	return c.Fit(c.Text(names[min(c.short, len(names)-1)]), longestName)
}

// between is the hop from a place to the next one.
func (c *canvas) between(i int) (reading.Hop, bool) {
	for _, h := range c.hops {
		if h.From == i && h.To == i+1 {
			return h, true
		}
	}
	return reading.Hop{}, false
}

// The lines of the picture.
type pictureLine int

const (
	above  pictureLine = iota // how the bytes go, and how often
	middle                    // the arrow
	times                     // how often, where there is no room for it above
	below                     // how fast
)

func (c *canvas) lines() []pictureLine {
	if c.gap < onOneLine {
		return []pictureLine{above, middle, times, below}
	}
	return []pictureLine{above, middle, below}
}

func (c *canvas) line(which pictureLine) string {
	var l term.Line
	for i := range c.places {
		l.PadTo(c.starts[i])
		c.drawPlace(&l, i, which)
		if i == len(c.places)-1 {
			break
		}
		l.Put(c.Plain, " ")
		if h, there := c.between(i); there {
			c.drawHop(&l, h, which, c.starts[i+1]-l.End-1)
		}
	}
	return l.String()
}

// drawPlace draws a line of a box, or what stands for one.
func (c *canvas) drawPlace(l *term.Line, i int, which pictureLine) {
	p, size := c.places[i], c.sizes[i]
	ink, frame := c.Strong, c.Dim
	if p.Idle {
		ink = c.Dim
	}
	switch {
	case !c.boxed && which == middle:
		l.Put(ink, c.name(i))
	case !c.boxed:
	case which == middle:
		pad := strings.Repeat(" ", c.pad)
		l.Put(frame, c.Side+pad).Put(ink, c.name(i)).Put(frame, pad+c.Side)
	case which == above:
		top := []rune(c.Corners[0] + strings.Repeat(c.Rule, size-2) + c.Corners[1])
		for _, h := range c.hops {
			if h.To-h.From > 1 && h.From == i {
				top[c.leaves(i)-c.starts[i]] = []rune(c.Up)[0]
			}
		}
		c.putTop(l, i, top)
	default:
		detail := c.Text(p.Detail)
		if detail != "" && term.Width(detail) <= size-4 {
			detail = " " + detail + " "
		} else {
			detail = ""
		}
		left := (size - 2 - term.Width(detail)) / 2
		side := []rune(c.Corners[2] + strings.Repeat(c.Rule, left) + detail + strings.Repeat(c.Rule, size-2-left-term.Width(detail)) + c.Corners[3])
		if c.branches() && c.branch.From == i {
			side[c.leaves(i)-c.starts[i]] = []rune(c.Fork)[0]
		}
		l.Put(frame, string(side))
	}
}

// putTop draws the upper side of a box, with the heads of the leaps that land on
// it in their own colour.
func (c *canvas) putTop(l *term.Line, i int, top []rune) {
	for _, h := range c.hops {
		if h.To-h.From > 1 && h.To == i {
			at := c.lands(i) - c.starts[i]
			ink, _ := c.inkOf(h)
			l.Put(c.Dim, string(top[:at])).Put(ink, c.Down).Put(c.Dim, string(top[at+1:]))
			return
		}
	}
	l.Put(c.Dim, string(top))
}

// leaves and lands are the columns where a leap begins and ends.
func (c *canvas) leaves(i int) int { return c.starts[i] + min(c.sizes[i]/2+1, c.sizes[i]-1) }
func (c *canvas) lands(i int) int  { return c.starts[i] + max(c.sizes[i]/2-1, 0) }

// leaps are the arrows over the boxes, in one line; none if there are none.
func (c *canvas) leaps() []string {
	var l term.Line
	for _, h := range c.hops {
		if h.To-h.From < 2 {
			continue
		}
		from, to := c.leaves(h.From), c.lands(h.To)
		ink, carries := c.inkOf(h)
		shaft := shaftOf(c.Look, h.Main().Way)
		switch {
		case !h.Main().Bytes.Int.Known():
			shaft = c.Unknown
		case !carries:
			shaft = c.Nothing
		}
		room := to - from - 1
		label := c.topLabel(h, room-7)
		if h.Main().Surprise {
			label = c.Surprise + " " + label
		}
		if amount := c.amount(h, room-4-term.Width(label)-2); amount != "" {
			label += "  " + amount
		}
		label = " " + label + " "
		left := (room - term.Width(label)) / 2
		l.PadTo(from).Put(ink, c.Bends[0]+strings.Repeat(shaft, max(left, 0))).Put(c.labelInk(h), label)
		l.Put(ink, strings.Repeat(shaft, max(room-left-term.Width(label), 0)))
		if c.boxed {
			l.Put(ink, c.Bends[1])
		} else {
			l.Put(ink, c.Down)
		}
	}
	if l.End == 0 {
		return nil
	}
	return []string{l.String()}
}

// notes say which copies the textbook does not expect, and why they were made.
func (c *canvas) notes(width int) []string {
	var list []string
	for _, h := range c.hops {
		if h.Together {
			list = append(list, c.Dim.Apply(c.Fit("the references of all pipes together; nobody counts them apart", width)))
			break
		}
		list = append(list, c.surprises(h, c.name(h.From), c.name(h.To), width)...)
	}
	if b := c.branch; b != nil {
		list = append(list, c.surprises(b.Onward, c.nameOf(b.Ends[0]), c.nameOf(b.Ends[1]), width)...)
	}
	return slices.Compact(list) // both sinks may be files
}

// surprises are the copies of a hop that should not be there.
func (c *canvas) surprises(h reading.Hop, from, to string, width int) (list []string) {
	for _, s := range h.Streams {
		if !s.Surprise {
			continue
		}
		alone := reading.Hop{Streams: []reading.Stream{s}, Payload: h.Payload}
		text := fmt.Sprintf("%s %s %s %s, %s %s", c.Surprise, from, c.Arrow, to, shortWord(s.Way), c.times(alone))
		if s.Against.Kind != reading.NoCause {
			text += ": " + s.Against.String()
		}
		list = append(list, c.Warning.Apply(c.Fit(c.Text(text), width)))
	}
	return list
}
