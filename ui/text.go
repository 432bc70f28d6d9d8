package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// cells is the width of a string on the terminal. What nearly all lines consist of is
// counted here, which makes a frame several times cheaper.
func cells(s string) int {
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

// fit cuts a string to a width and ends it with tail if something is cut off.
func fit(s string, width int, tail string) string {
	if cells(s) <= width {
		return s
	}
	if width <= cells(tail) {
		return ansi.Truncate(s, max(width, 0), "")
	}
	return ansi.Truncate(s, width, tail)
}

// fitEnd keeps the end of a string, which is what tells long paths apart.
func fitEnd(s string, width int, head string) string {
	over := cells(s) - width
	if over <= 0 {
		return s
	}
	if width <= cells(head) {
		return fit(s, width, "")
	}
	return fit(ansi.TruncateLeft(s, over+cells(head), head), width, "")
}

func padRight(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-cells(s)))
}

// wrap breaks plain text into lines of at most width cells. Words longer than
// that are broken too.
func wrap(s string, width int) []string {
	return strings.Split(ansi.Wrap(s, max(width, 1), ""), "\n")
}

// line is one line of a panel, built from left to right. It measures what it
// is given before colours are added, so its width is always known.
type line struct {
	b   strings.Builder
	end int // cells so far
}

// put adds text as it is.
func (l *line) put(p paint, s string) *line {
	l.b.WriteString(p.of(s))
	l.end += cells(s)
	return l
}

// to fills with spaces up to a column.
func (l *line) to(column int) *line {
	if n := column - l.end; n > 0 {
		l.b.WriteString(strings.Repeat(" ", n))
		l.end = column
	}
	return l
}

// left adds text that begins here, in a field of the given width.
func (l *line) left(p paint, s string, width int) *line {
	end := l.end + width
	return l.put(p, fit(s, width, "")).to(end)
}

// right adds text that ends at the field's right edge. A number that is too
// long for its field pushes it wider rather than lose digits.
func (l *line) right(p paint, s string, width int) *line {
	return l.to(l.end+width-cells(s)).put(p, s)
}

func (l *line) String() string { return l.b.String() }
