package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/zctrace/zctrace/ui/report"
	look "github.com/zctrace/zctrace/ui/term"
)

// canDraw reports whether a dashboard can be shown and controlled here.
func canDraw() bool {
	if name := os.Getenv("TERM"); name == "" || name == "dumb" || !term.IsTerminal(int(os.Stdin.Fd())) {
		return false
	}
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	return err == nil && width > 0 && height > 0
}

// tableLook is how a table is written to out: on a terminal as wide as that is and with its signs, else, and if it is to be
// plain, as it survives a mail.
func tableLook(out io.Writer, plain bool) (*look.Look, int) {
	file, ok := out.(*os.File)
	if !ok || plain {
		return report.Look, tableWidth
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		return report.Look, tableWidth
	}
	if look.DetectTerminal(os.Getenv).ASCII {
		return &look.Look{Glyphs: look.ASCIIGlyphs, ASCII: true}, width
	}
	return &look.Look{Glyphs: look.UnicodeGlyphs}, width
}
