package ui

import (
	"sort"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/tracer/trace"
)

// steered follows a key that leads through the time of a saved trace.
func (r runScreen) steered(k *keyMap, msg tea.KeyMsg) (next runScreen, steered bool) {
	if !r.opts.Replay {
		return r, false
	}
	if key.Matches(msg, k.swap) && r.opts.Other != nil {
		return r.swap(), true
	}
	if len(r.latest.Samples) == 0 {
		return r, false
	}
	last := len(r.latest.Samples) - 1
	at := r.at
	if at == atEnd {
		at = last
	}
	step := max(1, last/100)
	switch {
	case key.Matches(msg, k.back):
		at -= step
	case key.Matches(msg, k.forth):
		at += step
	case key.Matches(msg, k.start):
		at = 0
	case key.Matches(msg, k.end):
		at = last
	case key.Matches(msg, k.play):
		if r.playing = !r.playing; r.playing && r.at == atEnd {
			r.at = 0 // from the beginning
		}
		return r, true
	default:
		return r, false
	}
	r.playing = false
	r.at = max(at, 0)
	if r.at >= last {
		r.at = atEnd
	}
	return r, true
}

// shortestPlay is how many frames even a short run takes, as far as it has samples.
const shortestPlay = 50

// playOn moves a replay on by as much time as has passed.
func (r runScreen) playOn() runScreen {
	if r.playing = r.playing && r.at != atEnd; !r.playing {
		return r
	}
	samples := r.latest.Samples
	step := min(playTick.Nanoseconds(), samples[len(samples)-1].ElapsedNS/shortestPlay)
	then := samples[r.at].ElapsedNS + step
	next := sort.Search(len(samples), func(i int) bool { return samples[i].ElapsedNS >= then })
	if r.at = max(next, r.at+1); r.at >= len(samples)-1 {
		r.at, r.playing = atEnd, false
	}
	return r
}

// swap looks at the other trace, at the same moment.
func (r runScreen) swap() runScreen {
	elapsed := int64(0)
	if r.at != atEnd {
		elapsed = r.latest.Samples[r.at].ElapsedNS
	}
	r.swapped, r.playing = !r.swapped, false
	r.latest, r.opts.Other = r.opts.Other, r.latest
	r.failed = r.latest.Run.Error
	if r.at == atEnd {
		return r
	}
	samples := r.latest.Samples
	r.at = sort.Search(len(samples), func(i int) bool { return samples[i].ElapsedNS >= elapsed })
	if r.at >= len(samples)-1 {
		r.at = atEnd
	}
	return r
}

// pair is two traces that are compared, in the order in which they were given.
type pair struct {
	traces [2]*trace.Trace
	names  [2]string
	shown  int
}

func (r runScreen) pair() *pair {
	switch {
	case r.opts.Other == nil:
		return nil
	case r.swapped:
		return &pair{[2]*trace.Trace{r.opts.Other, r.latest}, r.opts.Names, 1}
	}
	return &pair{[2]*trace.Trace{r.latest, r.opts.Other}, r.opts.Names, 0}
}
