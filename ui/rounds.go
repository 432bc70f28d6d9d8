package ui

import (
	"fmt"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
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

// RoundsOptions is what the view of several runs is given.
type RoundsOptions struct {
	Name   string // of the command
	Rows   []RoundsRow
	Rounds int
}

// roundsScreen is the live view of a comparison or a sweep. What the runs do is drawn
// with the next frame.
type roundsScreen struct {
	clock  func() time.Time
	latest rounds // as the runs are
	frozen rounds // as they were when the view was paused
	paused bool
}

// NewRounds draws several runs, until Quit is called.
func NewRounds(o Options, r RoundsOptions) *Program {
	return newProgram(newRoundsShell(o, r, time.Now))
}

func newRoundsShell(o Options, r RoundsOptions, clock func() time.Time) shell {
	m := newShell(o, roundsScreen{clock: clock, latest: newRounds(r, clock())})
	m.keys.quit.SetHelp("q", "end here")
	return m
}

// shown is the state that is drawn.
func (r roundsScreen) shown() rounds {
	if r.paused {
		return r.frozen
	}
	return r.latest
}

func (r roundsScreen) pause(on bool) screen {
	r.latest.clock = r.clock()
	r.paused, r.frozen = on, r.latest
	return r
}

func (r roundsScreen) update(st stage, msg tea.Msg) (screen, effect) {
	r.latest.clock = r.clock()
	e := effect{unseen: true}
	switch msg := msg.(type) {
	case RunBegins:
		r.latest = r.latest.begins(msg)
	case Update:
		r.latest = r.latest.observed(msg.Trace)
	case Doing:
		r.latest.doing = string(msg)
	case RunEnds:
		r.latest = r.latest.ended(msg)
	case frameTick:
		r.latest, e.unseen = r.latest.animated(), r.paused
	case tea.KeyMsg:
		if key.Matches(msg, st.keys.order) {
			r.latest.ranked = !r.latest.ranked
			r.frozen.ranked = r.latest.ranked
		}
	}
	return r, e
}

func (r roundsScreen) status(k *keyMap) status {
	s := status{paused: r.paused, moving: true, keys: []key.Binding{k.quit, k.pause}}
	if !r.latest.sweeps() {
		s.keys = append(s.keys, k.order)
	}
	s.keys = append(s.keys, k.help)
	if !s.paused {
		s.doing = r.latest.doing
	}
	return s
}

func (r roundsScreen) lines(st stage) []string {
	width, height := st.room()
	return r.shown().lines(st.look, width, height, r.stateText(st))
}

// stateText says at the right end of the first line how it goes.
func (r roundsScreen) stateText(st stage) stateText {
	l, s := st.look, r.shown()
	switch {
	case st.quitting:
		return stateText{l.SignRunning + " stopping", l.Warning}
	case r.paused:
		return stateText{l.SignPaused + " paused, runs go on", l.Warning}
	case s.begun == nil && s.common == nil:
		return stateText{l.SignRunning + " starting", l.Strong}
	}
	return stateText{fmt.Sprintf("%s round %d of %d  %s", l.SignRunning, s.round, s.each, human.Clock(int64(s.clock.Sub(s.start)))), l.Strong}
}
