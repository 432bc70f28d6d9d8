package ui

import (
	"cmp"
	"fmt"
	"strings"
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
		lines = wrap("failed before the first number: "+m.look.text(m.failed), m.width-2*margin)
	case m.shown() == nil:
		lines = []string{m.look.title.of("zctrace") + "  " + m.look.text(cmp.Or(m.doing, "starting")) + m.look.ellipsis}
	case m.view == overview:
		lines = dashboard(m.data(), m.width-2*margin, m.height-1)
	default:
		lines = m.drawView(m.width-2*margin, m.height-1)
	}
	return m.look.screen(append(filled(lines, m.height-1), m.footer(m.width-2*margin)), m.width)
}

// filled are exactly so many lines.
func filled(lines []string, height int) []string {
	list := make([]string, height)
	copy(list, lines)
	return list
}

// screen puts lines within the margins.
func (l *look) screen(lines []string, width int) string {
	for i, s := range lines {
		if s = strings.TrimRight(s, " "); s != "" {
			s = l.fit(strings.Repeat(" ", margin)+s, width)
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
	lines := wrap(text, width)
	return strings.Join(lines[:min(len(lines), height)], "\n")
}

// footer shows the keys, and for a while what has just happened.
func (m Model) footer(width int) string {
	l := m.look
	var keys line
	for _, k := range m.inFooter() {
		h := k.Help()
		keys.put(l.key, h.Key).put(l.dim, " "+h.Desc+"  ")
	}
	if m.notice.text != "" {
		p := l.strong
		if m.notice.bad {
			p = l.warning
		}
		// The end of a path says more than its beginning.
		word, rest, _ := strings.Cut(l.text(m.notice.text), " ")
		text := word + " " + fitEnd(rest, width-cells(word)-1, l.ellipsis)
		if room := width - cells(text); room > keys.end {
			return p.of(text) + "   " + keys.String()
		}
		return p.of(text)
	}
	switch {
	case m.quitting:
		keys.put(l.warning, "ending the run"+l.ellipsis+" ctrl+c leaves at once")
	case m.doing != "" && m.shown() != nil:
		keys.put(l.dim, l.text(m.doing)+l.ellipsis)
	case m.saving:
		keys.put(l.dim, "saving"+l.ellipsis)
	}
	if m.shown() != nil && !m.help {
		if text, size := l.tabs(m.view, m.views(), width-keys.end); size > 0 {
			keys.to(width-size).put(paint{}, text)
		}
	}
	return l.fit(keys.String(), width)
}
