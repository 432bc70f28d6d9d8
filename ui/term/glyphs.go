package term

// Glyphs are the signs of the dashboard. Every one of them has a shape of its
// own, so that nothing is told by colour alone.
type Glyphs struct {
	Rule, Arrow, Dot, Ellipsis, Micro string
	BarDone, BarLeft                  string   // the progress bar
	CopyBar, MoveBar                  []string // parts of a cell, the last one full
	Levels                            []string // of a chart: eighths of a cell's height
	Same, Explained, Differs          string   // measured next to textbook
	Surprise                          string   // in the picture: a copy that the textbook does not expect
	SignRunning, SignPaused           string
	SignEnded, SignFailed             string

	// The picture: boxes, and arrows whose shafts tell how bytes go.
	Corners          [4]string // upper left and right, lower left and right
	Side, Up, Down   string
	Fork             string    // in the lower side of a box
	Bends            [3]string // of arrows that leap over boxes, and of one below them
	Nothing, Unknown string    // shafts
	Head             string

	Edge, Here string // of a chart: its left side, and the moment that is shown
	Scrolls    string

	Shaded, Guide string   // part of a bar, where the rounds differ
	marks         []string // of the lines of a chart; then come letters
	joint         string   // between marks, where there are no smaller dots; "": there are
}

// UnicodeGlyphs are for terminals whose locale is UTF-8.
var UnicodeGlyphs = Glyphs{
	Rule: "─", Arrow: "→", Dot: "·", Ellipsis: "…", Micro: "µs",
	BarDone: "━", BarLeft: "╌",
	CopyBar: []string{"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"},
	MoveBar: []string{"░"},
	Levels:  []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	Same:    "=", Explained: "·", Differs: "≠", Surprise: "!!",
	SignRunning: "●", SignPaused: "‖", SignEnded: "■", SignFailed: "✗",
	Corners: [4]string{"┌", "┐", "└", "┘"}, Side: "│", Up: "┴", Down: "▼",
	Fork: "┬", Bends: [3]string{"╭", "╮", "╰"},
	Nothing: "·", Unknown: "?", Head: "►",
	Edge: "┤", Here: "▲", Scrolls: "↑↓ ",
	Shaded: "▒", Guide: "┊", marks: []string{"●", "■", "▲", "◆", "○", "□", "△", "◇"},
}

// ASCIIGlyphs are for all others.
var ASCIIGlyphs = Glyphs{
	Rule: "-", Arrow: "->", Dot: "|", Ellipsis: "..", Micro: "us",
	BarDone: "=", BarLeft: ".",
	CopyBar: []string{"#"},
	MoveBar: []string{":"},
	Levels:  []string{"_", ".", "-", "=", "+", "*", "%", "#"},
	Same:    "=", Explained: ".", Differs: "!=", Surprise: "!!",
	SignRunning: "*", SignPaused: "||", SignEnded: "#", SignFailed: "x",
	Corners: [4]string{"+", "+", "+", "+"}, Side: "|", Up: "+", Down: "v",
	Fork: "+", Bends: [3]string{"+", "+", "+"},
	Nothing: ".", Unknown: "?", Head: ">",
	Edge: "|", Here: "^", Scrolls: "up/down ",
	Shaded: "%", Guide: ":", joint: ".",
}
