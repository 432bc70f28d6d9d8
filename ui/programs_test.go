package ui

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// programsOf is a dashboard of programs of a size.
func programsOf(width, height int, o Options, p ProgramOptions, msgs ...tea.Msg) shell {
	m := newPrograms(o, p)
	m.look = uncoloured(false)
	return after(m, append([]tea.Msg{tea.WindowSizeMsg{Width: width, Height: height}}, msgs...)...)
}

// underWay is a recording two seconds before its end.
func underWay() *trace.Program {
	p := tracetest.Nginx()
	p.Run.Ended, p.Run.ExitStatus, p.Processes[0].EndedNS = "", trace.Int{}, trace.Int{}
	return p
}

func TestProgramsGolden(t *testing.T) {
	tracetest.Golden(t, "programs.txt", programsOf(100, 30, Options{}, ProgramOptions{}, ProgramUpdate{underWay()}).drawn)
}

// How it stands is said at the top, and what somebody waits for who leaves at the bottom.
func TestProgramsStates(t *testing.T) {
	left := underWay()
	left.Run.ExitStatus = trace.Known(3)
	quitting := programsOf(100, 30, Options{}, ProgramOptions{}, ProgramUpdate{underWay()})
	quitting.quitting = true
	for want, m := range map[string]shell{
		"starting":                   programsOf(100, 30, Options{}, ProgramOptions{}),
		"attaching the hooks":        programsOf(100, 30, Options{}, ProgramOptions{}, Doing("attaching the hooks")),
		"running 12.3 s":             programsOf(100, 30, Options{}, ProgramOptions{}, ProgramUpdate{underWay()}),
		"1 process now":              programsOf(100, 30, Options{}, ProgramOptions{}, ProgramUpdate{underWay()}),
		"has ended with 3":           programsOf(100, 30, Options{}, ProgramOptions{}, ProgramUpdate{left}),
		"done 12.3 s":                programsOf(100, 30, Options{}, ProgramOptions{}, ProgramFinished{Program: tracetest.Nginx()}),
		"calls/s, on average":        programsOf(100, 30, Options{}, ProgramOptions{}, ProgramFinished{Program: tracetest.Nginx()}),
		"no luck":                    programsOf(100, 30, Options{}, ProgramOptions{}, ProgramFinished{Program: tracetest.Nginx(), Err: errors.New("no luck")}),
		"before the first number: x": programsOf(100, 30, Options{}, ProgramOptions{}, ProgramFinished{Err: errors.New("x")}),
		"paused":                     after(programsOf(100, 30, Options{}, ProgramOptions{}, ProgramUpdate{underWay()}), keyPress("p"), ProgramFinished{Program: tracetest.Nginx()}),
		"waiting for the command":    after(quitting, Doing("")),
		"the command lives on":       after(programsOf(100, 30, Options{}, ProgramOptions{}, ProgramUpdate{underWay()}), keyPress("?")),
	} {
		if !strings.Contains(m.drawn, want) {
			t.Errorf("no %q in\n%s", want, m.drawn)
		}
	}
}

// q ends the tracing and ctrl+c interrupts; the dashboard is left when the recording has ended.
func TestProgramsAreLeft(t *testing.T) {
	for _, k := range []string{"q", "ctrl+c"} {
		stop, interrupt := 0, 0
		m := programsOf(80, 24, Options{Stop: func() { stop++ }, Interrupt: func() { interrupt++ }}, ProgramOptions{}, ProgramUpdate{underWay()})
		m, msg := press(m, k)
		if isQuit(msg) || stop+interrupt != 1 || (stop == 1) != (k == "q") {
			t.Errorf("%s: stopped %d times, interrupted %d times, quit %v", k, stop, interrupt, isQuit(msg))
		}
		if _, cmd := m.Update(ProgramFinished{Program: tracetest.Nginx()}); cmd == nil || !isQuit(cmd()) {
			t.Errorf("%s: it is not left at the end", k)
		}
	}
}

// The table is scrolled to its last line and no further, and saved as it is.
func TestProgramsScroll(t *testing.T) {
	var saved *trace.Program
	save := func(p *trace.Program) (string, error) { saved = p; return "/tmp/p.json", nil }
	m := programsOf(80, 24, Options{}, ProgramOptions{Save: save}, ProgramUpdate{underWay()})
	first := m.drawn
	m = after(m, keyPress("G"))
	if !strings.Contains(m.drawn, "losses: none") || strings.Contains(m.drawn, "The CPU copied") {
		t.Errorf("not at the end:\n%s", m.drawn)
	}
	end := m.drawn
	if m = after(m, tea.KeyMsg{Type: tea.KeyDown}); m.drawn != end {
		t.Errorf("further:\n%s", m.drawn)
	}
	if m = after(m, keyPress("g")); m.drawn != first {
		t.Errorf("not back:\n%s", m.drawn)
	}
	m, msg := press(m, "s")
	if m = after(m, msg); saved != m.screen.(programScreen).latest || !strings.Contains(m.drawn, "saved /tmp/p.json") {
		t.Errorf("not saved:\n%s", m.drawn)
	}
}

// Whatever is recorded, and however small the terminal, no line is wider than it, and nothing talks to it.
func TestProgramsOfExtremes(t *testing.T) {
	list := tracetest.ExtremePrograms()
	hostile := tracetest.ExtremePrograms()["odd"]
	tracetest.Poison(hostile)
	list["hostile"] = hostile
	for name, p := range list {
		for _, size := range [][2]int{{1, 1}, {60, 16}, {200, 60}} {
			for _, k := range []string{"?", "G"} {
				m := after(programsOf(size[0], size[1], Options{}, ProgramOptions{}, ProgramUpdate{p}, Doing(tracetest.Hostile)), keyPress(k))
				what := fmt.Sprintf("%s at %v after %s", name, size, k)
				if harm := tracetest.Harm(m.drawn); harm != "" {
					t.Errorf("%s: %s", what, harm)
				}
				lines := strings.Split(m.drawn, "\n")
				if len(lines) > size[1] {
					t.Errorf("%s: %d lines", what, len(lines))
				}
				for _, line := range lines {
					if term.Width(line) > size[0] {
						t.Errorf("%s: %d cells: %q", what, term.Width(line), line)
					}
				}
			}
		}
	}
}
