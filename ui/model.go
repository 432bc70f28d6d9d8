// Package ui draws a trace: as a dashboard on a terminal (Model), as lines for
// whatever is not one (PlainHeader, PlainLine), and as the final table (Table).
// All of them are fed the same trace values, so they cannot disagree.
package ui

import (
	"io"
	"os"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/background"
	"github.com/zctrace/zctrace/ui/term"
)

// bubbletea is initialised by now, for this package imports it.
func init() { background.Restore() }

// Update is a new state of a running session.
type Update struct{ Trace *trace.Trace }

// Doing says what a session does until the next Update.
type Doing string

// Finished says that the run has ended.
type Finished struct {
	Trace *trace.Trace // nil: the last Update's stays
	Err   error        // why it failed
	Saved string       // where --json was written

	NotAgain error // why another run did not begin, which r asked for; the others are of the run before
}

// Options is what the dashboard is given. The functions may be nil. They are
// called from commands, never from Update, so they may take their time.
type Options struct {
	Terminal term.Terminal
	Output   io.Writer // whose colours count; os.Stdout by default

	// Trace is drawn before the first Update. One that has ended is shown as
	// such.
	Trace *trace.Trace
	// Replay is for a saved trace: it goes through the run from sample to sample.
	Replay bool
	// Other is a second saved trace, to compare Trace with; nil: there is none.
	Other *trace.Trace
	Names [2]string // the two's

	Stop      func()                                      // q in a running run: end it
	Interrupt func()                                      // ctrl+c in a running run: end it, as SIGINT does
	Save      func(*trace.Trace) (path string, err error) // s
	Again     func()                                      // r, once a run has ended: begin another one
	Interval  func(longer bool) time.Duration             // + and -: another time from sample to sample
}

// abandoned is whether the user asked twice to leave, and does not wait for the run.
type abandoned bool

// Abandoned is whether it is so.
func (a abandoned) Abandoned() bool { return bool(a) }

// Model is the dashboard. Its zero value is not ready: see New.
type Model struct {
	opts Options
	look *term.Look
	keys keyMap

	width, height int

	latest *trace.Trace // as the run is
	frozen *trace.Trace // as the paused view is; nil when it is not paused
	phase  phase
	failed string
	doing  string

	notAgain string // why another run did not begin

	quitting bool // q or ctrl+c was pressed: leave once the run has ended
	abandoned
	help    bool
	view    view
	offsets [views]int // the first line that is seen of each
	other   bool       // the receiver is looked at, where there is no room for both
	saving  bool
	notice  notice

	swapped bool // the other trace is looked at
	at      int  // the sample that is shown of a saved trace; atEnd: its totals
	playing bool
}

// atEnd is no sample: the totals.
const atEnd = -1

// notice is what the footer says for a while.
type notice struct {
	id   int // so that an older one's end does not remove a newer one
	text string
	bad  bool
}

// New makes a dashboard. Run it with tea.NewProgram and ProgramOptions.
func New(o Options) Model {
	if o.Output == nil {
		o.Output = os.Stdout
	}
	m := Model{opts: o, look: term.NewLook(o.Terminal, o.Output), keys: newKeys(), latest: o.Trace, at: atEnd}
	if o.Trace != nil && (o.Replay || o.Trace.Run.Ended != "") {
		m.phase, m.failed = ended, o.Trace.Run.Error
	}
	if o.Other != nil {
		m.view = differenceView
	}
	return m
}

// framesPerSecond bounds what the dashboard costs, however often the run
// reports. A run that reports ten times a second is drawn as often; the first
// number, or what a key does, shall not wait for the next tenth.
const framesPerSecond = 30

// ProgramOptions are those that the dashboard needs. Signals are left to the
// command, which knows how to end a run.
func ProgramOptions() []tea.ProgramOption {
	return []tea.ProgramOption{tea.WithAltScreen(), tea.WithFPS(framesPerSecond), tea.WithoutSignalHandler()}
}

// Init implements tea.Model.
func (m Model) Init() tea.Cmd { return nil }

// Trace is the latest state of the run that the dashboard was told of.
func (m Model) Trace() *trace.Trace { return m.latest }

// shown is the state that is drawn.
func (m Model) shown() *trace.Trace {
	if m.frozen != nil {
		return m.frozen
	}
	return m.latest
}
