package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/report"
	"github.com/zctrace/zctrace/ui/term"
)

// TestKeysChooseTheView goes round with tab and back, and straight with digits.
func TestKeysChooseTheView(t *testing.T) {
	m := modelOf(120, 40, Update{tracetest.RunOf("sendfile", 31)})
	for _, press := range []struct {
		key  tea.KeyMsg
		want string
	}{
		{tea.KeyMsg{Type: tea.KeyTab}, "[2 calls]"}, {tea.KeyMsg{Type: tea.KeyTab}, "[3 time]"},
		{keyPress("5"), "[5 counters]"}, {tea.KeyMsg{Type: tea.KeyTab}, "[1 overview]"},
		{tea.KeyMsg{Type: tea.KeyShiftTab}, "[5 counters]"}, {keyPress("4"), "[4 hooks]"}, {keyPress("6"), "[4 hooks]"},
	} {
		if m = after(m, press.key); !strings.Contains(m.View(), press.want) {
			t.Errorf("after %q no %q:\n%s", press.key, press.want, m.View())
		}
	}
	m = after(m, keyPress("?"), keyPress("3"))
	if v := m.View(); !strings.Contains(v, "OVER TIME") {
		t.Errorf("a view chosen in the help is not shown:\n%s", v)
	}
}

// TestScrolling reaches the first and the last line and stops there, and each
// view stays where it was.
func TestScrolling(t *testing.T) {
	down, up := tea.KeyMsg{Type: tea.KeyDown}, tea.KeyMsg{Type: tea.KeyUp}
	m := modelOf(80, 24, Update{hooked()}, keyPress("4"))
	if m = after(m, up); m.run().offsets[hooksView] != 0 {
		t.Errorf("above the first line: %d", m.run().offsets[hooksView])
	}
	if m = after(m, down, down, up); m.run().offsets[hooksView] != 1 {
		t.Errorf("down, down, up: at %d, want 1", m.run().offsets[hooksView])
	}
	for range 300 {
		m = after(m, down)
	}
	bottom := m.run().offsets[hooksView]
	if !strings.Contains(m.View(), "context_switches") {
		t.Errorf("the last line is not in sight:\n%s", m.View())
	}
	if m = after(m, keyPress("G")); m.run().offsets[hooksView] != bottom {
		t.Errorf("G is at %d, the last arrow at %d", m.run().offsets[hooksView], bottom)
	}
	m = after(m, keyPress("5"), down, keyPress("4"))
	if m.run().offsets[hooksView] != bottom || m.run().offsets[countersView] != 1 {
		t.Errorf("the views do not stay where they were: %v", m.run().offsets)
	}
	if m = after(m, keyPress("g")); m.run().offsets[hooksView] != 0 {
		t.Errorf("g is at %d", m.run().offsets[hooksView])
	}
}

// TestSides shows the receiver where there is one.
func TestSides(t *testing.T) {
	m := modelOf(80, 24, Update{tracetest.RunOf("sendfile", 31)}, keyPress("t"))
	if v := m.View(); !strings.Contains(v, "DATA PATH, RECEIVER") {
		t.Errorf("t does not show the receiver's side:\n%s", v)
	}
	if v := after(m, keyPress("2")).View(); !strings.Contains(v, "RECEIVER'S CALLS") || strings.Contains(v, "sendfile  ") && strings.Contains(v, "600,740") {
		t.Errorf("not the receiver's calls:\n%s", v)
	}
	if v := after(m, keyPress("t")).View(); !strings.Contains(v, "DATA PATH, SENDER") {
		t.Errorf("t does not lead back:\n%s", v)
	}
	alone := modelOf(80, 24, Update{tracetest.ToFile()}, keyPress("t"))
	if v := alone.View(); !strings.Contains(v, "nobody receives") {
		t.Errorf("t without a receiver says nothing:\n%s", v)
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		name     string
		log2     []int64
		p50, p99 string
	}{
		{"none", nil, "n/a", "n/a"},
		{"all 0", make([]int64, 9), "n/a", "n/a"},
		{"one call of 1 us", []int64{9: 1}, "<1.02 us", "<1.02 us"},
		{"a hundred, the slowest much slower", []int64{9: 99, 20: 1}, "<1.02 us", "<1.02 us"},
		{"a hundred, two slower", []int64{9: 98, 20: 2}, "<1.02 us", "<2.10 ms"},
		{"half and half", []int64{3: 5, 4: 5}, "<16 ns", "<32 ns"},
		{"nonsense", []int64{3: -5, 4: 1}, "<32 ns", "<32 ns"},
		{"the longest", []int64{63: 1}, "<9223372037 s", "<9223372037 s"},
	} {
		d := data{Look: report.Look}
		if p50, p99 := d.within(reading.Call{Log2: c.log2}, 0.5), d.within(reading.Call{Log2: c.log2}, 0.99); p50 != c.p50 || p99 != c.p99 {
			t.Errorf("%s: %s, %s; want %s, %s", c.name, p50, p99, c.p50, c.p99)
		}
	}
}

