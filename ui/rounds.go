package ui

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/tracer/trace"
)

// RunBegins says which run of several comes next.
type RunBegins struct {
	Row   int // its place in RoundsOptions.Labels
	Round int // from 1
}

// RunEnds says how it ended.
type RunEnds struct {
	Row   int
	Trace *trace.Trace // nil: nothing ran
	Err   error
}

// RoundsOptions is what the view of several runs is given; see Options.
type RoundsOptions struct {
	Terminal  Terminal
	Output    io.Writer
	Title     string
	Labels    []string // of the rows
	Rounds    int
	Stop      func()
	Interrupt func()
}

// Rounds is the live view of a comparison: a table that fills. Its zero value is
// not ready: see NewRounds.
type Rounds struct {
	opts          RoundsOptions
	look          *look
	keys          keyMap
	width, height int
	state         roundsState
	quitting      bool
}

// roundsState is all that is drawn.
type roundsState struct {
	title  string
	labels []string
	rounds int
	rows   []roundsRow
	begun  *RunBegins   // the run under way
	now    *trace.Trace // its state
	any    *trace.Trace // of any run, for what all have in common
	doing  string
}

// roundsRow is a strategy so far.
type roundsRow struct {
	traces []*trace.Trace
	rank   trace.Ranked // of these
	failed string
}

// NewRounds makes the view. Run it with tea.NewProgram and ProgramOptions.
func NewRounds(o RoundsOptions) Rounds {
	if o.Output == nil {
		o.Output = os.Stdout
	}
	return Rounds{
		opts: o, look: newLook(o.Terminal, o.Output), keys: newKeys(),
		state: roundsState{title: o.Title, labels: o.Labels, rounds: o.Rounds, rows: make([]roundsRow, len(o.Labels))},
	}
}

// Init implements tea.Model.
func (m Rounds) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m Rounds) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyMsg:
		if msg.Paste {
			break
		}
		switch {
		case key.Matches(msg, m.keys.quit), msg.Type == tea.KeyRunes && strings.ContainsRune(string(msg.Runes), 'q'):
			return m.leave(m.opts.Stop)
		case key.Matches(msg, m.keys.interrupt):
			if m.quitting {
				return m, tea.Quit // asked twice: do not wait for the run
			}
			return m.leave(m.opts.Interrupt)
		}
	case RunBegins:
		m.state.begun, m.state.now = &msg, nil
	case Update:
		m.state.now, m.state.doing = msg.Trace, ""
		m.state.any = cmp.Or(m.state.any, msg.Trace)
	case Doing:
		m.state.doing = string(msg)
	case RunEnds:
		m.state = m.state.ended(msg)
	}
	return m, nil
}

// leave asks the runs to end; who runs the program ends it when they have.
func (m Rounds) leave(end func()) (tea.Model, tea.Cmd) {
	if m.quitting || end == nil {
		return m, nil
	}
	m.quitting = true
	return m, func() tea.Msg {
		end()
		return nil
	}
}

// ended is the state after a run.
func (s roundsState) ended(msg RunEnds) roundsState {
	rows := append([]roundsRow(nil), s.rows...) // what was drawn stays as it was
	row := &rows[msg.Row]
	if msg.Trace != nil {
		row.traces = append(row.traces[:len(row.traces):len(row.traces)], msg.Trace)
		row.rank = trace.Rank(row.traces)[0]
	}
	if msg.Err != nil {
		row.failed = msg.Err.Error()
	}
	s.rows, s.begun, s.now = rows, nil, nil
	return s
}

// View implements tea.Model.
func (m Rounds) View() string {
	if m.width <= 0 || m.height <= 0 {
		return ""
	}
	width := max(m.width-2*margin, 1)
	footer := "q end here   ctrl+c interrupt"
	if m.quitting {
		footer = "ending the run" + m.look.ellipsis + "   ctrl+c leave at once"
	} else if m.state.doing != "" {
		footer += "   " + m.look.text(m.state.doing) + m.look.ellipsis
	}
	lines := roundsLines(m.look, m.state, width, m.height-1)
	lines = lines[:min(len(lines), m.height-1)]
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines, m.look.dim.of(footer))
	for i, l := range lines {
		if l = strings.TrimRight(l, " "); l != "" {
			lines[i] = m.look.fit(strings.Repeat(" ", margin)+l, m.width)
		}
	}
	return strings.Join(lines, "\n")
}

