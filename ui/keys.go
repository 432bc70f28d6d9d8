package ui

import (
	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/bubbles/viewport"
)

// keyMap is every key that does something; help and footer are made from it.
type keyMap struct {
	quit, interrupt, pause, save, help, side, again key.Binding
	views, next, previous                           key.Binding
	back, forth, start, end, play, swap             key.Binding // in a saved trace
	longer, shorter                                 key.Binding // time from sample to sample
	order                                           key.Binding // of several runs
	top, bottom                                     key.Binding // of a page
	scroll                                          viewport.KeyMap
}

func newKeys() keyMap {
	bind := func(key1, does string, more ...string) key.Binding {
		return key.NewBinding(key.WithKeys(append([]string{key1}, more...)...), key.WithHelp(key1, does))
	}
	return keyMap{
		quit:      bind("q", "quit"),
		interrupt: bind("ctrl+c", "interrupt"),
		pause:     bind("p", "pause"),
		save:      bind("s", "save"),
		again:     bind("r", "again"),
		side:      bind("t", "side"),
		longer:    bind("+", "longer interval"),
		shorter:   bind("-", "shorter interval"),
		order:     bind("o", "order"),
		help:      bind("?", "help"),
		views:     bind("1", "views", "2", "3", "4", "5", "6"),
		next:      bind("tab", "next view"),
		previous:  bind("shift+tab", "previous view"),
		back:      bind("left", "back"),
		forth:     bind("right", "forth"),
		start:     bind("home", "start"),
		end:       bind("end", "end"),
		play:      key.NewBinding(key.WithKeys(" "), key.WithHelp("space", "play")),
		swap:      bind("x", "the other"),
		top:       bind("g", "top", "home"),
		bottom:    bind("G", "bottom", "end"),
		scroll: viewport.KeyMap{
			Up: bind("up", "up", "k"), Down: bind("down", "down", "j"),
			PageUp: bind("pgup", "page up", "b"), PageDown: bind("pgdown", "page down", "f"),
		},
	}
}
