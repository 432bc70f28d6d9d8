package report

import (
	"fmt"
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
			tracetest.Golden(t, "ranking-"+name+".txt", Ranking(set, 80))
		})
	}
}

// A sweep is one however early it ends; a comparison has one size always.
func TestSweepWithinItsFirstSize(t *testing.T) {
	for _, command := range []string{"sweep", "compare"} {
		traces := tracetest.ThreeRounds()[:2]
		for _, tr := range traces {
			tr.Run.Command = []string{"zctrace", command}
		}
		traces[1].Run.Ended = trace.Interrupted
		want := map[string]string{"sweep": "zctrace swept 2 strategies over 1 chunk size in 0 to 1 round, interrupted\n", "compare": "zctrace compared 2 strategies in 0 to 1 round, interrupted\n"}[command]
		if got := Ranking(trace.NewSet(traces), 80); !strings.HasPrefix(got, want) {
			t.Errorf("%s begins %q, want %q", command, got[:min(len(got), 100)], want)
		}
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

// TestRankingIsSafe puts control characters into every string of a set.
func TestRankingIsSafe(t *testing.T) {
	if harm := tracetest.Harm(Ranking(tracetest.HostileSet(), 80)); harm != "" {
		t.Error(harm)
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
