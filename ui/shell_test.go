package ui

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
)

// calls counts what the model asked of the command.
type calls struct{ stop, interrupt, save int }

func watched(c *calls, r RunOptions) shell {
	r.Save = func(*trace.Trace) (string, error) { c.save++; return "/tmp/t.json", nil }
	m := dashboardOf(80, 24, r)
	m.opts = Options{Stop: func() { c.stop++ }, Interrupt: func() { c.interrupt++ }}
	return after(m, Update{tracetest.RunOf("sendfile", 10)})
}

// press presses a key and runs the command that follows, if it is to be run.
func press(m shell, k string) (shell, tea.Msg) {
	next, cmd := m.Update(keyPress(k))
	if cmd == nil {
		return next.(shell), nil
	}
	return next.(shell), cmd()
}

func isQuit(msg tea.Msg) bool { _, ok := msg.(tea.QuitMsg); return ok }

func TestQuitWaitsForTheRun(t *testing.T) {
	var c calls
	everyKey := RunOptions{Save: func(*trace.Trace) (string, error) { return "", nil }, Again: func() {}, Interval: func(bool) time.Duration { return 0 }}
	m, msg := press(watched(&c, everyKey), "q")
	if c.stop != 1 || isQuit(msg) {
		t.Fatalf("q in a running run: stop called %d times, quit %v; want 1, false", c.stop, isQuit(msg))
	}
	for _, ascii := range []bool{false, true} {
		m.look = uncoloured(ascii)
		if v := m.draw(); !strings.Contains(v, "stopping") || !strings.Contains(v, "ending the run") || !strings.Contains(v, "ctrl+c leaves at once") {
			t.Errorf("the view does not say that the run is being ended, ASCII %v:\n%s", ascii, v)
		}
	}
	if _, msg = press(m, "q"); c.stop != 1 || msg != nil {
		t.Errorf("a second q: stop called %d times, message %v", c.stop, msg)
	}
	next, cmd := m.Update(Finished{Trace: tracetest.Whole("sendfile")})
	if cmd == nil || !isQuit(cmd()) {
		t.Error("the model does not quit when the run has ended")
	}
	if next.(shell).run().latest.Run.Ended != trace.Done {
		t.Error("the final trace is not kept")
	}
}

func TestInterrupt(t *testing.T) {
	var c calls
	m, msg := press(watched(&c, RunOptions{}), "ctrl+c")
	if c.interrupt != 1 || c.stop != 0 || isQuit(msg) {
		t.Fatalf("ctrl+c: %+v, quit %v", c, isQuit(msg))
	}
	if m, msg = press(m, "ctrl+c"); !isQuit(msg) || !m.abandoned || c.interrupt != 1 {
		t.Error("a second ctrl+c does not leave at once")
	}
}

// Keys that arrive together are as good as one after the other.
func TestKeysTypedAtOnce(t *testing.T) {
	var c calls
	m := watched(&c, RunOptions{})
	next, _ := m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("p?")})
	if got := next.(shell); got.run().frozen == nil || !got.showHelp {
		t.Errorf("p?: frozen %v, help %v; want both", got.run().frozen != nil, got.showHelp)
	}
	next, _ = m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q"), Paste: true})
	if next.(shell).quitting {
		t.Error("pasted text quits")
	}
}

func TestDoneStaysUntilQuit(t *testing.T) {
	var c calls
	m := after(watched(&c, RunOptions{}), Finished{Trace: tracetest.Whole("sendfile"), Saved: "/tmp/out.json"})
	v := m.View()
	for _, want := range []string{"done 10.0 s", "saved /tmp/out.json"} {
		if !strings.Contains(v, want) {
			t.Errorf("the view does not say %q:\n%s", want, v)
		}
	}
	for _, k := range []string{"q", "ctrl+c"} {
		if _, msg := press(m, k); !isQuit(msg) {
			t.Errorf("%s does not quit", k)
		}
	}
	if c.stop+c.interrupt != 0 {
		t.Errorf("a run that has ended was asked to end: %+v", c)
	}
	if paused, _ := press(m, "p"); paused.View() != v {
		t.Errorf("a run that has ended is paused:\n%s", paused.View())
	}
	if late := after(m, Update{tracetest.RunOf("sendfile", 3)}); late.run().latest.Run.Ended != trace.Done {
		t.Error("a late update replaced the final trace")
	}
}

func TestPauseFreezesTheView(t *testing.T) {
	var c calls
	m, _ := press(watched(&c, RunOptions{}), "p")
	before := m.View()
	if !strings.Contains(before, "paused at 2.0 s") || !strings.Contains(before, "run goes on") {
		t.Errorf("the view does not say that it is paused:\n%s", before)
	}
	m = after(m, Update{tracetest.RunOf("sendfile", 20)})
	if m.View() != before {
		t.Error("the paused view has changed")
	}
	if m.run().latest.Run.ElapsedNS != 4*int64(time.Second) {
		t.Error("the run did not go on behind the paused view")
	}
	if v := after(m, Finished{Trace: tracetest.Whole("sendfile")}).View(); !strings.Contains(v, "paused at 2.0 s, run done") {
		t.Errorf("the paused view does not say that the run is done:\n%s", v)
	}
	if m, _ = press(m, "p"); !strings.Contains(m.View(), "running 4.0 s") {
		t.Errorf("the view does not go on:\n%s", m.View())
	}
}

