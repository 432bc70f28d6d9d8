package ui

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// later moves the clock of a view under test.
type later time.Duration

// roundsAfter is the live view of a size after some messages.
func roundsAfter(width, height int, o RoundsOptions, msgs ...tea.Msg) shell {
	now := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	m := newRoundsShell(Options{}, o, func() time.Time { return now })
	m.look = uncoloured(false)
	for _, msg := range append([]tea.Msg{tea.WindowSizeMsg{Width: width, Height: height}}, msgs...) {
		if d, ok := msg.(later); ok {
			now = now.Add(time.Duration(d))
			continue
		}
		next, _ := m.Update(msg)
		m = next.(shell)
	}
	return m
}

// settled are the frames in which bars reach their length.
func settled() []tea.Msg {
	var msgs []tea.Msg
	for range 12 {
		msgs = append(msgs, frameTick{})
	}
	return msgs
}

var textbookStrategies = []string{"read-write", "mmap-write", "sendfile"}

func comparedRows(strategies ...string) RoundsOptions {
	o := RoundsOptions{Name: "compare", Rounds: 5}
	for _, name := range strategies {
		o.Rows = append(o.Rows, RoundsRow{name, 64 << 10})
	}
	return o
}

// ran are the messages of a run of a row.
func ran(o RoundsOptions, row, round int, t *trace.Trace) []tea.Msg {
	t.Run.Strategy, t.Run.ChunkBytes = o.Rows[row].Strategy, o.Rows[row].ChunkBytes
	return []tea.Msg{RunBegins{row, round}, later(600 * time.Millisecond), RunEnds{Row: row, Trace: t}}
}

// afterRuns are as many runs as a comparison does in their order, at speeds that
// differ.
func afterRuns(o RoundsOptions, runs int) []tea.Msg {
	var msgs []tea.Msg
	for i := range runs {
		row, n := (i+i/len(o.Rows))%len(o.Rows), i/len(o.Rows)
		t := tracetest.Round(textbookStrategies[row%3], []int64{2100, 3000, 5200}[row%3]+int64(40*row+i%4*300))
		msgs = append(msgs, ran(o, row, n+1, t)...)
	}
	return msgs
}

// begun is the next run, half done.
func begun(o RoundsOptions, row, round int, doing string) []tea.Msg {
	half := tracetest.RunOf(doing, 25)
	half.Run.Strategy = o.Rows[row].Strategy
	half.Run.LimitBytes, half.Run.LimitDurationNS = trace.Known(64<<30), trace.Int{}
	return []tea.Msg{RunBegins{row, round}, later(400 * time.Millisecond), Update{half}, frameTick{}}
}

// manyRows are more than a small terminal has lines for.
func manyRows() RoundsOptions {
	return comparedRows("read-write", "mmap-write", "sendfile", "splice", "vmsplice", "readv-writev", "direct-io",
		"msg-zerocopy", "aio", "io-uring", "io-uring-fixed", "io-uring-zc", "io-uring-splice")
}

func sweptRows(strategies ...string) RoundsOptions {
	o := RoundsOptions{Name: "sweep", Rounds: 3}
	for chunk := int64(512); chunk <= 1<<20; chunk *= 2 {
		for _, name := range strategies {
			o.Rows = append(o.Rows, RoundsRow{name, chunk})
		}
	}
	return o
}

// afterSizes are the runs of the first rows of a sweep, in each of so many rounds.
func afterSizes(o RoundsOptions, rows, rounds int) []tea.Msg {
	var msgs []tea.Msg
	each := len(o.Rows) / 12
	for n := range rounds {
		for row := range rows {
			of := row % each
			speed := 3000 * int64(row/each+1+n%2) / int64(12+6*(2-of%3)) * int64(1+(of%3)*row/each) / 4
			msgs = append(msgs, ran(o, row, n+1, tracetest.Round(textbookStrategies[of%3], 40+speed))...)
		}
	}
	return msgs
}

