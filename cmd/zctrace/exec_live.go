//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/outfile"
	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui"
	look "github.com/zctrace/zctrace/ui/term"
)

// liveInterval is that of the dashboard of programs, which may be many.
const liveInterval = 250 * time.Millisecond

// checkLive refuses a dashboard where there can be none.
func (f *execFlags) checkLive(traceFile string) error {
	switch {
	case f.output.quiet, f.output.plain:
		return usageError("--live draws, and --quiet and --plain do not: leave one of them out")
	case traceFile == "-", f.table == "-":
		return usageError("--live draws on standard output: take a file instead of -")
	case !canDraw():
		return fault.Errorf(fault.Usage, "leave --live out, or redirect within the command: sh -c 'COMMAND <FILE >FILE'",
			"--live needs a terminal for standard input and output")
	}
	return nil
}

// recordLive follows the command and draws what it does until the user leaves; then it prints what the command has
// printed. Ctrl-C is the command's, as it would be without the dashboard.
func (f *execFlags) recordLive(ctx context.Context, cfg session.ProgramConfig, end context.CancelCauseFunc) (p *trace.Program, err error) {
	if cfg.Interval == 0 {
		cfg.Interval = liveInterval
	}
	kept, err := keepOutput(&cfg)
	if err != nil {
		return nil, err
	}
	program := ui.NewPrograms(ui.Options{
		Terminal:  look.DetectTerminal(os.Getenv),
		Stop:      func() { end(errQuit) },
		Interrupt: func() { _ = syscall.Kill(0, syscall.SIGINT) }, // as the terminal would: to the job
	}, ui.ProgramOptions{Save: f.saveNow})
	// Signals are the command's; those that end it end the dashboard, too.
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGHUP, syscall.SIGTERM)
	defer signal.Stop(ends)
	left, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		show := latestOnly(program.Send)
		cfg.Doing = func(what string) { show(ui.Doing(what)) }
		p, err = session.Exec(ctx, cfg, session.OpenProgramTracer,
			func(s syscall.Signal) { end(interruption{s}) }, func(p *trace.Program) { show(ui.ProgramUpdate{Program: p}) })
		program.Send(ui.ProgramFinished{Program: p, Err: err})
		if p != nil {
			select {
			case <-left:
			case <-ctx.Done():
			case <-ends:
			}
		}
		program.Quit()
	}()
	abandoned, drawErr := program.Run()
	if abandoned {
		end(interruption{syscall.SIGINT})
	}
	close(left)
	end(errQuit)
	<-done
	return p, errors.Join(err, drawErr, kept.show(p))
}

// keptOutput is what the command prints while there is a dashboard.
type keptOutput struct{ file *os.File }

// keepOutput gives the command nothing to read, and a file in place of the terminal.
func keepOutput(cfg *session.ProgramConfig) (k keptOutput, err error) {
	if cfg.Files[0], err = os.Open(os.DevNull); err != nil {
		return k, err
	}
	err = asUser(func() (err error) {
		k.file, err = os.CreateTemp("", "zctrace-output-")
		return err
	})
	if err != nil {
		return k, fmt.Errorf("keep what the command prints: %w", err)
	}
	cfg.Files[1] = k.file
	if term.IsTerminal(int(os.Stderr.Fd())) {
		cfg.Files[2] = k.file
	}
	return k, nil
}

// show prints it. The file stays where the command goes on and prints more.
func (k keptOutput) show(p *trace.Program) error {
	defer k.file.Close()
	text, err := os.Open(k.file.Name())
	if err != nil {
		return fmt.Errorf("print what the command has printed: %w", err)
	}
	defer text.Close()
	if _, err := io.Copy(os.Stdout, text); err != nil {
		return fmt.Errorf("print what the command has printed: %w", err)
	}
	if p != nil && !p.Run.ExitStatus.Known() {
		fmt.Fprintf(os.Stderr, "zctrace: the command goes on, and prints to %s\n", k.file.Name())
		return nil
	}
	return os.Remove(k.file.Name())
}

// saveProgramNow writes the state of the moment to a file of its own.
func (f *execFlags) saveNow(p *trace.Program) (string, error) {
	path := fmt.Sprintf("zctrace-exec-%s.json", time.Now().Format("20060102-150405"))
	return path, asUser(func() error {
		return outfile.WritePrivate(path, func(w io.Writer) error { return trace.WriteProgram(w, p.WithNames(trace.Names(f.names.value))) })
	})
}
