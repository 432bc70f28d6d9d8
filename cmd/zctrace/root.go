package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// Exit codes, as the manual promises them; see also the signals' 128 + n.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnsupported = 3
	exitExpectation = 4
)

// exitCodes are those of the kinds of errors.
var exitCodes = [...]int{
	fault.Failed:      exitFailed,
	fault.Usage:       exitUsage,
	fault.Unsupported: exitUnsupported,
	fault.Unexpected:  exitExpectation,
}

// exitTable has all codes and what they mean: the man pages and the README have them
// from here.
var exitTable = []exitRow{
	{"done", []int{exitDone}},
	{"failed, also when data did not verify or events were lost; of a comparison, any run", []int{exitFailed}},
	{"wrong usage", []int{exitUsage}},
	{"not possible on this machine or with these rights", []int{exitUnsupported}},
	{"an expectation failed", []int{exitExpectation}},
	{
		"interrupted by SIGHUP, SIGINT, SIGTERM; the totals are printed and the trace is written",
		[]int{signalExit(syscall.SIGHUP), signalExit(syscall.SIGINT), signalExit(syscall.SIGTERM)},
	},
}

// exitRow is what codes have in common.
type exitRow struct {
	meaning string
	codes   []int
}

// written are the codes: 129, 130, 143.
func (e exitRow) written() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(e.codes), " ", ", "), "[]")
}

// nothing is for a command that takes no arguments.
func nothing(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("%s takes no arguments, not %q", cmd.Name(), args[0])
	}
	return nil
}

// exactly is for a command that takes one argument.
func exactly(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError("%s takes one %s, not %d", cmd.Name(), name, len(args))
		}
		return nil
	}
}

func usageError(format string, args ...any) error {
	return fault.Errorf(fault.Usage, "", format, args...)
}

// ran marks what a command's own code returned; every other error of cobra's
// is about how it was called.
type ranError struct{ error }

func (e ranError) Unwrap() error { return e.error }

// run adapts a command's function, so that its errors are told from cobra's.
func run(f func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := f(cmd, args); err != nil {
			return ranError{err}
		}
		return nil
	}
}

// printed remembers the error of a write, which cobra's help does not tell.
type printed struct {
	closed bool // and something else has its descriptor: see stdoutClosed
	err    error
}

func (o *printed) Write(text []byte) (n int, err error) {
	if o.closed {
		err = errors.New("standard output is closed, so nothing is shown: open it, or write to a file")
	} else {
		n, err = os.Stdout.Write(text)
	}
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// execute runs the command line and returns the exit code.
func execute(args []string) int {
	if code, is := worker(args); is {
		return code
	}
	signal.Ignore(syscall.SIGPIPE) // a broken pipe is an error of the write that finds it
	root := newRoot()
	root.SetArgs(args)
	out := &printed{closed: stdoutClosed()}
	root.SetOut(out)
	called, err := root.ExecuteC()
	if ran := (ranError{}); out.err != nil && !errors.As(err, &ran) {
		err = ranError{out.err}
	}
	if err == nil {
		return exitDone
	}
	if text := complaint(called, err); text != "" {
		fmt.Fprint(os.Stderr, text)
	}
	return exitCode(err)
}

// complaint is what the user is told of the error. A file name in it may come from
// anybody, and must not talk to the terminal.
func complaint(called *cobra.Command, err error) string {
	text := err.Error()
	if text == "" {
		return ""
	}
	var ran ranError
	if !errors.As(err, &ran) {
		text = strings.Replace(strings.TrimSpace(text), "\n\nDid you mean this?\n\t", ": did you mean ", 1)
		text += "\nsee " + called.CommandPath() + " --help"
	}
	lines := strings.Split("zctrace: "+text, "\n")
	for i, line := range lines {
		lines[i] = human.Sanitize(line)
	}
	return strings.Join(lines, "\n  ") + "\n"
}

func exitCode(err error) int {
	if status := (*statusError)(nil); errors.As(err, &status) {
		return status.code
	}
	var signal *signalError
	if errors.As(err, &signal) {
		return signalExit(signal.signal)
	}
	var known *fault.Error
	if ran := (ranError{}); !errors.As(err, &known) && !errors.As(err, &ran) {
		return exitUsage // cobra says so
	}
	return exitCodes[fault.KindOf(err)]
}

// statusError ends zctrace with a status that is not of its own errors. Its text is empty when all has been said.
type statusError struct {
	code int
	err  error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "zctrace",
		Short: "Show what an I/O strategy really costs",
		Long: `zctrace runs a workload under eBPF and shows, live, what its I/O strategy really
costs: the bytes that the CPU copied, those that moved by reference, system
calls, mode switches, context switches, page faults and disk reads, next to what
the textbook says. Every number says whether it was observed or derived, and
what nobody counted is never shown as 0.`,
		Example: `  sudo zctrace run sendfile
  sudo zctrace run read-write --bytes 64MiB --json trace.json
  zctrace show trace.json
  sudo zctrace compare
  sudo zctrace doctor`,
		PersistentPreRunE: run(func(*cobra.Command, []string) error { return checkStart() }),
		SilenceErrors:     true,
		SilenceUsage:      true,
	}
	root.AddCommand(machineCommands()...)
	root.AddCommand(newShow(), newVersion(), newMan(), newCompletion())
	root.SetHelpCommand(newHelp())
	root.SetFlagErrorFunc(unknownFlag)
	root.Version = versionLine()
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().BoolP("version", "v", false, "print the version")
	return root
}
