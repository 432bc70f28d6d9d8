package ui

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
)

// rounds is all that is drawn of several runs. Its methods return the next state
// and leave the one that they were given, which may be frozen, as it is.
type rounds struct {
	name string // of the command
	rows []roundsRow
	each int // how often each row is run

	sizes      []int64           // chunk sizes, the smallest first
	strategies []string          // in the order in which they first run
	places     map[RoundsRow]int // in rows

	begun     *RunBegins // the run under way
	round     int        // of the run that began last
	live      *trace.Ranked
	common    *trace.Trace // of any run, for what all have in common
	last      *trace.Trace // the latest state of the latest run that moved something,
	lastBegan RunBegins    // which is this one,
	over      bool         // and has ended
	doing     string

	ranking  reading.Ranking // of all rows, those that have not run yet last
	sayings  []string        // what can be said of them
	ranked   bool            // drawn in order of speed
	frame    int             // of the animation
	start    time.Time
	clock    time.Time
	runStart time.Time
}

// roundsRow is a strategy with a chunk size so far.
type roundsRow struct {
	RoundsRow
	traces  []*trace.Trace
	rank    *trace.Ranked      // of these
	place   int                // among those of its chunk size; 0: none yet
	verdict reading.RowVerdict // of these; without rows until there is one
	failed  string             // why the latest run that failed did
	ended   int
	took    time.Duration // what the runs that have ended took, with all that comes before and after
	grown   float64       // the bytes per second that are drawn: they grow to the median
}

func newRounds(o RoundsOptions, now time.Time) rounds {
	s := rounds{name: o.Name, each: o.Rounds, start: now, clock: now, runStart: now, places: map[RoundsRow]int{}}
	for _, row := range o.Rows {
		s.places[row] = len(s.rows)
		s.rows = append(s.rows, roundsRow{RoundsRow: row, rank: &trace.Ranked{}})
		if !slices.Contains(s.sizes, row.ChunkBytes) {
			s.sizes = append(s.sizes, row.ChunkBytes)
		}
		if !slices.Contains(s.strategies, row.Strategy) {
			s.strategies = append(s.strategies, row.Strategy)
		}
	}
	slices.Sort(s.sizes)
	return s
}

// sweeps tells a sweep from a comparison.
func (s rounds) sweeps() bool { return len(s.sizes) > 1 }

// row is a strategy with a chunk size; nil if there is none.
func (s rounds) row(strategy string, chunk int64) *roundsRow {
	if i, ok := s.places[RoundsRow{strategy, chunk}]; ok {
		return &s.rows[i]
	}
	return nil
}

func (s rounds) begins(msg RunBegins) rounds {
	s.begun, s.round, s.live, s.runStart = &msg, msg.Round, nil, s.clock
	return s
}

// observed is the state after news of the run under way.
func (s rounds) observed(t *trace.Trace) rounds {
	s.doing = ""
	if t == nil {
		return s
	}
	s.common = cmp.Or(s.common, t)
	if s.begun == nil || t.Run.PayloadBytes.Or(0) <= 0 || t.Run.ElapsedNS <= 0 {
		return s
	}
	s.last, s.lastBegan, s.over = t, *s.begun, false
	sofar := *t
	sofar.Run.Ended = trace.Done // as if this were all
	s.live = &trace.Rank([]*trace.Trace{&sofar})[0]
	return s
}

// ended is the state after a run.
func (s rounds) ended(msg RunEnds) rounds {
	s.rows = slices.Clone(s.rows)
	row := &s.rows[msg.Row]
	row.ended++
	row.took += s.clock.Sub(s.runStart)
	if msg.Err != nil {
		row.failed = human.FirstLine(msg.Err.Error())
	}
	if t := msg.Trace; t != nil {
		row.traces = append(slices.Clip(row.traces), t)
		row.rank = &trace.Rank(row.traces)[0]
		s.common = cmp.Or(s.common, t)
		if t.Run.PayloadBytes.Or(0) > 0 {
			s.last, s.lastBegan, s.over = t, RunBegins{msg.Row, s.round}, true
		}
	}
	s.begun, s.live = nil, nil
	s = s.compared()
	row.verdict, _ = s.ranking.Verdict(row.rank)
	return s
}

