package ui

import (
	"cmp"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/ui/term"
)

// held is what a screen draws of something that goes on: the latest state, or that of the moment when the view was paused.
type held[T any] struct {
	latest *T // as it is; nil: there is none yet
	frozen *T // as the paused view is; nil when it is not paused
}

// shown is the state that is drawn.
func (h held[T]) shown() *T { return cmp.Or(h.frozen, h.latest) }

// hold is the same, paused or not.
func (h held[T]) hold(on bool) held[T] {
	if h.frozen = nil; on {
		h.frozen = h.latest
	}
	return h
}

// unshown says why there is no state to draw yet.
func unshown(l *term.Look, failed, doing string, width int) []string {
	if failed != "" {
		return term.Wrap("failed before the first number: "+l.Text(failed), width)
	}
	return []string{l.Title.Apply("zctrace") + "  " + l.Text(cmp.Or(doing, "starting")) + l.Ellipsis}
}

// saved says where the latest state was written to, or why it was not.
type saved struct {
	path string
	err  error
}

// save writes the latest state, and says saved then.
func (h held[T]) save(write func(*T) (path string, err error)) effect {
	if write == nil || h.latest == nil {
		return say("nothing to save yet", true)
	}
	return effect{cmd: func() tea.Msg {
		path, err := write(h.latest)
		return saved{path, err}
	}}
}

func (s saved) told() effect {
	if s.err != nil {
		return say("not saved: "+s.err.Error(), true)
	}
	return say("saved "+s.path, false)
}