// TestEveryCounterHasItsPath: the paths of the raw counters are those of
// --expect, and no number of the format is without one.
func TestEveryCounterHasItsPath(t *testing.T) {
	c := hooked().Total.Sender
	c.Syscalls.ByName["write"] = tracetest.Failing().Total.Sender.Syscalls.ByName["write"]
	c.Requests = tracetest.Failing().Total.Sender.Requests
	seen := map[string]bool{}
	for _, n := range counterPaths(&c) {
		if seen[n.Path()] {
			t.Errorf("%s twice", n.Path())
		}
		seen[n.Path()] = true
		if _, err := trace.ParseExpectation("sender." + n.Path() + " == 0"); err != nil && !strings.HasPrefix(n.Path(), "engines.") {
			t.Error(err)
		}
	}
	if got, want := len(seen), len(slices.Collect(c.All())); got != want {
		t.Errorf("%d paths of %d numbers", got, want)
	}
}

// replayed is a saved trace on the screen.
func replayed() shell {
	return dashboardOf(100, 30, RunOptions{Trace: tracetest.Whole("read-write"), Replay: true})
}

func TestReplay(t *testing.T) {
	key := func(k tea.KeyType) tea.KeyMsg { return tea.KeyMsg{Type: k} }
	m := replayed()
	if v := m.View(); !strings.Contains(v, "done 10.0 s") || !strings.Contains(v, "space play") {
		t.Errorf("it does not begin at the end:\n%s", v)
	}
	if m = after(m, key(tea.KeyRight)); m.run().at != atEnd {
		t.Error("there is something behind the end")
	}
	for _, step := range []struct {
		key  tea.KeyType
		want string
	}{
		{tea.KeyLeft, "at 9.8 s of 10.0 s"}, {tea.KeyLeft, "at 9.6 s of 10.0 s"}, {tea.KeyRight, "at 9.8 s of 10.0 s"},
		{tea.KeyHome, "at 0.2 s of 10.0 s"}, {tea.KeyLeft, "at 0.2 s of 10.0 s"}, {tea.KeyEnd, "done 10.0 s"},
	} {
		if m = after(m, key(step.key)); !strings.Contains(m.View(), step.want) {
			t.Errorf("after %v no %q:\n%s", step.key, step.want, m.View())
		}
	}
	// The moment's own numbers, exact.
	m = after(m, key(tea.KeyHome))
	want := m.run().latest.Samples[0].Sender.Copies.ToUser.Bytes.Or(-1)
	if v := after(m, keyPress("5")).View(); !strings.Contains(v, human.Grouped(want)) {
		t.Errorf("no %s in\n%s", human.Grouped(want), v)
	}
}

// TestReplayPlays: as fast as the run was, and no further than its end.
func TestReplayPlays(t *testing.T) {
	space := tea.KeyMsg{Type: tea.KeySpace, Runes: []rune(" ")}
	next, cmd := replayed().Update(space)
	m := next.(shell)
	if !m.run().playing || m.run().at != 0 || cmd == nil {
		t.Fatalf("space does not begin from the start: %v, at %d", m.run().playing, m.run().at)
	}
	var elapsed time.Duration
	for m.run().playing {
		m = after(m, frameTick{})
		if elapsed += playTick; elapsed > time.Minute {
			t.Fatal("it does not end")
		}
	}
	if m.run().at != atEnd {
		t.Errorf("it ended at %d", m.run().at)
	}
	m = after(m, space, frameTick{}, space)
	if at := m.run().at; m.run().playing || after(m, frameTick{}).run().at != at {
		t.Error("space does not hold it")
	}
}

// A replay that is held and goes on within a frame plays no faster than before.
func TestReplayKeepsItsPace(t *testing.T) {
	m, ticks := replayed(), 0
	for _, msg := range []tea.Msg{keyPress(" "), keyPress(" "), keyPress(" "), frameTick{}} {
		next, cmd := m.Update(msg)
		if m = next.(shell); cmd != nil {
			ticks++
		}
	}
	if !m.run().playing || ticks != 2 {
		t.Errorf("playing %v; %d frames were asked for, want the first and the next", m.run().playing, ticks)
	}
}

func TestReplayOfOneMoment(t *testing.T) {
	for _, samples := range []int{0, 1} {
		tr := tracetest.Whole("sendfile")
		tr.Samples = tr.Samples[:samples]
		m := dashboardOf(80, 24, RunOptions{Trace: tr, Replay: true})
		for _, k := range []tea.KeyType{tea.KeyLeft, tea.KeyRight, tea.KeyHome, tea.KeyEnd, tea.KeySpace} {
			m = after(m, tea.KeyMsg{Type: k}, frameTick{}, frameTick{})
			_ = m.View()
		}
	}
}

