//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/outfile"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/tracer/session/launch"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/report"
	"github.com/zctrace/zctrace/workloads"
)

// leanGC lets garbage be half of what is alive, not all of it: each second the costs of all processes are made anew.
const leanGC = 50

// execFlags are those of exec.
type execFlags struct {
	recording   recordingFlags
	output      outputFlags
	table       string
	wait, names choice
	live        bool
	threads     count
	processes   count
}

func newExec() *cobra.Command {
	f := execFlags{threads: count(tracer.DefaultPrograms.Threads), processes: count(tracer.DefaultPrograms.Processes)}
	cmd := &cobra.Command{
		Use:                   "exec [FLAGS] -- COMMAND [ARG...]",
		DisableFlagsInUseLine: true,
		Short:                 "Run a command and show what it and all that it starts copied",
		Long: `exec runs a command, follows it and everything that it starts, and prints in the end what they copied,
from where to where, by which system calls, and how far that can be trusted.

The command runs as the user who called sudo, with its own terminal, standard input, output and error; the
table goes to standard error, or where -o says. HOME, USER, LOGNAME and SHELL are that user's; the rest of the
environment is as sudo passed it (sudo -E keeps it). It counts from its first instruction. With --live a dashboard
has the terminal: the command reads nothing, and what it prints comes afterwards; q leaves it alone, ctrl+c interrupts it.
Until then a file keeps that: echo >/dev/stderr replaces what it has, as in any file; echo >>/dev/stderr does not.

The exit status is the command's own where that is not 0, 128 and the signal's number if one ended it; else 4 if an
expectation failed, 1 if events were lost. Before it starts: 2 wrong usage, 125 zctrace cannot, 126 it is
not executable, 127 it is not found.`,
		Example: `  sudo zctrace exec -- dd if=/dev/zero of=/dev/null bs=1M count=64
  sudo zctrace exec --json t.json -- sh -c 'tar c . | gzip >/dev/null'
  sudo zctrace exec --expect 'total.copies.from_user == 0' -- ./server`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("exec takes a command: zctrace exec -- COMMAND [ARG...]")
			}
			return nil
		},
		RunE: run(func(cmd *cobra.Command, args []string) error { return f.exec(cmd, args) }),
	}
	f.register(cmd)
	return cmd
}

func (f *execFlags) register(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	cmd.Flags().SetInterspersed(false) // what follows the command is its own
	f.recording.registerCounting(cmd, recordingTexts{
		latency:  "off",
		duration: "follow it for at most `TIME`, e.g. 5s; what still runs then lives on",
		interval: "take a sample every `TIME` (default 1s, 250ms with --live)",
	})
	f.output.onStderr = true
	f.output.register(cmd, `processes["nginx"].copies.from_user == 0`)
	f.wait = choice{"tree", []string{"tree", "command"}}
	f.names = choice{value: string(trace.NamesFull)}
	for _, n := range trace.AllNames {
		f.names.values = append(f.names.values, string(n))
	}
	flags := cmd.Flags()
	flags.BoolP("follow-forks", "f", true, "does nothing: as strace's, and all is followed without it")
	_ = flags.MarkHidden("follow-forks") // it is registered
	flags.StringVarP(&f.table, "output", "o", "", "write the table to `FILE` instead of standard error, or - for standard output")
	flags.BoolVar(&f.live, "live", false, "draw a dashboard meanwhile; the command then has no terminal, and what it prints is kept for afterwards")
	flags.Var(&f.wait, "wait", "how long to follow: to the end of the whole tree that the command has started, or of the command")
	flags.Var(&f.names, "names", "what to tell of command lines, processes, paths and addresses: all, the last part of paths, or nothing")
	flags.Var(&f.threads, "max-threads", "`N` threads at a time have cells of their own; the others share those of their process")
	flags.Var(&f.processes, "max-processes", "`N` processes at a time have cells of their own; the others share some")
	complete(cmd, "wait", f.wait.values...)
	complete(cmd, "names", f.names.values...)
	complete(cmd, "max-threads")
	complete(cmd, "max-processes")
}

