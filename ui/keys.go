package ui

import "github.com/charmbracelet/bubbles/key"

// keyMap is every key that does something; help and footer are made from it.
type keyMap struct {
	quit, interrupt, pause, save, help, side key.Binding
}

func newKeys() keyMap {
	return keyMap{
		quit:      key.NewBinding(key.WithKeys("q"), key.WithHelp("q", "quit")),
		interrupt: key.NewBinding(key.WithKeys("ctrl+c"), key.WithHelp("ctrl+c", "interrupt")),
		pause:     key.NewBinding(key.WithKeys("p"), key.WithHelp("p", "pause")),
		save:      key.NewBinding(key.WithKeys("s"), key.WithHelp("s", "save")),
		side:      key.NewBinding(key.WithKeys("t"), key.WithHelp("t", "sender/receiver")),
		help:      key.NewBinding(key.WithKeys("?"), key.WithHelp("?", "help")),
	}
}

// inFooter are the keys that are always in sight, as far as they do anything.
func (k keyMap) inFooter(pausable bool) []key.Binding {
	if pausable {
		return []key.Binding{k.quit, k.pause, k.save, k.help}
	}
	return []key.Binding{k.quit, k.save, k.help}
}