// inSight are the rows that there is room for, that under way among them.
func (s roundsState) inSight(room int) (from, to int) {
	room = max(room, 1)
	if s.begun != nil {
		from = s.begun.Row - room/2
	}
	from = max(0, min(from, len(s.rows)-room))
	return from, min(from+room, len(s.rows))
}

// roundsLines draw the state in at most so many lines.
func roundsLines(l *look, s roundsState, width, height int) []string {
	var title line
	title.put(l.title, s.title)
	if s.any != nil {
		run := unaddressed(s.any.Run)
		title.put(l.plain, "  ").put(l.plain, l.sourceToSink(run, max(width-title.end-2, 0)))
	}
	lines := []string{title.String(), s.progress(l, width), ""}

	const median, rounds = 14, 8
	label := cells("strategy")
	fastest := 0.0
	for i, row := range s.rows {
		label = max(label, cells(s.labels[i]))
		fastest = max(fastest, row.rank.Throughput.Median.Or(0))
	}
	label = min(label, max(width-median-rounds-4, 8))
	room := max(width-label-rounds-median-2, 0)
	lines = append(lines, l.heading("STRATEGY", width, column{"rounds", label + rounds}, column{"median", label + rounds + median}))
	from, to := s.inSight(height - len(lines) - 2)
	for i := from; i < to; i++ {
		row := s.rows[i]
		var r line
		ink := l.plain
		if s.begun != nil && s.begun.Row == i {
			ink = l.strong
		}
		r.left(ink, l.text(s.labels[i]), label)
		r.right(l.plain, fmt.Sprintf("%d/%d", row.rank.Rounds, s.rounds), rounds)
		v, known := row.rank.Throughput.Median.Get()
		text := "-"
		if known {
			text = rate(v)
		}
		r.right(l.strong, text, median).put(l.plain, "  ")
		if row.failed != "" {
			r.put(l.alarm, fit(l.text("failed: "+row.failed), room, l.ellipsis))
		} else if known && fastest > 0 {
			r.put(l.moved, bar(v/fastest, room, l.copyBar))
		}
		lines = append(lines, r.String())
	}
	return append(lines, "", l.dim.of(l.fit(s.underWay(l), width)))
}

// progress is how many of the runs are done; that under way counts in part.
func (s roundsState) progress(l *look, width int) string {
	ended, of := 0, len(s.rows)*s.rounds
	for _, row := range s.rows {
		ended += len(row.traces)
		if row.failed != "" { // those that will not be tried again
			of -= s.rounds - len(row.traces)
		}
	}
	part := float64(ended)
	if s.now != nil {
		part += progressOf(s.now.Run, s.now.Run.ElapsedNS, s.now.Run.PayloadBytes.Or(0)).fraction
	}
	text := fmt.Sprintf("  %d of %s", ended, plural(int64(of), "run"))
	barWidth := max(width-cells(text), 0)
	done := 0
	if of > 0 {
		done = min(int(part/float64(of)*float64(barWidth)+0.5), barWidth)
	}
	var r line
	r.put(l.key, strings.Repeat(l.barDone, done)).put(l.dim, strings.Repeat(l.barLeft, barWidth-done)).put(l.plain, text)
	return r.String()
}

// underWay says what runs now.
func (s roundsState) underWay(l *look) string {
	if s.begun == nil {
		return ""
	}
	text := fmt.Sprintf("round %d: %s", s.begun.Round, l.text(s.labels[s.begun.Row]))
	if s.now != nil && s.now.Run.ElapsedNS > 0 {
		text += ", " + rate(s.now.Throughput())
	}
	return text
}

// RunLine is a line for a run of several that has ended.
func RunLine(label string, round, rounds int, t *trace.Trace, err error) string {
	text := fmt.Sprintf("round %d/%d  %s  ", round, rounds, Sanitize(label))
	switch {
	case err != nil:
		first, _, _ := strings.Cut(err.Error(), "\n")
		return text + "failed: " + Sanitize(first)
	case t.Run.Ended == trace.Interrupted:
		return text + "interrupted"
	}
	return text + rate(t.Throughput())
}
