// Package reading says what a trace means, as values: how a run stands to the textbook and why, where
// its numbers come from, how far it is, and what can be said of the order in a comparison. It draws
// nothing. Whoever shows a value finds words for it, or takes the English of words.go.
package reading

import (
	"iter"
	"sort"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Moment is a run as it was at some time, and as it was a while before, from which rates are counted.
type Moment struct {
	Trace     *trace.Trace
	Now, Back trace.Sample
}

// rateWindow is how far, in nanoseconds, Back is before Now: long enough for steady digits, and short
// enough to see a stall.
const rateWindow = 1e9

// Latest is the latest state of a run; its rates are those of the last second.
func Latest(t *trace.Trace) Moment {
	m := End(t)
	m.Back = m.before()
	return m
}

// End is the latest state of a run; its rates are counted from the beginning.
func End(t *trace.Trace) Moment {
	m := Moment{Trace: t, Now: trace.Sample{ElapsedNS: t.Run.ElapsedNS, Totals: t.Total}}
	if n := len(t.Samples); n > 0 {
		m.Now.ElapsedNS = max(m.Now.ElapsedNS, t.Samples[n-1].ElapsedNS)
	}
	return m
}

// At is a run at one of its samples.
func At(t *trace.Trace, sample int) Moment {
	m := Moment{Trace: t, Now: t.Samples[sample]}
	m.Back = m.before()
	return m
}

// before is the last sample that is old enough for a rate; samples are in order of time.
func (m Moment) before() trace.Sample {
	samples := m.Trace.Samples
	i := sort.Search(len(samples), func(i int) bool { return samples[i].ElapsedNS > m.Now.ElapsedNS-rateWindow })
	if i == 0 {
		return trace.Sample{}
	}
	return samples[i-1]
}

// Seconds is the time between Back and Now.
func (m Moment) Seconds() float64 { return float64(m.Now.ElapsedNS-m.Back.ElapsedNS) / 1e9 }

// Payload is the user's bytes so far.
func (m Moment) Payload() trace.Int {
	if n := m.Now.Main().PayloadBytes; n.Known() {
		return n
	}
	return m.Trace.Run.PayloadBytes
}

// Party is one of the processes of a run, or the kernel, now and then.
type Party struct {
	Name      string
	Now, Back *trace.Counters
	payload   trace.Int // of the run
}

// Payload is what the party's passes are counted over.
func (p Party) Payload() trace.Int {
	if p.Now.PayloadBytes.Known() {
		return p.Now.PayloadBytes
	}
	return p.payload
}

// Processes are the processes of the run, the one that it is about first.
func (m Moment) Processes() []Party { return m.parties(m.Now.Processes()) }

// Kernel is what was done on the run's behalf and is chargeable to none of its processes.
func (m Moment) Kernel() Party {
	list := m.parties(m.Now.Parties())
	return list[len(list)-1]
}

func (m Moment) parties(those iter.Seq2[string, *trace.Counters]) (list []Party) {
	for name, c := range those {
		back := m.Back.Party(name)
		if back == nil {
			back = &trace.Counters{}
		}
		list = append(list, Party{name, c, back, m.Payload()})
	}
	return list
}
