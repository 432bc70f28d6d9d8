package ui

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// uncoloured looks as the dashboard does where only text counts.
func uncoloured(ascii bool) *term.Look {
	l := &term.Look{Glyphs: term.UnicodeGlyphs, ASCII: ascii}
	if ascii {
		l.Glyphs = term.ASCIIGlyphs
	}
	return l
}

// dashboardOf is a dashboard of a size.
func dashboardOf(width, height int, r RunOptions) shell {
	m := newDashboard(Options{}, r)
	m.look = uncoloured(false)
	return after(m, tea.WindowSizeMsg{Width: width, Height: height})
}

// modelOf is a dashboard of a size, after some messages.
func modelOf(width, height int, msgs ...tea.Msg) shell {
	return after(dashboardOf(width, height, RunOptions{Save: func(*trace.Trace) (string, error) { return "", nil }}), msgs...)
}

func (m shell) run() runScreen { return m.screen.(runScreen) }

func after(m shell, msgs ...tea.Msg) shell {
	for _, msg := range msgs {
		next, _ := m.Update(msg)
		m = next.(shell)
	}
	return m
}

func keyPress(s string) tea.KeyMsg {
	switch s {
	case "ctrl+c":
		return tea.KeyMsg{Type: tea.KeyCtrlC}
	case "esc":
		return tea.KeyMsg{Type: tea.KeyEsc}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s)}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew)\n%s", path, firstDifference(got, string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n got %q\nwant %q", i+1, a, b)
		}
	}
	return ""
}

var screens = []struct{ width, height int }{{60, 16}, {80, 24}, {120, 40}, {200, 60}}

// states are what the dashboard shows in the golden files, besides the three
// strategies.
var states = map[string]func() []tea.Msg{
	"read-write": func() []tea.Msg { return []tea.Msg{Update{tracetest.RunOf("read-write", 31)}} },
	"mmap-write": func() []tea.Msg { return []tea.Msg{Update{tracetest.RunOf("mmap-write", 31)}} },
	"sendfile":   func() []tea.Msg { return []tea.Msg{Update{tracetest.RunOf("sendfile", 31)}} },
	"done": func() []tea.Msg {
		return []tea.Msg{Update{tracetest.RunOf("sendfile", 49)}, Finished{Trace: tracetest.Whole("sendfile"), Saved: "/tmp/trace.json"}}
	},
	"paused": func() []tea.Msg {
		return []tea.Msg{Update{tracetest.RunOf("read-write", 31)}, keyPress("p"), Update{tracetest.RunOf("read-write", 40)}}
	},
	"failed": func() []tea.Msg {
		t := fallenBack()
		t.Losses = map[string]int64{"map_full": 17, "ringbuf_full": 1203}
		t.Run.Ended, t.Run.Error = trace.Failed, "receiver was killed (signal 9)"
		verified := false
		t.Run.Verified = &verified
		return []tea.Msg{Finished{Trace: t, Err: errors.New(t.Run.Error)}}
	},
	"file":    func() []tea.Msg { return []tea.Msg{Update{toFile()}} },
	"help":    func() []tea.Msg { return []tea.Msg{Update{tracetest.RunOf("sendfile", 31)}, keyPress("?")} },
	"calls":   func() []tea.Msg { return []tea.Msg{Update{timed()}, keyPress("2")} },
	"untimed": func() []tea.Msg { return []tea.Msg{Update{toFile()}, keyPress("2")} },
	"time":    func() []tea.Msg { return []tea.Msg{Update{tracetest.RunOf("read-write", 31)}, keyPress("3")} },
	"time-receiver": func() []tea.Msg {
		return []tea.Msg{Finished{Trace: tracetest.Whole("sendfile")}, keyPress("3"), keyPress("t")}
	},
	"hooks": func() []tea.Msg { return []tea.Msg{Update{hooked()}, keyPress("4")} },
	"hooks-below": func() []tea.Msg {
		return []tea.Msg{Update{hooked()}, keyPress("4"), tea.KeyMsg{Type: tea.KeyPgDown}}
	},
	"counters": func() []tea.Msg { return []tea.Msg{Update{tracetest.RunOf("mmap-write", 31)}, keyPress("5")} },
	"counters-receiver": func() []tea.Msg {
		return []tea.Msg{Update{hooked()}, keyPress("5"), keyPress("t"), keyPress("G")}
	},
}

// timed has histograms, as totals have.
func timed() *trace.Trace {
	t := tracetest.RunOf("read-write", 31)
	for i, name := range []string{"read", "write"} {
		s := t.Total.Sender.Syscalls.ByName[name]
		s.LatencyLog2 = make([]int64, 22)
		rest := s.Calls.Or(0)
		for bucket := 10 + 2*i; bucket < 21; bucket++ {
			n := rest * 2 / 3
			s.LatencyLog2[bucket] = n
			rest -= n
		}
		s.LatencyLog2[21] = rest
		t.Total.Sender.Syscalls.ByName[name] = s
	}
	return t
}

