package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/bubbles/viewport"
	tea "github.com/charmbracelet/bubbletea"

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
func (r runScreen) scroller(st stage) (viewport.Model, frame, page) {
	d := r.data(st)
	width, height := st.room()
	f := frameFor(d, width, height)
	p := pageOf(view(st.tab), d, width, f.rows)
	vp := viewport.New(width, f.rows)
	vp.KeyMap = st.keys.scroll
	vp.SetContent(strings.Join(p.lines, "\n"))
	vp.SetYOffset(r.offsets[st.tab])
	return vp, f, p
}

// drawView fills the room with a view that is not the overview.
func (r runScreen) drawView(st stage) []string {
	vp, f, p := r.scroller(st)
	title := p.title
	if total := vp.TotalLineCount(); total > f.rows {
		title = fmt.Sprintf("%s  %s%d-%d of %d", p.title, st.look.Scrolls, vp.YOffset+1, min(vp.YOffset+f.rows, total), total)
	}
	lines := append(f.head, st.look.Heading(title, vp.Width, p.columns...))
	// Not vp.View, which measures and pads all lines once more.
	for at := vp.YOffset; at < vp.YOffset+f.rows; at++ {
		text := ""
		if at < len(p.lines) {
			text = p.lines[at]
		}
		lines = append(lines, st.look.Fit(text, vp.Width))
	}
	return append(lines, f.foot...)
}

// scrolled follows a key that moves within a page.
func (r runScreen) scrolled(st stage, msg tea.KeyMsg) runScreen {
	if view(st.tab) == overview || r.shown() == nil || st.tooSmall() {
		return r
	}
	vp, _, _ := r.scroller(st)
	switch {
	case key.Matches(msg, st.keys.top):
		vp.GotoTop()
	case key.Matches(msg, st.keys.bottom):
		vp.GotoBottom()
	default:
		vp, _ = vp.Update(msg)
	}
	r.offsets[st.tab] = vp.YOffset
	return r
}
