package ui

import (
	"encoding/csv"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
)

// What was not counted at one size is not said to be as in the textbook at all.
func TestTextbookBySizeAsFarAsCounted(t *testing.T) {
	set := tracetest.Sweep()
	for _, tr := range set.Traces {
		if tr.Run.Strategy == "sendfile" && tr.Run.ChunkBytes == 512 {
			tr.Total.Sender.Copies.ToUser = tracetest.Missing("the engine cannot tell")
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
	for name, set := range tracetest.Sets() {
		t.Run(name, func(t *testing.T) {
			golden(t, "ranking-"+name+".txt", Ranking(set, 80))
			golden(t, "ranking-"+name+".md", RankingMarkdown(set))
			golden(t, "ranking-"+name+".csv", RankingCSV(set))
		})
	}
}

func TestRankingFits(t *testing.T) {
	long := tracetest.ThreeRounds()
	for _, tr := range long {
		tr.Run.Strategy += "-with-a-long-name"
		tr.Total.Sender.Disk.ReadBytes, tr.Total.Sender.Disk.WriteBytes = trace.Known(64<<20), trace.Known(1)
	}
	all := tracetest.Sets()
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
	records, err := csv.NewReader(strings.NewReader(RankingCSV(tracetest.Odd()))).ReadAll()
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
	set := tracetest.Odd()
	for _, tr := range set.Traces {
		strategy := tr.Run.Strategy
		ended := tr.Run.Ended
		tracetest.Poison(tr)
		tr.Run.Strategy, tr.Run.Ended = strategy+tracetest.Hostile, ended
	}
	for i := range set.Ranking {
		r := &set.Ranking[i]
		strategy := r.Strategy
		tracetest.Poison(r)
		r.Strategy = strategy + tracetest.Hostile
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
	cut := tracetest.Round("sendfile", 1)
	cut.Run.Ended = trace.Interrupted
	for want, got := range map[string]string{
		"round 2/5  sendfile  2.5 GiB/s":   RunLine("sendfile", 2, 5, tracetest.Round("sendfile", 2560), nil),
		"round 2/5  sendfile  interrupted": RunLine("sendfile", 2, 5, cut, nil),
		"round 1/1  a b  failed: killed":   RunLine("a\nb\x1b", 1, 1, nil, fmt.Errorf("killed\nrun again")),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
