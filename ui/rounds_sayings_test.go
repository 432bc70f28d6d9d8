package ui

import (
	"regexp"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/ui/report"
)

// What a sweep says while it runs is not more than it has shown by then.
func TestLiveSayingsKnowWhatIsToCome(t *testing.T) {
	o := sweptRows("read-write", "sendfile")
	o.Rows = o.Rows[:4] // two sizes
	round := func(n int, rows ...int) (msgs []func(rounds) rounds) {
		for _, row := range rows {
			msgs = append(msgs, func(s rounds) rounds {
				tr := tracetest.Round(o.Rows[row].Strategy, []int64{1000, 2000}[row%2]+int64(n))
				tr.Run.ChunkBytes = o.Rows[row].ChunkBytes
				return s.begins(RunBegins{row, n}).ended(RunEnds{Row: row, Trace: tr})
			})
		}
		return msgs
	}
	s := newRounds(o, tracetest.Round("sendfile", 1).Run.Started)
	for _, step := range []struct {
		runs          []func(rounds) rounds
		says          string
		first, second string // the marks of sendfile at the two sizes
	}{
		{round(1, 0, 1, 2), "", "", ""},
		{round(2, 0), "", "", ""},
		{round(2, 1), "sendfile is faster than read-write at every size that both did.", report.FirstMark, ""},
		{round(1, 3), "sendfile is faster than read-write at every size that both did twice or more.", report.FirstMark, ""},
		{round(2, 3), "sendfile is faster than read-write at every size that both did twice or more.", report.FirstMark, ""},
		{round(2, 2), "sendfile is faster than read-write at every size.", report.FirstMark, report.FirstMark},
	} {
		for _, run := range step.runs {
			s = run(s)
		}
		if got := strings.Join(s.sayings, " "); got != step.says {
			t.Errorf("it says %q, want %q", got, step.says)
		}
		for row, want := range map[int]string{1: step.first, 3: step.second} {
			if _, got, _ := s.speedText(s.rows[row].rank); got != want {
				t.Errorf("after %q: row %d is marked %q, want %q", step.says, row, got, want)
			}
		}
	}
}

// All pairs that overlap are named, and not only neighbours in the ranking.
func TestLiveSayingsNameEveryPair(t *testing.T) {
	o := comparedRows("read-write", "mmap-write", "sendfile", "splice")
	s := newRounds(o, tracetest.Round("sendfile", 1).Run.Started)
	for n, speeds := range [][]int64{{600, 500, 450, 100}, {1000, 520, 460, 110}, {300, 510, 470, 600}} {
		for row, speed := range speeds {
			tr := tracetest.Round("sendfile", speed+int64(n))
			tr.Run.Strategy = o.Rows[row].Strategy
			s = s.ended(RunEnds{Row: row, Trace: tr})
		}
	}
	want := "The order of read-write, mmap-write and splice may be chance: their throughputs overlap. " +
		"The order of read-write, sendfile and splice may be chance: their throughputs overlap."
	if got := strings.Join(s.sayings, " "); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	s.last, s.common = tracetest.Round("sendfile", 500), tracetest.Round("sendfile", 500)
	if screen := strings.Join(s.lines(uncoloured(false), 78, 23, stateText{}), "\n"); !strings.Contains(screen, "The order of read-write, sendfile and splice") {
		t.Errorf("a small terminal does not say it:\n%s", screen)
	}
}

// The names of two columns never read as one.
func TestRaceHeadingsAreApart(t *testing.T) {
	for width := 60; width <= 240; width++ {
		o := comparedRows(textbookStrategies...)
		s := roundsAfter(width, 40, o, afterRuns(o, 3)...).screen.(roundsScreen).shown()
		for _, below := range []bool{false, true} {
			heading := s.raceLines(uncoloured(false), s.raceFor(width-2, below), []int{0}, width-2)[0]
			if regexp.MustCompile(`median \S`).MatchString(strings.ReplaceAll(heading, "─", " ")) {
				t.Errorf("%d cells: %s", width, heading)
			}
		}
	}
}

// A median that is far below the mean is explained where both stand.
func TestQuantilesAreExplained(t *testing.T) {
	for width, want := range map[int]string{80: "p50, p99: half, 99 % of the calls took less; a few slow ones raise the mean", 60: "p99: 99 % of the calls took less"} {
		m, _ := press(dashboardOf(width, 24, RunOptions{Trace: timed()}), "2")
		if v := m.View(); !strings.Contains(v, want) {
			t.Errorf("%d cells: no %q in\n%s", width, want, v)
		}
	}
}
