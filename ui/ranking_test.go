package ui

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/zctrace/zctrace/tracer/trace"
)

// round is `compare --bytes 64MiB`'s run of a strategy at so many MiB/s.
func round(strategy string, mibPerSecond int64) *trace.Trace {
	t := small(strategy)
	t.Run.Command = []string{"zctrace", "compare", "--rounds", "3"}
	t.Run.ElapsedNS = 64e9 / mibPerSecond
	t.Run.Verified, t.Run.UntracedElapsedNS = nil, trace.Int{}
	t.Run.LimitDurationNS = trace.Int{}
	t.Run.Sink, t.Run.Source = small("sendfile").Run.Sink, small("sendfile").Run.Source
	return t
}

func threeRounds() []*trace.Trace {
	return []*trace.Trace{
		round("read-write", 2100), round("mmap-write", 3000), round("sendfile", 5200),
		round("mmap-write", 2900), round("sendfile", 5000), round("read-write", 2200),
		round("sendfile", 6100), round("read-write", 2950), round("mmap-write", 3300),
	}
}

// odd is a comparison in which much went wrong.
func odd() *trace.Set {
	fell, lossy, cut := round("sendfile", 900), round("read-write", 2000), round("mmap-write", 1)
	fell.Total.Sender.Copies.InKernel = derived(32 << 20)
	fell.Total.Kernel.Copies.InKernel = derived(16 << 20)
	fell.Total.Sender.Disk.ReadBytes = trace.Known(64 << 20)
	lossy.Losses["map_full"], lossy.Run.Ended, lossy.Run.Error = 3, trace.Failed, "events were lost, so the numbers may not be believed: map_full 3"
	cut.Run.Ended = trace.Interrupted
	null := round("mmap-write", 1500)
	null.Total.Sender.ContextSwitches = trace.ContextSwitches{}
	null.Total.Sender.Copies.InKernel = missing("no hook")
	return trace.NewSet([]*trace.Trace{fell, lossy, null, round("sendfile", 2000), cut},
		trace.Failure{Strategy: "splice", ChunkBytes: 64 << 10, Error: "start the sender: out of memory"})
}

func sets() map[string]*trace.Set {
	withChunk := append(threeRounds(), round("sendfile", 100))
	withChunk[9].Run.ChunkBytes = 512
	return map[string]*trace.Set{
		"three": trace.NewSet(threeRounds()), "odd": odd(), "one": trace.NewSet([]*trace.Trace{round("sendfile", 5000)}),
		"empty": trace.NewSet(nil), "chunks": trace.NewSet(withChunk), "sweep": sweep(),
	}
}

// sweep is one in which sendfile overtakes read-write, and mmap-write failed at a
// size.
func sweep() *trace.Set {
	var traces []*trace.Trace
	for i, chunk := range []int64{512, 4 << 10, 32 << 10, 256 << 10} {
		for n := range int64(3) {
			for strategy, speed := range map[string]int64{
				"read-write": []int64{400, 900, 1600, 1800}[i],
				"mmap-write": []int64{300, 905, 1500, 1700}[i],
				"sendfile":   []int64{200, 800, 2400, 5000}[i],
			} {
				t := round(strategy, speed+n*20)
				t.Run.ChunkBytes = chunk
				t.Total = atMoment(shapes[strategy], 64<<20/chunk, chunk, t.Run.ElapsedNS)
				traces = append(traces, t)
			}
		}
	}
	order := map[string]int{"read-write": 0, "mmap-write": 1, "sendfile": 2}
	slices.SortStableFunc(traces, func(a, b *trace.Trace) int {
		return cmp.Or(cmp.Compare(a.Run.ChunkBytes, b.Run.ChunkBytes), cmp.Compare(order[a.Run.Strategy], order[b.Run.Strategy]), cmp.Compare(b.Run.ElapsedNS, a.Run.ElapsedNS))
	})
	traces[3].Run.Ended, traces[3].Run.Error = trace.Failed, "receiver was killed" // mmap-write, 512 B
	slow := traces[9]
	slow.Total.Sender.Copies.ToUser = derived(128 << 20) // read-write, 4 KiB
	traces[10].Total.Sender.Copies.ToUser, traces[11].Total.Sender.Copies.ToUser = derived(128<<20), derived(128<<20)
	return trace.NewSet(traces, trace.Failure{Strategy: "splice", ChunkBytes: 512, Error: "no memory"})
}

