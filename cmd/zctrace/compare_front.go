//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui"
	"github.com/zctrace/zctrace/ui/report"
)

// lines does the runs, with a line on standard error for each.
func (c *comparison) lines() ([]session.Outcome, error) {
	labels, doing := c.labels(), announcer(c.quiet)
	for i := range c.configs {
		c.configs[i].Doing = doing
	}
	outcomes, err := session.Rounds(c.ctx, c.configs, c.rounds, session.Machine(), session.Watch{
		Begin:   func(int, int) {},
		Observe: func(*trace.Trace) {},
		End: func(o session.Outcome) {
			doing("")
			for i := range c.configs { // from now on these lines say how it goes
				c.configs[i].Doing = nil
			}
			if c.quiet {
				return
			}
			fmt.Fprintln(os.Stderr, report.RunLine(labels[o.Config], o.Round, c.rounds, o.Trace, o.Err))
		},
	})
	doing("")
	return outcomes, err
}

// live does the runs, and draws how they go meanwhile.
func (c *comparison) live() ([]session.Outcome, error) {
	var rows []ui.RoundsRow
	for _, cfg := range c.configs {
		rows = append(rows, ui.RoundsRow{Strategy: cfg.Strategy.Name, ChunkBytes: cfg.Chunk})
	}
	program := ui.NewRounds(c.uiOptions(), ui.RoundsOptions{Name: c.name, Rows: rows, Rounds: c.rounds})
	send, passing := inOrder(program.Send, 2*c.rounds*len(rows))
	for i := range c.configs {
		c.configs[i].Doing = func(what string) { passing(ui.Doing(what)) }
	}
	var outcomes []session.Outcome
	var runErr error
	err := c.draw(program, func() {
		outcomes, runErr = session.Rounds(c.ctx, c.configs, c.rounds, session.Machine(), session.Watch{
			Begin:   func(config, round int) { send(ui.RunBegins{Row: config, Round: round}) },
			Observe: func(t *trace.Trace) { passing(ui.Update{Trace: t}) },
			End:     func(o session.Outcome) { send(ui.RunEnds{Row: o.Config, Trace: o.Trace, Err: o.Err}) },
		})
	})
	return outcomes, errors.Join(runErr, err)
}

// inOrder returns two functions that never wait, for a terminal that takes
// nothing must not hold up the runs: send, for no more messages than most, and
// passing, which drops its message while too many others wait.
func inOrder(to func(tea.Msg), most int) (send, passing func(tea.Msg)) {
	const waiting = 16
	next := make(chan tea.Msg, most+waiting+1)
	go func() {
		for msg := range next {
			to(msg)
		}
	}()
	return func(msg tea.Msg) { next <- msg }, func(msg tea.Msg) {
		if len(next) < waiting {
			next <- msg
		}
	}
}
