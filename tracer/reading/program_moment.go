package reading

import (
	"sort"

	"github.com/zctrace/zctrace/tracer/trace"
)

// ProgramMoment is how fast programs go at the end of what was recorded of them so far: in the last second while they run,
// and on average when the recording has ended.
type ProgramMoment struct {
	Copied, Referenced, Calls trace.Int // grown in Seconds
	Seconds                   float64
	Alive                     int64 // processes
}

// ProgramMomentOf is that of a recording.
func ProgramMomentOf(p *trace.Program) ProgramMoment {
	back := trace.ProgramSample{Total: trace.NoCost()}
	i := sort.Search(len(p.Samples), func(i int) bool { return p.Samples[i].ElapsedNS > p.Run.ElapsedNS-rateWindow })
	if i > 0 && p.Run.Ended == "" {
		back = p.Samples[i-1]
	}
	m := ProgramMoment{
		Copied:     Grown(p.Total.Copied(), back.Total.Copied()),
		Referenced: Grown(p.Total.Referenced(), back.Total.Referenced()),
		Calls:      Grown(p.Total.Syscalls.Calls, back.Total.Syscalls.Calls),
		Seconds:    float64(p.Run.ElapsedNS-back.ElapsedNS) / 1e9,
	}
	for i := range p.Processes {
		if row := &p.Processes[i]; row.Folded == 0 && !row.EndedNS.Known() {
			m.Alive++
		}
	}
	return m
}

// PerSecond is what has grown, per second, as format writes it, or n/a.
func (m ProgramMoment) PerSecond(grown trace.Int, format func(float64) string) string {
	return perSecond(grown, m.Seconds, format)
}
