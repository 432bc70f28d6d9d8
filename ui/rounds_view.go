package ui

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/spinner"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/report"
	"github.com/zctrace/zctrace/ui/term"
)

// stateText is what stands at the right end of the header.
type stateText struct {
	text string
	ink  term.Paint
}

// lines fill width × height cells, without the footer.
func (s rounds) lines(l *term.Look, width, height int, state stateText) []string {
	head := append(s.header(l, width, state), s.progress(l, width))
	foot := s.status(l, width)
	if height >= leastForAir {
		foot = append([]string{""}, foot...)
	}
	body := stack{room: height - len(head) - len(foot)}
	if s.sweeps() {
		s.sweepBody(l, width, &body)
	} else {
		s.raceBody(l, width, &body)
	}
	return append(append(head, filled(body.lines, height-len(head)-len(foot))...), foot...)
}

// leastForAir is the height from which a blank line parts the status from the rest.
const leastForAir = 30

// stack puts blocks of lines one below the other, each whole or not at all.
type stack struct {
	lines []string
	room  int
}

// fits reports whether a block of so many lines can follow.
func (b *stack) fits(lines int) bool { return lines > 0 && len(b.lines)+1+lines <= b.room }

// left is how many lines a block may have.
func (b *stack) left() int { return b.room - len(b.lines) - 1 }

func (b *stack) add(lines []string) {
	if b.fits(len(lines)) {
		b.lines = append(append(b.lines, ""), lines...)
	}
}

// header is one line of what runs and one of under which conditions.
func (s rounds) header(l *term.Look, width int, state stateText) []string {
	var first term.Line
	first.Put(l.Title, "zctrace").Put(l.Plain, "  ").Put(l.Key, l.Text(s.name)).Put(l.Plain, "  ")
	room := func() int { return width - first.End - term.Width(state.text) - 2 }
	names := l.Text(strings.Join(s.strategies, ", "))
	path := ""
	if s.common != nil {
		path = report.SourceToSink(l, report.Unaddressed(s.common.Run), max(room()-20, 0))
	}
	if len(names)+2+term.Width(path) > room() {
		names = fmt.Sprintf("%d strategies", len(s.strategies))
	}
	first.Put(l.Strong, term.Fit(names, max(room(), 0), l.Ellipsis)).Put(l.Plain, "  ")
	if term.Width(path) <= room() {
		first.Put(l.Plain, path)
	}
	first.PadTo(width-term.Width(state.text)).Put(state.ink, state.text)
	if s.common == nil {
		return []string{first.String(), ""}
	}
	conditions := newData(l, s.common, running).conditions()
	conditions[0] = human.FormatBytes(s.sizes[0]) + " chunks"
	if s.sweeps() {
		conditions[0] = human.FormatBytes(s.sizes[0]) + " to " + human.FormatBytes(s.sizes[len(s.sizes)-1]) + " chunks"
	}
	if work := workOf(s.common.Run); work != "" {
		conditions = append([]string{work}, conditions...)
	}
	return []string{first.String(), l.Listed(conditions, width)}
}

// workOf is what each run does, in a few words.
func workOf(r trace.Run) string {
	var parts []string
	if n, ok := r.LimitBytes.Get(); ok {
		parts = append(parts, human.FormatBytes(n))
	}
	if ns, ok := r.LimitDurationNS.Get(); ok {
		parts = append(parts, human.Clock(ns))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, " or ") + " each"
}

// progress is how many of the runs are done; that under way counts in part.
func (s rounds) progress(l *term.Look, width int) string {
	ended, of := s.count()
	text := fmt.Sprintf("%d of %s", ended, human.Plural(int64(of), "run"))
	if left, known := s.left(); known {
		text += "   ETA " + human.Clock(int64(left))
	}
	part := float64(ended)
	if s.begun != nil && s.last != nil && s.lastBegan == *s.begun && !s.over {
		part += reading.ProgressOf(&s.last.Run, s.last.Run.ElapsedNS, s.last.Run.PayloadBytes.Or(0)).Fraction
	}
	barWidth := max(width-progressTextWidth-2, 0)
	done := 0
	if of > 0 {
		done = min(int(part/float64(of)*float64(barWidth)+0.5), barWidth)
	}
	var r term.Line
	r.Put(l.Key, strings.Repeat(l.BarDone, done)).Put(l.Dim, strings.Repeat(l.BarLeft, barWidth-done))
	r.Right(l.Plain, l.Fit(text, progressTextWidth), width-r.End)
	return r.String()
}

