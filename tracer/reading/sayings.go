package reading

import (
	"slices"

	"github.com/zctrace/zctrace/tracer/trace"
)

// SayingKind is what can be said of the order of strategies.
type SayingKind int

// The sayings.
const (
	OneRound         SayingKind = iota // of anything, so that nothing can be said of the order
	OneRoundOf                         // of Strategies, so that nothing is said of theirs
	OneRoundAt                         // of some strategy at each of Sizes, so that nothing is said of its order there
	MayBeChance                        // the throughputs of Strategies, the fastest first, overlap each other
	Overtakes                          // the first of Strategies is faster than the second from a size between Sizes[0] and Sizes[1] on
	FasterAtAll                        // the first is faster than the second at every size
	FasterAt                           // at Sizes, and at all others their throughputs overlap
	OverlapAtAll                       // the throughputs of the two overlap at every size
	NoneOvertakes                      // no strategy does another
	NoOthersOvertake                   // none but those that are said to
)

// Saying is what can be said of the order of strategies, by rounds that do not overlap. Only rows with
// two rounds and more count: every size is each at which both strategies have so many.
type Saying struct {
	Kind       SayingKind
	Strategies []string // as the trace has them
	Sizes      []int64  // chunk sizes in bytes, the smallest first
	BothDid    int      // how many every size is
	Partial    bool     // there are sizes that one of them did not do,
	Once       bool     // and sizes that both did, one of them in a single round
}

// Sayings are all that can be said of the order.
func (r Ranking) Sayings() []Saying {
	var once, more []trace.Ranked
	for _, row := range r.Rows {
		switch {
		case row.Rounds == 1:
			once = append(once, row)
		case row.Repeated():
			more = append(more, row)
		}
	}
	list := oneRound(once, len(more) == 0, r.Sweeps())
	switch {
	case len(more) == 0:
		return list
	case r.Sweeps():
		return append(r.crossings(), list...)
	}
	for _, o := range trace.Overlaps(r.Rows) {
		list = append(list, Saying{Kind: MayBeChance, Strategies: o.Strategies})
	}
	return list
}

// oneRound says of which rows there is one round only.
func oneRound(rows []trace.Ranked, all, sweeps bool) []Saying {
	s := Saying{Kind: OneRound}
	switch {
	case len(rows) == 0:
		return nil
	case all:
	case sweeps:
		s.Kind = OneRoundAt
		for _, row := range rows {
			s.Sizes = append(s.Sizes, row.ChunkBytes)
		}
		slices.Sort(s.Sizes)
		s.Sizes = slices.Compact(s.Sizes)
	default:
		s.Kind = OneRoundOf
		for _, row := range rows {
			s.Strategies = append(s.Strategies, row.Strategy)
		}
	}
	return []Saying{s}
}

// fewPairs is how many strategies may be there for those that never overtake each other to be told of,
// too.
const fewPairs = 4

// crossings say where one strategy overtakes another. Only sizes count at which all rounds of one, at
// least two, were faster than all rounds of the other.
func (r Ranking) crossings() []Saying {
	var crossed, others []Saying
	strategies := r.Strategies()
	for i, a := range strategies {
		for _, b := range strategies[i+1:] {
			sayings := r.between(a, b)
			if len(sayings) > 0 && sayings[0].Kind == Overtakes {
				crossed = append(crossed, sayings...)
			} else {
				others = append(others, sayings...)
			}
		}
	}
	switch {
	case len(strategies) <= fewPairs || len(others) == 0:
		return append(crossed, others...)
	case len(crossed) == 0:
		return []Saying{{Kind: NoneOvertakes}}
	}
	return append(crossed, Saying{Kind: NoOthersOvertake})
}

// between is what can be said of two strategies: where one overtakes the other or, if that never
// happens, which is faster.
func (r Ranking) between(a, b string) []Saying {
	var crossings []Saying
	var told []int64
	s := Saying{Kind: FasterAt}
	faster, slower := "", "" // at the last size that told
	for _, chunk := range r.Sizes() {
		rowA, rowB := r.Row(a, chunk), r.Row(b, chunk)
		switch {
		case rowA.Repeated() && rowB.Repeated():
			s.BothDid++
		case rowA == nil || rowB == nil || rowA.Rounds == 0 || rowB.Rounds == 0:
			s.Partial = true
			continue
		default:
			s.Once = true
			continue
		}
		if rowA.Throughput.Overlaps(rowB.Throughput) {
			continue
		}
		now, then := a, b
		if rowA.Throughput.Median.Or(0) < rowB.Throughput.Median.Or(0) {
			now, then = b, a
		}
		if faster != "" && faster != now {
			crossings = append(crossings, Saying{Kind: Overtakes, Strategies: []string{now, then}, Sizes: []int64{told[len(told)-1], chunk}})
		}
		told = append(told, chunk)
		faster, slower = now, then
	}
	s.Strategies, s.Sizes = []string{faster, slower}, told
	switch {
	case len(crossings) > 0 || s.BothDid == 0:
		return crossings
	case len(told) == 0:
		s.Kind, s.Strategies = OverlapAtAll, []string{a, b}
	case len(told) == s.BothDid:
		s.Kind = FasterAtAll
	}
	return []Saying{s}
}
