//go:build linux

// Package session does one run: it opens source and sink, starts the receiver
// and the sender, attaches the tracer, lets the two go, follows them and ends
// in a trace.
package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// Config is a run as the user asked for it.
type Config struct {
	workloads.Work
	Command  []string
	Tool     trace.Tool
	Duration time.Duration // 0: no limit
	Latency  bool
	Copies   ledger.Engine
	Baseline bool          // do the same work untraced before
	Interval time.Duration // from one sample to the next

	// NewInterval changes Interval during the run. It may be nil.
	NewInterval <-chan time.Duration

	// Shared is the source of several runs, opened before the first of them; it
	// is what Source names. nil: the run opens a source of its own.
	Shared *workloads.Source

	// Doing is told what is being done while there is nothing new to observe,
	// and "" when the transfer begins. It may be nil.
	Doing func(what string)
}

// Worker is a process of the workload; see workloads.Process.
type Worker interface {
	WaitReady(context.Context) error
	Go() error
	Stop()
	Kill()
	Payload() int64
	Busy() bool
	Declared() workloads.Declared
	Done() <-chan struct{}
	Wait() (workloads.Result, error)
}

// Tracer counts; see tracer.Tracer.
type Tracer interface {
	Attach() (*tracer.Attached, error)
	Snapshot() (*ledger.Snapshot, error)
	Close()
}

// Deps are what a run needs of the machine.
type Deps struct {
	OpenTracer  func(tracer.Options) (Tracer, error)
	StartWorker func(workloads.Config) (Worker, error)
}

// Machine is the real thing.
func Machine() Deps {
	return Deps{
		OpenTracer: func(o tracer.Options) (Tracer, error) {
			t, err := tracer.Open(o)
			if err != nil {
				return nil, err
			}
			return t, nil
		},
		StartWorker: func(c workloads.Config) (Worker, error) {
			p, err := workloads.Start(c)
			if err != nil {
				return nil, err
			}
			return p, nil
		},
	}
}

// ErrUntrustworthy is in the error of a run that lost events: its numbers may
// not be believed.
var ErrUntrustworthy = errors.New("events were lost, so the numbers may not be believed")

// session is a run under way.
type session struct {
	cfg    Config
	deps   Deps
	user   *workloads.User
	source *workloads.Source
	sink   *workloads.Sink
	sink2  *workloads.Sink // nil: there is one
	expect *os.File        // what the receiver compares with, if not the source
	dense  bool            // the source has no holes, as far as it matters
	cookie uint64
	left   leftovers
	unsure bool        // whether the network has carried everything
	trace  trace.Trace // what does not change during the run
}

// Run does the run. observe is called with each new state of it, from this
// goroutine. When ctx ends, the run is interrupted. The trace is nil when
// nothing ran; otherwise it is complete, also with an error.
func Run(ctx context.Context, cfg Config, deps Deps, observe func(*trace.Trace)) (*trace.Trace, error) {
	s := &session{cfg: cfg, deps: deps}
	t, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	defer t.Close()
	p, err := s.passes(ctx, t, observe)
	if p == nil {
		s.discard()
		return nil, err
	}
	return s.finish(ctx, p, err)
}

// passes does the work, for --baseline untraced before. The pass is nil when the
// traced one did not begin.
func (s *session) passes(ctx context.Context, t Tracer, observe func(*trace.Trace)) (p *pass, err error) {
	var untraced *pass
	if s.cfg.Baseline {
		if untraced, err = s.run(ctx, nil, nil); err != nil {
			return nil, fmt.Errorf("untraced run for --baseline: %w", err)
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case untraced.sender.Payload == 0:
			return nil, fault.Errorf(fault.Usage, "give it more time", "the untraced run of --baseline moved nothing")
		}
		// The traced run does the same work.
		s.cfg.Bytes, s.cfg.Duration = untraced.sender.Payload, 0
		for _, sink := range s.sinks() {
			if err := sink.Reset(ctx); err != nil {
				return nil, err
			}
		}
	}
	s.describe(untraced)
	return s.run(ctx, t, observe)
}

// discard takes back the sink files of a run that did not begin.
func (s *session) discard() {
	for _, sink := range s.sinks() {
		sink.Discard()
	}
}

// open makes source, sink and tracer, side by side: the tracer takes its time
// in the kernel's verifier.
func (s *session) open(ctx context.Context) (t Tracer, err error) {
	if s.user, err = workloads.InvokingUser(); err != nil {
		return nil, err
	}
	if s.cookie, err = newCookie(); err != nil {
		return nil, err
	}
	opened := make(chan error, 1)
	go func() {
		var err error
		t, err = s.deps.OpenTracer(s.tracerOptions())
		opened <- err
	}()
	workErr := s.openWork(ctx)
	s.doing("loading the eBPF programs")
	tracerErr := <-opened
	err = firstError(workErr, tracerErr)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if tracerErr == nil {
			t.Close()
		}
		s.discard()
		s.close()
		return nil, err
	}
	return t, nil
}

