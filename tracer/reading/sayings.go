package reading

// SayingKind is what can be said of the order of strategies.
type SayingKind int

// The sayings.
const (
	OneRound      SayingKind = iota // nothing, for a single round does not tell a difference from chance
	MayBeChance                     // the throughputs of Strategies, the fastest first, overlap
	Overtakes                       // the first of Strategies is faster than the second from a size between Sizes[0] and Sizes[1] on
	FasterAtAll                     // the first is faster than the second at every size
	FasterAt                        // at Sizes, and at all others their throughputs overlap
	OverlapAtAll                    // the throughputs of the two overlap at every size
	NoneOvertakes                   // of all strategies
)

// Saying is what can be said of the order of strategies, by rounds that do not overlap.
type Saying struct {
	Kind       SayingKind
	Strategies []string // as the trace has them
	Sizes      []int64  // chunk sizes in bytes
	BothDid    int      // at how many sizes there are two rounds and more of both strategies
	Partial    bool     // there are sizes that one of them did not do
}

// Sayings are all that can be said of the order.
func (r Ranking) Sayings() []Saying {
	var list []Saying
	once, more := false, false
	for i := range r.Rows {
		once, more = once || r.Rows[i].Rounds == 1, more || Repeated(&r.Rows[i])
	}
	if once {
		list = append(list, Saying{Kind: OneRound})
	}
	switch {
	case !more:
	case r.Sweeps():
		list = append(list, r.crossings()...)
	default:
		list = append(list, r.overlaps()...)
	}
	return list
}

// overlaps are the runs of neighbours in the ranking whose throughputs overlap.
func (r Ranking) overlaps() []Saying {
	var list []Saying
	for i := 0; i < len(r.Rows); {
		k := i + 1
		for k < len(r.Rows) && r.Rows[k-1].Throughput.Overlaps(r.Rows[k].Throughput) {
			k++
		}
		if k > i+1 {
			s := Saying{Kind: MayBeChance}
			for _, row := range r.Rows[i:k] {
				s.Strategies = append(s.Strategies, row.Strategy)
			}
			list = append(list, s)
		}
		i = k
	}
	return list
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
	case len(strategies) <= fewPairs:
		return append(crossed, others...)
	case len(crossed) == 0:
		return []Saying{{Kind: NoneOvertakes}}
	}
	return crossed
}

// between is what can be said of two strategies: where one overtakes the other or, if that never
// happens, which is faster.
func (r Ranking) between(a, b string) []Saying {
	var crossings []Saying
	var told []int64
	faster, slower, both := "", "", 0 // at the last size that told
	for _, chunk := range r.Sizes() {
		rowA, rowB := r.Row(a, chunk), r.Row(b, chunk)
		if !Repeated(rowA) || !Repeated(rowB) {
			continue
		}
		both++
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
	s := Saying{Kind: FasterAt, Strategies: []string{faster, slower}, Sizes: told, BothDid: both, Partial: both < len(r.Sizes())}
	switch {
	case len(crossings) > 0 || both == 0:
		return crossings
	case len(told) == 0:
		s.Kind, s.Strategies = OverlapAtAll, []string{a, b}
	case len(told) == both:
		s.Kind = FasterAtAll
	}
	return []Saying{s}
}
