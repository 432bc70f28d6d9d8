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

// View implements tea.Model. It never draws outside of the terminal.
func (m Model) View() string {
	if m.width <= 0 || m.height <= 0 {
		return "" // the size comes before the first key
	}
	var lines []string
	switch {
	case m.width < leastWidth || m.height < leastHeight:
		return tooSmall(m.width, m.height)
	case m.help:
		lines = helpLines(m.look, m.keys, m.width-2*margin)
	case m.shown() == nil && m.failed != "":
		lines = term.Wrap("failed before the first number: "+m.look.Text(m.failed), m.width-2*margin)
	case m.shown() == nil:
		lines = []string{m.look.Title.Apply("zctrace") + "  " + m.look.Text(cmp.Or(m.doing, "starting")) + m.look.Ellipsis}
	case m.view == overview:
		lines = dashboard(m.data(), m.width-2*margin, m.height-1)
	default:
		lines = m.drawView(m.width-2*margin, m.height-1)
	}
	return onScreen(m.look, append(filled(lines, m.height-1), m.footer(m.width-2*margin)), m.width)
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

// data is what the panels see.
func (m Model) data() data {
	ph := m.phase
	if m.frozen != nil && ph == ended {
		ph = running // the frozen moment was one of the running run
	}
	d := newData(m.look, m.shown(), ph)
	if m.opts.Replay && m.at != atEnd {
		d = newDataAt(m.look, m.shown(), m.at)
	}
	d.replay, d.playing, d.pair = m.opts.Replay, m.playing, m.pair()
	d.phase, d.paused, d.problem, d.other = m.phase, m.frozen != nil, m.failed, m.other
	d.outcome, d.notAgain = m.latest.Run.Ended, m.notAgain
	return d
}

// tooSmall says what is needed in whatever room there is.
func tooSmall(width, height int) string {
	text := fmt.Sprintf("zctrace needs a terminal of %dx%d; this one is %dx%d. Enlarge it, or press q.",
		leastWidth, leastHeight, width, height)
	lines := term.Wrap(text, width)
	return strings.Join(lines[:min(len(lines), height)], "\n")
}

// footer shows the keys, and for a while what has just happened.
func (m Model) footer(width int) string {
	l := m.look
	var keys term.Line
	for _, k := range m.inFooter() {
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
	switch {
	case m.quitting:
		keys.Put(l.Warning, "ending the run"+l.Ellipsis+" ctrl+c leaves at once")
	case m.doing != "" && m.shown() != nil:
		keys.Put(l.Dim, l.Text(m.doing)+l.Ellipsis)
	case m.saving:
		keys.Put(l.Dim, "saving"+l.Ellipsis)
	}
	if m.shown() != nil && !m.help {
		if text, size := tabs(l, m.view, m.views(), width-keys.End); size > 0 {
			keys.PadTo(width-size).Put(term.Paint{}, text)
		}
	}
	return l.Fit(keys.String(), width)
}
