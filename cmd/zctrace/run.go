package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

const (
	plainInterval     = time.Second
	dashboardInterval = 100 * time.Millisecond
)

func newRun() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "run STRATEGY",
		Short: "Run a strategy and show live what it costs",
		Long: `run moves data from a source to a sink with one strategy, in processes of its own,
and counts what that costs. On a terminal it draws a dashboard (q quits, p pauses
the view, s saves the trace, ? helps); otherwise, or with --plain, it prints a
line per interval. In the end it prints a table.`,
		Example: `  sudo zctrace run sendfile
  sudo zctrace run read-write --bytes 64MiB --sink unix --plain
  sudo zctrace run mmap-write --source /var/lib/big.db --cache cold
  sudo zctrace run sendfile --bytes 1GiB --json - | jq .total.sender.copies
  sudo zctrace run sendfile --bytes 64MiB --expect 'sender.copies.from_user == 0'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("run takes one strategy: %s", strings.Join(strategyNames(), ", "))
			}
			return nil
		},
		ValidArgs: strategyNames(),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			return runStrategy(cmd, args[0], &o)
		}),
	}
	o.register(cmd)
	return cmd
}

func strategyNames() []string {
	var names []string
	for _, s := range workloads.Strategies {
		names = append(names, s.Name)
	}
	return names
}

// interruption is the cause of a context that a signal ended.
type interruption struct{ signal syscall.Signal }

func (i interruption) Error() string { return "interrupted by " + i.signal.String() }

// job is one run, as far as its front end is concerned.
type job struct {
	cfg       session.Config
	ctx       context.Context
	interrupt context.CancelCauseFunc
	json      string
	stdout    io.Writer // for text; standard error when the JSON has standard output
}

func runStrategy(cmd *cobra.Command, name string, o *options) error {
	strategy, err := workloads.Find(name)
	if err != nil {
		return err
	}
	expectations, err := parseExpectations(o.expect)
	if err != nil {
		return err
	}
	cfg, err := o.config(strategy, append([]string{"zctrace"}, os.Args[1:]...))
	if err != nil {
		return err
	}
	if err := checkJSON(o.json); err != nil {
		return err
	}
	ctx, interrupt := context.WithCancelCause(cmd.Context())
	defer interrupt(nil)
	defer interruptOnSignal(interrupt)()

	j := &job{cfg: cfg, ctx: ctx, interrupt: interrupt, json: o.json, stdout: os.Stdout}
	front := j.plain
	if o.json == "-" {
		j.stdout = os.Stderr
	} else if !o.plain && term.IsTerminal(int(os.Stdout.Fd())) && term.IsTerminal(int(os.Stdin.Fd())) {
		front = j.dashboard
	}
	t, err := front()
	return verdict(t, err, ctx, expectations)
}

// verdict is the error, and with it the exit code, of a run that has ended.
func verdict(t *trace.Trace, err error, ctx context.Context, expectations []trace.Expectation) error {
	var signal interruption
	if errors.As(context.Cause(ctx), &signal) {
		if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &signal) {
			err = nil // the table says that it was interrupted
		}
		return &exitError{128 + int(signal.signal), err}
	}
	if t == nil && errors.Is(err, errQuit) {
		return nil
	}
	if err != nil {
		return err
	}
	var failed []string
	for _, e := range expectations {
		if err := e.Check(t); err != nil {
			failed = append(failed, err.Error())
		}
	}
	if len(failed) > 0 {
		return &exitError{exitExpectation, errors.New("expectation failed: " + strings.Join(failed, "\nexpectation failed: "))}
	}
	return nil
}

func parseExpectations(texts []string) ([]trace.Expectation, error) {
	var out []trace.Expectation
	for _, text := range texts {
		e, err := trace.ParseExpectation(text)
		if err != nil {
			return nil, usageError("--expect: %w", err)
		}
		out = append(out, e)
	}
	return out, nil
}

// interruptOnSignal ends the run at the first SIGINT, SIGTERM or SIGHUP; a
// second one ends the program at once, and the kernel the workers with it. A
// broken pipe is an error of the write that finds it.
func interruptOnSignal(interrupt context.CancelCauseFunc) (stop func()) {
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for s := range signals {
			signal.Reset(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			interrupt(interruption{s.(syscall.Signal)})
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}

// checkJSON finds out before the run whether the trace can be written after it.
func checkJSON(path string) error {
	switch path {
	case "":
		return nil
	case "-":
		return checkStdout()
	}
	return asUser(func() error { return trace.CheckWritable(path) })
}

// checkStdout finds a standard output that was closed when the program started:
// Go's runtime has then put /dev/null in its place, open for reading too, which
// the shell's >/dev/null is not (runtime/fds_unix.go: checkfds).
func checkStdout() error {
	var null, out unix.Stat_t
	flags, err := unix.FcntlInt(os.Stdout.Fd(), unix.F_GETFL, 0)
	if err == nil && flags&unix.O_ACCMODE == unix.O_RDWR &&
		unix.Fstat(int(os.Stdout.Fd()), &out) == nil && unix.Stat(os.DevNull, &null) == nil &&
		out.Mode&unix.S_IFMT == unix.S_IFCHR && out.Rdev == null.Rdev {
		return errors.New("standard output is closed, and --json - would lose the trace\ngive --json a file")
	}
	return nil
}

// asUser does it with the rights of the user who called sudo.
func asUser(f func() error) error {
	user, err := workloads.InvokingUser()
	if err != nil {
		return err
	}
	return workloads.AsUser(user, f)
}

// save writes the trace where --json says, if it does.
func (j *job) save(t *trace.Trace) (path string, err error) {
	switch {
	case j.json == "" || t == nil:
		return "", nil
	case j.json == "-":
		if err := trace.Write(os.Stdout, t); err != nil {
			return "", fmt.Errorf("write the trace to standard output: %w", err)
		}
		return "", nil
	}
	return j.json, asUser(func() error { return trace.WriteFile(j.json, t) })
}

// runAndSave is the run with its trace written. What failed first is the error.
func (j *job) runAndSave(observe func(*trace.Trace)) (*trace.Trace, string, error) {
	t, err := session.Run(j.ctx, j.cfg, session.Machine(), observe)
	path, saveErr := j.save(t)
	if err == nil {
		err = saveErr
	}
	return t, path, err
}
