package trace

import (
	"maps"
	"slices"
)

// MaxSamples is how many samples a trace holds at most.
const MaxSamples = 1000

// Sampler keeps the samples of a run. Its zero value is ready. It has one writer; the slices that it hands out may
// be read by anyone, at any time.
type Sampler struct{ kept keeper[Sample] }

// Add keeps the state of the counters at a moment, without histograms. A moment that lies before some that are kept
// takes their place: where the kernel was preempted between reading the clock for a window's end and closing it, the window
// was seen open for longer than it was.
func (s *Sampler) Add(elapsedNS int64, now Totals) {
	s.kept.add(Sample{ElapsedNS: elapsedNS, Totals: now.WithoutHistograms()})
}

// Samples returns what is kept, oldest first; the last one added is always
// there. The slice never changes, whatever is added later.
func (s *Sampler) Samples() []Sample { return s.kept.all() }

// ProgramSampler does for a recording of programs what [Sampler] does for a run.
type ProgramSampler struct{ kept keeper[ProgramSample] }

// Add keeps the state of the costs at a moment, without histograms, and what the processes that copied most had done,
// as [Sampler.Add].
func (s *ProgramSampler) Add(elapsedNS int64, total Cost, processes []ProcessRow) {
	sample := ProgramSample{ElapsedNS: elapsedNS, Total: total.WithoutHistograms(), Processes: []ProcessSample{}}
	rows := make([]*ProcessRow, len(processes))
	for i := range processes {
		rows[i] = &processes[i]
	}
	slices.SortStableFunc(rows, func(a, b *ProcessRow) int { return CompareCosts(&a.Cost, &b.Cost) })
	for _, r := range rows[:min(len(rows), MaxSampleProcesses)] {
		sample.Processes = append(sample.Processes, ProcessSample{r.ID, r.Syscalls.Calls, r.Copied(), r.Referenced()})
	}
	s.kept.add(sample)
}

// Samples returns what is kept, as [Sampler.Samples].
func (s *ProgramSampler) Samples() []ProgramSample { return s.kept.all() }

func (s Sample) at() int64        { return s.ElapsedNS }
func (s ProgramSample) at() int64 { return s.ElapsedNS }

// keeper keeps samples in constant memory: when it is full it thins them evenly
// over the time so far.
type keeper[S interface{ at() int64 }] struct {
	kept   []S
	tickNS int64 // between samples as they come
	gapNS  int64 // between those that have been thinned
}

func (k *keeper[S]) add(sample S) {
	if len(k.kept) == MaxSamples {
		k.thin(MaxSamples / 2)
	}
	later := len(k.kept)
	for later > 0 && k.kept[later-1].at() > sample.at() {
		later--
	}
	if later < len(k.kept) {
		k.kept = slices.Clone(k.kept[:later])
	}
	// Published slices end before this element, so append writes none of theirs.
	k.kept = append(k.kept, sample)
}

func (k *keeper[S]) all() []S { return k.kept[:len(k.kept):len(k.kept)] }

// thin leaves at most limit samples, in a new slice.
//
// Dropping every second one would halve the past again and again and leave it
// ever coarser than the present. A gap in time that doubles until enough are
// gone keeps what remains evenly spaced.
func (k *keeper[S]) thin(limit int) {
	if k.gapNS == 0 {
		k.tickNS = max(1, (k.kept[len(k.kept)-1].at()-k.kept[0].at())/int64(len(k.kept)))
		k.gapNS = 2 * k.tickNS
	}
	for {
		// Ticks come early and late by less than half of one.
		k.kept = apart(k.kept, k.gapNS-k.tickNS/2)
		if len(k.kept) <= limit {
			return
		}
		k.gapNS *= 2
	}
}

// apart is a new slice of the samples that are at least gap apart, and the last.
func apart[S interface{ at() int64 }](samples []S, gap int64) []S {
	kept := append(make([]S, 0, MaxSamples), samples[0])
	for _, sample := range samples[1 : len(samples)-1] {
		if sample.at()-kept[len(kept)-1].at() >= gap {
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

// WithoutHistograms is a copy for a sample. It shares the provenance, as that of [Counters] does, and the paths.
func (c Cost) WithoutHistograms() Cost {
	c.Syscalls.ByName = maps.Clone(c.Syscalls.ByName)
	for name, call := range c.Syscalls.ByName {
		call.LatencyLog2 = nil
		c.Syscalls.ByName[name] = call
	}
	return c
}