// hooked has more hooks than a small screen has lines, and several engines.
func hooked() *trace.Trace {
	t := fallenBack()
	for i := range 30 {
		h := trace.Hook{Name: fmt.Sprintf("fexit/function_%d", i), Counter: "copies to files", Provenance: trace.Unavailable, Reason: "the kernel refuses to load fentry and fexit programs, also for root: it is hardened"}
		if i > 25 {
			h.Reason = "not needed for this run"
		}
		t.Hooks = append(t.Hooks, h)
	}
	t.Losses["context_switches"] = 3
	t.Total.Sender.Engines = map[string]*trace.EngineCounters{"breakpoint": {ToUser: tracetest.Observed(0), InKernel: tracetest.Missing("no free debug register")}}
	return t
}

// fallenBack is a sendfile that copied after all, some of it in softirq.
func fallenBack() *trace.Trace {
	t := tracetest.RunOf("sendfile", 31)
	n := t.Total.Sender.PayloadBytes.Or(0)
	t.Total.Sender.Copies.InKernel = tracetest.Observed(n * 84 / 100)
	t.Total.Kernel.Copies.InKernel = tracetest.Observed(n * 16 / 100)
	return t
}

// toFile has no receiver, a disk, cold cache and no latencies.
func toFile() *trace.Trace {
	t := tracetest.RunOf("read-write", 31)
	t.Run.Sink = trace.Sink{Kind: "file", Address: "/var/tmp/out", Device: trace.Device{Name: "vda", Kind: "disk"}}
	t.Run.Receiver, t.Run.Cache, t.Run.Latency = "", "cold", false
	t.Run.LimitBytes = trace.Known(64 << 30)
	c := &t.Total.Sender
	t.Total.Receiver = nil
	c.Disk = trace.Disk{ReadBytes: c.PayloadBytes, ReadRequests: trace.Known(75_000), WriteBytes: trace.Known(0), WriteRequests: trace.Known(0)}
	for name, s := range c.Syscalls.ByName {
		s.TimeNS = trace.Int{}
		c.Syscalls.ByName[name] = s
	}
	c.Provenance["syscalls.by_name.*.time_ns"] = trace.Origin{Provenance: trace.Unavailable, Reason: "--latency off"}
	return t
}

// Both sinks are named, as fully as there is room.
func TestTwoSinks(t *testing.T) {
	run := trace.Run{Source: trace.Source{Kind: "auto"},
		Sink:  trace.Sink{Kind: "tcp", Address: "127.0.0.1:80", Device: trace.Device{Name: "lo", Kind: "loopback"}},
		Sink2: &trace.Sink{Kind: "file", Address: "/var/tmp", Device: trace.Device{Kind: "disk"}}}
	for width, want := range map[int]string{
		80: "auto -> tcp 127.0.0.1:80 (loopback) and /var/tmp",
		40: "auto -> tcp (loopback) and /var/tmp",
		30: "auto -> tcp and /var/tmp",
	} {
		if got := sourceToSink(plainLook, run, width); got != want {
			t.Errorf("%d cells: %q, want %q", width, got, want)
		}
	}
}

func TestDashboardGolden(t *testing.T) {
	for name, messages := range states {
		for _, s := range screens {
			t.Run(fmt.Sprintf("%s/%dx%d", name, s.width, s.height), func(t *testing.T) {
				got := modelOf(s.width, s.height, messages()...).View()
				golden(t, fmt.Sprintf("%s-%d.txt", name, s.width), got+"\n")
			})
		}
	}
	t.Run("ascii", func(t *testing.T) {
		m := modelOf(80, 24, Update{tracetest.RunOf("sendfile", 31)})
		m.look = uncoloured(true)
		golden(t, "ascii-80.txt", m.draw()+"\n")
	})
}

// extreme are traces that press against every limit.
func extreme() map[string]*trace.Trace {
	wide := tracetest.Whole("read-write")
	wide.Run.Strategy = "読み書き戦略読み書き戦略読み書き戦略"
	wide.Run.Source = trace.Source{Kind: "file", Path: "/home/山田太郎/データ/とても長い名前のファイル名前.bin", Filesystem: "ｅｘｔ４"}
	wide.Host.Kernel = "6.18.5-カーネル-𝓀𝑒𝓇𝓃𝑒𝓁"
	wide.Run.Ended, wide.Run.Error = trace.Failed, strings.Repeat("壊れた", 60)
	for i := range 30 {
		wide.Total.Sender.Syscalls.ByName[fmt.Sprintf("システムコール%d", i)] = tracetest.Syscall(int64(i), int64(i%2), 1, 0)
	}

	huge := tracetest.Whole("mmap-write")
	const most = int64(1<<63 - 1)
	for _, c := range []*trace.Counters{&huge.Total.Sender, huge.Total.Receiver, &huge.Total.Kernel} {
		fillInts(c, most)
		c.Syscalls.ByName = map[string]trace.Syscall{
			strings.Repeat("very_long_system_call_name_", 9): {Calls: trace.Known(most), Errors: trace.Known(most), Bytes: trace.Known(most), TimeNS: trace.Known(most), Blocked: trace.Known(most)},
		}
		c.Provenance = map[string]trace.Origin{}
	}
	huge.Losses = map[string]int64{strings.Repeat("cause", 100): most, "other": -1}
	huge.Run.ElapsedNS, huge.Run.LimitBytes, huge.Run.LimitDurationNS = most, trace.Known(1), trace.Known(1)
	huge.Run.Source.Path, huge.Run.Sink.Address = strings.Repeat("/long", 200), strings.Repeat("long", 200)
	huge.Run.ChunkBytes = 1

	negative := tracetest.Whole("sendfile")
	fillInts(&negative.Total.Sender, -1<<63)
	negative.Run.ElapsedNS, negative.Run.ChunkBytes = -5, -1

	backwards := tracetest.Whole("sendfile")
	for i, j := 0, len(backwards.Samples)-1; i < j; i, j = i+1, j-1 {
		backwards.Samples[i], backwards.Samples[j] = backwards.Samples[j], backwards.Samples[i]
	}

	return map[string]*trace.Trace{
		"zero": {}, "wide": wide, "huge": huge, "negative": negative, "backwards": backwards,
		"usual": tracetest.RunOf("read-write", 31), "fallen back": fallenBack(), "no receiver": toFile(),
	}
}

