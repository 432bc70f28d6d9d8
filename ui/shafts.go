package ui

import (
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/ui/term"
)

// shafts are those of the picture's arrows: how bytes go, each way in a shape of its own.
var shafts = [reading.Ways]string{
	reading.ByHandover: "·", reading.ByDMA: "═", reading.ByCopy: "━", reading.ByReference: "╌", reading.ByMapping: "~", reading.ByFill: "░", reading.ByClone: "≈",
}

var asciiShafts = [reading.Ways]string{
	reading.ByHandover: ".", reading.ByDMA: "=", reading.ByCopy: "#", reading.ByReference: "-", reading.ByMapping: "~", reading.ByFill: "0", reading.ByClone: ":",
}

// shaftOf is a cell of an arrow that goes this way.
func shaftOf(l *term.Look, w reading.Way) string {
	if l.ASCII {
		return asciiShafts[w]
	}
	return shafts[w]
}
