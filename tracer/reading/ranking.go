package reading

import (
	"math"
	"slices"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Ranking is what a set of runs says of its strategies.
type Ranking struct {
	Set  *trace.Set
	Rows []trace.Ranked // of the set
}

// NewRanking reads a set.
func NewRanking(s *trace.Set) Ranking { return Ranking{s, s.Ranking} }

// Sweeps is whether the rows differ in their chunk sizes.
func (r Ranking) Sweeps() bool {
	return slices.ContainsFunc(r.Rows, func(row trace.Ranked) bool { return row.ChunkBytes != r.Rows[0].ChunkBytes })
}

// Sizes are the chunk sizes of the rows, in bytes, the smallest first.
func (r Ranking) Sizes() []int64 {
	var list []int64
	for i := range r.Rows {
		list = append(list, r.Rows[i].ChunkBytes)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Strategies are those of the set, in the order in which they first ran.
func (r Ranking) Strategies() []string {
	var list []string
	add := func(name string) {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	for _, t := range r.Set.Traces {
		add(t.Run.Strategy)
	}
	for i := range r.Rows { // those without a trace
		add(r.Rows[i].Strategy)
	}
	return list
}

// Row is that of a strategy with a chunk size; nil if there is none.
func (r Ranking) Row(strategy string, chunkBytes int64) *trace.Ranked {
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Strategy == strategy && row.ChunkBytes == chunkBytes {
			return row
		}
	}
	return nil
}

// Name is how a row is called: by its strategy and, where the chunk sizes differ, its size.
func (r Ranking) Name(row *trace.Ranked) string {
	if r.Sweeps() {
		return row.Strategy + " " + human.FormatBytes(row.ChunkBytes)
	}
	return row.Strategy
}

// ClearlyFirst is whether every round of the row was faster than every round of all others with its
// chunk size.
func (r Ranking) ClearlyFirst(row *trace.Ranked) bool {
	if row.Rank != trace.Known(1) || !row.Repeated() {
		return false
	}
	others := 0
	for i := range r.Rows {
		other := &r.Rows[i]
		if other.ChunkBytes == row.ChunkBytes && other.Strategy != row.Strategy && other.Throughput.Median.Known() {
			others++
			if !other.Repeated() || row.Throughput.Overlaps(other.Throughput) {
				return false
			}
		}
	}
	return others > 0
}

// A RowVerdict is the verdict on the run of a row whose throughput is nearest to the median.
type RowVerdict struct {
	Verdict
	Alike, Rounds int64 // rounds in which it is the same, and all that count
}

// Verdict is that on a row; without a run that counts, false.
func (r Ranking) Verdict(row *trace.Ranked) (v RowVerdict, known bool) {
	alike, middle, nearest := map[string]int64{}, "", math.Inf(1)
	for _, t := range r.Set.TracesOf(row) {
		if !t.Counts() {
			continue
		}
		verdict := End(t).Verdict()
		sentence := verdict.String()
		alike[sentence]++
		if off := math.Abs(t.Throughput() - row.Throughput.Median.Or(0)); off < nearest {
			v.Verdict, middle, nearest = verdict, sentence, off
		}
	}
	v.Alike, v.Rounds = alike[middle], row.Rounds
	return v, len(alike) > 0
}

// KernelCopies are the passes, the most of any round, of payload that the kernel copied on its own in
// the runs of a row, which no row of the ranking has.
func (r Ranking) KernelCopies(row *trace.Ranked) map[trace.Number]float64 {
	most := map[trace.Number]float64{}
	for _, t := range r.Set.TracesOf(row) {
		for _, n := range []trace.Number{trace.ToUser, trace.FromUser, trace.InKernel} {
			if passes, ok := t.Total.Kernel.Value(n).Per(t.Run.PayloadBytes); ok && passes > 0 {
				most[n] = max(most[n], passes)
			}
		}
	}
	return most
}
