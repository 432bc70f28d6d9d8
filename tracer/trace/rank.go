package trace

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
)

// Ranked is what a strategy cost over the rounds of a comparison. Only runs that
// did all their work and lost no event count. All numbers are the sender's.
type Ranked struct {
	Rank       Int    `json:"rank"` // 1 is the fastest of its chunk size; null: no run counts
	Strategy   string `json:"strategy"`
	ChunkBytes int64  `json:"chunk_bytes"`
	Rounds     int64  `json:"rounds"` // runs that count
	Failed     int64  `json:"failed"` // runs that failed or lost events
	Error      string `json:"error"`  // of the first of these

	Throughput  Spread  `json:"throughput"` // bytes of payload per second
	CPUNSPerKiB CPUCost `json:"cpu_ns_per_kib"`
	PerMiB      Events  `json:"per_mib"`
	Passes      Passes  `json:"passes"`
}

// CPUCost is CPU time by payload.
type CPUCost struct {
	Total  Spread `json:"total"`
	User   Spread `json:"user"`
	System Spread `json:"system"`
}

// Events are counts by payload.
type Events struct {
	Calls           Spread `json:"calls"`
	ModeSwitches    Spread `json:"mode_switches"`
	ContextSwitches Spread `json:"context_switches"` // voluntary and involuntary
	PageFaults      Spread `json:"page_faults"`      // minor and major
}

// Passes are bytes by payload: 1 is the whole payload once.
type Passes struct {
	ToUser      Spread `json:"to_user"`
	FromUser    Spread `json:"from_user"`
	InKernel    Spread `json:"in_kernel"`
	UserSpace   Spread `json:"user_space"`
	PageRefs    Spread `json:"page_refs"`
	DiskRead    Spread `json:"disk_read"`
	DiskWritten Spread `json:"disk_written"`
	CacheLeft   Spread `json:"cache_left"` // in the page cache, at the end
}

// Spread is a number over the rounds. What is exact has the same value in each,
// and Min and Max say whether it had.
type Spread struct {
	Median     Real       `json:"median"` // of an even number of rounds the mean of the middle two
	Min        Real       `json:"min"`
	Max        Real       `json:"max"`
	Provenance Provenance `json:"provenance"` // of the least certain round
	Reason     string     `json:"reason"`     // why it is not observed
}

// Varies reports whether the rounds differed.
func (s Spread) Varies() bool { return s.Min != s.Max }

// Overlaps reports whether some round of one is on the wrong side of some round
// of the other, so that which is larger may be chance.
func (s Spread) Overlaps(t Spread) bool {
	return s.Median.Known() && t.Median.Known() && s.Min.value <= t.Max.value && t.Min.value <= s.Max.value
}

// cost is a number of Ranked and where it is found in a trace: the sum of these
// numbers per so many bytes of payload.
type cost struct {
	path   string // in JSON
	spread func(*Ranked) *Spread
	unit   float64 // bytes of payload
	parts  []Number
}

const (
	perByte = 1
	perKiB  = 1 << 10
	perMiB  = 1 << 20
)

