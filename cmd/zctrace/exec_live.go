//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/outfile"
	"github.com/zctrace/zctrace/tracer/reading"
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
			func(s syscall.Signal) { end(interruption{s}) }, func(p *trace.Program) { show(ui.ProgramUpdate{Program: f.named(p)}) })
		p = f.named(p)
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
	return p, errors.Join(err, drawErr, kept.show(os.Stdout, p))
}

// keptOutput is what the command prints while there is a dashboard.
type keptOutput struct {
	file *os.File
	name string // "" while it has none, so that nothing is left of it whatever ends this process
}

// keepOutput gives the command nothing to read, and a file of the user's in place of the terminal. Of what else could be in its place a
// pipe and a pseudo-terminal end with this process, and the command is to live on. Who opens the file anew by /dev/stderr truncates it; what
// others print comes behind that all the same.
func keepOutput(cfg *session.ProgramConfig) (k *keptOutput, err error) {
	if cfg.Files[0], err = os.Open(os.DevNull); err != nil {
		return nil, err
	}
	k = &keptOutput{}
	err = asUser(func() (err error) {
		if k.file, err = os.OpenFile(os.TempDir(), os.O_RDWR|unix.O_TMPFILE, 0o600); err == nil {
			return nil
		}
		// On some file systems (NFS, FUSE) each file has a name.
		if k.file, err = os.CreateTemp("", keptName); err == nil {
			k.name = k.file.Name()
		}
		return err
	})
	if err == nil {
		_, err = unix.FcntlInt(k.file.Fd(), unix.F_SETFL, unix.O_APPEND)
	}
	if err != nil {
		return nil, fmt.Errorf("keep what the command prints: %w", err)
	}
	cfg.Files[1] = k.file
	if term.IsTerminal(int(os.Stderr.Fd())) {
		cfg.Files[2] = k.file
	}
	return k, nil
}

const keptName = "zctrace-output-"

// show prints it, as much as there is now. Where somebody goes on, who may print more, the file stays.
func (k *keptOutput) show(out io.Writer, p *trace.Program) error {
	defer k.file.Close()
	who := goesOn(p)
	if who != "" && k.name == "" {
		if err := asUser(k.giveName); err != nil {
			return fmt.Errorf("keep what the command prints: %w", err)
		}
	}
	info, err := k.file.Stat()
	if err == nil {
		_, err = io.Copy(out, io.NewSectionReader(k.file, 0, info.Size()))
	}
	if err != nil {
		return fmt.Errorf("print what the command has printed: %w", err)
	}
	if who != "" {
		fmt.Fprintf(os.Stderr, "zctrace: %s goes on, and prints to %s\n", who, k.name)
	} else if k.name != "" {
		return os.Remove(k.name)
	}
	return nil
}

// goesOn says who does that was followed; "" is nobody.
func goesOn(p *trace.Program) string {
	switch {
	case p == nil:
		return ""
	case !p.Run.ExitStatus.Known():
		return "the command"
	case reading.ProgramMomentOf(p).Alive > 0:
		return "what the command has started"
	}
	return ""
}

func (k *keptOutput) giveName() error {
	k.name = filepath.Join(os.TempDir(), keptName+rand.Text())
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", k.file.Fd()), unix.AT_FDCWD, k.name, unix.AT_SYMLINK_FOLLOW)
}

// saveNow writes the state of the moment to a file of its own.
func (f *execFlags) saveNow(p *trace.Program) (string, error) {
	path := fmt.Sprintf("zctrace-exec-%s.json", time.Now().Format("20060102-150405"))
	return path, asUser(func() error {
		return outfile.Write(path, func(w io.Writer) error { return trace.WriteProgram(w, p) })
	})
}