// What was not counted at one size is not said to be as in the textbook at all.
func TestTextbookBySizeAsFarAsCounted(t *testing.T) {
	set := sweep()
	for _, tr := range set.Traces {
		if tr.Run.Strategy == "sendfile" && tr.Run.ChunkBytes == 512 {
			tr.Total.Sender.Copies.ToUser = missing("the engine cannot tell")
		}
	}
	got := strings.Join(newRanking(set).textbookBySize(200), "\n")
	for _, want := range []string{
		"  mmap-write  as in the textbook at all sizes, apart from",
		"  sendfile    as in the textbook at all sizes, as far as counted, apart from",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestRankingGolden(t *testing.T) {
	for name, set := range sets() {
		t.Run(name, func(t *testing.T) {
			golden(t, "ranking-"+name+".txt", Ranking(set, 80))
			golden(t, "ranking-"+name+".md", RankingMarkdown(set))
			golden(t, "ranking-"+name+".csv", RankingCSV(set))
		})
	}
}

func TestRankingFits(t *testing.T) {
	long := threeRounds()
	for _, tr := range long {
		tr.Run.Strategy += "-with-a-long-name"
		tr.Total.Sender.Disk.ReadBytes, tr.Total.Sender.Disk.WriteBytes = trace.Known(64<<20), trace.Known(1)
	}
	all := sets()
	all["long names"] = trace.NewSet(long)
	for name, set := range all {
		for _, width := range []int{0, 80, 100, 200} {
			for i, l := range strings.Split(Ranking(set, width), "\n") {
				if w := ansi.StringWidth(l); w > max(width, tableWidth) {
					t.Errorf("%s at %d: line %d is %d wide: %q", name, width, i+1, w, l)
				}
				if strings.HasSuffix(l, " ") || strings.HasSuffix(l, "..") {
					t.Errorf("%s at %d: line %d is cut off or ends in a space: %q", name, width, i+1, l)
				}
			}
		}
	}
}

// Every number of a ranking has a column, under the name that it has in JSON.
func TestEveryRankedNumberHasAColumn(t *testing.T) {
	var r trace.Ranked
	columns := map[*trace.Spread]string{}
	for _, c := range rankColumns {
		columns[c.spread(&r)] = c.key
	}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		if s, ok := v.Addr().Interface().(*trace.Spread); ok {
			if got := columns[s]; got != path[1:] {
				t.Errorf("%s is column %q", path[1:], got)
			}
			return
		}
		for i := range v.NumField() {
			if v.Field(i).Kind() == reflect.Struct && v.Type().Field(i).Type != reflect.TypeFor[trace.Int]() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Tag.Get("json"))
			}
		}
	}
	walk(reflect.ValueOf(&r).Elem(), "")
}

func TestRankingNeverShowsNullAsZero(t *testing.T) {
	records, err := csv.NewReader(strings.NewReader(RankingCSV(odd()))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int {
		for i, head := range records[0] {
			if head == name {
				return i
			}
		}
		t.Fatalf("no column %s", name)
		return 0
	}
	for _, record := range records[1:] {
		for name, want := range map[string]map[string]string{
			"per_mib.context_switches": {"mmap-write": "n/a", "splice": "n/a"},
			"passes.in_kernel":         {"mmap-write": "n/a", "sendfile": "0.25"},
			"rank":                     {"splice": "n/a", "read-write": "n/a", "sendfile": "2"},
			"failed":                   {"splice": "1", "read-write": "1", "sendfile": "0"},
			"varies":                   {"sendfile": "passes.in_kernel passes.disk_read"},
		} {
			if text, ok := want[record[column("strategy")]]; ok && record[column(name)] != text {
				t.Errorf("%s of %s is %q, want %q", name, record[column("strategy")], record[column(name)], text)
			}
		}
	}
}

func TestFromTo(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for want, s := range map[string][2]float64{
		"2.50..3.25 GiB/s":   {2.5 * gib, 3.25 * gib},
		"0.49..1.75 GiB/s":   {500 * mib, 1.75 * gib},
		"1..1 GiB/s":         {gib, gib},
		"0.5..1.0 GiB/s":     {gib / 2, gib},
		"100.0..301.7 MiB/s": {100 * mib, 301.7 * mib},
		"0 B/s..0 B/s":       {0, 0},
	} {
		got := fromTo(trace.Spread{Min: trace.KnownReal(s[0]), Median: trace.KnownReal(s[0]), Max: trace.KnownReal(s[1])})
		if got != want {
			t.Errorf("%v: %q, want %q", s, got, want)
		}
	}
	if got := fromTo(trace.Spread{}); got != "-" {
		t.Errorf("an unknown spread is %q", got)
	}
}

// TestRankingIsSafe puts control characters into every string of a set.
func TestRankingIsSafe(t *testing.T) {
	set := odd()
	for _, tr := range set.Traces {
		strategy := tr.Run.Strategy
		ended := tr.Run.Ended
		poison(reflect.ValueOf(tr).Elem())
		tr.Run.Strategy, tr.Run.Ended = strategy+hostile, ended
	}
	for i := range set.Ranking {
		r := &set.Ranking[i]
		strategy := r.Strategy
		poison(reflect.ValueOf(r).Elem())
		r.Strategy = strategy + hostile
	}
	for name, text := range map[string]string{"text": Ranking(set, 80), "Markdown": RankingMarkdown(set), "CSV": RankingCSV(set)} {
		for _, r := range text {
			if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e) {
				t.Errorf("%s: %U in\n%q", name, r, text)
				break
			}
		}
	}
}

func TestRunLine(t *testing.T) {
	cut := round("sendfile", 1)
	cut.Run.Ended = trace.Interrupted
	for want, got := range map[string]string{
		"round 2/5  sendfile  2.5 GiB/s":   RunLine("sendfile", 2, 5, round("sendfile", 2560), nil),
		"round 2/5  sendfile  interrupted": RunLine("sendfile", 2, 5, cut, nil),
		"round 1/1  a b  failed: killed":   RunLine("a\nb\x1b", 1, 1, nil, fmt.Errorf("killed\nrun again")),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