func flat(lists ...[]tea.Msg) []tea.Msg {
	var all []tea.Msg
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// roundsStates are what the live views show in the golden files.
func roundsStates() map[string]func(width, height int) shell {
	of := func(o RoundsOptions, msgs ...[]tea.Msg) func(width, height int) shell {
		return func(width, height int) shell { return roundsAfter(width, height, o, flat(msgs...)...) }
	}
	three, many := comparedRows(textbookStrategies...), manyRows()
	swept, all := sweptRows(textbookStrategies...), sweptRows(strategyNames(many)...)
	running := flat(afterRuns(three, 8), settled(), begun(three, 1, 3, "mmap-write"))
	failed := errors.New("receiver was killed (signal 9)\nrun it again")
	lossy := tracetest.Round("sendfile", 1000)
	lossy.Losses["map_full"], lossy.Run.Ended = 3, trace.Failed
	return map[string]func(width, height int) shell{
		"compare-begin":   of(three, []tea.Msg{RunBegins{0, 1}, Doing("loading the eBPF programs")}),
		"compare-first":   of(three, begun(three, 0, 1, "read-write")),
		"compare-running": of(three, running),
		"compare-ranked":  of(many, afterRuns(many, 20), settled(), begun(many, 8, 2, "mmap-write"), []tea.Msg{keyPress("o")}),
		"compare-failed": of(three, running, []tea.Msg{RunEnds{Row: 1, Err: failed}, RunBegins{2, 3}, RunEnds{Row: 2, Trace: lossy, Err: errors.New("events were lost")},
			RunBegins{0, 3}, Doing("loading the eBPF programs")}),
		"compare-paused": of(three, running, []tea.Msg{keyPress("p"), later(time.Minute), RunEnds{Row: 1, Trace: tracetest.Round("mmap-write", 9000)}, frameTick{}}),
		"compare-help":   of(three, running, []tea.Msg{keyPress("?")}),
		"sweep-first":    of(swept, begun(swept, 0, 1, "read-write")),
		"sweep-running":  of(swept, afterSizes(swept, 36, 1), afterSizes(swept, 19, 2), settled(), begun(swept, 19, 3, "mmap-write")),
		"sweep-many":     of(all, afterSizes(all, 60, 1), settled(), begun(all, 60, 1, "sendfile")),
		"sweep-help":     of(swept, []tea.Msg{keyPress("?")}),
	}
}

func strategyNames(o RoundsOptions) []string {
	var names []string
	for _, row := range o.Rows {
		names = append(names, row.Strategy)
	}
	return names
}

func TestRoundsGolden(t *testing.T) {
	for name, state := range roundsStates() {
		for _, s := range screens {
			t.Run(fmt.Sprintf("%s/%dx%d", name, s.width, s.height), func(t *testing.T) {
				tracetest.Golden(t, fmt.Sprintf("%s-%d.txt", name, s.width), state(s.width, s.height).draw()+"\n")
			})
		}
		if name == "compare-running" || name == "sweep-running" {
			t.Run(name+"/ascii", func(t *testing.T) {
				m := state(80, 24)
				m.look = uncoloured(true)
				tracetest.Golden(t, name+"-ascii.txt", m.draw()+"\n")
			})
		}
	}
}

// hostileRounds press against every limit.
func hostileRounds(o RoundsOptions) func(width, height int) shell {
	for i := range o.Rows {
		if i%2 == 0 {
			o.Rows[i].Strategy += tracetest.Hostile + "読み書き戦略読み書き戦略"
		}
	}
	var msgs []tea.Msg
	n := 0
	for _, t := range tracetest.Extreme() {
		copied := *t
		msgs = append(msgs, Doing(tracetest.Hostile+strings.Repeat("読", 99)), RunBegins{n % len(o.Rows), 1 << 40}, Update{&copied}, frameTick{}, later(-time.Hour))
		msgs = append(msgs, ran(o, n%len(o.Rows), 1, &copied)...)
		n++
	}
	msgs = append(msgs, RunEnds{Row: 1, Err: errors.New(strings.Repeat("壊れた"+tracetest.Hostile, 60))})
	return func(width, height int) shell { return roundsAfter(width, height, o, msgs...) }
}

// TestRoundsFit draws every width, and heights of all kinds.
func TestRoundsFit(t *testing.T) {
	states := roundsStates()
	states["hostile comparison"] = hostileRounds(comparedRows(textbookStrategies...))
	states["hostile sweep"] = hostileRounds(sweptRows(strategyNames(manyRows())...))
	for name, state := range states {
		m := state(80, 24)
		for width := 40; width <= 220; width++ {
			for _, height := range []int{16, 24, 10 + width*7%61} {
				m.width, m.height = width, height
				m.look = uncoloured(width%2 == 0)
				checkRounds(t, name, m)
			}
		}
		for _, tiny := range []int{1, 2, 7, 20} {
			m.width, m.height = tiny, tiny
			checkRounds(t, name, m)
		}
	}
}

func checkRounds(t *testing.T, name string, m shell) {
	t.Helper()
	lines := strings.Split(m.draw(), "\n")
	if big := m.width >= leastWidth && m.height >= leastHeight; len(lines) > m.height || big && len(lines) != m.height {
		t.Errorf("%s at %dx%d: %d lines", name, m.width, m.height, len(lines))
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w > m.width {
			t.Errorf("%s at %dx%d: line %d is %d wide: %q", name, m.width, m.height, i+1, w, l)
		}
		for _, r := range l {
			if r < ' ' || r >= 0x7f && r < 0xa0 || m.look.ASCII && r > '~' || r >= 0x202a && r <= 0x202e {
				t.Errorf("%s at %dx%d: line %d has %U: %q", name, m.width, m.height, i+1, r, l)
			}
		}
	}
}

// Without colours the text is the same, and NO_COLOR has none.
func TestRoundsColourCarriesNoMeaning(t *testing.T) {
	for name, state := range roundsStates() {
		plain := state(120, 40)
		coloured, noColor := plain, plain
		r := lipgloss.NewRenderer(io.Discard)
		r.SetColorProfile(0)
		coloured.look = term.LookFrom(term.Terminal{}, r)
		noColor.look = term.NewLook(term.Terminal{NoColor: true}, io.Discard)
		if got := trimLines(ansi.Strip(coloured.draw())); got != plain.draw() {
			t.Errorf("%s: the coloured text differs: %s", name, tracetest.FirstDifference(got, plain.draw()))
		}
		if v := noColor.draw(); strings.Contains(v, "\x1b[3") || strings.Contains(v, "\x1b[9") {
			t.Errorf("%s: colours in spite of NO_COLOR", name)
		}
	}
}

func TestRoundsTooSmall(t *testing.T) {
	if view := roundsStates()["compare-running"](50, 12).draw(); !strings.Contains(view, "60x16") || !strings.Contains(view, "50x12") {
		t.Errorf("%q does not say what it needs", view)
	}
}

func TestRoundsKeys(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{"q", "stop"}, {"ctrl+c", "interrupt"}, {"q q", "stop"}, {"x", ""}, {"ctrl+c ctrl+c", "interrupt quit abandon"}, {"q ctrl+c", "stop quit abandon"},
		{"p q", "stop"}, {"? q", "stop"},
	} {
		var did []string
		m := tea.Model(newRoundsShell(Options{
			Stop:      func() { did = append(did, "stop") },
			Interrupt: func() { did = append(did, "interrupt") },
		}, RoundsOptions{Rows: []RoundsRow{{"sendfile", 512}}, Rounds: 1}, time.Now))
		var run func(tea.Cmd)
		run = func(cmd tea.Cmd) {
			if cmd == nil {
				return
			}
			switch msg := cmd().(type) {
			case tea.QuitMsg:
				did = append(did, "quit")
			case tea.BatchMsg:
				for _, cmd := range msg {
					run(cmd)
				}
			}
		}
		for _, k := range strings.Fields(c.keys) {
			var cmd tea.Cmd
			m, cmd = m.Update(keyPress(k))
			run(cmd)
		}
		if m.(shell).abandoned {
			did = append(did, "abandon")
		}
		if got := strings.Join(did, " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.keys, got, c.want)
		}
	}
}

