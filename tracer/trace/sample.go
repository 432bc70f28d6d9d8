package trace

import "maps"

// MaxSamples is how many samples a trace holds at most.
const MaxSamples = 1000

// Sampler keeps the samples of a run in constant memory: when it is full it
// thins them evenly over the time so far. Its zero value is ready. It has one
// writer; the slices that it hands out may be read by anyone, at any time.
type Sampler struct {
	kept   []Sample
	tickNS int64 // between samples as they come
	gapNS  int64 // between those that have been thinned
}

// Add keeps the state of the counters at a moment, without histograms. Moments
// come in order.
func (s *Sampler) Add(elapsedNS int64, now Totals) {
	if len(s.kept) == MaxSamples {
		s.thin(MaxSamples / 2)
	}
	// Published slices end before this element, so append writes none of theirs.
	s.kept = append(s.kept, Sample{ElapsedNS: elapsedNS, Totals: now.WithoutHistograms()})
}

// Samples returns what is kept, oldest first; the last one added is always
// there. The slice never changes, whatever is added later.
func (s *Sampler) Samples() []Sample {
	return s.kept[:len(s.kept):len(s.kept)]
}

// thin leaves at most limit samples, in a new slice.
//
// Dropping every second one would halve the past again and again and leave it
// ever coarser than the present. A gap in time that doubles until enough are
// gone keeps what remains evenly spaced.
func (s *Sampler) thin(limit int) {
	if s.gapNS == 0 {
		s.tickNS = max(1, (s.kept[len(s.kept)-1].ElapsedNS-s.kept[0].ElapsedNS)/int64(len(s.kept)))
		s.gapNS = 2 * s.tickNS
	}
	for {
		// Ticks come early and late by less than half of one.
		s.kept = apart(s.kept, s.gapNS-s.tickNS/2)
		if len(s.kept) <= limit {
			return
		}
		s.gapNS *= 2
	}
}

// apart is a new slice of the samples that are at least gap apart, and the last.
func apart(samples []Sample, gap int64) []Sample {
	kept := append(make([]Sample, 0, MaxSamples), samples[0])
	for _, sample := range samples[1 : len(samples)-1] {
		if sample.ElapsedNS-kept[len(kept)-1].ElapsedNS >= gap {
			kept = append(kept, sample)
		}
	}
	return append(kept, samples[len(samples)-1])
}

// WithoutHistograms is a copy for a sample. It shares the provenance, which
// does not change once it is handed out.
func (c Counters) WithoutHistograms() Counters {
	c.Syscalls.ByName = maps.Clone(c.Syscalls.ByName)
	for name, call := range c.Syscalls.ByName {
		call.LatencyLog2 = nil
		c.Syscalls.ByName[name] = call
	}
	return c
}

// WithoutHistograms is a copy for a sample, of every party.
func (t Totals) WithoutHistograms() Totals {
	t.Sender = t.Sender.WithoutHistograms()
	t.Kernel = t.Kernel.WithoutHistograms()
	if t.Receiver != nil {
		receiver := t.Receiver.WithoutHistograms()
		t.Receiver = &receiver
	}
	return t
}
