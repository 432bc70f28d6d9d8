package reading

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// runs are what a sweep or a comparison has measured by now: MiB/s of each round, by strategy and chunk
// size. It is all that the checks below know.
type runs map[string]map[int64][]int64

// somewhere in a comparison or sweep, ended by q or not: a round more for some, none yet for others,
// and strategies that cannot do a size. Speeds are from a small range, so that many overlap.
func randomRuns(r *rand.Rand) (runs, trace.Set) {
	strategies := []string{"a", "b", "c", "d", "e", "f"}[:2+r.IntN(5)]
	sizes := []int64{512, 4096, 32768, 1 << 18, 1 << 20}[:1+r.IntN(5)]
	rounds, done := 1+r.IntN(4), r.IntN(len(strategies)*len(sizes)+1)
	all := runs{}
	var traces []*trace.Trace
	var failures []trace.Failure
	begun := 0
	for _, size := range sizes {
		for _, name := range strategies {
			if all[name] == nil {
				all[name] = map[int64][]int64{}
			}
			n := rounds
			if begun++; begun > done {
				n--
			}
			if r.IntN(12) == 0 {
				n, all[name][size] = 0, nil
				failures = append(failures, trace.Failure{Strategy: name, ChunkBytes: size, Error: "it cannot"})
			}
			speed := 100 + int64(r.IntN(60))
			for range n {
				mib := speed + int64(r.IntN(1+r.IntN(40)))
				t := traceOf(64<<20, size, trace.TextbookCopies{})
				t.Run.Strategy, t.Run.PayloadBytes, t.Run.ElapsedNS = name, trace.Known(64<<20), 64e9/mib
				all[name][size] = append(all[name][size], mib)
				traces = append(traces, t)
			}
		}
	}
	return all, *trace.NewSet(traces, failures...)
}

