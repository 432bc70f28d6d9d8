package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/bubbles/viewport"

	"github.com/zctrace/zctrace/ui/term"
)

// view is one of the screens of the dashboard.
type view int

const (
	overview view = iota
	callsView
	timeView
	hooksView
	countersView
	differenceView // of two saved traces
	views
)

var viewNames = [views]string{"overview", "calls", "time", "hooks", "counters", "differ"}

// views are how many there are to choose from.
func (m Model) views() view {
	if m.opts.Other == nil {
		return differenceView
	}
	return views
}

// page is what a view shows below the header: a heading that stays, and lines
// that may be more than there is room for.
type page struct {
	title   string
	columns []term.Column
	lines   []string
}

// pageOf is what the view shows in so many rows.
func pageOf(v view, d data, width, rows int) page {
	switch v {
	case callsView:
		return callsPage(d, width, rows)
	case timeView:
		return timePage(d, width, rows)
	case hooksView:
		return hooksPage(d, width)
	case differenceView:
		return differencePage(d, width)
	default:
		return countersPage(d, width)
	}
}

// frame is where a page lies on the screen.
type frame struct {
	head, foot []string // lines above and below
	rows       int      // for the lines of the page
}

// frameFor puts the header above a page, and what casts doubt on its numbers
// below it.
func frameFor(d data, width, height int) frame {
	d.rows = 0
	f := frame{head: strings.Split(headerPanel(d, width), "\n")}
	f.foot = strings.Split(statusPanel(d, width), "\n")
	if height >= 24 {
		f.head = append(f.head, "")
		f.foot = append([]string{""}, f.foot...)
	}
	f.foot = f.foot[:min(len(f.foot), max(0, height-len(f.head)-2))]
	f.rows = max(1, height-len(f.head)-len(f.foot)-1) // 1 for the page's heading
	return f
}

// scroller is a view's page, scrolled to where it was.
func (m Model) scroller(width, height int) (viewport.Model, frame, page) {
	d := m.data()
	f := frameFor(d, width, height)
	p := pageOf(m.view, d, width, f.rows)
	vp := viewport.New(width, f.rows)
	vp.KeyMap = m.keys.scroll
	vp.SetContent(strings.Join(p.lines, "\n"))
	vp.SetYOffset(m.offsets[m.view])
	return vp, f, p
}

// drawView fills width × height cells, without the footer.
func (m Model) drawView(width, height int) []string {
	vp, f, p := m.scroller(width, height)
	title := p.title
	if total := vp.TotalLineCount(); total > f.rows {
		title = fmt.Sprintf("%s  %s%d-%d of %d", p.title, m.look.Scrolls, vp.YOffset+1, min(vp.YOffset+f.rows, total), total)
	}
	lines := append(f.head, m.look.Heading(title, width, p.columns...))
	// Not vp.View, which measures and pads all lines once more.
	for at := vp.YOffset; at < vp.YOffset+f.rows; at++ {
		text := ""
		if at < len(p.lines) {
			text = p.lines[at]
		}
		lines = append(lines, m.look.Fit(text, width))
	}
	return append(lines, f.foot...)
}

// scrolled follows a key that moves within a page.
func (m Model) scrolled(msg keyMsg) Model {
	if m.view == overview || m.shown() == nil || m.width < leastWidth || m.height < leastHeight {
		return m
	}
	vp, _, _ := m.scroller(m.width-2*margin, m.height-1)
	switch {
	case key.Matches(msg, m.keys.top):
		vp.GotoTop()
	case key.Matches(msg, m.keys.bottom):
		vp.GotoBottom()
	default:
		vp, _ = vp.Update(msg)
	}
	m.offsets[m.view] = vp.YOffset
	return m
}

// tabs name the views, the one that is seen in brackets, in at most width
// cells.
func tabs(l *term.Look, now, count view, width int) (text string, size int) {
	for _, named := range []bool{true, false} {
		var b term.Line
		for v, name := range viewNames[:count] {
			label := fmt.Sprint(v + 1)
			if named {
				label += " " + name
			}
			if view(v) == now {
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
