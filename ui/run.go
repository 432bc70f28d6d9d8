package ui

import (
	"cmp"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Finished says that the run has ended.
type Finished struct {
	Trace *trace.Trace // nil: the last Update's stays
	Err   error        // why it failed
	Saved string       // where --json was written

	NotAgain error // why another run did not begin, which r asked for; the others are of the run before
}

// RunOptions is what the dashboard of a run is given. The functions are as those of
// Options.
type RunOptions struct {
	// Trace is drawn before the first Update. One that has ended is shown as
	// such.
	Trace *trace.Trace
	// Replay is for a saved trace: it goes through the run from sample to sample.
	Replay bool
	// Other is a second saved trace, to compare Trace with; nil: there is none.
	Other *trace.Trace
	Names [2]string // the two's

	Save     func(*trace.Trace) (path string, err error) // s
	Again    func()                                      // r, once a run has ended: begin another one
	Interval func(longer bool) time.Duration             // + and -: another time from sample to sample
}

type sampling struct{ every time.Duration }

// runScreen is the dashboard of a run, live or saved.
type runScreen struct {
	held[trace.Trace]
	opts RunOptions

	over   bool // the run has ended
	failed string
	doing  string

	notAgain string // why another run did not begin

	offsets [views]int // the first line that is seen of each
	other   bool       // the receiver is looked at, where there is no room for both
	saving  bool

	swapped bool // the other trace is looked at
	at      int  // the sample that is shown of a saved trace; atEnd: its totals
	playing bool
}

// atEnd is no sample: the totals.
const atEnd = -1

// NewDashboard draws a run, live or saved.
func NewDashboard(o Options, run RunOptions) *Program { return newProgram(newDashboard(o, run)) }

func newDashboard(o Options, run RunOptions) shell {
	r := runScreen{opts: run, held: held[trace.Trace]{latest: run.Trace}, at: atEnd}
	if t := run.Trace; t != nil && (run.Replay || t.Run.Ended != "") {
		r.over, r.failed = true, t.Run.Error
	}
	m := newShell(o, r)
	if run.Other != nil {
		m.tab = int(differenceView)
	}
	return m
}

func (r runScreen) pause(on bool) screen {
	r.held = r.hold(on)
	return r
}

func (r runScreen) update(st stage, msg tea.Msg) (screen, effect) {
	switch msg := msg.(type) {
	case tea.KeyMsg:
		return r.pressed(st, msg)
	case Update:
		if msg.Trace != nil && !r.over {
			r.latest, r.doing = msg.Trace, ""
		}
	case Doing:
		if !r.over {
			r.doing = string(msg)
		}
	case Finished:
		return r.finish(msg)
	case saved:
		r.saving = false
		return r, msg.told()
	case sampling:
		return r, say("sampling every "+msg.every.String(), false)
	case frameTick:
		r = r.playOn()
	}
	return r, effect{}
}

func (r runScreen) pressed(st stage, msg tea.KeyMsg) (screen, effect) {
	k := st.keys
	switch {
	case key.Matches(msg, k.save):
		if r.saving {
			return r, effect{}
		}
		e := r.save(r.opts.Save)
		r.saving = e.cmd != nil
		return r, e
	case key.Matches(msg, k.longer, k.shorter):
		if interval := r.opts.Interval; interval != nil && r.phase(st) == running {
			longer := key.Matches(msg, k.longer)
			return r, effect{cmd: func() tea.Msg { return sampling{interval(longer)} }}
		}
		return r, say("no interval to change: the run has ended", true)
	case key.Matches(msg, k.again):
		if r.over && r.opts.Again != nil && !st.quitting {
			r.over, r.failed, r.notAgain, r.doing = false, "", "", ""
			r.latest, r.frozen = nil, nil
			return r, effect{cmd: ask(r.opts.Again), notice: &notice{}}
		}
	case key.Matches(msg, k.side):
		if t := r.shown(); t != nil && !severalProcesses(t) {
			return r, say("nobody receives from this sink here", true)
		}
		r.other = !r.other
	default:
		if next, steered := r.steered(k, msg); steered {
			return next, effect{}
		}
		r = r.scrolled(st, msg)
	}
	return r, effect{}
}

func (r runScreen) finish(msg Finished) (screen, effect) {
	r.latest = cmp.Or(msg.Trace, r.latest)
	r.over, r.doing = true, ""
	if r.latest != nil {
		r.failed = r.latest.Run.Error
	}
	if msg.Err != nil {
		r.failed = msg.Err.Error()
	}
	if msg.NotAgain != nil {
		r.notAgain = msg.NotAgain.Error()
	}
	if msg.Saved != "" {
		return r, say("saved "+msg.Saved, false)
	}
	return r, effect{}
}

// phase is what the run is doing, as far as is known here.
func (r runScreen) phase(st stage) phase {
	switch {
	case r.over:
		return ended
	case st.quitting:
		return stopping
	}
	return running
}

func (r runScreen) status(k *keyMap) status {
	s := status{ended: r.over, paused: r.frozen != nil, moving: r.playing, keys: []key.Binding{k.quit}}
	add := func(also bool, more ...key.Binding) {
		if also {
			s.keys = append(s.keys, more...)
		}
	}
	two, t := r.opts.Other != nil, r.shown()
	if r.opts.Replay {
		add(two, k.swap)
		add(true, key.NewBinding(key.WithHelp("left right", "time")), k.play)
	} else {
		add(!s.ended || s.paused, k.pause)
		add(true, k.save)
		add(s.ended && r.opts.Again != nil, k.again)
	}
	add(t != nil && severalProcesses(t) && !two, k.side) // of two there is no room for it
	add(true, k.help)
	if s.tabs, s.empty = viewNames[:differenceView], t == nil; two {
		s.tabs = viewNames[:]
	}
	if r.saving {
		s.doing = "saving"
	}
	if !s.empty {
		s.doing = cmp.Or(r.doing, s.doing)
	}
	return s
}

func (r runScreen) lines(st stage) []string {
	l := st.look
	width, height := st.room()
	switch {
	case r.shown() == nil:
		return unshown(l, r.failed, r.doing, width)
	case view(st.tab) == overview:
		return dashboard(r.data(st), width, height)
	}
	return r.drawView(st)
}

// data is what the panels see.
func (r runScreen) data(st stage) data {
	ph := r.phase(st)
	if r.frozen != nil && ph == ended {
		ph = running // the frozen moment was one of the running run
	}
	d := newData(st.look, r.shown(), ph)
	if r.opts.Replay && r.at != atEnd {
		d = newDataAt(st.look, r.shown(), r.at)
	}
	d.replay, d.playing, d.pair = r.opts.Replay, r.playing, r.pair()
	d.phase, d.paused, d.problem, d.other = r.phase(st), r.frozen != nil, r.failed, r.other
	d.outcome, d.notAgain = r.latest.Run.Ended, r.notAgain
	return d
}
