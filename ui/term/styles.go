package term

import (
	"io"
	"strings"
	"unicode"

	"github.com/charmbracelet/lipgloss"

	"github.com/zctrace/zctrace/internal/human"
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

// Paint colours text. Its two halves are asked of lipgloss once, when the
// program starts, because rendering every cell through it costs more than all
// of the rest of a frame.
type Paint struct{ on, off string }

// Apply is the text in this colour.
func (p Paint) Apply(s string) string {
	if p.on == "" || s == "" {
		return s
	}
	return p.on + s + p.off
}

// Look is how the dashboard looks on this terminal.
type Look struct {
	Glyphs
	ASCII bool

	Plain, Title, Dim, Strong Paint
	Area                      Paint
	Copied, Moved, Device     Paint // by the CPU, by reference, by DMA
	Warning, Alarm, Key       Paint
	series                    []Paint // of the lines of a chart
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

// NewLook is the look on the terminal that out writes to.
func NewLook(t Terminal, out io.Writer) *Look {
	r := lipgloss.NewRenderer(out)
	r.SetHasDarkBackground(!t.Light)
	if t.NoColor {
		// lipgloss would take bold and faint away with the colours.
		r.SetColorProfile(ansiProfile)
	}
	return LookFrom(t, r)
}

// LookFrom is the look with what a renderer knows of the terminal's colours.
func LookFrom(t Terminal, r *lipgloss.Renderer) *Look {
	style := r.NewStyle()
	in := func(h hue, s lipgloss.Style) Paint {
		if !t.NoColor {
			s = s.Foreground(lipgloss.CompleteAdaptiveColor{
				Dark:  lipgloss.CompleteColor{TrueColor: h.dark, ANSI256: h.dark, ANSI: h.ansi},
				Light: lipgloss.CompleteColor{TrueColor: h.light, ANSI256: h.light, ANSI: h.ansi},
			})
		}
		return paintOf(s)
	}
	l := &Look{
		Glyphs: UnicodeGlyphs, ASCII: t.ASCII,
		Title: paintOf(style.Bold(true)), Strong: paintOf(style.Bold(true)),
		Dim:    in(grey, style.Faint(t.NoColor)),
		Area:   in(shade, style.Faint(t.NoColor)),
		Copied: in(vermillion, style), Moved: in(blue, style), Device: in(green, style),
		Warning: in(orange, style.Bold(true)), Key: in(purple, style.Bold(true)),
		Alarm: paintOf(style.Bold(true).Reverse(true)),
	}
	for _, h := range []hue{blue, vermillion, green, purple, orange, grey} {
		l.series = append(l.series, in(h, style))
	}
	if t.ASCII {
		l.Glyphs = ASCIIGlyphs
	}
	return l
}

// SeriesInk is the colour of a line of a chart.
func (l *Look) SeriesInk(i int) Paint {
	if len(l.series) == 0 {
		return Paint{}
	}
	return l.series[i%len(l.series)]
}

// SeriesMark is the sign of a line of a chart.
func (l *Look) SeriesMark(i int) string {
	if i < len(l.marks) {
		return l.marks[i]
	}
	return string(rune('a' + (i-len(l.marks))%26))
}

func paintOf(s lipgloss.Style) Paint {
	const mark = "x"
	on, off, _ := strings.Cut(s.Render(mark), mark)
	return Paint{on, off}
}

// Text prepares a string from the trace for this terminal.
func (l *Look) Text(s string) string {
	s = human.Sanitize(s)
	if l.ASCII {
		return toASCII(s)
	}
	return s
}

// Fit cuts a line, coloured or not, to a width.
func (l *Look) Fit(s string, width int) string { return Fit(s, width, l.Ellipsis) }

// Cut is a line, cut if it is wider.
func (l *Look) Cut(text *Line, width int) string {
	if text.End <= width {
		return text.String()
	}
	return l.Fit(text.String(), width)
}

// Column is a heading and the column that it ends before.
type Column struct {
	Name string
	End  int
}

// Heading is the first line of a panel: its title, then a rule that carries
// the names of the columns where they stand.
func (l *Look) Heading(title string, width int, columns ...Column) string {
	var h Line
	h.Put(l.Title, Fit(title, width, "")).Put(l.Plain, " ")
	for _, c := range columns {
		name := c.Name + " "
		start := c.End - Width(c.Name)
		if start < h.End || c.End > width {
			continue
		}
		if n := start - h.End; n > 1 {
			h.Put(l.Dim, strings.Repeat(l.Rule, n-1)+" "+name)
		} else {
			h.PadTo(start).Put(l.Dim, name)
		}
	}
	return Fit(h.Put(l.Dim, strings.Repeat(l.Rule, max(0, width-h.End))).String(), width, "")
}

// Listed are as many of the words as there is room for, in one line.
func (l *Look) Listed(words []string, width int) string {
	var text Line
	for _, word := range words {
		sep := " " + l.Dot + " "
		if text.End == 0 {
			sep = ""
		}
		if text.End+Width(sep)+Width(word) > width {
			break
		}
		text.Put(l.Dim, sep+word)
	}
	return text.String()
}

// toASCII is for terminals whose locale is not UTF-8.
func toASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return '?'
		}
		return r
	}, s)
}
