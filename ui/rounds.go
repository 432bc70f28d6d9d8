package ui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// RunBegins says which run of several comes next.
type RunBegins struct {
	Row   int // its place in RoundsOptions.Rows
	Round int // from 1
}

// RunEnds says how it ended.
type RunEnds struct {
	Row   int
	Trace *trace.Trace // nil: nothing ran
	Err   error
}

// RoundsRow is what is done once in each round.
type RoundsRow struct {
	Strategy   string
	ChunkBytes int64
}

// RoundsOptions is what the view of several runs is given; see Options.
type RoundsOptions struct {
	Terminal  term.Terminal
	Output    io.Writer
	Name      string // of the command
	Rows      []RoundsRow
	Rounds    int
	Stop      func()
	Interrupt func()
}

// Rounds is the live view of a comparison or a sweep. Its zero value is not
// ready: see NewRounds.
type Rounds struct {
	opts          RoundsOptions
	look          *term.Look
	keys          keyMap
	clock         func() time.Time
	width, height int

	latest rounds  // as the runs are
	frozen *rounds // as the paused view is; nil when it is not paused

	help     bool
	quitting bool
	abandoned

	drawn string // the frame
}

// frameTick moves what is animated by a step.
type frameTick struct{}

func nextRoundsFrame() tea.Cmd {
	return tea.Tick(playTick, func(time.Time) tea.Msg { return frameTick{} })
}

// NewRounds makes the view. Run it with tea.NewProgram and ProgramOptions.
func NewRounds(o RoundsOptions) Rounds {
	if o.Output == nil {
		o.Output = os.Stdout
	}
	keys := newKeys()
	keys.quit.SetHelp("q", "end here")
	m := Rounds{opts: o, look: term.NewLook(o.Terminal, o.Output), keys: keys, clock: time.Now}
	m.latest = newRounds(o, m.clock())
	return m
}

// Init implements tea.Model.
func (m Rounds) Init() tea.Cmd { return nextRoundsFrame() }

// Update implements tea.Model. What the runs do is drawn with the next frame.
func (m Rounds) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.latest.at = m.clock()
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case RunBegins:
		m.latest = m.latest.begins(msg)
		return m, nil
	case Update:
		m.latest = m.latest.observed(msg.Trace)
		return m, nil
	case Doing:
		m.latest.doing = string(msg)
		return m, nil
	case RunEnds:
		m.latest = m.latest.ended(msg)
		return m, nil
	case frameTick:
		m.latest, cmd = m.latest.moved(), nextRoundsFrame()
		if m.frozen != nil {
			return m, cmd
		}
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyMsg:
		m, cmd = m.typed(msg)
	}
	m.drawn = m.draw()
	return m, cmd
}

// typed takes keys apart that were typed faster than they were read.
func (m Rounds) typed(msg tea.KeyMsg) (Rounds, tea.Cmd) {
	if msg.Paste {
		return m, nil
	}
	if msg.Type != tea.KeyRunes {
		return m.pressed(msg)
	}
	var cmds []tea.Cmd
	for _, r := range msg.Runes {
		var cmd tea.Cmd
		m, cmd = m.pressed(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt})
		cmds = append(cmds, cmd)
	}
	return m, tea.Batch(cmds...)
}

func (m Rounds) pressed(msg tea.KeyMsg) (Rounds, tea.Cmd) {
	switch {
	case key.Matches(msg, m.keys.quit):
		return m.leave(m.opts.Stop)
	case key.Matches(msg, m.keys.interrupt):
		if m.quitting {
			m.abandoned = true
			return m, tea.Quit
		}
		return m.leave(m.opts.Interrupt)
	case key.Matches(msg, m.keys.pause):
		if m.frozen != nil {
			m.frozen = nil
		} else {
			frozen := m.latest
			m.frozen = &frozen
		}
	case key.Matches(msg, m.keys.order):
		m.latest.ranked = !m.latest.ranked
		if m.frozen != nil {
			m.frozen.ranked = m.latest.ranked
		}
	case key.Matches(msg, m.keys.help):
		m.help = !m.help
	case msg.Type == tea.KeyEsc:
		m.help = false
	}
	return m, nil
}

// leave asks the runs to end; who runs the program ends it when they have.
func (m Rounds) leave(end func()) (Rounds, tea.Cmd) {
	if m.quitting || end == nil {
		return m, nil
	}
	m.quitting = true
	return m, func() tea.Msg {
		end()
		return nil
	}
}

// shown is the state that is drawn.
func (m Rounds) shown() rounds {
	if m.frozen != nil {
		return *m.frozen
	}
	return m.latest
}

// View implements tea.Model. bubbletea asks for it after every message, and draws it
// ten times a second.
func (m Rounds) View() string { return m.drawn }

// draw never draws outside of the terminal.
func (m Rounds) draw() string {
	if m.width <= 0 || m.height <= 0 {
		return ""
	}
	if m.width < leastWidth || m.height < leastHeight {
		return tooSmall(m.width, m.height)
	}
	width := m.width - 2*margin
	s := m.shown()
	var lines []string
	if m.help {
		lines = roundsHelp(m.look, m.keys, s, width)
	} else {
		lines = s.lines(m.look, width, m.height-1, m.stateText(s))
	}
	return onScreen(m.look, append(filled(lines, m.height-1), m.footer(width)), m.width)
}

// stateText says at the right end of the first line how it goes.
func (m Rounds) stateText(s rounds) stateText {
	switch {
	case m.quitting:
		return stateText{m.look.SignRunning + " stopping", m.look.Warning}
	case m.frozen != nil:
		return stateText{m.look.SignPaused + " paused, runs go on", m.look.Warning}
	case s.begun == nil && s.any == nil:
		return stateText{m.look.SignRunning + " starting", m.look.Strong}
	}
	return stateText{fmt.Sprintf("%s round %d of %d  %s", m.look.SignRunning, s.round, s.each, human.Clock(int64(s.at.Sub(s.start)))), m.look.Strong}
}

// footer shows the keys, and what takes its time.
func (m Rounds) footer(width int) string {
	l := m.look
	var text term.Line
	keys := []key.Binding{m.keys.quit, m.keys.pause, m.keys.help}
	if !m.latest.sweeps() {
		keys = []key.Binding{m.keys.quit, m.keys.pause, m.keys.order, m.keys.help}
	}
	for _, k := range keys {
		h := k.Help()
		text.Put(l.Key, h.Key).Put(l.Dim, " "+h.Desc+"  ")
	}
	switch {
	case m.quitting:
		text.Put(l.Warning, "ending the run"+l.Ellipsis+" ctrl+c leaves at once")
	case m.latest.doing != "" && m.frozen == nil:
		text.Put(l.Dim, l.Text(m.latest.doing)+l.Ellipsis)
	}
	return l.Fit(text.String(), width)
}

// RunLine is a line for a run of several that has ended.
func RunLine(label string, round, rounds int, t *trace.Trace, err error) string {
	text := fmt.Sprintf("round %d/%d  %s  ", round, rounds, term.Sanitize(label))
	switch {
	case err != nil:
		first, _, _ := strings.Cut(err.Error(), "\n")
		return text + "failed: " + term.Sanitize(first)
	case t.Run.Ended == trace.Interrupted:
		return text + "interrupted"
	}
	return text + human.Rate(t.Throughput())
}
