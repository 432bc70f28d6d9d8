package trace

import (
	"fmt"
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
// values. So each row's least gives a group, and those that are part of another are left out.
func cliques(rows []Ranked) (groups [][]int) {
	for i := range rows {
		least, known := rows[i].Throughput.Min.Get()
		if !known || !rows[i].Repeated() {
			continue
		}
		var group []int
		for k := range rows {
			if s := rows[k].Throughput; rows[k].Repeated() && s.Median.Known() && s.Min.value <= least && least <= s.Max.value {
				group = append(group, k)
			}
		}
		within := func(other []int) bool {
			return !slices.ContainsFunc(group, func(k int) bool { return !slices.Contains(other, k) })
		}
		if len(group) < 2 || slices.ContainsFunc(groups, within) {
			continue
		}
		groups = slices.DeleteFunc(groups, func(other []int) bool {
			return !slices.ContainsFunc(other, func(k int) bool { return !slices.Contains(group, k) })
		})
		groups = append(groups, group)
	}
	slices.SortFunc(groups, slices.Compare[[]int])
	return groups
}

// validate checks that the strategies are rows of the ranking that overlap.
func (o *Overlap) validate(ranking []Ranked) error {
	var rows []Ranked
	for _, name := range o.Strategies {
		i := slices.IndexFunc(ranking, func(r Ranked) bool { return r.Strategy == name && r.ChunkBytes == o.ChunkBytes })
		if i < 0 {
			return fmt.Errorf("names %.40q with chunks of %d bytes, which the ranking does not", name, o.ChunkBytes)
		}
		for _, other := range rows {
			if !ranking[i].Throughput.Overlaps(other.Throughput) {
				return fmt.Errorf("names %.40q and %.40q, whose throughputs do not overlap", other.Strategy, name)
			}
		}
		rows = append(rows, ranking[i])
	}
	if len(rows) < 2 {
		return fmt.Errorf("names %d of strategies, which are two or more", len(rows))
	}
	return nil
}