// compared ranks the rows, and says what can be said of them by now.
func (s rounds) compared() rounds {
	set := &trace.Set{}
	var order []int
	for i, row := range s.rows {
		set.Traces = append(set.Traces, row.traces...)
		if row.rank.Throughput.Median.Known() {
			order = append(order, i)
		}
	}
	speed := func(i int) float64 { return s.rows[i].rank.Throughput.Median.Or(0) }
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.rows[a].ChunkBytes, s.rows[b].ChunkBytes), cmp.Compare(speed(b), speed(a)))
	})
	place, chunk := 0, int64(math.MinInt64)
	for _, i := range order {
		row := &s.rows[i]
		if row.ChunkBytes != chunk {
			place, chunk = 0, row.ChunkBytes
		}
		place++
		ranked := *row.rank
		ranked.Rank = trace.Known(int64(place))
		row.place, row.rank = place, &ranked
		set.Ranking = append(set.Ranking, ranked)
	}
	for _, row := range s.rows { // what is still to come is missing in what is said
		if !row.rank.Throughput.Median.Known() {
			set.Ranking = append(set.Ranking, trace.Ranked{Strategy: row.Strategy, ChunkBytes: row.ChunkBytes})
		}
	}
	s.ranking, s.sayings = reading.NewRanking(set), nil
	for _, saying := range s.ranking.Sayings() {
		switch saying.Kind {
		case reading.OneRound, reading.OneRoundOf, reading.OneRoundAt:
			if s.each > 1 { // there will be more
				continue
			}
		}
		s.sayings = append(s.sayings, saying.String())
	}
	return s
}

// order is that in which a comparison's rows are drawn.
func (s rounds) order() []int {
	list := make([]int, len(s.rows))
	for i := range list {
		list[i] = i
	}
	if s.ranked {
		last := func(i int) int { return cmp.Or(s.rows[i].place, len(s.rows)+1) }
		slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(last(a), last(b)) })
	}
	return list
}

// underWay reports whether a row runs now.
func (s rounds) underWay(row int) bool { return s.begun != nil && s.begun.Row == row }

// animated is the state a frame later.
func (s rounds) animated() rounds {
	s.frame++
	s.rows = slices.Clone(s.rows)
	for i := range s.rows {
		row := &s.rows[i]
		target := row.rank.Throughput.Median.Or(0)
		if row.grown += (target - row.grown) / 2; math.Abs(target-row.grown) < target/200 {
			row.grown = target
		}
	}
	return s
}

// scale is the throughput at the end of a full bar: a round number, so that it
// seldom changes.
func (s rounds) scale() float64 {
	top := 0.0
	for _, row := range s.rows {
		top = max(top, row.rank.Throughput.Max.Or(0))
	}
	if s.live != nil {
		top = max(top, s.live.Throughput.Max.Or(0))
	}
	return roundUp(top)
}

// roundUp is the next round rate.
func roundUp(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	unit := 1.0
	for unit*1024 <= v {
		unit *= 1024
	}
	for _, ten := range []float64{1, 10, 100} {
		for _, step := range []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 8} {
			if v <= unit*step*ten {
				return unit * step * ten
			}
		}
	}
	return unit * 1024
}

// count is how many runs have ended, of how many. Those of a row that failed are
// not tried again.
func (s rounds) count() (ended, of int) {
	for _, row := range s.rows {
		ended += row.ended
		of += s.each
		if row.failed != "" {
			of -= s.each - row.ended
		}
	}
	return ended, of
}

// left is how long the rest will take if each row goes on as it did. One that has not
// run yet takes as long as its strategy did with the size before, or as the others
// in the mean.
func (s rounds) left() (d time.Duration, known bool) {
	var took time.Duration
	ended, _ := s.count()
	for _, row := range s.rows {
		took += row.took
	}
	if ended == 0 {
		return 0, false
	}
	before := map[string]time.Duration{}
	for i, row := range s.rows { // the smallest chunks first
		each := cmp.Or(before[row.Strategy], took/time.Duration(ended))
		if row.ended > 0 {
			each = row.took / time.Duration(row.ended)
		}
		before[row.Strategy] = each
		if row.failed == "" {
			d += each * time.Duration(s.each-row.ended)
		}
		if s.underWay(i) {
			d -= min(s.clock.Sub(s.runStart), each)
		}
	}
	return d, true
}
