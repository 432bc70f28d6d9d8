package ui

// glyphs are the signs of the dashboard. Every one of them has a shape of its
// own, so that nothing is told by colour alone.
type glyphs struct {
	rule, arrow, dot, ellipsis, micro string
	barDone, barLeft                  string   // the progress bar
	copyBar, moveBar                  []string // parts of a cell, the last one full
	levels                            []string // of a chart: eighths of a cell's height
	same, explained, differs          string   // measured next to textbook
	signRunning, signPaused           string
	signEnded, signFailed             string
}

var unicodeGlyphs = glyphs{
	rule: "─", arrow: "→", dot: "·", ellipsis: "…", micro: "µs",
	barDone: "━", barLeft: "╌",
	copyBar: []string{"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"},
	moveBar: []string{"░"},
	levels:  []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	same:    "=", explained: "≠", differs: "!!",
	signRunning: "●", signPaused: "‖", signEnded: "■", signFailed: "✗",
}

var asciiGlyphs = glyphs{
	rule: "-", arrow: "->", dot: "|", ellipsis: "..", micro: "us",
	barDone: "=", barLeft: ".",
	copyBar: []string{"#"},
	moveBar: []string{":"},
	levels:  []string{"_", ".", "-", "=", "+", "*", "%", "#"},
	same:    "=", explained: "!=", differs: "!!",
	signRunning: "*", signPaused: "||", signEnded: "#", signFailed: "x",
}