// status says whether the numbers may be believed.
func (s rounds) status(l *term.Look, width int) []string {
	failed, lossy, runs := 0, 0, 0
	why := ""
	for _, row := range s.rows {
		if row.failed != "" {
			failed++
			why = cmp.Or(why, s.label(l, row)+": "+l.Text(row.failed))
		}
		for _, t := range row.traces {
			runs++
			if len(reading.Losses(t)) > 0 {
				lossy++
			}
		}
	}
	var lines []string
	if failed > 0 {
		alert := "FAILED: " + why
		if failed > 1 {
			alert = fmt.Sprintf("%d FAILED, first %s", failed, why)
		}
		lines = append(lines, l.Alarm.Apply(l.Fit(" "+alert+" ", width)))
	}
	if lossy > 0 {
		return append(lines, l.Alarm.Apply(fmt.Sprintf(" EVENTS WERE LOST in %s ", human.Plural(int64(lossy), "run"))))
	}
	words := []string{"medians of the sender", "d derived", "~ estimated"}
	if !s.sweeps() {
		words = append(words, reading.VariesMark+" rounds differ")
	}
	if runs > 0 {
		words = append([]string{"no losses"}, words...)
	}
	return append(lines, l.Listed(words, width))
}

// label names a row; in a sweep with its chunk size.
func (s rounds) label(l *term.Look, row roundsRow) string {
	if s.sweeps() {
		return l.Text(row.Strategy) + " " + human.FormatBytes(row.ChunkBytes)
	}
	return l.Text(row.Strategy)
}

// spin is the frame of the moment of what turns.
func (s rounds) spin(l *term.Look) string {
	frames := spinner.MiniDot.Frames
	if l.ASCII {
		frames = spinner.Line.Frames
	}
	return frames[s.frame%len(frames)]
}

// around are count of all things, number at among them.
func around(at, count, all int) (from, to int) {
	count = min(max(count, 1), all)
	from = max(0, min(at-count/2, all-count))
	return from, from + count
}

// nowRows is the least that the run under way takes.
const nowRows = 3

// now shows the run under way, or the last one until the next has begun to move
// something, in at most so many rows: its progress and throughput, and if there is
// room what the dashboard shows of it.
func (s rounds) now(l *term.Look, width, rows int) []string {
	if s.last == nil || rows < nowRows {
		return nil
	}
	d := newData(l, s.last, running)
	sign := s.spin(l)
	if s.over {
		d, sign = newData(l, s.last, ended), l.SignEnded
	}
	title := fmt.Sprintf("%s %s, round %d", sign, s.label(l, s.rows[s.lastBegan.Row]), s.lastBegan.Round)
	lines := []string{l.Heading(title, width)}
	columns := columnsFor(width)
	var drawn [][]string
	left := rows - nowRows
	for _, b := range []band{
		{panels: []panel{picturePanel}, widths: []int{width}},
		{panels: []panel{copiesPanel}, widths: []int{width}},
		{panels: []panel{syscallsPanel, textbookPanel}, widths: columns},
		{panels: []panel{switchesPanel, resourcesPanel}, widths: columns},
	} {
		if len(b.panels) > 1 && width < leastForTwo {
			break
		}
		if list := b.draw(d, asMuchAsWanted); list[0] != "" && 1+len(list) <= left {
			drawn = append(drawn, list)
			left -= 1 + len(list)
		}
	}
	d.rows = min(1+highestChart, nowRows-1+left)
	lines = append(lines, strings.Split(progressPanel(d, width), "\n")...)
	for _, list := range drawn {
		lines = append(append(lines, ""), list...)
	}
	return lines
}

// help explains keys, signs and words in one screen of the smallest size.
func (r roundsScreen) help(st stage) []string {
	l, s := st.look, r.shown()
	width, _ := st.room()
	lines := []string{
		l.Heading("KEYS", width),
		helpRow(l, l.Key, "q", "end here: what has run is ranked and printed"),
		helpRow(l, l.Key, "ctrl+c", "the same, and exit with 130; twice: leave at once"),
		helpRow(l, l.Key, "p", "pause the view; the runs go on"),
	}
	if s.sweeps() {
		return append(lines,
			l.Heading("SIGNS AND WORDS", width),
			helpRow(l, l.Strong, "chart", "throughput of each strategy by chunk size"),
			helpRow(l, l.Strong, s.spin(l), "the run under way"),
			helpRow(l, l.Strong, report.FirstMark, "its slowest round was faster than all others'"),
			helpRow(l, l.Strong, "overtakes", "only sizes count at which no rounds overlap"),
			helpRow(l, l.Strong, "twice", "one round has no spread to tell an order by"),
		)
	}
	return append(lines,
		helpRow(l, l.Key, st.keys.order.Help().Key, "in order of speed, or as they run"),
		l.Heading("SIGNS AND WORDS", width),
		helpRow(l, l.Moved, strings.Repeat(last(l.CopyBar), 2)+strings.Repeat(l.Shaded, 2)+l.Rule+l.Edge, "slowest round, median, fastest round"),
		helpRow(l, l.Key, s.spin(l)+" "+l.Head, "the run under way, and its throughput so far"),
		helpRow(l, l.Strong, "rounds", "throughput of each round"),
		helpRow(l, l.Strong, "ns/KiB", "CPU time of the sender for each KiB of payload"),
		helpRow(l, l.Strong, "copies", "by the CPU, in passes: 1.00 is the payload once"),
		helpRow(l, l.Strong, "book", "copies that the textbook says, and how it stands"),
		helpRow(l, l.Strong, strings.Join([]string{l.Same, l.Explained, l.Differs, l.Unknown}, " "), "as it says; differs, known why; differs; unknown"),
	)
}
