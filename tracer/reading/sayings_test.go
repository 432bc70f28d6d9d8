package reading

import (
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// swept is a set in which sendfile overtakes both others.
func swept() Ranking {
	var traces []*trace.Trace
	for i, chunk := range []int64{512, 4 << 10, 32 << 10, 256 << 10} {
		for _, strategy := range []struct {
			name  string
			speed []int64 // MiB/s
		}{
			{"read-write", []int64{400, 900, 1600, 1800}},
			{"mmap-write", []int64{300, 905, 1500, 1700}},
			{"sendfile", []int64{200, 800, 2400, 5000}},
		} {
			for round := range int64(3) {
				t := traceOf(64<<20, chunk, trace.TextbookCopies{})
				t.Run.Strategy, t.Run.PayloadBytes = strategy.name, trace.Known(64<<20)
				t.Run.ElapsedNS = 64e9 / (strategy.speed[i] + 20*round)
				traces = append(traces, t)
			}
		}
	}
	return NewRanking(trace.NewSet(traces))
}

func sentences(list []Saying) []string {
	var s []string
	for _, saying := range list {
		s = append(s, saying.String())
	}
	return s
}

func TestCrossings(t *testing.T) {
	got := sentences(swept().Sayings())
	want := []string{
		"sendfile overtakes read-write between 4 KiB and 32 KiB.",
		"sendfile overtakes mmap-write between 4 KiB and 32 KiB.",
		"read-write is faster than mmap-write at 512 B, 32 KiB, 256 KiB; at the other sizes their throughputs overlap.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// One round of each tells nothing but that it tells nothing.
func TestOneRoundTellsNothing(t *testing.T) {
	r := swept()
	for i := range r.Rows {
		r.Rows[i].Rounds = 1
	}
	if got := r.Sayings(); len(got) != 1 || got[0].Kind != OneRound {
		t.Errorf("it says %q", sentences(got))
	}
	for i := range r.Rows {
		if r.ClearlyFirst(&r.Rows[i]) {
			t.Errorf("%s is the first for certain", r.Name(&r.Rows[i]))
		}
	}
}

func TestOverlapsMayBeChance(t *testing.T) {
	var traces []*trace.Trace
	for strategy, speeds := range map[string][]int64{"a": {100, 200}, "b": {150, 160}, "c": {50, 60}} {
		for _, speed := range speeds {
			t := traceOf(64<<20, 4096, trace.TextbookCopies{})
			t.Run.Strategy, t.Run.PayloadBytes, t.Run.ElapsedNS = strategy, trace.Known(64<<20), 64e9/speed
			traces = append(traces, t)
		}
	}
	got := NewRanking(trace.NewSet(traces)).Sayings()
	if len(got) != 1 || got[0].Kind != MayBeChance || len(got[0].Strategies) != 2 || slices.Contains(got[0].Strategies, "c") {
		t.Errorf("it says %q", sentences(got))
	}
}