// costs are all numbers of Ranked but the throughput; a test proves it.
var costs = []cost{
	{"cpu_ns_per_kib.total", func(r *Ranked) *Spread { return &r.CPUNSPerKiB.Total }, perKiB, []Number{RuntimeNS}},
	{"cpu_ns_per_kib.user", func(r *Ranked) *Spread { return &r.CPUNSPerKiB.User }, perKiB, []Number{UserNS}},
	{"cpu_ns_per_kib.system", func(r *Ranked) *Spread { return &r.CPUNSPerKiB.System }, perKiB, []Number{SystemNS}},
	{"per_mib.calls", func(r *Ranked) *Spread { return &r.PerMiB.Calls }, perMiB, []Number{Calls}},
	{"per_mib.mode_switches", func(r *Ranked) *Spread { return &r.PerMiB.ModeSwitches }, perMiB, []Number{ModeSwitches}},
	{"per_mib.context_switches", func(r *Ranked) *Spread { return &r.PerMiB.ContextSwitches }, perMiB,
		[]Number{VoluntarySwitches, InvoluntarySwitches}},
	{"per_mib.page_faults", func(r *Ranked) *Spread { return &r.PerMiB.PageFaults }, perMiB, []Number{MinorFaults, MajorFaults}},
	{"passes.to_user", func(r *Ranked) *Spread { return &r.Passes.ToUser }, perByte, []Number{ToUser}},
	{"passes.from_user", func(r *Ranked) *Spread { return &r.Passes.FromUser }, perByte, []Number{FromUser}},
	{"passes.in_kernel", func(r *Ranked) *Spread { return &r.Passes.InKernel }, perByte, []Number{InKernel}},
	{"passes.user_space", func(r *Ranked) *Spread { return &r.Passes.UserSpace }, perByte, []Number{UserSpace}},
	{"passes.page_refs", func(r *Ranked) *Spread { return &r.Passes.PageRefs }, perByte, []Number{PageRefs}},
	{"passes.disk_read", func(r *Ranked) *Spread { return &r.Passes.DiskRead }, perByte, []Number{DiskReadBytes}},
	{"passes.disk_written", func(r *Ranked) *Spread { return &r.Passes.DiskWritten }, perByte, []Number{DiskWriteBytes}},
	{"passes.cache_left", func(r *Ranked) *Spread { return &r.Passes.CacheLeft }, perByte, []Number{CacheLeftBytes}},
}

// Counts reports whether a run did all its work and lost nothing, so that its
// numbers count in a ranking.
func (t *Trace) Counts() bool {
	return t.Run.Ended == Done && t.lossless() && t.Run.ElapsedNS > 0 && t.Run.PayloadBytes.Or(0) > 0
}

// Throughput is the payload per second of the sender's window; 0 for a run that
// moved nothing.
func (t *Trace) Throughput() float64 {
	if t.Run.ElapsedNS <= 0 {
		return 0
	}
	return float64(t.Run.PayloadBytes.Or(0)) * 1e9 / float64(t.Run.ElapsedNS)
}

// Rank puts runs of the same work in order: by chunk size, and for each the
// strategy with the highest median throughput first. Those without a run that
// counts come last.
func Rank(traces []*Trace) []Ranked {
	type key struct {
		strategy string
		chunk    int64
	}
	var order []key
	runs := map[key][]*Trace{}
	for _, t := range traces {
		k := key{t.Run.Strategy, t.Run.ChunkBytes}
		if runs[k] == nil {
			order = append(order, k)
		}
		runs[k] = append(runs[k], t)
	}
	ranking := make([]Ranked, 0, len(order))
	for _, k := range order {
		r := Ranked{Strategy: k.strategy, ChunkBytes: k.chunk}
		r.count(runs[k])
		ranking = append(ranking, r)
	}
	slices.SortStableFunc(ranking, func(a, b Ranked) int {
		return cmp.Or(cmp.Compare(a.ChunkBytes, b.ChunkBytes), cmp.Compare(b.Throughput.Median.Or(-1), a.Throughput.Median.Or(-1)))
	})
	rank, chunk := int64(0), int64(-1)
	for i := range ranking {
		if r := &ranking[i]; r.Throughput.Median.Known() {
			if r.ChunkBytes != chunk {
				rank, chunk = 0, r.ChunkBytes
			}
			rank++
			r.Rank = Known(rank)
		}
	}
	return ranking
}

// count takes the runs of one strategy together.
func (r *Ranked) count(runs []*Trace) {
	var good []*Trace
	for _, t := range runs {
		switch {
		case t.Counts():
			good = append(good, t)
		case t.Run.Ended == Failed || !t.lossless():
			r.Failed++
			if r.Error == "" {
				r.Error = cmp.Or(t.Run.Error, "events were lost")
			}
		}
	}
	r.Rounds = int64(len(good))
	rates := make([]Real, len(good))
	for i, t := range good {
		rate := t.Throughput()
		if rate >= 1<<10 { // of less, a byte is more than a hair
			rate = math.Round(rate)
		}
		rates[i] = KnownReal(rate)
	}
	r.Throughput = spreadOf(rates)
	for _, c := range costs {
		*c.spread(r) = c.spreadOver(good)
	}
}

