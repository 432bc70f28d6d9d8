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

	// The picture: boxes, and arrows whose shafts tell how bytes go.
	corners          [4]string // upper left and right, lower left and right
	side, up, down   string
	fork             string    // in the lower side of a box
	bends            [3]string // of arrows that leap over boxes, and of one below them
	nothing, unknown string    // shafts
	head             string

	edge, here string // of a chart: its left side, and the moment that is shown
	scrolls    string

	shaded, guide string   // part of a bar, where the rounds differ
	marks         []string // of the lines of a chart; then come letters
	joint         string   // between marks, where there are no smaller dots; "": there are
}

var unicodeGlyphs = glyphs{
	rule: "─", arrow: "→", dot: "·", ellipsis: "…", micro: "µs",
	barDone: "━", barLeft: "╌",
	copyBar: []string{"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"},
	moveBar: []string{"░"},
	levels:  []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	same:    "=", explained: "≠", differs: "!!",
	signRunning: "●", signPaused: "‖", signEnded: "■", signFailed: "✗",
	corners: [4]string{"┌", "┐", "└", "┘"}, side: "│", up: "┴", down: "▼",
	fork: "┬", bends: [3]string{"╭", "╮", "╰"},
	nothing: "·", unknown: "?", head: "►",
	edge: "┤", here: "▲", scrolls: "↑↓ ",
	shaded: "▒", guide: "┊", marks: []string{"●", "■", "▲", "◆", "○", "□", "△", "◇"},
}

var asciiGlyphs = glyphs{
	rule: "-", arrow: "->", dot: "|", ellipsis: "..", micro: "us",
	barDone: "=", barLeft: ".",
	copyBar: []string{"#"},
	moveBar: []string{":"},
	levels:  []string{"_", ".", "-", "=", "+", "*", "%", "#"},
	same:    "=", explained: "!=", differs: "!!",
	signRunning: "*", signPaused: "||", signEnded: "#", signFailed: "x",
	corners: [4]string{"+", "+", "+", "+"}, side: "|", up: "+", down: "v",
	fork: "+", bends: [3]string{"+", "+", "+"},
	nothing: ".", unknown: "?", head: ">",
	edge: "|", here: "^", scrolls: "up/down ",
	shaded: "%", guide: ":", joint: ".",
}
