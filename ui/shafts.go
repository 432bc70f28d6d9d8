package ui

import "github.com/zctrace/zctrace/ui/term"

// shafts are those of the picture's arrows: how bytes go, each way in a shape of its own.
var shafts = [ways]string{
	byHandover: "·", byDMA: "═", byCopy: "━", byReference: "╌", byMapping: "~", byFill: "░", byClone: "≈",
}

var asciiShafts = [ways]string{
	byHandover: ".", byDMA: "=", byCopy: "#", byReference: "-", byMapping: "~", byFill: "0", byClone: ":",
}

// shaft is a cell of an arrow that goes this way.
func (w way) shaft(l *term.Look) string {
	if l.ASCII {
		return asciiShafts[w]
	}
	return shafts[w]
}