// TestAgain begins another run only when one has ended.
func TestAgain(t *testing.T) {
	again := 0
	m := after(dashboardOf(80, 24, RunOptions{Again: func() { again++ }}), Update{tracetest.RunOf("sendfile", 10)})
	if _, cmd := m.Update(keyPress("r")); cmd != nil {
		t.Error("r in a running run does something")
	}
	m = after(m, Finished{Trace: tracetest.Whole("sendfile"), Saved: "t.json"})
	if !strings.Contains(m.View(), "r again") {
		t.Errorf("r is not offered:\n%s", m.View())
	}
	m, _ = press(m, "r")
	if v := m.View(); again != 1 || !strings.Contains(v, "starting") || strings.Contains(v, "saved") {
		t.Errorf("again %d times:\n%s", again, v)
	}
	m = after(m, Update{tracetest.RunOf("sendfile", 20)})
	if v := m.View(); !strings.Contains(v, "running 4.0 s") {
		t.Errorf("the new run is not shown:\n%s", v)
	}
}

// The places of what is drawn do not depend on the numbers.
func TestColumnsStandStill(t *testing.T) {
	borders := func(v string) string {
		var at []string
		for _, l := range strings.Split(v, "\n") {
			if strings.Contains(l, "│") && strings.Contains(l, "cache") {
				for i, r := range []rune(l) {
					if r == '│' {
						at = append(at, fmt.Sprint(i))
					}
				}
			}
		}
		return strings.Join(at, " ")
	}
	first := ""
	for i := 1; i <= 50; i++ {
		got := borders(modelOf(120, 40, Update{tracetest.RunOf("read-write", i)}).View())
		if first == "" {
			first = got
		}
		if got != first || got == "" {
			t.Fatalf("after %d samples the boxes are at %s, not %s", i, got, first)
		}
	}
}

// TestTwoTraces: what differs comes first, and x leads from one to the other, at
// the same moment.
func TestTwoTraces(t *testing.T) {
	m := dashboardOf(60, 40, RunOptions{Trace: tracetest.Whole("read-write"), Other: tracetest.Whole("sendfile"), Names: [2]string{"rw.json", "sf.json"}, Replay: true})
	for _, width := range []int{60, 80, 120, 200} {
		m = after(m, tea.WindowSizeMsg{Width: width, Height: 40})
		tracetest.Golden(t, fmt.Sprintf("two-%d.txt", width), m.View()+"\n")
	}
	m = after(m, keyPress("1"), tea.KeyMsg{Type: tea.KeyLeft})
	for _, step := range []struct {
		key   string
		wants []string
	}{
		{"1", []string{"rw.json, 1 of 2", "at 9.8 s", "read-write"}},
		{"x", []string{"sf.json, 2 of 2", "at 9.8 s", "sendfile", "page reference"}},
		{"6", []string{"[6 differ]", "!= strategy  read-write | sendfile"}},
		{"x", []string{"!= strategy  read-write | sendfile"}},
		{"1", []string{"rw.json, 1 of 2", "at 9.8 s"}},
	} {
		m = after(m, keyPress(step.key))
		for _, want := range step.wants {
			if v := m.View(); !strings.Contains(v, want) {
				t.Errorf("after %s no %q in\n%s", step.key, want, v)
			}
		}
	}
}

// Two traces that press against every limit fit every size.
func TestTwoTracesFit(t *testing.T) {
	traces := tracetest.Extreme()
	for nameA, a := range traces {
		for _, b := range traces {
			for width := leastWidth; width <= 220; width += 23 {
				m := dashboardOf(width, 20+width/9, RunOptions{Trace: a, Other: b, Names: [2]string{tracetest.Hostile, "データ.json"}, Replay: true})
				m = after(m, tea.KeyMsg{Type: tea.KeyPgDown})
				lines := strings.Split(m.View(), "\n")
				if len(lines) != 20+width/9 {
					t.Fatalf("%s: %d lines", nameA, len(lines))
				}
				for _, l := range lines {
					if term.Width(l) > width {
						t.Fatalf("%s at %d: %q", nameA, width, l)
					}
				}
			}
		}
	}
}

// A trace that was saved under way is not running.
func TestReplayWithoutAnEnd(t *testing.T) {
	tr := tracetest.Whole("sendfile")
	tr.Losses, tr.Run.Ended = map[string]int64{}, ""
	m := dashboardOf(80, 24, RunOptions{Trace: tr, Replay: true})
	if got := m.View(); !strings.Contains(got, "saved before its end") || strings.Contains(got, "running") || !strings.Contains(got, "losses not recorded") {
		t.Errorf("the dashboard says:\n%s", got)
	}
}
