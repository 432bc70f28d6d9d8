//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/outfile"
	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui"
	"github.com/zctrace/zctrace/workloads"
)

const (
	defaultDuration   = 10 * time.Second
	plainInterval     = time.Second
	dashboardInterval = 100 * time.Millisecond
)

// newRun is the command that starts a run with what was asked for.
func newRun(start func(cmd *cobra.Command, strategy string, o *options) error) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "run STRATEGY",
		Short: "Run a strategy and show live what it costs",
		Long: `run moves data from a source to a sink with one strategy, in processes of its own,
and counts what that costs. On a terminal it draws a dashboard; otherwise, or with
--plain, it prints a line per interval. In the end it prints a table.

Keys of the dashboard: 1 to 5 or tab choose the view (overview, system calls, time,
hooks, raw counters), t looks at the receiver, p pauses the view, s saves the trace,
+ and - change the interval, r runs it again once it has ended, q quits, ? helps.`,
		Example: `  sudo zctrace run sendfile
  sudo zctrace run read-write --bytes 64MiB --sink unix --plain
  sudo zctrace run mmap-write --source /var/lib/big.db --cache cold
  sudo zctrace run sendfile --bytes 1GiB --quiet --json - | jq .total.sender.copies
  sudo zctrace run sendfile --bytes 64MiB --expect 'sender.copies.from_user == 0'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("run takes one strategy: %s", strings.Join(workloads.AllNames(), ", "))
			}
			return nil
		},
		ValidArgsFunction: once(workloads.AllNames()...),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			return start(cmd, args[0], &o)
		}),
	}
	o.register(cmd)
	return cmd
}

// frontEnd is one run, as far as it is shown and written.
type frontEnd struct {
	cfg       session.Config
	ctx       context.Context
	interrupt context.CancelCauseFunc
	json      string
	stdout    io.Writer                  // for text; standard error when the JSON has standard output
	quiet     bool                       // nothing but errors is told
	program   atomic.Pointer[ui.Program] // has the terminal; nil without a dashboard
}

// plan is what was asked for, as far as it can be checked without the machine.
func (o *options) plan(cmd *cobra.Command, name string) (cfg session.Config, expectations []trace.Expectation, err error) {
	strategy, err := workloads.Find(name)
	if err != nil {
		return cfg, nil, err
	}
	if expectations, err = parseExpectations(o.output.expect); err != nil {
		return cfg, nil, err
	}
	if cfg, err = o.config(cmd, []*workloads.Strategy{strategy}); err != nil {
		return cfg, nil, err
	}
	if cfg.Bytes == 0 && cfg.Duration == 0 && !cfg.Cold { // a cold run ends with its source
		cfg.Duration = defaultDuration
	}
	return cfg, expectations, cfg.CheckSinks()
}

func runStrategy(cmd *cobra.Command, name string, o *options) error {
	cfg, expectations, err := o.plan(cmd, name)
	if err != nil {
		return err
	}
	file, err := o.output.file(cfg.Work)
	if err != nil {
		return err
	}
	ctx, interrupt := context.WithCancelCause(cmd.Context())
	defer interrupt(nil)
	f := &frontEnd{cfg: cfg, ctx: ctx, interrupt: interrupt, json: file, stdout: os.Stdout, quiet: o.output.quiet}
	defer f.interruptOnSignal()()
	front := f.plain
	if file == "-" {
		f.stdout = os.Stderr
	} else if !o.output.plain && !f.quiet && canDraw() {
		front = f.dashboard
	}
	t, err := front()
	return conclude(ctx, t, err, expectations)
}

// conclude returns the error, and with it the exit code, of a run that has ended.
func conclude(ctx context.Context, t *trace.Trace, err error, expectations []trace.Expectation) error {
	if exit := interrupted(ctx, err); exit != nil {
		return exit
	}
	if t == nil && errors.Is(err, errQuit) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(expectations) > 0 && t.Run.PayloadBytes.Or(0) == 0 {
		return fault.Errorf(fault.Unexpected, "give the run more time or --bytes", "expectation failed: nothing was transferred, so nothing is shown")
	}
	var failed []string
	for _, e := range expectations {
		if err := e.Check(t); err != nil {
			failed = append(failed, err.Error())
		}
	}
	if len(failed) > 0 {
		return &fault.Error{Kind: fault.Unexpected, What: "expectation failed: " + strings.Join(failed, "\nexpectation failed: ")}
	}
	return nil
}

// interruptOnSignal ends the run at a signal. What a dashboard draws on is given back
// where the program ends at once.
func (f *frontEnd) interruptOnSignal() (stop func()) {
	return interruptOnSignal(f.interrupt, func() {
		if program := f.program.Load(); program != nil {
			_ = program.ReleaseTerminal()
		}
	})
}

// save writes the trace where --json says, if it does.
func (f *frontEnd) save(t *trace.Trace) (path string, err error) {
	if t == nil {
		return "", nil
	}
	if f.json != "-" {
		path = f.json
	}
	return path, write(f.json, "trace", func(w io.Writer) error { return trace.Write(w, t) })
}

// write writes what --json and its like ask for: "" is nothing, "-" standard output.
func write(path, what string, content func(io.Writer) error) error {
	switch path {
	case "":
		return nil
	case "-":
		if err := content(os.Stdout); err != nil {
			return fmt.Errorf("write the %s to standard output: %w", what, err)
		}
		return nil
	}
	return asUser(func() error { return outfile.Write(path, content) })
}
