package ui

import (
	"strconv"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/ui/term"
)

// drawHop draws a line of the arrow between two neighbours.
func (c *canvas) drawHop(l *term.Line, h hop, which pictureLine, width int) {
	m := h.main()
	ink, carries := c.inkOf(h)
	switch which {
	case above:
		label := c.topLabel(h, width)
		if c.gap < onOneLine && len(h.streams) > 0 {
			label = shortWord(m.way)
		}
		centre(l, c.labelInk(h), label, width, 0)
	case times:
		if len(h.streams) > 0 {
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
		shaft, head := m.way.shaft(c.Look), c.Head
		switch {
		case len(h.streams) > 0 && !m.bytes.value.Known():
			shaft = c.Unknown
		case !carries:
			shaft, head = c.Nothing, c.Nothing
		}
		sign := ""
		if m.surprise {
			sign = c.Differs
		}
		n := width - term.Width(head) - term.Width(sign)
		l.Put(ink, strings.Repeat(shaft, n/2)+sign+strings.Repeat(shaft, n-n/2)+head)
	}
}

func shortWord(w way) string { return words[w][len(words[w])-1] }

// times is how often the whole payload went this way.
func (c *canvas) times(h hop) string {
	if v, ok := h.main().bytes.per(h.payload); ok {
		return human.Passes(v)
	}
	return human.NotCounted
}

// inkOf is the colour of an arrow, and whether it carries anything.
func (c *canvas) inkOf(h hop) (term.Paint, bool) {
	m := h.main()
	if !m.bytes.nonzero() {
		return c.Dim, false
	}
	switch {
	case m.surprise:
		return c.Warning, true
	case m.way == byDMA:
		return c.Device, true
	case m.way == byCopy, m.way == byFill:
		return c.Copied, true
	}
	return c.Moved, true
}

func (c *canvas) labelInk(h hop) term.Paint {
	ink, carries := c.inkOf(h)
	if !carries {
		return c.Dim
	}
	return ink
}

// topLabel says how the bytes went and how often the payload did: with the
// fullest word for which there is room beside a usual number.
func (c *canvas) topLabel(h hop, width int) string {
	m := h.main()
	if len(h.streams) == 0 {
		return c.why(h, width)
	}
	times := c.times(h)
	const usual = 5 // " 1.00"
	for _, word := range words[m.way] {
		if term.Width(word)+usual <= width {
			if s := word + " " + times + " " + m.bytes.mark(); term.Width(s) <= width {
				return strings.TrimRight(s, " ")
			}
			return c.Fit(word+" "+times, width)
		}
	}
	return c.Fit(times, width)
}

// amount is what an arrow carries per second, or why it carries nothing.
func (c *canvas) amount(h hop, width int) string {
	m := h.main()
	n, known := m.bytes.value.Get()
	seconds := c.Seconds()
	switch {
	case len(h.streams) == 0:
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
	v := float64(n-m.back.Or(0)) / seconds
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
func (c *canvas) why(h hop, width int) string {
	switch {
	case term.Width(h.idle) <= width:
		return h.idle
	case h.idle == noDMAHere && width >= len("none"):
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
	return strconv.FormatFloat(v, 'f', digits, 64) + shortUnits[unit:unit+1] + "/s"
}

const shortUnits = "BKMGTPE"

// centre puts text in the middle of a field. Texts are taken for at least so
// many cells wide, so that those that vary begin where they began before.
func centre(l *term.Line, p term.Paint, s string, width, least int) {
	size := term.Width(s)
	size = max(size, min(least, width))
	l.PadTo(l.End+max(0, (width-size)/2)).Put(p, s)
}
