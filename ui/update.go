package ui

import (
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

type (
	saved struct {
		path string
		err  error
	}
	noticeEnded struct{ id int }
	playOn      struct{}
	sampling    struct{ every time.Duration }
)

// noticeTime is how long a notice hides the keys.
const noticeTime = 6 * time.Second

// Update implements tea.Model. It does no I/O: whatever may wait is a command.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyMsg:
		return m.typed(msg)
	case Update:
		if msg.Trace != nil && m.phase != ended {
			m.latest, m.doing = msg.Trace, ""
		}
	case Doing:
		if m.phase != ended {
			m.doing = string(msg)
		}
	case Finished:
		return m.finish(msg)
	case saved:
		m.saving = false
		if msg.err != nil {
			return m.say("not saved: "+msg.err.Error(), true)
		}
		return m.say("saved "+msg.path, false)
	case sampling:
		return m.say("sampling every "+msg.every.String(), false)
	case playOn:
		return m.playOn()
	case noticeEnded:
		if msg.id == m.notice.id {
			m.notice.text = ""
		}
	}
	return m, nil
}

// typed takes keys apart that were typed faster than they were read: bubbletea
// hands them over as one.
func (m Model) typed(msg tea.KeyMsg) (tea.Model, tea.Cmd) {
	switch {
	case msg.Paste: // text, no keys
		return m, nil
	case msg.Type != tea.KeyRunes || len(msg.Runes) == 1:
		return m.pressed(msg)
	}
	var cmds []tea.Cmd
	var next tea.Model = m
	for _, r := range msg.Runes {
		one := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt}
		var cmd tea.Cmd
		next, cmd = next.(Model).pressed(one)
		cmds = append(cmds, cmd)
	}
	return next, tea.Batch(cmds...)
}

func (m Model) pressed(msg tea.KeyMsg) (tea.Model, tea.Cmd) {
	switch {
	case key.Matches(msg, m.keys.quit):
		return m.leave(m.opts.Stop)
	case key.Matches(msg, m.keys.interrupt):
		if m.quitting {
			m.abandoned = true
			return m, tea.Quit
		}
		return m.leave(m.opts.Interrupt)
	case key.Matches(msg, m.keys.pause):
		if m.frozen != nil {
			m.frozen = nil
		} else if m.phase != ended {
			m.frozen = m.latest
		}
	case key.Matches(msg, m.keys.save):
		return m.save()
	case key.Matches(msg, m.keys.longer, m.keys.shorter):
		return m.resample(key.Matches(msg, m.keys.longer))
	case key.Matches(msg, m.keys.again):
		return m.again()
	case key.Matches(msg, m.keys.side):
		if t := m.shown(); t != nil && !severalProcesses(t) {
			return m.say("nobody receives from this sink here", true)
		}
		m.other = !m.other
	case key.Matches(msg, m.keys.help):
		m.help = !m.help
	case msg.Type == tea.KeyEsc:
		m.help = false
	case key.Matches(msg, m.keys.views):
		if v := view(msg.Runes[0] - '1'); v < m.views() {
			m.view, m.help = v, false
		}
	case key.Matches(msg, m.keys.next):
		m.view, m.help = (m.view+1)%m.views(), false
	case key.Matches(msg, m.keys.previous):
		m.view, m.help = (m.view+m.views()-1)%m.views(), false
	default:
		if next, cmd, moved := m.moved(msg); moved {
			return next, cmd
		}
		return m.scrolled(msg), nil
	}
	return m, nil
}

// resample asks for another time from sample to sample.
func (m Model) resample(longer bool) (tea.Model, tea.Cmd) {
	interval := m.opts.Interval
	if interval == nil || m.phase != running {
		return m, nil
	}
	return m, func() tea.Msg { return sampling{interval(longer)} }
}

// again asks for another run of the same kind, once this one has ended.
func (m Model) again() (tea.Model, tea.Cmd) {
	if m.phase != ended || m.opts.Again == nil || m.quitting {
		return m, nil
	}
	m.phase, m.failed, m.notAgain, m.doing = running, "", "", ""
	m.latest, m.frozen, m.notice.text = nil, nil, ""
	again := m.opts.Again
	return m, func() tea.Msg {
		again()
		return nil
	}
}

// leave ends the program: at once if the run has ended, and otherwise asks it
// to end and leaves when it has.
func (m Model) leave(end func()) (tea.Model, tea.Cmd) {
	if m.phase == ended {
		return m, tea.Quit
	}
	if m.quitting {
		return m, nil
	}
	m.quitting, m.phase = true, stopping
	if end == nil {
		return m, nil
	}
	return m, func() tea.Msg {
		end()
		return nil
	}
}

func (m Model) finish(msg Finished) (tea.Model, tea.Cmd) {
	if msg.Trace != nil {
		m.latest = msg.Trace
	}
	m.phase, m.doing = ended, ""
	if m.latest != nil {
		m.failed = m.latest.Run.Error
	}
	if msg.Err != nil {
		m.failed = msg.Err.Error()
	}
	if msg.NotAgain != nil {
		m.notAgain = msg.NotAgain.Error()
	}
	if m.quitting {
		return m, tea.Quit
	}
	if msg.Saved != "" {
		return m.say("saved "+msg.Saved, false)
	}
	return m, nil
}

func (m Model) save() (tea.Model, tea.Cmd) {
	switch {
	case m.opts.Save == nil || m.latest == nil:
		return m.say("nothing to save yet", true)
	case m.saving:
		return m, nil
	}
	m.saving = true
	write, t := m.opts.Save, m.latest
	return m, func() tea.Msg {
		path, err := write(t)
		return saved{path, err}
	}
}

// say shows a notice for a while.
func (m Model) say(text string, bad bool) (tea.Model, tea.Cmd) {
	m.notice = notice{m.notice.id + 1, text, bad}
	id := m.notice.id
	return m, tea.Tick(noticeTime, func(time.Time) tea.Msg { return noticeEnded{id} })
}
