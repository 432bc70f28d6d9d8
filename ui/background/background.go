// Package background keeps a library from asking the terminal what colour its
// background is before main has even begun.
//
// bubbletea v1 asks in an init function (tea_init.go: lipgloss.HasDarkBackground
// sends OSC 11), and termenv then waits up to 5 s for the answer. A terminal
// that does not answer would make `zctrace --help` take those 5 s. termenv does
// not ask a terminal whose TERM begins with "dumb" (termStatusReport in
// termenv_unix.go), so TERM is "dumb" from this package's initialisation, which
// is before bubbletea's, until Restore, which package ui calls after it.
//
// Why this is always early enough: the language initialises, at each step, the
// first package by import path whose imports are all initialised. This package
// imports nothing but syscall, package os imports syscall too, and
// "github.com/..." sorts before "os". So this package comes before os, and
// everything that can ask a terminal imports os. That holds only as long as
// nothing is added to the imports below; a test reads the order from the
// runtime.
package background

import "syscall"

// Package variables are set once, during initialisation, which is sequential.
var before, wasSet = syscall.Getenv("TERM")

func init() {
	// There is nothing to do about an error here; the query is then sent, and
	// the price is a slow start.
	_ = syscall.Setenv("TERM", "dumb")
}

// Restore gives the environment its TERM back. It is called once bubbletea is
// initialised and before main, so nothing of the program ever sees "dumb".
func Restore() {
	if wasSet {
		_ = syscall.Setenv("TERM", before)
	} else {
		_ = syscall.Unsetenv("TERM")
	}
}

// Light reports whether COLORFGBG ("15;0": foreground; background), which some
// terminals set, says that the background is light. Where it says nothing the
// background is taken for dark, as most are.
func Light(colorFGBG string) bool {
	last := colorFGBG
	for i := len(last) - 1; i >= 0; i-- {
		if last[i] == ';' {
			last = last[i+1:]
			break
		}
	}
	switch last { // of the 16 ANSI colours: white and the bright ones but bright black
	case "7", "9", "10", "11", "12", "13", "14", "15":
		return true
	}
	return false
}