// TestNothingOverflows draws every size. The traces take turns, and every one
// of them meets every width and every height.
func TestNothingOverflows(t *testing.T) {
	traces := extreme()
	var names []string
	for name := range traces {
		names = append(names, name)
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	for width := 40; width <= 220; width += step {
		for height := 10 + width%3; height <= 70; height += 3 {
			name := names[(width+height)%len(names)]
			checkFits(t, name, traces[name], width, height, width%3)
		}
	}
	for _, tiny := range []int{1, 2, 3, 7, 20, 59} {
		for name, tr := range traces {
			checkFits(t, name, tr, tiny, tiny, 0)
		}
	}
}

func checkFits(t *testing.T, name string, tr *trace.Trace, width, height, variant int) {
	t.Helper()
	var msgs []tea.Msg
	shown := keyPress(fmt.Sprint((width+height/7)%int(views) + 1))
	switch variant {
	case 0:
		msgs = []tea.Msg{Update{tr}, shown, tea.KeyMsg{Type: tea.KeyPgDown}, keyPress("t")}
	case 1:
		msgs = []tea.Msg{Update{tr}, keyPress("p"), shown, keyPress("G"), Finished{Trace: tr, Err: errors.New(tr.Run.Error + "\n\ttab"), Saved: strings.Repeat("/путь", 60)}}
	case 2:
		msgs = []tea.Msg{Update{tr}, keyPress("q"), saved{err: errors.New(strings.Repeat("disk full ", 40))}}
	}
	m := modelOf(width, height, msgs...)
	m.look = uncoloured(width%2 == 0)
	view := m.draw()
	lines := strings.Split(view, "\n")
	if len(lines) > height {
		t.Errorf("%s at %dx%d: %d lines", name, width, height, len(lines))
	}
	if width >= leastWidth && height >= leastHeight && len(lines) != height {
		t.Errorf("%s at %dx%d: %d lines do not fill the screen", name, width, height, len(lines))
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w > width {
			t.Errorf("%s at %dx%d: line %d is %d wide: %q", name, width, height, i+1, w, l)
		}
		if m.look.ASCII && strings.ContainsFunc(l, func(r rune) bool { return r > '~' || r < ' ' }) {
			t.Errorf("%s at %dx%d: line %d is not ASCII: %q", name, width, height, i+1, l)
		}
	}
}

// TestColourCarriesNoMeaning: without colours the text is the same.
func TestColourCarriesNoMeaning(t *testing.T) {
	for name, messages := range states {
		plain := modelOf(100, 40, messages()...)
		coloured := plain
		r := lipgloss.NewRenderer(io.Discard)
		r.SetColorProfile(0) // true colour
		coloured.look = term.LookFrom(term.Terminal{}, r)
		noColor := plain
		noColor.look = term.NewLook(term.Terminal{NoColor: true}, io.Discard)

		if !strings.Contains(coloured.draw(), "\x1b[38;2;") {
			t.Errorf("%s: no colour at all", name)
		}
		if got := trimLines(ansi.Strip(coloured.draw())); got != plain.View() {
			t.Errorf("%s: the coloured text differs: %s", name, firstDifference(got, plain.View()))
		}
		if v := noColor.draw(); strings.Contains(v, "\x1b[3") || strings.Contains(v, "\x1b[9") {
			t.Errorf("%s: colours in spite of NO_COLOR", name)
		}
	}
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func TestTooSmallSaysWhatItNeeds(t *testing.T) {
	view := modelOf(50, 12, Update{tracetest.RunOf("sendfile", 31)}).View()
	for _, want := range []string{"60x16", "50x12", "q"} {
		if !strings.Contains(view, want) {
			t.Errorf("%q does not say %q", view, want)
		}
	}
}

func TestViewIsDeterministic(t *testing.T) {
	for name, messages := range states {
		first := modelOf(120, 40, messages()...).View()
		for range 20 {
			if again := modelOf(120, 40, messages()...).View(); again != first {
				t.Fatalf("%s: %s", name, firstDifference(again, first))
			}
		}
	}
}
