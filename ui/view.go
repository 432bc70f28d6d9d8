package ui

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/zctrace/zctrace/ui/term"
)

// The smallest terminal that has room for what matters.
const (
	leastWidth  = 60
	leastHeight = 16
)

// margin is left free at both sides.
const margin = 1

// room is what a screen may fill: all but the margins and the footer.
func (s stage) room() (width, height int) { return s.width - 2*margin, s.height - 1 }

// tooSmall is whether nothing that matters has room.
func (s stage) tooSmall() bool { return s.width < leastWidth || s.height < leastHeight }

// View implements tea.Model. bubbletea asks for it after every message.
func (m shell) View() string { return m.drawn }

// draw never draws outside of the terminal.
func (m shell) draw() string {
	var lines []string
	switch {
	case m.width <= 0 || m.height <= 0:
		return "" // the size comes before the first key
	case m.tooSmall():
		return whatItNeeds(m.width, m.height)
	case m.showHelp:
		lines = m.screen.help(m.stage)
	default:
		lines = m.screen.lines(m.stage)
	}
	width, height := m.room()
	return onScreen(m.look, append(filled(lines, height), m.footer(width)), m.width)
}

// filled are exactly so many lines.
func filled(lines []string, height int) []string {
	list := make([]string, height)
	copy(list, lines)
	return list
}

// onScreen puts lines within the margins.
func onScreen(l *term.Look, lines []string, width int) string {
	for i, s := range lines {
		if s = strings.TrimRight(s, " "); s != "" {
			s = l.Fit(strings.Repeat(" ", margin)+s, width)
		}
		lines[i] = s
	}
	return strings.Join(lines, "\n")
}

// whatItNeeds says what is needed in whatever room there is.
func whatItNeeds(width, height int) string {
	text := fmt.Sprintf("zctrace needs a terminal of %dx%d; this one is %dx%d. Enlarge it, or press q.",
		leastWidth, leastHeight, width, height)
	lines := term.Wrap(text, width)
	return strings.Join(lines[:min(len(lines), height)], "\n")
}

// footer shows the keys, and for a while what has just happened.
func (m shell) footer(width int) string {
	l, status := m.look, m.status()
	var keys term.Line
	if m.quitting { // the keys are cut where there is no room for both
		keys.Put(l.Warning, cmp.Or(status.leaving, "ending the run")+l.Ellipsis+" ctrl+c leaves at once").Put(term.Paint{}, "   ")
	}
	for _, k := range status.keys {
		h := k.Help()
		keys.Put(l.Key, h.Key).Put(l.Dim, " "+h.Desc+"  ")
	}
	if m.notice.text != "" {
		p := l.Strong
		if m.notice.bad {
			p = l.Warning
		}
		// The end of a path says more than its beginning.
		word, rest, _ := strings.Cut(l.Text(m.notice.text), " ")
		text := word + " " + term.FitEnd(rest, width-term.Width(word)-1, l.Ellipsis)
		if room := width - term.Width(text); room > keys.End {
			return p.Apply(text) + "   " + keys.String()
		}
		return p.Apply(text)
	}
	if status.doing != "" && !m.quitting {
		keys.Put(l.Dim, l.Text(status.doing)+l.Ellipsis)
	}
	if !status.empty && !m.showHelp {
		if text, size := tabs(l, status.tabs, m.tab, width-keys.End); size > 0 {
			keys.PadTo(width-size).Put(term.Paint{}, text)
		}
	}
	return l.Fit(keys.String(), width)
}

// tabs name what there is to choose from, that which is seen in brackets, in at most
// width cells.
func tabs(l *term.Look, names []string, seen, width int) (text string, size int) {
	for _, named := range []bool{true, false} {
		var b term.Line
		for i, name := range names {
			label := fmt.Sprint(i + 1)
			if named {
				label += " " + name
			}
			if i == seen {
				b.Put(l.Strong, "["+label+"]")
			} else {
				b.Put(l.Plain, " ").Put(l.Dim, label).Put(l.Plain, " ")
			}
		}
		if b.End <= width {
			return b.String(), b.End
		}
	}
	return "", 0
}
