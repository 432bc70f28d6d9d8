package ui

import (
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/ui/term"
)

// drawHop draws a line of the arrow between two neighbours.
func (c *canvas) drawHop(l *term.Line, h reading.Hop, which pictureLine, width int) {
	m := h.Main()
	ink, carries := c.inkOf(h)
	switch which {
	case above:
		label := c.topLabel(h, width)
		if c.gap < onOneLine && len(h.Streams) > 0 {
			label = shortWord(m.Way)
		}
		centre(l, c.labelInk(h), label, width, 0)
	case times:
		if len(h.Streams) > 0 {
			centre(l, c.labelInk(h), c.Fit(c.times(h), width), width, 0)
		}
	case below:
		ink := c.Plain
		if !carries {
			ink = c.Dim
		}
		usual := 0
		if carries {
			usual = len("9.99 GiB/s")
		}
		centre(l, ink, c.amount(h, width), width, usual)
	default:
		shaft, head := shaftOf(c.Look, m.Way), c.Head
		switch {
		case len(h.Streams) > 0 && !m.Bytes.Int.Known():
			shaft = c.Unknown
		case !carries:
			shaft, head = c.Nothing, c.Nothing
		}
		sign := ""
		if m.Surprise {
			sign = c.Surprise
		}
		n := width - term.Width(head) - term.Width(sign)
		l.Put(ink, strings.Repeat(shaft, n/2)+sign+strings.Repeat(shaft, n-n/2)+head)
	}
}

func shortWord(w reading.Way) string { return w.Names()[len(w.Names())-1] }

// times is how often the whole payload went this way.
func (c *canvas) times(h reading.Hop) string {
	if v, ok := h.Main().Bytes.Per(h.Payload); ok {
		return human.Passes(v)
	}
	return human.NotCounted
}

// inkOf is the colour of an arrow, and whether it carries anything.
func (c *canvas) inkOf(h reading.Hop) (term.Paint, bool) {
	m := h.Main()
	if m.Bytes.Int.Or(0) == 0 {
		return c.Dim, false
	}
	switch {
	case m.Surprise:
		return c.Warning, true
	case m.Way == reading.ByDMA:
		return c.Device, true
	case m.Way == reading.ByCopy, m.Way == reading.ByFill:
		return c.Copied, true
	}
	return c.Moved, true
}

func (c *canvas) labelInk(h reading.Hop) term.Paint {
	ink, carries := c.inkOf(h)
	if !carries {
		return c.Dim
	}
	return ink
}

// topLabel says how the bytes went and how often the payload did: with the
// fullest word for which there is room beside a usual number.
func (c *canvas) topLabel(h reading.Hop, width int) string {
	m := h.Main()
	if len(h.Streams) == 0 {
		return c.why(h, width)
	}
	times := c.times(h)
	const usual = 5 // " 1.00"
	for _, word := range m.Way.Names() {
		if term.Width(word)+usual <= width {
			if s := word + " " + times + " " + reading.Mark(m.Bytes.Origin.Provenance); term.Width(s) <= width {
				return strings.TrimRight(s, " ")
			}
			return c.Fit(word+" "+times, width)
		}
	}
	return c.Fit(times, width)
}

// amount is what an arrow carries per second, or why it carries nothing.
func (c *canvas) amount(h reading.Hop, width int) string {
	m := h.Main()
	n, known := m.Bytes.Int.Get()
	seconds := c.Seconds()
	switch {
	case len(h.Streams) == 0:
		return ""
	case !known && width >= len("not counted"):
		return "not counted"
	case !known:
		return ""
	case n == 0:
		return c.why(h, width)
	case seconds <= 0:
		return ""
	}
	v := float64(n-m.Back.Or(0)) / seconds
	s := human.Rate(v)
	if width < len("9.99 GiB/s") || term.Width(s) > width {
		s = shortRate(v)
	}
	if term.Width(s) > width {
		return ""
	}
	return s
}

// why is the reason for carrying nothing, if there is room for it.
func (c *canvas) why(h reading.Hop, width int) string {
	switch {
	case term.Width(string(h.Idle)) <= width:
		return string(h.Idle)
	case h.Idle == reading.NoDMA && width >= len("none"):
		return "none"
	}
	return ""
}

// shortRate is bytes per second in at most six characters: 2.9G/s, 350M/s.
func shortRate(v float64) string {
	v = max(v, 0)
	unit := 0
	for ; v >= 999.5 && unit < len(shortUnits)-1; unit++ {
		v /= 1024
	}
	digits := 0
	if unit > 0 && v < 9.95 {
		digits = 1
	}
	return human.Fixed(v, digits) + shortUnits[unit:unit+1] + "/s"
}

const shortUnits = "BKMGTPE"

// centre puts text in the middle of a field. Texts are taken for at least so
// many cells wide, so that those that vary begin where they began before.
func centre(l *term.Line, p term.Paint, s string, width, least int) {
	size := term.Width(s)
	size = max(size, min(least, width))
	l.PadTo(l.End+max(0, (width-size)/2)).Put(p, s)
}