// firstError is a mistake in the request before what this machine cannot do,
// and that before what went wrong.
func firstError(workErr, tracerErr error) error {
	if fault.KindOf(workErr) == fault.Usage || tracerErr == nil {
		return workErr
	}
	return tracerErr
}

func (s *session) tracerOptions() tracer.Options {
	socket := func(spec workloads.SinkSpec) bool {
		return spec.Kind == workloads.SinkTCP || spec.Kind == workloads.SinkUnix
	}
	return tracer.Options{
		Marker:  tracer.Marker{Nr: workloads.MarkerNr, Address: workloads.MarkerAddress, Cookie: s.cookie},
		Latency: s.cfg.Latency,
		Copies:  s.cfg.Copies,
		Sockets: slices.ContainsFunc(s.cfg.Sinks, socket),
		Network: slices.ContainsFunc(s.cfg.Sinks, workloads.SinkSpec.IsRemote),

		ZeroCopySends: s.cfg.Strategy.ZeroCopySends,
		Receiver:      s.cfg.Receiver().Name,
		Requests:      s.cfg.Strategy.Ring() || s.cfg.Strategy.Makes("io_submit"),
	}
}

func (s *session) doing(format string, args ...any) {
	if s.cfg.Doing != nil {
		s.cfg.Doing(fmt.Sprintf(format, args...))
	}
}

// openWork opens source and sink and checks that the work makes sense.
func (s *session) openWork(ctx context.Context) (err error) {
	cfg := &s.cfg
	if s.source, err = s.openSource(ctx); err != nil {
		return err
	}
	if err := cfg.CheckSizes(s.source); err != nil {
		return err
	}
	if err := s.openSinks(ctx); err != nil {
		return err
	}
	if err := workloads.CheckMapping(cfg.Mapping, s.source); err != nil {
		return err
	}
	if err := s.sink.ReceiveWith(s.cfg.Receiver(), s.source); err != nil {
		return err
	}
	if cfg.Cold {
		if err := s.source.CanBeCold(); err != nil {
			return err
		}
		switch {
		case cfg.Bytes > s.source.Bytes:
			return fault.Errorf(fault.Usage, "take a larger source, or leave --bytes out to read it once",
				"--cache cold: %d bytes of payload are more than the source's %d, and its second pass would be warm", cfg.Bytes, s.source.Bytes)
		case cfg.Bytes == 0:
			cfg.Bytes = s.source.Bytes
		}
	}
	return s.openExpectation(ctx)
}

// openSinks opens the sink, or both, and checks that the strategy can use them.
func (s *session) openSinks(ctx context.Context) (err error) {
	if s.sink, err = s.openSink(ctx, s.cfg.Sinks[0]); err != nil {
		return err
	}
	if len(s.cfg.Sinks) > 1 {
		if s.sink2, err = s.openSink(ctx, s.cfg.Sinks[1]); err != nil {
			return err
		}
		if s.sink.Same(s.sink2) {
			return fault.Errorf(fault.Usage, "name another file for one of them", "both sinks are the file %s", s.sink.Address)
		}
	}
	for _, sink := range s.sinks() {
		if err := workloads.SupportSink(s.cfg.Strategy, s.source, sink); err != nil {
			return err
		}
		if err := sink.CanVerify(); s.cfg.Verify && err != nil {
			return err
		}
	}
	return nil
}

func (s *session) openSink(ctx context.Context, spec workloads.SinkSpec) (*workloads.Sink, error) {
	if spec.IsRemote() {
		s.doing("connecting to %s", spec)
		return workloads.Dial(ctx, spec.Host, s.cfg.Verify)
	}
	return workloads.OpenSink(spec, s.source, s.user)
}

// sinks are those that are open.
func (s *session) sinks() (open []*workloads.Sink) {
	for _, sink := range []*workloads.Sink{s.sink, s.sink2} {
		if sink != nil {
			open = append(open, sink)
		}
	}
	return open
}

// receivers is the number of sinks that somebody reads from.
func (s *session) receivers() (n int64) {
	for _, sink := range s.sinks() {
		if sink.HasReceiver() {
			n++
		}
	}
	return n
}

func (s *session) openSource(ctx context.Context) (*workloads.Source, error) {
	if s.cfg.Shared != nil {
		return s.cfg.Shared.Reopen(s.user)
	}
	if s.cfg.Source.Kind == workloads.SourceAuto {
		s.doing("making source %s", s.cfg.Source)
	}
	return workloads.OpenSource(ctx, s.cfg.Source, s.user)
}

func (s *session) close() {
	if s.expect != nil {
		s.expect.Close()
	}
	for _, sink := range s.sinks() {
		sink.Close()
	}
	if s.source != nil {
		s.source.Close()
	}
}
