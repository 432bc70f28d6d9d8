package ui

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/report"
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
		t := tracetest.FallenBack()
		t.Losses = map[string]int64{"map_full": 17, "ringbuf_full": 1203}
		t.Run.Ended, t.Run.Error = trace.Failed, "receiver was killed (signal 9)"
		verified := false
		t.Run.Verified = &verified
		return []tea.Msg{Finished{Trace: t, Err: errors.New(t.Run.Error)}}
	},
	"file":    func() []tea.Msg { return []tea.Msg{Update{tracetest.ToFile()}} },
	"help":    func() []tea.Msg { return []tea.Msg{Update{tracetest.RunOf("sendfile", 31)}, keyPress("?")} },
	"calls":   func() []tea.Msg { return []tea.Msg{Update{timed()}, keyPress("2")} },
	"failing": func() []tea.Msg { return []tea.Msg{Finished{Trace: tracetest.Failing()}, keyPress("2")} },
	"untimed": func() []tea.Msg { return []tea.Msg{Update{tracetest.ToFile()}, keyPress("2")} },
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
	t := tracetest.FallenBack()
	t.Hooks[0].Misses, t.Hooks[1].Misses = trace.Known(0), trace.Known(1203)
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

func TestDashboardGolden(t *testing.T) {
	for name, messages := range states {
		for _, s := range screens {
			t.Run(fmt.Sprintf("%s/%dx%d", name, s.width, s.height), func(t *testing.T) {
				got := modelOf(s.width, s.height, messages()...).View()
				tracetest.Golden(t, fmt.Sprintf("%s-%d.txt", name, s.width), got+"\n")
			})
		}
	}
	t.Run("ascii", func(t *testing.T) {
		m := modelOf(80, 24, Update{tracetest.RunOf("sendfile", 31)})
		m.look = uncoloured(true)
		tracetest.Golden(t, "ascii-80.txt", m.draw()+"\n")
	})
}

// TestNothingOverflows draws every size. The traces take turns, and every one
// of them meets every width and every height.
func TestNothingOverflows(t *testing.T) {
	traces := tracetest.Extreme()
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
			t.Errorf("%s: the coloured text differs: %s", name, tracetest.FirstDifference(got, plain.View()))
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
				t.Fatalf("%s: %s", name, tracetest.FirstDifference(again, first))
			}
		}
	}
}

// TestSavedTraces draws the traces that the trace package keeps as examples.
func TestSavedTraces(t *testing.T) {
	files, err := filepath.Glob("../tracer/trace/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no saved traces: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			saved, err := trace.ReadFile(file)
			tr := saved.Trace
			if err != nil {
				t.Fatal(err)
			}
			exact := human.Grouped(tr.Run.PayloadBytes.Or(-1))
			for name, view := range map[string]string{
				"table":     report.Table(tr, 80),
				"dashboard": modelOf(80, 24, Finished{Trace: tr}).View(),
			} {
				for _, want := range []string{tr.Run.Strategy, string(tr.Run.Ended), exact} {
					if !strings.Contains(view, want) {
						t.Errorf("the %s does not say %q:\n%s", name, want, view)
					}
				}
			}
			checkFits(t, file, tr, 80, 24, 0)
		})
	}
}
