package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// interruption is the cause of a context that a signal ended.
type interruption struct{ signal syscall.Signal }

func (i interruption) Error() string { return "interrupted by " + i.signal.String() }

// interrupted is the error of what a signal ended, nil if none did.
func interrupted(ctx context.Context, err error) error {
	var by interruption
	if !errors.As(context.Cause(ctx), &by) {
		return nil
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &by) {
		err = nil // the table says that it was interrupted
	}
	return &signalError{by.signal, err}
}

// signalError is the error of what a signal ended; its text is empty when all has been said.
type signalError struct {
	signal syscall.Signal
	err    error
}

func (e *signalError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *signalError) Unwrap() error { return e.err }

// signalExit is the exit code of what a signal ended, as a shell gives it.
func signalExit(s syscall.Signal) int { return 128 + int(s) }

// patience is how long repeated signals count as one: timeout(1), for example,
// sends its signal to the process and then to its group.
const patience = time.Second

// interruptOnSignal calls interrupt at the first SIGINT, SIGTERM or SIGHUP; a later
// one ends the program at once, and the kernel the workers with it. Before that, and
// before the stack dump of SIGQUIT, restore gives the terminal back. Signals that
// were ignored when the program started stay so, as for a shell's background
// jobs.
func interruptOnSignal(interrupt func(error), restore func()) (stop func()) {
	signals := make(chan os.Signal, 4)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	go func() {
		var first time.Time
		for s := range signals {
			switch {
			case s == syscall.SIGQUIT:
				inTime(restore)
				quit()
			case first.IsZero():
				first = time.Now()
				interrupt(interruption{s.(syscall.Signal)})
			case time.Since(first) > patience:
				inTime(restore)
				os.Exit(signalExit(s.(syscall.Signal)))
			}
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}

// inTime does not wait for ever for a terminal that takes nothing any more.
func inTime(restore func()) {
	done := make(chan struct{})
	go func() {
		restore()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
	}
}

// quit does what SIGQUIT does by itself: the runtime prints the stacks, and exits.
func quit() {
	signal.Reset(syscall.SIGQUIT)
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Signal(syscall.SIGQUIT)
	}
}
