// Package ui draws traces on a terminal: one run ([NewDashboard]), live or saved, or
// several ([NewRounds]). Package report writes the same values as plain text, so that
// the two cannot disagree.
package ui

import (
	"os"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/background"
	"github.com/zctrace/zctrace/ui/term"
)

// bubbletea is initialised by now, for this package imports it.
func init() { background.Restore() }

// Update is a new state of a run under way.
type Update struct{ Trace *trace.Trace }

// Doing says what a session does until the next Update.
type Doing string

// Options is what every program is given. The functions may be nil. They are called
// from commands, never from Update, so they may take their time.
type Options struct {
	Terminal  term.Terminal
	Stop      func() // q while something goes on: end it
	Interrupt func() // ctrl+c while something goes on: end it, as SIGINT does
}

// Program is a screen on the terminal.
type Program struct{ *tea.Program }

// framesPerSecond bounds what drawing costs, however often a run reports. One that
// reports ten times a second is drawn as often; the first number, or what a key
// does, shall not wait for the next tenth.
const framesPerSecond = 30

// newProgram leaves signals to the command, which knows how to end a run.
func newProgram(m shell) *Program {
	return &Program{tea.NewProgram(m, tea.WithAltScreen(), tea.WithFPS(framesPerSecond), tea.WithoutSignalHandler())}
}

// Run draws until the user leaves, or Quit is called. It reports whether the user
// asked twice to leave, and so does not wait until what goes on has ended.
func (p *Program) Run() (abandoned bool, err error) {
	last, err := p.Program.Run()
	if last == nil { // it panicked
		return false, err
	}
	return last.(shell).abandoned, err
}

// screen is what a shell shows. It is a value: its methods return the next one, and
// do no I/O. Whatever may wait is a command.
type screen interface {
	update(stage, tea.Msg) (screen, effect) // keys are messages, too, unless they are the shell's
	pause(on bool) screen
	status(*keyMap) status
	lines(stage) []string // of the stage's room
	help(stage) []string
}

// stage is what a screen knows of its shell.
type stage struct {
	look          *term.Look
	keys          *keyMap
	width, height int // of the terminal
	tab           int
	quitting      bool // q or ctrl+c was pressed: leave once everything has ended
}

// effect is what a message does beside changing the screen.
type effect struct {
	cmd    tea.Cmd
	notice *notice // for the footer; without text it removes what is there
	unseen bool    // nothing is drawn anew
}

// status is how a screen stands with all that its shell does for it.
type status struct {
	ended  bool // nothing goes on that somebody who leaves would wait for
	paused bool
	moving bool          // it has frames, also if nothing happens
	tabs   []string      // to choose from; nil: there are none
	empty  bool          // none of them has anything to show yet
	keys   []key.Binding // in the footer
	doing  string        // for the footer: what takes its time
	// leaving says what somebody who leaves waits for; "" is the end of a run.
	leaving string
}

// notice is what the footer says for a while.
type notice struct {
	text string
	bad  bool
	id   int // so that an older one's end does not remove a newer one
}

// noticeTime is how long a notice hides the keys.
const noticeTime = 6 * time.Second

// playTick is the time from one frame to the next of what moves by itself: a replay, and
// the bars of a comparison.
const playTick = time.Second / 10

type (
	noticeEnded struct{ id int }
	frameTick   struct{} // it is time for the next frame
)

// say is no more than a notice.
func say(text string, bad bool) effect { return effect{notice: &notice{text: text, bad: bad}} }

// ask is the command to call f, which may be nil.
func ask(f func()) tea.Cmd {
	if f == nil {
		return nil
	}
	return func() tea.Msg {
		f()
		return nil
	}
}

func nextFrame() tea.Cmd {
	return tea.Tick(playTick, func(time.Time) tea.Msg { return frameTick{} })
}

