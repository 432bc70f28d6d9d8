// Package term draws text on a terminal: widths, lines, tables, charts, colours and signs. It knows
// nothing of traces. What comes from outside (a path, a name) is drawn through [Look.Text] or
// [human.Sanitize] only.
package term

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Width is the width of a string on the terminal. What nearly all lines consist of is
// counted here, which makes a frame several times cheaper.
func Width(s string) int {
	n := 0
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case ' ' <= c && c <= '~':
			i++
			n++
		case isBoxOrBlock(s[i:]):
			i += len("█")
			n++
		default:
			size := colourLength(s[i:])
			if size == 0 {
				return ansi.StringWidth(s)
			}
			i += size
		}
	}
	return n
}

// isBoxOrBlock reports whether a string begins with one of U+2500 to U+259F.
func isBoxOrBlock(s string) bool {
	return len(s) >= 3 && s[0] == 0xE2 && (s[1] == 0x94 || s[1] == 0x95 || s[1] == 0x96 && s[2] <= 0x9F)
}

// colourLength is the length of the SGR sequence that a string begins with; 0: with
// none.
func colourLength(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 0
	}
	end := strings.IndexByte(s, 'm')
	if end < 0 || strings.Trim(s[2:end], "0123456789;") != "" {
		return 0
	}
	return end + 1
}

// Fit cuts a string to a width and ends it with tail if something is cut off.
func Fit(s string, width int, tail string) string {
	if Width(s) <= width {
		return s
	}
	if width <= Width(tail) {
		return ansi.Truncate(s, max(width, 0), "")
	}
	return ansi.Truncate(s, width, tail)
}

// FitEnd keeps the end of a string, which is what tells long paths apart.
func FitEnd(s string, width int, head string) string {
	over := Width(s) - width
	if over <= 0 {
		return s
	}
	if width <= Width(head) {
		return Fit(s, width, "")
	}
	return Fit(ansi.TruncateLeft(s, over+Width(head), head), width, "")
}

// PadRight fills with spaces up to a width.
func PadRight(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-Width(s)))
}

// Wrap breaks plain text into lines of at most width cells, at spaces: a name or a flag stays
// in one piece, hyphens and all. Words longer than a line are broken too.
func Wrap(s string, width int) []string {
	const hyphen = "\uE000" // ansi.Wrap breaks at each; no text to draw has this one
	lines := strings.Split(ansi.Wrap(strings.ReplaceAll(s, "-", hyphen), max(width, 1), ""), "\n")
	for i := range lines {
		lines[i] = strings.ReplaceAll(strings.TrimRight(lines[i], " "), hyphen, "-")
	}
	return lines
}

// Line is one line of a panel, built from left to right. It measures what it
// is given before colours are added, so its width is always known.
type Line struct {
	b   strings.Builder
	End int // cells so far
}

// Put adds text as it is.
func (l *Line) Put(p Paint, s string) *Line {
	l.b.WriteString(p.Apply(s))
	l.End += Width(s)
	return l
}

// PadTo fills with spaces up to a column.
func (l *Line) PadTo(column int) *Line {
	if n := column - l.End; n > 0 {
		l.b.WriteString(strings.Repeat(" ", n))
		l.End = column
	}
	return l
}

// Left adds text that begins here, in a field of the given width.
func (l *Line) Left(p Paint, s string, width int) *Line {
	end := l.End + width
	return l.Put(p, Fit(s, width, "")).PadTo(end)
}

// Right adds text that ends at the field's right edge. A number that is too
// long for its field pushes it wider rather than lose digits.
func (l *Line) Right(p Paint, s string, width int) *Line {
	return l.PadTo(l.End+width-Width(s)).Put(p, s)
}

// String is what was put in the line so far.
func (l *Line) String() string { return l.b.String() }