// sizes are those of which there is a row, be it of a failure.
func (all runs) sizes() (list []int64) {
	for _, bySize := range all {
		list = slices.AppendSeq(list, maps.Keys(bySize))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// twice is whether both have a spread at a size, faster whether all rounds of a are faster there than
// all of b.
func (all runs) twice(a, b string, size int64) bool {
	return len(all[a][size]) > 1 && len(all[b][size]) > 1
}

func (all runs) faster(a, b string, size int64) bool {
	return all.twice(a, b, size) && slices.Min(all[a][size]) > slices.Max(all[b][size])
}

func (all runs) overlap(a, b string, size int64) bool {
	return all.twice(a, b, size) && !all.faster(a, b, size) && !all.faster(b, a, size)
}

// pairs are all of two strategies.
func (all runs) pairs() (list [][2]string) {
	names := slices.Sorted(maps.Keys(all))
	for i, a := range names {
		for _, b := range names[i+1:] {
			list = append(list, [2]string{a, b})
		}
	}
	return list
}

// crossings are where the faster of two is another than at the last size that told, in words of this
// test.
func (all runs) crossings(a, b string) (list []string) {
	last, at := "", int64(0)
	for _, size := range all.sizes() {
		now := ""
		switch {
		case all.faster(a, b, size):
			now = a
		case all.faster(b, a, size):
			now = b
		default:
			continue
		}
		if last != "" && now != last {
			list = append(list, fmt.Sprint(now, " over ", last, at, size))
		}
		last, at = now, size
	}
	return list
}

// wrong is what a saying claims and the rounds do not show; "" if it is true.
func (all runs) wrong(s Saying) string {
	once := func(name string) bool {
		return slices.ContainsFunc(all.sizes(), func(size int64) bool { return len(all[name][size]) == 1 })
	}
	switch s.Kind {
	case OneRound:
		for _, bySize := range all {
			for _, speeds := range bySize {
				if len(speeds) > 1 {
					return "there are several rounds"
				}
			}
		}
		return ""
	case OneRoundOf:
		for name := range all {
			if once(name) != slices.Contains(s.Strategies, name) {
				return "that of " + name + " is not so"
			}
		}
		return ""
	case OneRoundAt:
		for _, size := range all.sizes() {
			some := false
			for _, bySize := range all {
				some = some || len(bySize[size]) == 1
			}
			if some != slices.Contains(s.Sizes, size) {
				return fmt.Sprintf("that at %d is not so", size)
			}
		}
		return ""
	case MayBeChance:
		for i, a := range s.Strategies {
			for _, b := range s.Strategies[i+1:] {
				if !all.overlap(a, b, all.sizes()[0]) {
					return a + " and " + b + " do not overlap"
				}
			}
		}
		return ""
	case NoneOvertakes:
		for _, p := range all.pairs() {
			if len(all.crossings(p[0], p[1])) > 0 {
				return fmt.Sprint(p, " do")
			}
		}
		return ""
	case NoOthersOvertake: // see missing
		return ""
	}
	return all.wrongOfTwo(s)
}

// wrongOfTwo checks what is said of two strategies.
func (all runs) wrongOfTwo(s Saying) string {
	a, b := s.Strategies[0], s.Strategies[1]
	if s.Kind == Overtakes {
		if !slices.Contains(all.crossings(a, b), fmt.Sprint(a, " over ", b, s.Sizes[0], s.Sizes[1])) {
			return "it does not"
		}
		return ""
	}
	both := 0
	partial, once := false, false
	for _, size := range all.sizes() {
		switch {
		case all.twice(a, b, size):
			both++
			named := s.Kind == FasterAtAll || s.Kind == FasterAt && slices.Contains(s.Sizes, size)
			if named != all.faster(a, b, size) || named == all.overlap(a, b, size) {
				return fmt.Sprintf("not so at %d", size)
			}
		case len(all[a][size]) == 0 || len(all[b][size]) == 0:
			partial = true
		default:
			once = true
		}
	}
	// The words "every size" are those of as many sizes as are meant.
	every := both == len(all.sizes())
	everyThatBothDid := !once
	words := s.String()
	switch {
	case both == 0 || both != s.BothDid || partial && !s.Partial || once != s.Once:
		return fmt.Sprintf("%d sizes count, partial %v, once %v", both, partial, once)
	case strings.Contains(words, "both did twice or more"):
	case strings.Contains(words, "both did") && everyThatBothDid:
	case !strings.Contains(words, "both did") && every:
	default:
		return "it counts sizes that it does not"
	}
	return ""
}

// missing is what could be said and is not, where the sayings promise to tell all; "" if there is none.
func (all runs) missing(list []Saying) string {
	said := func(p [2]string, kinds ...SayingKind) (found []Saying) {
		for _, s := range list {
			if slices.Contains(kinds, s.Kind) && slices.Contains(s.Strategies, p[0]) && slices.Contains(s.Strategies, p[1]) {
				found = append(found, s)
			}
		}
		return found
	}
	kinds := map[SayingKind]int{}
	for _, s := range list {
		kinds[s.Kind]++
	}
	sweep := len(all.sizes()) > 1
	single := false
	for _, bySize := range all {
		for _, speeds := range bySize {
			single = single || len(speeds) == 1
		}
	}
	if single != (kinds[OneRound]+kinds[OneRoundOf]+kinds[OneRoundAt] == 1) {
		return "of what there is one round only"
	}
	for _, p := range all.pairs() {
		compared := slices.ContainsFunc(all.sizes(), func(size int64) bool { return all.twice(p[0], p[1], size) })
		crossings := all.crossings(p[0], p[1])
		switch {
		case !compared:
		case !sweep:
			if all.overlap(p[0], p[1], all.sizes()[0]) != (len(said(p, MayBeChance)) > 0) {
				return fmt.Sprint("whether ", p, " overlap")
			}
		case len(crossings) != len(said(p, Overtakes)):
			return fmt.Sprint(p, " cross ", crossings)
		case len(crossings) == 0 && kinds[NoneOvertakes]+kinds[NoOthersOvertake] == 0 && len(said(p, FasterAtAll, FasterAt, OverlapAtAll)) != 1:
			return fmt.Sprint("how ", p, " are")
		}
	}
	return ""
}

// overlapsWrongly is what the file of a set says of pairs that overlap, and is not so; "" if all is true.
func (all runs) overlapsWrongly(list []trace.Overlap) string {
	for _, size := range all.sizes() {
		for _, p := range all.pairs() {
			together := slices.ContainsFunc(list, func(o trace.Overlap) bool {
				return o.ChunkBytes == size && slices.Contains(o.Strategies, p[0]) && slices.Contains(o.Strategies, p[1])
			})
			if together != all.overlap(p[0], p[1], size) {
				return fmt.Sprint(p, " at ", size)
			}
		}
	}
	for i, o := range list {
		for k, other := range list {
			if i != k && o.ChunkBytes == other.ChunkBytes && !slices.ContainsFunc(o.Strategies, func(s string) bool { return !slices.Contains(other.Strategies, s) }) {
				return fmt.Sprint(o, " is part of ", other)
			}
		}
	}
	return ""
}

// At any moment of a comparison or sweep, each sentence follows from the rounds above it, and of what
// they promise to tell nothing is left out.
func TestSayingsFollowFromTheRounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	kinds := map[SayingKind]int{}
	for range 3000 {
		all, set := randomRuns(r)
		list := NewRanking(&set).Sayings()
		for _, s := range list {
			kinds[s.Kind]++
			if why := all.wrong(s); why != "" {
				t.Fatalf("%q: %s\n%v", s, why, all)
			}
		}
		if what := all.missing(list); what != "" {
			t.Fatalf("it is not said %s\n%q\n%v", what, sentences(list), all)
		}
		if what := all.overlapsWrongly(set.Overlaps); what != "" {
			t.Fatalf("%s\n%v\n%v", what, set.Overlaps, all)
		}
	}
	for kind := OneRound; kind <= NoOthersOvertake; kind++ {
		if kinds[kind] == 0 {
			t.Errorf("saying %d never came: %v", kind, kinds)
		}
	}
}