// A paused view stands still, whatever the runs do, and goes on where they are.
func TestRoundsPause(t *testing.T) {
	m := roundsStates()["compare-paused"](120, 40)
	before := m.draw()
	for _, msg := range flat(settled(), []tea.Msg{RunBegins{0, 4}, RunEnds{Row: 0, Trace: tracetest.Round("read-write", 9500)}}, settled()) {
		next, _ := m.Update(msg)
		m = next.(shell)
	}
	if after := m.View(); after != before {
		t.Errorf("it moves while it is paused: %s", tracetest.FirstDifference(after, before))
	}
	if ordered, _ := m.Update(keyPress("o")); ordered.View() == before {
		t.Error("the order of what is paused cannot be changed")
	}
	next, _ := m.Update(keyPress("p"))
	if view := next.View(); !strings.Contains(view, "10 of 15 runs") || strings.Contains(view, "paused") {
		t.Errorf("it did not go on:\n%s", view)
	}
}

// What the runs do is drawn with the next frame, so that drawing costs them little.
func TestRoundsDrawnByTheFrame(t *testing.T) {
	var m tea.Model = roundsStates()["compare-running"](120, 40)
	before := m.View()
	for _, msg := range []tea.Msg{RunEnds{Row: 1, Trace: tracetest.Round("mmap-write", 9000)}, RunBegins{2, 3}, Doing("loading"), Update{tracetest.RunOf("sendfile", 9)}} {
		if m, _ = m.Update(msg); m.View() != before {
			t.Errorf("%T is drawn at once", msg)
		}
	}
	if m, _ = m.Update(frameTick{}); m.View() == before {
		t.Error("the next frame is the same")
	}
}

