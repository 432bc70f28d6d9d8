//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui"
	"github.com/zctrace/zctrace/ui/report"
	"github.com/zctrace/zctrace/ui/term"
)

// plain prints a line per interval and the final table, unless it is to be quiet.
func (f *frontEnd) plain() (*trace.Trace, error) {
	if f.cfg.Interval == 0 {
		f.cfg.Interval = plainInterval
	}
	var writeErr error
	show := func(text string) {
		if writeErr == nil && !f.quiet {
			if _, writeErr = fmt.Fprint(f.stdout, text); writeErr != nil {
				writeErr = fmt.Errorf("print the result: %w", writeErr)
				f.interrupt(writeErr) // nobody reads it any more
			}
		}
	}
	var printed, latest *trace.Trace
	since := func() time.Duration {
		if printed == nil {
			return time.Duration(latest.Run.ElapsedNS)
		}
		return time.Duration(latest.Run.ElapsedNS - printed.Run.ElapsedNS)
	}
	line := func() {
		if printed == nil {
			show(report.PlainHeader(latest) + "\n")
		}
		show(report.PlainLine(printed, latest) + "\n")
		printed = latest
	}
	f.cfg.Doing = announcer(f.quiet)
	t, err := session.Run(f.ctx, f.cfg, session.Machine(), func(t *trace.Trace) {
		if latest = t; since() >= f.cfg.Interval*9/10 { // ticks jitter
			line()
		}
	})
	f.cfg.Doing("")
	// The rest of an interval gets a line if it is worth one.
	if latest != nil && (printed == nil || since() >= f.cfg.Interval/2) {
		line()
	}
	if t != nil {
		show("\n" + report.Table(t, tableWidth))
	}
	if _, saveErr := f.save(t); err == nil {
		err = saveErr
	}
	return t, cmp.Or(writeErr, err)
}

// announcer says on standard error what a recording is doing, if that takes long.
func announcer(quiet bool) func(what string) {
	if quiet {
		return func(string) {}
	}
	const long = 500 * time.Millisecond
	var timer *time.Timer
	return func(what string) {
		if timer != nil {
			timer.Stop()
		}
		if what != "" {
			timer = time.AfterFunc(long, func() { fmt.Fprintln(os.Stderr, "zctrace: "+human.Sanitize(what)+" ...") })
		}
	}
}

// dashboard draws the run until the user leaves it, then prints the final table
// onto the normal screen.
func (f *frontEnd) dashboard() (*trace.Trace, error) {
	if f.cfg.Interval == 0 {
		f.cfg.Interval = dashboardInterval
	}
	again := make(chan struct{}, 1)
	intervals := newIntervals(f.cfg.Interval)
	f.cfg.NewInterval = intervals.changes
	program := ui.NewDashboard(f.uiOptions(), ui.RunOptions{
		Save:     f.saveNow,
		Again:    func() { again <- struct{}{} },
		Interval: intervals.change,
	})
	var t *trace.Trace
	var runErr, notAgain error // t's; and why no other run began
	err := f.draw(program, func() {
		show := latestOnly(program.Send)
		f.cfg.Doing = func(what string) { show(ui.Doing(what)) }
		for {
			f.cfg.Interval = intervals.now()
			next, err := session.Run(f.ctx, f.cfg, session.Machine(), func(t *trace.Trace) { show(ui.Update{Trace: t}) })
			path, saveErr := f.save(next)
			switch {
			case next != nil || t == nil:
				t, runErr, notAgain = next, cmp.Or(err, saveErr), nil
			case f.ctx.Err() == nil: // what the run before gave stays
				notAgain = err
			}
			program.Send(ui.Finished{Trace: t, Err: runErr, Saved: path, NotAgain: notAgain})
			if t == nil { // nothing ran: the error is all there is to say
				return
			}
			select {
			case <-again:
			case <-f.ctx.Done():
				return
			}
		}
	})
	if t != nil {
		fmt.Fprint(os.Stdout, report.Table(t, tableWidth))
	}
	if notAgain != nil {
		notAgain = fmt.Errorf("not run again: %w", notAgain)
	}
	return t, errors.Join(notAgain, runErr, err)
}

// uiOptions are those of every program on the terminal: the keys that end the work end it.
func (f *frontEnd) uiOptions() ui.Options {
	return ui.Options{
		Terminal:  term.DetectTerminal(os.Getenv),
		Stop:      func() { f.interrupt(errQuit) },
		Interrupt: func() { f.interrupt(interruption{syscall.SIGINT}) },
	}
}

// draw does work, which tells the program how it goes, until the user has left and
// the work has ended.
func (f *frontEnd) draw(program *ui.Program, work func()) error {
	f.program.Store(program) // a second signal gives the terminal back
	done := make(chan struct{})
	go func() {
		defer program.Quit() // whoever could press q is told nothing any more, or not there
		defer close(done)
		work()
	}()
	abandoned, err := program.Run()
	if abandoned { // and the kernel ends the workers with the program
		os.Exit(signalExit(syscall.SIGINT))
	}
	f.interrupt(errQuit)
	<-done
	return err
}

// intervals are the times from sample to sample that + and - choose.
type intervals struct {
	changes chan time.Duration // the latest that the run has not taken yet
	mu      sync.Mutex
	every   time.Duration
}

func newIntervals(every time.Duration) *intervals {
	return &intervals{changes: make(chan time.Duration, 1), every: every}
}

func (i *intervals) now() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.every
}

// change takes the next one, and says which. More than ten samples a second
// nobody could see.
func (i *intervals) change(longer bool) time.Duration {
	steps := []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second}
	i.mu.Lock()
	defer i.mu.Unlock()
	next := i.every
	for _, step := range steps {
		if longer && step > i.every {
			next = step
			break
		}
		if !longer && step < i.every {
			next = step
		}
	}
	i.every = next
	select { // what the run has not taken is out of date
	case <-i.changes:
	default:
	}
	i.changes <- i.every
	return i.every
}

// latestOnly returns a function that never waits. What has not been sent when the
// next message comes is dropped: a terminal that takes nothing must not hold up
// the run.
func latestOnly(send func(tea.Msg)) func(tea.Msg) {
	next := make(chan tea.Msg, 1)
	go func() {
		for msg := range next {
			send(msg)
		}
	}()
	return func(msg tea.Msg) {
		select {
		case <-next:
		default:
		}
		next <- msg
	}
}

// errQuit ends a run because the user has seen enough.
var errQuit = errors.New("stopped by the user")

// saveNow writes the state of the moment to a file of its own.
func (f *frontEnd) saveNow(t *trace.Trace) (string, error) {
	path := fmt.Sprintf("zctrace-%s-%s.json", t.Run.Strategy, time.Now().Format("20060102-150405"))
	return path, write(path, "trace", func(w io.Writer) error { return trace.Write(w, t) })
}
