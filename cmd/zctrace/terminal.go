package main

import (
	"os"

	"golang.org/x/term"
)

// canDraw reports whether a dashboard can be shown and controlled here.
func canDraw() bool {
	if name := os.Getenv("TERM"); name == "" || name == "dumb" || !term.IsTerminal(int(os.Stdin.Fd())) {
		return false
	}
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	return err == nil && width > 0 && height > 0
}
