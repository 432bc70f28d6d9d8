package ui

// glyphs are the signs of the dashboard. Every one of them has a shape of its
// own, so that nothing is told by colour alone.
type glyphs struct {
	rule, arrow, dot, ellipsis, micro string
	barDone, barLeft                  string   // the progress bar
	copied, moved                     []string // bars: eighths of a cell, the last one full
	levels                            []string // of a chart: eighths of a cell's height
	same, explained, differs          string   // measured next to textbook
	running, paused, ended, broken    string
}

var unicodeGlyphs = glyphs{
	rule: "─", arrow: "→", dot: "·", ellipsis: "…", micro: "µs",
	barDone: "━", barLeft: "╌",
	copied: []string{"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"},
	moved:  []string{"░"},
	levels: []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	same:   "=", explained: "≠", differs: "!!",
	running: "●", paused: "‖", ended: "■", broken: "✗",
}

var asciiGlyphs = glyphs{
	rule: "-", arrow: "->", dot: "|", ellipsis: "..", micro: "us",
	barDone: "=", barLeft: ".",
	copied: []string{"#"},
	moved:  []string{":"},
	levels: []string{"_", ".", "-", "=", "+", "*", "%", "#"},
	same:   "=", explained: "!=", differs: "!!",
	running: "*", paused: "||", ended: "#", broken: "x",
}
