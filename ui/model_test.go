package ui

import (
	"errors"
	"io"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/tracer/trace"
)

// calls counts what the model asked of the command.
type calls struct{ stop, interrupt, save int }

func watched(c *calls) Model {
	m := New(Options{
		Output:    io.Discard,
		Stop:      func() { c.stop++ },
		Interrupt: func() { c.interrupt++ },
		Save:      func(*trace.Trace) (string, error) { c.save++; return "/tmp/t.json", nil },
	})
	m.look = uncoloured(false)
	return after(m, tea.WindowSizeMsg{Width: 80, Height: 24}, Update{runOf("sendfile", 10)})
}

// press presses a key and runs the command that follows, if it is to be run.
func press(m Model, k string) (Model, tea.Msg) {
	next, cmd := m.Update(keyPress(k))
	if cmd == nil {
		return next.(Model), nil
	}
	return next.(Model), cmd()
}

func isQuit(msg tea.Msg) bool { _, ok := msg.(tea.QuitMsg); return ok }

func TestQuitWaitsForTheRun(t *testing.T) {
	var c calls
	m, msg := press(watched(&c), "q")
	if c.stop != 1 || isQuit(msg) {
		t.Fatalf("q in a running run: stop called %d times, quit %v; want 1, false", c.stop, isQuit(msg))
	}
	if v := m.View(); !strings.Contains(v, "stopping") || !strings.Contains(v, "ending the run") {
		t.Errorf("the view does not say that the run is being ended:\n%s", v)
	}
	if _, msg = press(m, "q"); c.stop != 1 || msg != nil {
		t.Errorf("a second q: stop called %d times, message %v", c.stop, msg)
	}
	next, cmd := m.Update(Finished{Trace: whole("sendfile")})
	if cmd == nil || !isQuit(cmd()) {
		t.Error("the model does not quit when the run has ended")
	}
	if next.(Model).Trace().Run.Ended != trace.Done {
		t.Error("the final trace is not kept")
	}
}

func TestInterrupt(t *testing.T) {
	var c calls
	m, msg := press(watched(&c), "ctrl+c")
	if c.interrupt != 1 || c.stop != 0 || isQuit(msg) {
		t.Fatalf("ctrl+c: %+v, quit %v", c, isQuit(msg))
	}
	if m, msg = press(m, "ctrl+c"); !isQuit(msg) || !m.Abandoned() || c.interrupt != 1 {
		t.Error("a second ctrl+c does not leave at once")
	}
}

// Keys that arrive together are as good as one after the other.
func TestKeysTypedAtOnce(t *testing.T) {
	var c calls
	m := watched(&c)
	next, _ := m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("p?")})
	if got := next.(Model); got.frozen == nil || !got.help {
		t.Errorf("p?: frozen %v, help %v; want both", got.frozen != nil, got.help)
	}
	next, _ = m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q"), Paste: true})
	if next.(Model).quitting {
		t.Error("pasted text quits")
	}
}

func TestDoneStaysUntilQuit(t *testing.T) {
	var c calls
	m := after(watched(&c), Finished{Trace: whole("sendfile"), Saved: "/tmp/out.json"})
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
	if late := after(m, Update{runOf("sendfile", 3)}); late.Trace().Run.Ended != trace.Done {
		t.Error("a late update replaced the final trace")
	}
}

func TestPauseFreezesTheView(t *testing.T) {
	var c calls
	m, _ := press(watched(&c), "p")
	before := m.View()
	if !strings.Contains(before, "paused at 2.0 s") || !strings.Contains(before, "run goes on") {
		t.Errorf("the view does not say that it is paused:\n%s", before)
	}
	m = after(m, Update{runOf("sendfile", 20)})
	if m.View() != before {
		t.Error("the paused view has changed")
	}
	if m.Trace().Run.ElapsedNS != 4*second {
		t.Error("the run did not go on behind the paused view")
	}
	if v := after(m, Finished{Trace: whole("sendfile")}).View(); !strings.Contains(v, "paused at 2.0 s, run done") {
		t.Errorf("the paused view does not say that the run is done:\n%s", v)
	}
	if m, _ = press(m, "p"); !strings.Contains(m.View(), "running 4.0 s") {
		t.Errorf("the view does not go on:\n%s", m.View())
	}
}

func TestSave(t *testing.T) {
	var c calls
	m := watched(&c)
	next, cmd := m.Update(keyPress("s"))
	if c.save != 0 {
		t.Fatal("Update wrote the file itself")
	}
	if again, second := next.Update(keyPress("s")); second != nil {
		t.Error("saving twice at the same time")
	} else if !strings.Contains(again.View(), "saving") {
		t.Error("the view does not say that it is saving")
	}
	m = after(next.(Model), cmd())
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
	m := after(New(Options{Output: io.Discard}), tea.WindowSizeMsg{Width: 80, Height: 24}, keyPress("s"))
	if v := m.View(); !strings.Contains(v, "nothing to save yet") || !strings.Contains(v, "starting") {
		t.Errorf("view:\n%s", v)
	}
}

// What a session does before and after the transfer is shown where it can be.
func TestDoing(t *testing.T) {
	m := after(New(Options{Output: io.Discard}), tea.WindowSizeMsg{Width: 80, Height: 24}, Doing("making source auto:8GiB"))
	if v := m.View(); !strings.Contains(v, "zctrace  making source auto:8GiB") {
		t.Errorf("before the first update:\n%s", v)
	}
	m = after(m, Update{whole("sendfile")}, Doing("comparing sink file"))
	if v := m.View(); !strings.Contains(v, "comparing sink file") {
		t.Errorf("after the transfer:\n%s", v)
	}
	if v := after(m, Finished{}, Doing("comparing sink file")).View(); strings.Contains(v, "comparing") {
		t.Errorf("after the end:\n%s", v)
	}
}

func TestFailureBeforeTheFirstUpdate(t *testing.T) {
	m := after(New(Options{Output: io.Discard}), tea.WindowSizeMsg{Width: 80, Height: 24},
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
	m := watched(&c)
	m.opts.Again = func() {}
	m, _ = press(after(m, Finished{Trace: whole("sendfile")}), "r")
	refused := errors.New("sink x exists already\nremove it")
	m = after(m, Finished{Trace: whole("sendfile"), NotAgain: refused})
	for _, want := range []string{"NOT RUN AGAIN: sink x exists already", "done 10.0 s"} {
		if v := m.View(); !strings.Contains(v, want) {
			t.Errorf("the view does not say %q:\n%s", want, v)
		}
	}
	m, _ = press(m, "r")
	if v := after(m, Finished{Trace: whole("sendfile")}).View(); strings.Contains(v, "NOT RUN AGAIN") {
		t.Errorf("it was run again:\n%s", v)
	}
}

func TestHelpTogglesAndResizeKeepsState(t *testing.T) {
	var c calls
	m, _ := press(watched(&c), "?")
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

func TestSavedTraceIsShownAsDone(t *testing.T) {
	m := New(Options{Output: io.Discard, Trace: whole("read-write")})
	m = after(m, tea.WindowSizeMsg{Width: 80, Height: 24})
	if !strings.Contains(m.View(), "done 10.0 s") {
		t.Errorf("view:\n%s", m.View())
	}
	if _, msg := press(m, "q"); !isQuit(msg) {
		t.Error("q does not quit")
	}
}
