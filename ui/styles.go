package ui

import (
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/zctrace/zctrace/ui/background"
)

// Terminal is what the environment says of the terminal.
type Terminal struct {
	NoColor bool // bold and faint at most
	ASCII   bool // the locale is not UTF-8
	Light   bool // dark text on a light background
}

// DetectTerminal reads the environment, and only that: asking the terminal
// itself could block on one that does not answer.
func DetectTerminal(getenv func(string) string) Terminal {
	locale := getenv("LC_ALL")
	for _, name := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = getenv(name)
		}
	}
	locale = strings.ToLower(locale)
	return Terminal{
		NoColor: getenv("NO_COLOR") != "",
		ASCII:   !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8"),
		Light:   background.Light(getenv("COLORFGBG")),
	}
}

// paint colours text. Its two halves are asked of lipgloss once, when the
// program starts, because rendering every cell through it costs more than all
// of the rest of a frame.
type paint struct{ on, off string }

func (p paint) of(s string) string {
	if p.on == "" || s == "" {
		return s
	}
	return p.on + s + p.off
}

// look is how the dashboard looks on this terminal.
type look struct {
	glyphs
	ascii bool

	plain, title, dim, strong paint
	area                      paint
	copied, moved, device     paint // by the CPU, by reference, by DMA
	warning, alarm, key       paint
	series                    []paint // of the lines of a chart
}

// hue is one colour of the palette, for dark and light backgrounds and for
// terminals that know only sixteen.
type hue struct{ dark, light, ansi string }

// The palette is Okabe and Ito's, which colour-blind readers can tell apart,
// made brighter or darker for contrast, and blue and green moved apart for those
// who lack blue cones. Since the background is often unknown, the dark variants can
// be read on white as well: tests compute both.
var (
	vermillion = hue{"#E0662F", "#B54A00", "1"}
	blue       = hue{"#3F8EE8", "#0055C4", "6"}
	green      = hue{"#42966C", "#007355", "2"}
	orange     = hue{"#C98500", "#8A5A00", "3"}
	purple     = hue{"#BF74A0", "#9A4A7C", "5"}
	grey       = hue{"#8C8C8C", "#6A6A6A", "8"}
	shade      = hue{"#85587A", "#C79DB6", "5"} // of areas, not of text
)

// ansiProfile is termenv.ANSI: sixteen colours, and bold and faint.
const ansiProfile = 2

func newLook(t Terminal, out io.Writer) *look {
	r := lipgloss.NewRenderer(out)
	r.SetHasDarkBackground(!t.Light)
	if t.NoColor {
		// lipgloss would take bold and faint away with the colours.
		r.SetColorProfile(ansiProfile)
	}
	return lookFrom(t, r)
}

func lookFrom(t Terminal, r *lipgloss.Renderer) *look {
	style := r.NewStyle()
	in := func(h hue, s lipgloss.Style) paint {
		if !t.NoColor {
			s = s.Foreground(lipgloss.CompleteAdaptiveColor{
				Dark:  lipgloss.CompleteColor{TrueColor: h.dark, ANSI256: h.dark, ANSI: h.ansi},
				Light: lipgloss.CompleteColor{TrueColor: h.light, ANSI256: h.light, ANSI: h.ansi},
			})
		}
		return paintOf(s)
	}
	l := &look{
		glyphs: unicodeGlyphs, ascii: t.ASCII,
		title: paintOf(style.Bold(true)), strong: paintOf(style.Bold(true)),
		dim:    in(grey, style.Faint(t.NoColor)),
		area:   in(shade, style.Faint(t.NoColor)),
		copied: in(vermillion, style), moved: in(blue, style), device: in(green, style),
		warning: in(orange, style.Bold(true)), key: in(purple, style.Bold(true)),
		alarm: paintOf(style.Bold(true).Reverse(true)),
	}
	for _, h := range []hue{blue, vermillion, green, purple, orange, grey} {
		l.series = append(l.series, in(h, style))
	}
	if t.ASCII {
		l.glyphs = asciiGlyphs
	}
	return l
}

// inkOf and markOf tell the lines of a chart apart.
func (l *look) inkOf(i int) paint {
	if len(l.series) == 0 {
		return paint{}
	}
	return l.series[i%len(l.series)]
}

func (l *look) markOf(i int) string {
	if i < len(l.marks) {
		return l.marks[i]
	}
	return string(rune('a' + (i-len(l.marks))%26))
}

func paintOf(s lipgloss.Style) paint {
	const mark = "x"
	on, off, _ := strings.Cut(s.Render(mark), mark)
	return paint{on, off}
}

// text prepares a string from the trace for this terminal.
func (l *look) text(s string) string {
	s = Sanitize(s)
	if l.ascii {
		return toASCII(s)
	}
	return s
}

// fit cuts a line, coloured or not, to a width.
func (l *look) fit(s string, width int) string { return fit(s, width, l.ellipsis) }

// within is a line, cut if it is wider.
func (l *look) within(text *line, width int) string {
	if text.end <= width {
		return text.String()
	}
	return l.fit(text.String(), width)
}

// column is a heading and the column that it ends before.
type column struct {
	name string
	end  int
}

// heading is the first line of a panel: its title, then a rule that carries
// the names of the columns where they stand.
func (l *look) heading(title string, width int, columns ...column) string {
	var h line
	h.put(l.title, fit(title, width, "")).put(l.plain, " ")
	for _, c := range columns {
		name := c.name + " "
		start := c.end - cells(c.name)
		if start < h.end || c.end > width {
			continue
		}
		if n := start - h.end; n > 1 {
			h.put(l.dim, strings.Repeat(l.rule, n-1)+" "+name)
		} else {
			h.to(start).put(l.dim, name)
		}
	}
	return fit(h.put(l.dim, strings.Repeat(l.rule, max(0, width-h.end))).String(), width, "")
}
