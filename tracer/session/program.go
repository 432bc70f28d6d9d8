//go:build linux

package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/session/launch"
	"github.com/zctrace/zctrace/tracer/trace"
)

// ProgramConfig is a command to follow, as the user asked for it.
type ProgramConfig struct {
	Recording
	launch.Spec
	Size        tracer.Programs
	CommandOnly bool // it is over when the command is, whatever that has started lives on
}

// ProgramTracer counts what programs do; see tracer.Tracer.
type ProgramTracer interface {
	Attach() (*tracer.Attached, error)
	Follow(pid int) error
	Ended() (ended []*ledger.Process, alive bool)
	Programs(last bool) (*ledger.ProgramSnapshot, error)
	Close()
}

// OpenProgramTracer opens the real one.
func OpenProgramTracer(o tracer.Options) (ProgramTracer, error) {
	t, err := tracer.Open(o)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// drain is how often what has ended makes room for others.
const drain = 20 * time.Millisecond

// programRecording is a recording of a command under way.
type programRecording struct {
	ProgramConfig
	tracer   ProgramTracer
	command  *launch.Command
	observe  func(*trace.Program)
	head     trace.Program
	attached *tracer.Attached
	book     ledger.Programs
	sampler  trace.ProgramSampler
	last     *trace.Program
}

// Exec runs a command, and follows it and all that it starts to the end of the last of them. Signals are the command's:
// abandon is called as [launch.Command.Relay] has it, and observe, unless it is nil, with each new state. When ctx ends, so
// does the recording, and the command lives on. The trace is nil if the command did not begin: then [launch.ExitCode] tells how
// that is said. If events were lost the error says so, and is an [ErrUntrustworthy].
func Exec(ctx context.Context, cfg ProgramConfig, open func(tracer.Options) (ProgramTracer, error), abandon func(syscall.Signal), observe func(*trace.Program)) (*trace.Program, error) {
	command, err := launch.Prepare(cfg.Spec)
	if err != nil {
		return nil, err
	}
	defer command.Cancel()
	defer command.Relay(abandon)()
	cfg.doing("attaching the hooks")
	defer cfg.doing("")
	t, err := open(tracer.Options{Copies: cfg.Copies, Latency: cfg.Latency, Sockets: true, Programs: &cfg.Size})
	if err != nil {
		return nil, err
	}
	defer t.Close()
	r := &programRecording{ProgramConfig: cfg, tracer: t, command: command, observe: observe}
	if r.attached, err = t.Attach(); err != nil {
		return nil, err
	}
	r.head = trace.Program{
		Schema: trace.ProgramSchema, Tool: cfg.Tool, Host: Host(), Scope: trace.Scope{Kind: trace.ScopeExec, Command: shortCommand(cfg.Argv)},
		Run: trace.ProgramRun{
			Command: shortCommand(cfg.Command), Latency: cfg.Latency,
			Started: time.Now().Truncate(time.Millisecond),
		},
	}
	if err := errors.Join(t.Follow(command.PID()), ctx.Err()); err != nil {
		return nil, err
	}
	cfg.doing("")
	if err := command.Release(); err != nil {
		return nil, err
	}
	ended, err := r.follow(ctx)
	return r.conclude(ended, err)
}

// follow returns when all has ended that is waited for.
func (r *programRecording) follow(ctx context.Context) (trace.Ended, error) {
	ticker, drains := time.NewTicker(r.Interval), time.NewTicker(drain)
	defer ticker.Stop()
	defer drains.Stop()
	var limit <-chan time.Time // a nil channel never fires
	if r.Duration > 0 {
		limit = time.After(r.Duration)
	}
	commandEnded, over := r.command.Ended(), false
	for {
		ended, alive := r.tracer.Ended()
		r.book.Add(&ledger.ProgramSnapshot{Ended: ended})
		if over && (!alive || r.CommandOnly) {
			return trace.Done, nil
		}
		select {
		case <-commandEnded:
			commandEnded, over = nil, true
			r.doing("the command has ended; waiting for what it has started, until a signal (--wait command does not)")
		case <-drains.C:
		case <-ticker.C:
			if err := r.tick(""); err != nil {
				return trace.Failed, err
			}
		case <-limit:
			return trace.Done, nil
		case <-ctx.Done():
			return trace.Interrupted, nil
		}
	}
}

// tick counts, and keeps a sample.
func (r *programRecording) tick(ended trace.Ended) error {
	s, err := r.tracer.Programs(ended != "")
	if err != nil {
		return err
	}
	if ended == "" {
		s.Unsteady = 0 // the next one will have it
	}
	r.book.Add(s)
	r.last = nil // is made anew, and memory is not to hold it twice
	p := r.head
	p.Hooks = slices.Clone(r.attached.Hooks)
	for _, m := range s.Missed {
		p.Hooks[m.Index].Misses = trace.Known(m.Events)
	}
	r.book.Fill(&p, s, ledger.Party{Missing: r.attached.Missing, Engines: r.attached.Engines, Unheld: r.attached.Unheld}, slices.Contains(ledger.Engines, r.Copies))
	for i := range p.Processes {
		if row := &p.Processes[i]; row.PID == trace.Known(int64(r.command.PID())) && !row.PPID.Known() {
			row.PPID = trace.Known(int64(os.Getpid()))
		}
	}
	if s.Following.BegunNs > 0 {
		p.Run.ElapsedNS = max(0, int64(s.NowNS-s.Following.BegunNs))
	}
	p.Run.IntervalNS, p.Run.Ended = r.Interval.Nanoseconds(), ended
	select {
	case <-r.command.Ended():
		p.Run.ExitStatus = trace.Known(int64(r.command.Status().ExitCode()))
	default:
	}
	r.sampler.Add(p.Run.ElapsedNS, p.Total, p.Processes)
	p.Samples = r.sampler.Samples()
	r.last = &p
	if r.observe != nil {
		r.observe(&p)
	}
	return nil
}

// conclude counts for the last time.
func (r *programRecording) conclude(ended trace.Ended, err error) (*trace.Program, error) {
	if err == nil {
		err = r.tick(ended)
	}
	if r.last == nil {
		return nil, err
	}
	if lost := r.last.Lost(); err == nil && len(lost) > 0 {
		text := ""
		for _, cause := range lost {
			text += fmt.Sprintf(", %s %d", cause, r.last.Losses[cause])
		}
		err = fmt.Errorf("%w: %s", ErrUntrustworthy, text[2:])
	}
	last := *r.last
	if last.Run.Ended = ended; err != nil {
		last.Run.Error = shorten(err.Error())
		if ended == trace.Done {
			last.Run.Ended = trace.Failed
		}
	}
	if errors.Is(err, ErrUntrustworthy) && last.Losses["no_process"] > 0 { // the trace says so in words of its own
		err = fault.Errorf(fault.Failed, fmt.Sprintf("let more processes at a time have cells of their own: --max-processes %d, or more", 2*r.Size.Processes), "%w", err)
	}
	return &last, err
}