func TestSave(t *testing.T) {
	var c calls
	m := watched(&c, RunOptions{})
	next, cmd := m.Update(keyPress("s"))
	if c.save != 0 {
		t.Fatal("Update wrote the file itself")
	}
	if again, second := next.Update(keyPress("s")); second != nil {
		t.Error("saving twice at the same time")
	} else if !strings.Contains(again.View(), "saving") {
		t.Error("the view does not say that it is saving")
	}
	m = after(next.(shell), cmd())
	if c.save != 1 || !strings.Contains(m.View(), "saved /tmp/t.json") {
		t.Errorf("saved %d times; view:\n%s", c.save, m.View())
	}
	if m = after(m, noticeEnded{m.notice.id - 1}); !strings.Contains(m.View(), "saved") {
		t.Error("an older notice's end removed a newer notice")
	}
	if m = after(m, noticeEnded{m.notice.id}); strings.Contains(m.View(), "saved") {
		t.Error("the notice stays for ever")
	}
	m = after(m, saved{err: errors.New("no space left on device")})
	if !strings.Contains(m.View(), "not saved: no space left on device") {
		t.Errorf("the view does not say why it was not saved:\n%s", m.View())
	}
}

func TestSaveBeforeTheFirstUpdate(t *testing.T) {
	m := after(dashboardOf(80, 24, RunOptions{}), keyPress("s"))
	if v := m.View(); !strings.Contains(v, "nothing to save yet") || !strings.Contains(v, "starting") {
		t.Errorf("view:\n%s", v)
	}
}

// What a session does before and after the transfer is shown where it can be.
func TestDoing(t *testing.T) {
	m := after(dashboardOf(80, 24, RunOptions{}), Doing("making source auto:8GiB"))
	if v := m.View(); !strings.Contains(v, "zctrace  making source auto:8GiB") || strings.Contains(v, "[1") {
		t.Errorf("before the first update:\n%s", v)
	}
	m = after(m, Update{tracetest.Whole("sendfile")}, Doing("comparing sink file"))
	if v := m.View(); !strings.Contains(v, "comparing sink file") {
		t.Errorf("after the transfer:\n%s", v)
	}
	if v := after(m, Finished{}, Doing("comparing sink file")).View(); strings.Contains(v, "comparing") {
		t.Errorf("after the end:\n%s", v)
	}
}

func TestFailureBeforeTheFirstUpdate(t *testing.T) {
	m := after(dashboardOf(80, 24, RunOptions{}),
		Finished{Err: errors.New("attach tp_btf/sys_exit: permission denied")})
	if v := m.View(); !strings.Contains(v, "permission denied") {
		t.Errorf("the view does not say what failed:\n%s", v)
	}
	if _, msg := press(m, "q"); !isQuit(msg) {
		t.Error("q does not quit")
	}
}

// Another run that did not begin leaves the one before as it was.
func TestNotRunAgain(t *testing.T) {
	var c calls
	m := watched(&c, RunOptions{Again: func() {}})
	m, _ = press(after(m, Finished{Trace: tracetest.Whole("sendfile")}), "r")
	refused := errors.New("sink x exists already\nremove it")
	m = after(m, Finished{Trace: tracetest.Whole("sendfile"), NotAgain: refused})
	for _, want := range []string{"NOT RUN AGAIN: sink x exists already", "done 10.0 s"} {
		if v := m.View(); !strings.Contains(v, want) {
			t.Errorf("the view does not say %q:\n%s", want, v)
		}
	}
	m, _ = press(m, "r")
	if v := after(m, Finished{Trace: tracetest.Whole("sendfile")}).View(); strings.Contains(v, "NOT RUN AGAIN") {
		t.Errorf("it was run again:\n%s", v)
	}
}

func TestHelpTogglesAndResizeKeepsState(t *testing.T) {
	var c calls
	m, _ := press(watched(&c, RunOptions{}), "?")
	if !strings.Contains(m.View(), "KEYS") {
		t.Errorf("no help:\n%s", m.View())
	}
	m = after(m, tea.WindowSizeMsg{Width: 60, Height: 16})
	if got := len(strings.Split(m.View(), "\n")); got != 16 {
		t.Errorf("%d lines after the resize, want 16", got)
	}
	if !strings.Contains(m.View(), "context") {
		t.Errorf("the help is cut off at the smallest size:\n%s", m.View())
	}
	if m, _ = press(m, "esc"); strings.Contains(m.View(), "KEYS") {
		t.Error("esc does not close the help")
	}
}

// + and - answer, also where there is nothing to change any more.
func TestIntervalAnswers(t *testing.T) {
	m := dashboardOf(80, 24, RunOptions{Interval: func(longer bool) time.Duration {
		return map[bool]time.Duration{true: time.Second, false: 200 * time.Millisecond}[longer]
	}})
	m = after(m, Update{tracetest.RunOf("sendfile", 10)})
	for k, want := range map[string]string{"+": "sampling every 1s", "-": "sampling every 200ms"} {
		m, msg := press(m, k)
		if v := after(m, msg).View(); !strings.Contains(v, want) {
			t.Errorf("%s: no %q in\n%s", k, want, v)
		}
	}
	m = after(m, Finished{Trace: tracetest.Whole("sendfile")})
	if m, _ = press(m, "+"); !strings.Contains(m.View(), "no interval to change: the run has ended") {
		t.Errorf("no answer after the end:\n%s", m.View())
	}
}

func TestSavedTraceIsShownAsDone(t *testing.T) {
	m := dashboardOf(80, 24, RunOptions{Trace: tracetest.Whole("read-write")})
	if !strings.Contains(m.View(), "done 10.0 s") {
		t.Errorf("view:\n%s", m.View())
	}
	if _, msg := press(m, "q"); !isQuit(msg) {
		t.Error("q does not quit")
	}
}