// What is left is told from how long each row took.
func TestRoundsLeft(t *testing.T) {
	o := comparedRows(textbookStrategies...)
	o.Rounds = 2
	at := func(msgs ...tea.Msg) string {
		d, known := roundsAfter(80, 24, o, msgs...).screen.(roundsScreen).latest.left()
		return fmt.Sprint(d, known)
	}
	run := func(row int, takes time.Duration) []tea.Msg {
		return []tea.Msg{RunBegins{row, 1}, later(takes), RunEnds{Row: row, Trace: tracetest.Round("sendfile", 5000)}}
	}
	two := flat(run(0, 2*time.Second), run(1, 4*time.Second))
	for want, got := range map[string]string{
		"0s false": at(RunBegins{0, 1}, later(time.Second), frameTick{}),
		"10s true": at(run(0, 2*time.Second)...),                                                                      // 5 runs as that one
		"12s true": at(two...),                                                                                        // 2, 4, and 2 × 3
		"11s true": at(append(two, RunBegins{2, 1}, later(time.Second), frameTick{})...),                              // a second of one
		"9s true":  at(append(two, RunBegins{2, 1}, later(time.Minute), frameTick{})...),                              // late
		"6s true":  at(append(two, RunBegins{2, 1}, later(3*time.Second), RunEnds{Row: 2, Err: errors.New("no")})...), // is not tried again
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestRoundUp(t *testing.T) {
	for v, want := range map[float64]string{0: "0 B/s", 1: "1 B/s", 800: "800 B/s", 801: "1 KiB/s", 2.1e9: "2 GiB/s", 2.2e9: "2.5 GiB/s", 3.3e9: "4 GiB/s", 900 << 20: "1 GiB/s"} {
		if got := human.Rate(roundUp(v)); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

// BenchmarkRoundsFrame is an update and a frame of each live view; see BenchmarkFrame.
func BenchmarkRoundsFrame(b *testing.B) {
	for name, state := range map[string]func(width, height int) shell{"compare": roundsStates()["compare-ranked"], "sweep": roundsStates()["sweep-many"]} {
		b.Run(name, func(b *testing.B) {
			var m tea.Model = state(120, 40)
			b.ReportAllocs()
			for b.Loop() {
				m, _ = m.Update(frameTick{})
				_ = m.View()
			}
		})
	}
}
