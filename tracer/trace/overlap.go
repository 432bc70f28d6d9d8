package trace

import (
	"math"
	"slices"
)

// Overlap are strategies each of whose throughputs overlaps every other's, so that their order may be
// chance.
type Overlap struct {
	ChunkBytes int64    `json:"chunk_bytes"`
	Strategies []string `json:"strategies"` // in the order of the ranking
}

// Repeated reports whether there is a spread: one round does not tell a difference from chance.
func (r *Ranked) Repeated() bool { return r != nil && r.Rounds > 1 }

// Overlaps are the largest groups of rows with the same chunk size and two rounds or more of which each
// throughput overlaps every other: any two that overlap are together in one of them, and no two that do
// not are.
func Overlaps(ranking []Ranked) []Overlap {
	list := []Overlap{}
	for from := 0; from < len(ranking); {
		to := from + 1
		for to < len(ranking) && ranking[to].ChunkBytes == ranking[from].ChunkBytes {
			to++
		}
		for _, group := range cliques(ranking[from:to]) {
			o := Overlap{ChunkBytes: ranking[from].ChunkBytes}
			for _, i := range group {
				o.Strategies = append(o.Strategies, ranking[from+i].Strategy)
			}
			list = append(list, o)
		}
		from = to
	}
	return list
}

// cliques are the largest groups of rows that overlap each other, as their indices. Spreads are
// intervals, and intervals that overlap each other have a point in common: the largest of their least
// values. So each least value gives a group, and it is part of the next one's if none of it ends before that.
func cliques(rows []Ranked) (groups [][]int) {
	spread := func(r *Ranked) bool { return r.Repeated() && r.Throughput.Median.Known() }
	var leasts []float64
	for i := range rows {
		if spread(&rows[i]) {
			leasts = append(leasts, rows[i].Throughput.Min.value)
		}
	}
	slices.Sort(leasts)
	leasts = slices.Compact(leasts)
	for n, least := range leasts {
		var group []int
		end := math.Inf(1)
		for k := range rows {
			if s := &rows[k].Throughput; spread(&rows[k]) && s.Min.value <= least && least <= s.Max.value {
				group, end = append(group, k), min(end, s.Max.value)
			}
		}
		if len(group) > 1 && (n+1 == len(leasts) || end < leasts[n+1]) {
			groups = append(groups, group)
		}
	}
	slices.SortFunc(groups, slices.Compare[[]int])
	return groups
}

func (o Overlap) equal(p Overlap) bool {
	return o.ChunkBytes == p.ChunkBytes && slices.Equal(o.Strategies, p.Strategies)
}