// spreadOver is the number over the runs.
func (c cost) spreadOver(runs []*Trace) Spread {
	values, worst := make([]Real, len(runs)), Origin{Provenance: Observed}
	for i, t := range runs {
		var o Origin
		values[i], o = c.inRun(t)
		if certainty[o.Provenance] > certainty[worst.Provenance] {
			worst = o
		}
	}
	s := spreadOf(values)
	if len(runs) > 0 {
		s.Provenance, s.Reason = worst.Provenance, worst.Reason
	}
	return s
}

var certainty = map[Provenance]int{Observed: 0, Derived: 1, Estimated: 2, Unavailable: 3}

// inRun is the number in one run.
func (c cost) inRun(t *Trace) (Real, Origin) {
	sum, origin := Known(0), Origin{Provenance: Observed}
	for _, n := range c.parts {
		part := t.Total.Main().Value(n)
		if certainty[part.Origin.Provenance] > certainty[origin.Provenance] {
			origin = part.Origin
		}
		sum = sum.Add(part.Int)
	}
	v, known := sum.Get()
	if !known {
		return Real{}, Origin{Unavailable, cmp.Or(origin.Reason, "not counted")}
	}
	return KnownReal(float64(v) * c.unit / float64(t.Run.PayloadBytes.Or(0))), origin
}

// spreadOf is unknown if any of the values is, or there is none.
func spreadOf(values []Real) Spread {
	none := Spread{Provenance: Unavailable, Reason: "no run counts"}
	if len(values) == 0 {
		return none
	}
	sorted := make([]float64, len(values))
	for i, r := range values {
		v, known := r.Get()
		if !known {
			return none
		}
		sorted[i] = v
	}
	slices.Sort(sorted)
	n := len(sorted)
	return Spread{
		Median:     KnownReal((sorted[(n-1)/2] + sorted[n/2]) / 2),
		Min:        KnownReal(sorted[0]),
		Max:        KnownReal(sorted[n-1]),
		Provenance: Observed,
	}
}

// spreads are all numbers, by their path in JSON.
func (r *Ranked) spreads() iter.Seq2[string, *Spread] {
	return func(yield func(string, *Spread) bool) {
		if !yield("throughput", &r.Throughput) {
			return
		}
		for _, c := range costs {
			if !yield(c.path, c.spread(r)) {
				return
			}
		}
	}
}

// Spread is the number at a path in JSON, such as "passes.to_user", or nil.
func (r *Ranked) Spread(path string) *Spread {
	for p, s := range r.spreads() {
		if p == path {
			return s
		}
	}
	return nil
}

// fillMissing turns what an older file does not have into what it is.
func (r *Ranked) fillMissing() {
	for _, s := range r.spreads() {
		if *s == (Spread{}) {
			*s = Spread{Provenance: Unavailable, Reason: "not in this file"}
		}
	}
}

func (r *Ranked) validate() error {
	for _, n := range []struct {
		path string
		v    int64
	}{{"rank", r.Rank.Or(0)}, {"chunk_bytes", r.ChunkBytes}, {"rounds", r.Rounds}, {"failed", r.Failed}} {
		if n.v < 0 {
			return fmt.Errorf(".%w", negative(n.path, n.v))
		}
	}
	for path, s := range r.spreads() {
		if err := s.validate(); err != nil {
			return fmt.Errorf(".%s %w", path, err)
		}
	}
	return nil
}

func (s *Spread) validate() error {
	if err := (Origin{s.Provenance, s.Reason}).validate(); err != nil {
		return err
	}
	low, median, high := s.Min.value, s.Median.value, s.Max.value
	switch {
	case s.Median.known != s.Min.known || s.Median.known != s.Max.known:
		return fmt.Errorf("is %s, from %s to %s: all or none is null", s.Median, s.Min, s.Max)
	case s.Median.known == (s.Provenance == Unavailable):
		return fmt.Errorf("is %s, but its provenance is %q", s.Median, s.Provenance)
	case low < 0 || median < low || high < median:
		return fmt.Errorf("is %s, from %s to %s", s.Median, s.Min, s.Max)
	}
	return nil
}