func (f *execFlags) exec(cmd *cobra.Command, argv []string) error {
	expectations, err := f.expectations()
	if err != nil {
		return err
	}
	cfg := session.ProgramConfig{CommandOnly: f.wait.value == "command", Spec: launch.Spec{Argv: argv}}
	if cfg.Size, err = f.size(); err != nil {
		return err
	}
	if cfg.Recording, err = f.recording.recording(cmd); err != nil {
		return err
	}
	f.output.jsonGiven = cmd.Flags().Changed("json")
	file, err := f.output.file(workloads.Work{})
	if err == nil {
		err = f.checkTable(cmd, file)
	}
	if err == nil && f.live {
		err = f.checkLive(file)
	}
	if err != nil {
		return err
	}
	if cfg.User, err = workloads.InvokingUser(); err != nil {
		return &statusError{launch.ExitCannot, err}
	}
	debug.SetGCPercent(leanGC)
	ctx, end := context.WithCancelCause(cmd.Context())
	defer end(nil)
	record := f.record
	if f.live {
		record = f.recordLive
	}
	p, err := record(ctx, cfg, end)
	if p == nil {
		return &statusError{launch.ExitCode(err), err}
	}
	err = f.conclude(p, errors.Join(err, f.write(p, file)), expectations)
	if by := interrupted(ctx, err); by != nil && !p.Run.ExitStatus.Known() {
		return by // and the command lives on
	}
	return err
}

// record follows the command, which has the terminal.
func (f *execFlags) record(ctx context.Context, cfg session.ProgramConfig, end context.CancelCauseFunc) (*trace.Program, error) {
	if cfg.Interval == 0 {
		cfg.Interval = plainInterval
	}
	cfg.Doing = announcer(f.output.quiet)
	p, err := session.Exec(ctx, cfg, session.OpenProgramTracer, func(s syscall.Signal) { end(interruption{s}) }, nil)
	return f.named(p), err
}

// named is the trace, if there is one, with those names that are to be told.
func (f *execFlags) named(p *trace.Program) *trace.Program {
	if p == nil {
		return nil
	}
	return p.WithNames(trace.Names(f.names.value))
}

// size is how many threads and processes have cells of their own.
func (f *execFlags) size() (tracer.Programs, error) {
	const most = 1 << 20
	for _, flag := range []struct {
		name string
		n    count
	}{{"max-threads", f.threads}, {"max-processes", f.processes}} {
		if flag.n < 1 || flag.n > most {
			return tracer.Programs{}, usageError("--%s %d: take 1 to %d", flag.name, flag.n, most)
		}
	}
	return tracer.Programs{Threads: uint32(f.threads), Processes: uint32(f.processes)}, nil
}

// checkTable refuses a place of the table where it could not be written, or would be lost to the trace.
func (f *execFlags) checkTable(cmd *cobra.Command, trace string) error {
	switch table := f.table; {
	case !cmd.Flags().Changed("output"):
		return nil
	case table == "":
		return usageError("--output \"\": take a file, or - for standard output")
	case trace != "" && (table == trace || sameFile(table, trace) || sameEntry(table, trace)):
		return usageError("--output %s: the trace goes there, too: take another file", table)
	case table == "-" && stdoutClosed():
		return fault.Errorf(fault.Failed, "give --output a file", "standard output is closed, and --output - would lose the table")
	case table == "-":
		return nil
	}
	return checkOutput(f.table)
}

func (f *execFlags) expectations() (list []trace.ProgramExpectation, err error) {
	for _, text := range f.output.expect {
		e, err := trace.ParseProgramExpectation(text)
		if err != nil {
			return nil, usageError("--expect: %w", err)
		}
		list = append(list, e)
	}
	return list, nil
}

// write prints the table and writes the trace.
func (f *execFlags) write(p *trace.Program, file string) (err error) {
	table := func(w io.Writer) error {
		look, width := tableLook(w, f.output.plain)
		_, err := io.WriteString(w, report.Program(p, look, width))
		return err
	}
	switch {
	case f.output.quiet:
	case f.table == "-":
		err = printError(table(os.Stdout))
	case f.table != "":
		err = asUser(func() error { return outfile.Write(f.table, table) })
	default:
		err = printError(table(os.Stderr))
	}
	content := func(w io.Writer) error { return trace.WriteProgram(w, p) }
	switch file {
	case "":
	case "-":
		if writeErr := content(os.Stdout); writeErr != nil {
			err = errors.Join(err, fmt.Errorf("write the trace to standard output: %w", writeErr))
		}
	default:
		err = errors.Join(err, asUser(func() error { return outfile.Write(file, content) }))
	}
	return err
}

// conclude is the error, and with it the exit status, of a command that was followed: its own where that is not 0.
func (f *execFlags) conclude(p *trace.Program, err error, expectations []trace.ProgramExpectation) error {
	if err == nil {
		var failed []string
		for _, e := range expectations {
			if err := e.Check(p); err != nil {
				failed = append(failed, "expectation failed: "+err.Error())
			}
		}
		if len(failed) > 0 {
			err = &fault.Error{Kind: fault.Unexpected, What: strings.Join(failed, "\n")}
		}
	}
	if status := int(p.Run.ExitStatus.Or(0)); status != 0 {
		return &statusError{status, err}
	}
	return err
}
