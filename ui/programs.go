package ui

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/bubbles/viewport"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/report"
	"github.com/zctrace/zctrace/ui/term"
)

// ProgramUpdate is a new state of a recording of programs under way.
type ProgramUpdate struct{ Program *trace.Program }

// ProgramFinished says that the recording has ended. Without a trace the last update's stays.
type ProgramFinished struct {
	Program *trace.Program
	Err     error // why it failed
}

// ProgramOptions is what the dashboard of programs is given.
type ProgramOptions struct {
	Save func(*trace.Program) (path string, err error) // s; see Options
}

// programScreen shows a recording of programs: its table, as it is at the moment.
type programScreen struct {
	held[trace.Program]
	opts   ProgramOptions
	over   bool
	failed string
	doing  string
	offset int // the first line of the table that is seen
}

// NewPrograms draws a recording of programs.
func NewPrograms(o Options, p ProgramOptions) *Program { return newProgram(newPrograms(o, p)) }

func newPrograms(o Options, p ProgramOptions) shell { return newShell(o, programScreen{opts: p}) }

func (s programScreen) pause(on bool) screen {
	s.held = s.hold(on)
	return s
}

func (s programScreen) update(st stage, msg tea.Msg) (screen, effect) {
	switch msg := msg.(type) {
	case tea.KeyMsg:
		return s.pressed(st, msg)
	case ProgramUpdate:
		s.latest = msg.Program
	case Doing:
		s.doing = string(msg)
	case ProgramFinished:
		s.latest, s.over, s.doing = cmp.Or(msg.Program, s.latest), true, ""
		if msg.Err != nil {
			s.failed = msg.Err.Error()
		}
	case saved:
		return s, msg.told()
	}
	return s, effect{}
}

func (s programScreen) pressed(st stage, msg tea.KeyMsg) (screen, effect) {
	switch {
	case key.Matches(msg, st.keys.save):
		return s, s.save(s.opts.Save)
	case s.shown() == nil || st.tooSmall():
		return s, effect{}
	}
	vp, _ := s.scroller(st)
	switch {
	case key.Matches(msg, st.keys.top):
		vp.GotoTop()
	case key.Matches(msg, st.keys.bottom):
		vp.GotoBottom()
	default:
		vp, _ = vp.Update(msg)
	}
	s.offset = vp.YOffset
	return s, effect{}
}

func (s programScreen) status(k *keyMap) status {
	t := status{
		ended: s.over, paused: s.frozen != nil, empty: s.latest == nil, doing: s.doing,
		keys: []key.Binding{k.quit}, leaving: "waiting for the command",
	}
	if !s.over || t.paused {
		t.keys = append(t.keys, k.pause)
	}
	t.keys = append(t.keys, k.save, key.NewBinding(key.WithHelp("up down", "scroll")), k.help)
	return t
}

// programHead is how many lines stand above the table: what goes on, its rates, and a blank one.
const programHead = 3

// scroller is the table, scrolled to where it was.
func (s programScreen) scroller(st stage) (viewport.Model, []string) {
	width, height := st.room()
	lines := report.ProgramNow(s.shown(), st.look, width)
	vp := viewport.New(width, max(1, height-programHead))
	vp.KeyMap = st.keys.scroll
	vp.SetContent(strings.Join(lines, "\n"))
	vp.SetYOffset(s.offset)
	return vp, lines
}

func (s programScreen) lines(st stage) []string {
	l := st.look
	width, _ := st.room()
	if s.shown() == nil {
		return unshown(l, s.failed, s.doing, width)
	}
	vp, table := s.scroller(st)
	lines := s.head(st, width)
	for _, line := range table[vp.YOffset:min(vp.YOffset+vp.Height, len(table))] {
		lines = append(lines, l.Fit(line, width))
	}
	return lines
}

// head says what is recorded and how it stands, and how fast it goes.
func (s programScreen) head(st stage, width int) []string {
	l, p := st.look, s.shown()
	sign, paint := l.SignRunning, l.Strong
	state := "running"
	switch status, ended := p.Run.ExitStatus.Get(); {
	case s.failed != "":
		sign, paint, state = l.SignFailed, l.Alarm, "failed"
	case s.over:
		sign, state = l.SignEnded, string(p.Run.Ended)
	case st.quitting:
		state = "stopping"
	case ended:
		state = fmt.Sprintf("the command has ended with %d, others go on", status)
	}
	if s.frozen != nil {
		sign, paint, state = l.SignPaused, l.Warning, "paused"
	}
	state = sign + " " + state + " " + human.Clock(p.Run.ElapsedNS)
	var first, second term.Line
	first.Put(l.Title, "zctrace").Put(l.Plain, "  ")
	first.Put(l.Key, l.Fit(l.Text(strings.Join(p.Scope.Command, " ")), max(width-first.End-term.Width(state)-2, 0)))
	first.PadTo(width-term.Width(state)).Put(paint, state)
	if s.failed != "" {
		second.Put(l.Alarm, l.Text(s.failed))
	} else {
		m := reading.ProgramMomentOf(p)
		second.Put(l.Copied, m.PerSecond(m.Copied, human.Rate)).Put(l.Plain, " copied, ").
			Put(l.Moved, m.PerSecond(m.Referenced, human.Rate)).Put(l.Plain, " by reference, ").
			Put(l.Strong, m.PerSecond(m.Calls, func(v float64) string { return human.PerSecond(v, 8) })).Put(l.Plain, " calls/s")
		if s.over {
			second.Put(l.Plain, ", on average")
		} else {
			noun := " processes now"
			if m.Alive == 1 {
				noun = " process now"
			}
			second.Put(l.Plain, "; ").Put(l.Strong, human.Count(m.Alive, 6)).Put(l.Plain, noun)
		}
	}
	return []string{first.String(), l.Fit(second.String(), width), ""}
}

func (s programScreen) help(st stage) []string {
	l, k := st.look, st.keys
	width, _ := st.room()
	return []string{
		l.Heading("KEYS", width),
		helpRow(l, l.Key, k.quit.Help().Key, "end the tracing and quit; the command lives on"),
		helpRow(l, l.Key, k.interrupt.Help().Key, "interrupt the command, and quit when it has ended"),
		helpRow(l, l.Key, "", "twice: quit at once, and leave it alone"),
		helpRow(l, l.Key, k.pause.Help().Key+" "+k.save.Help().Key, "pause the view; save the trace"),
		helpRow(l, l.Key, "arrows", "scroll"),
		"",
		"What the command prints is shown when you quit.",
	}
}
