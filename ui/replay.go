package ui

import (
	"sort"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/tracer/trace"
)

// playTick is the time from one frame to the next of what moves by itself: a replay, and
// the bars of a comparison.
const playTick = time.Second / 10

// moved follows a key that moves through the time of a saved trace.
func (m Model) moved(msg tea.KeyMsg) (next tea.Model, cmd tea.Cmd, moved bool) {
	if !m.opts.Replay {
		return m, nil, false
	}
	if key.Matches(msg, m.keys.swap) && m.opts.Other != nil {
		return m.swap(), nil, true
	}
	if len(m.latest.Samples) == 0 {
		return m, nil, false
	}
	last := len(m.latest.Samples) - 1
	at := m.at
	if at == atEnd {
		at = last
	}
	step := max(1, last/100)
	switch {
	case key.Matches(msg, m.keys.back):
		at -= step
	case key.Matches(msg, m.keys.forth):
		at += step
	case key.Matches(msg, m.keys.start):
		at = 0
	case key.Matches(msg, m.keys.end):
		at = last
	case key.Matches(msg, m.keys.play):
		if m.playing {
			m.playing = false
			return m, nil, true
		}
		if m.playing = true; m.at == atEnd {
			m.at = 0 // from the beginning
		}
		return m, nextFrame(), true
	default:
		return m, nil, false
	}
	m.playing = false
	m.at = max(at, 0)
	if m.at >= last {
		m.at = atEnd
	}
	return m, nil, true
}

func nextFrame() tea.Cmd {
	return tea.Tick(playTick, func(time.Time) tea.Msg { return playOn{} })
}

// shortestPlay is how many frames even a short run takes, as far as it has samples.
const shortestPlay = 50

// playOn moves a replay on by as much time as has passed.
func (m Model) playOn() (tea.Model, tea.Cmd) {
	if !m.playing || m.at == atEnd {
		m.playing = false
		return m, nil
	}
	samples := m.latest.Samples
	step := min(playTick.Nanoseconds(), samples[len(samples)-1].ElapsedNS/shortestPlay)
	then := samples[m.at].ElapsedNS + step
	next := sort.Search(len(samples), func(i int) bool { return samples[i].ElapsedNS >= then })
	if m.at = max(next, m.at+1); m.at >= len(samples)-1 {
		m.at, m.playing = atEnd, false
		return m, nil
	}
	return m, nextFrame()
}

// swap looks at the other trace, at the same moment.
func (m Model) swap() Model {
	elapsed := int64(0)
	if m.at != atEnd {
		elapsed = m.latest.Samples[m.at].ElapsedNS
	}
	m.swapped, m.playing = !m.swapped, false
	m.latest, m.opts.Other = m.opts.Other, m.latest
	m.failed = m.latest.Run.Error
	if m.at == atEnd {
		return m
	}
	samples := m.latest.Samples
	m.at = sort.Search(len(samples), func(i int) bool { return samples[i].ElapsedNS >= elapsed })
	if m.at >= len(samples)-1 {
		m.at = atEnd
	}
	return m
}

// pair is two traces that are compared, in the order in which they were given.
type pair struct {
	traces [2]*trace.Trace
	names  [2]string
	shown  int
}

func (m Model) pair() *pair {
	switch {
	case m.opts.Other == nil:
		return nil
	case m.swapped:
		return &pair{[2]*trace.Trace{m.opts.Other, m.latest}, m.opts.Names, 1}
	}
	return &pair{[2]*trace.Trace{m.latest, m.opts.Other}, m.opts.Names, 0}
}