// shell is the one tea.Model: around its screen, all that any screen needs.
type shell struct {
	stage
	opts      Options
	screen    screen
	abandoned bool // the user asked twice to leave
	showHelp  bool
	ticking   bool // a frameTick is under way
	notice    notice
	drawn     string
}

func newShell(o Options, s screen) shell {
	keys := newKeys()
	return shell{opts: o, screen: s, stage: stage{look: term.NewLook(o.Terminal, os.Stdout), keys: &keys}}
}

// Init implements tea.Model. The first message is the terminal's size.
func (m shell) Init() tea.Cmd { return nil }

// Update implements tea.Model. It does no I/O: whatever may wait is a command.
func (m shell) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	var unseen bool
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyMsg:
		m, cmd = m.typed(msg)
	case noticeEnded:
		if msg.id == m.notice.id {
			m.notice.text = ""
		}
	case frameTick:
		m.ticking = false
		m, cmd, unseen = m.tell(msg)
	default:
		m, cmd, unseen = m.tell(msg)
	}
	if !m.ticking && m.status().moving {
		m.ticking, cmd = true, tea.Batch(cmd, nextFrame())
	}
	if !unseen {
		m.drawn = m.draw()
	}
	return m, cmd
}

func (m shell) status() status { return m.screen.status(m.keys) }

// tell passes a message on to the screen.
func (m shell) tell(msg tea.Msg) (next shell, cmd tea.Cmd, unseen bool) {
	var e effect
	m.screen, e = m.screen.update(m.stage, msg)
	if m.quitting && m.status().ended {
		return m, tea.Quit, false
	}
	if e.notice != nil {
		id := m.notice.id + 1
		m.notice = notice{e.notice.text, e.notice.bad, id}
		if m.notice.text != "" {
			e.cmd = tea.Batch(e.cmd, tea.Tick(noticeTime, func(time.Time) tea.Msg { return noticeEnded{id} }))
		}
	}
	return m, e.cmd, e.unseen
}

// typed takes keys apart that were typed faster than they were read: bubbletea
// hands them over as one.
func (m shell) typed(msg tea.KeyMsg) (shell, tea.Cmd) {
	switch {
	case msg.Paste: // text, no keys
		return m, nil
	case msg.Type != tea.KeyRunes:
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

func (m shell) pressed(msg tea.KeyMsg) (shell, tea.Cmd) {
	k, status := m.keys, m.status()
	tabs := len(status.tabs)
	switch {
	case key.Matches(msg, k.quit):
		return m.leave(m.opts.Stop)
	case key.Matches(msg, k.interrupt):
		if m.quitting {
			m.abandoned = true
			return m, tea.Quit
		}
		return m.leave(m.opts.Interrupt)
	case key.Matches(msg, k.pause):
		if status.paused || !status.ended {
			m.screen = m.screen.pause(!status.paused)
		}
	case key.Matches(msg, k.help):
		m.showHelp = !m.showHelp
	case msg.Type == tea.KeyEsc:
		m.showHelp = false
	case key.Matches(msg, k.views):
		if tab := int(msg.Runes[0] - '1'); tab < tabs {
			m.tab, m.showHelp = tab, false
		}
	case key.Matches(msg, k.next) && tabs > 0:
		m.tab, m.showHelp = (m.tab+1)%tabs, false
	case key.Matches(msg, k.previous) && tabs > 0:
		m.tab, m.showHelp = (m.tab+tabs-1)%tabs, false
	default:
		next, cmd, _ := m.tell(msg)
		return next, cmd
	}
	return m, nil
}

// leave ends the program: at once if everything has ended, and otherwise it asks for
// the end. A screen that says when that has come is left then; any other is left by
// whoever runs the program.
func (m shell) leave(end func()) (shell, tea.Cmd) {
	switch {
	case m.status().ended:
		return m, tea.Quit
	case m.quitting:
		return m, nil
	}
	m.quitting = true
	return m, ask(end)
}
