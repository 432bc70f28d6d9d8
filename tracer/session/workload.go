//go:build linux

package session

import (
	"context"
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
	Recording
	Baseline bool // do the same work untraced before

	// Shared is the source of several runs, opened before the first of them; it
	// is what Source names. nil: the run opens a source of its own.
	Shared *workloads.Source
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

// workload is a piece of work with its source and sinks open.
type workload struct {
	Config
	deps     Deps
	user     *workloads.User
	source   *workloads.Source
	sink     *workloads.Sink
	sink2    *workloads.Sink // nil: there is one
	expect   *os.File        // what the receiver compares with, if not the source
	stores   [3]ledger.Store // below source and sinks on overlays; looked up already
	cookie   uint64
	untraced time.Duration // what the same work took untraced; 0: not known
}

// Run does the run. observe is called with each new state of it, from this
// goroutine. When ctx ends, the run is interrupted. The trace is nil when
// nothing ran; otherwise it is complete, also with an error.
func Run(ctx context.Context, cfg Config, deps Deps, observe func(*trace.Trace)) (*trace.Trace, error) {
	w := &workload{Config: cfg, deps: deps}
	t, err := w.open(ctx)
	if err != nil {
		return nil, err
	}
	defer w.close()
	defer t.Close()
	if err = w.baseline(ctx); err == nil {
		r := newRecording(w.Recording, t, observe)
		var done *attempt
		if done, err = w.attempt(ctx, r); done != nil {
			return done.finish(ctx, r, err)
		}
	}
	w.discard()
	return nil, err
}

// baseline does the work untraced, if that is wanted. Then the traced run is to do the same.
func (w *workload) baseline(ctx context.Context) error {
	if !w.Baseline {
		return nil
	}
	untraced, err := w.attempt(ctx, newRecording(w.Recording, nil, nil))
	switch {
	case err != nil:
		return fmt.Errorf("untraced run for --baseline: %w", err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case untraced.said.sent.Payload == 0:
		return fault.Errorf(fault.Usage, "give it more time", "the untraced run of --baseline moved nothing")
	}
	w.Bytes, w.Duration, w.untraced = untraced.said.sent.Payload, 0, untraced.said.sent.Elapsed
	for _, sink := range w.sinks() {
		if err := sink.Reset(ctx); err != nil {
			return err
		}
	}
	return nil
}

// discard takes back the sink files of a run that did not begin.
func (w *workload) discard() {
	for _, sink := range w.sinks() {
		sink.Discard()
	}
}

// open makes source, sink and tracer, side by side: the tracer takes its time
// in the kernel's verifier.
func (w *workload) open(ctx context.Context) (t Tracer, err error) {
	if w.user, err = workloads.InvokingUser(); err != nil {
		return nil, err
	}
	if w.cookie, err = newCookie(); err != nil {
		return nil, err
	}
	opened := make(chan error, 1)
	go func() {
		var err error
		t, err = w.deps.OpenTracer(w.tracerOptions())
		opened <- err
	}()
	workErr := w.openWork(ctx)
	w.doing("loading the eBPF programs")
	tracerErr := <-opened
	err = firstError(workErr, tracerErr)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if tracerErr == nil {
			t.Close()
		}
		w.discard()
		w.close()
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

func (w *workload) tracerOptions() tracer.Options {
	socket := func(spec workloads.SinkSpec) bool {
		return spec.Kind == workloads.SinkTCP || spec.Kind == workloads.SinkUnix
	}
	return tracer.Options{
		Marker:  tracer.Marker{Nr: workloads.MarkerNr, Address: workloads.MarkerAddress, Cookie: w.cookie},
		Latency: w.Latency,
		Copies:  w.Copies,
		Sockets: slices.ContainsFunc(w.Sinks, socket),
		Network: slices.ContainsFunc(w.Sinks, workloads.SinkSpec.IsRemote),

		ZeroCopySends: w.Strategy.ZeroCopySends,
		Receiver:      w.Receiver().Name,
		Uring:         w.Strategy.Ring(),
		AIO:           w.Strategy.Makes("io_submit"),
	}
}

// openWork opens source and sink and checks that the work makes sense.
func (w *workload) openWork(ctx context.Context) (err error) {
	if w.source, err = w.openSource(ctx); err != nil {
		return err
	}
	if err := w.CheckSizes(w.source); err != nil {
		return err
	}
	if err := w.openSinks(ctx); err != nil {
		return err
	}
	if err := workloads.CheckMapping(w.Mapping, w.source); err != nil {
		return err
	}
	if err := w.sink.ReceiveWith(w.Receiver(), w.source); err != nil {
		return err
	}
	if w.Cold {
		if err := w.source.CanBeCold(); err != nil {
			return err
		}
		switch {
		case w.Bytes > w.source.Bytes:
			return fault.Errorf(fault.Usage, "take a larger source, or leave --bytes out to read it once",
				"--cache cold: %d bytes of payload are more than the source's %d, and its second pass would be warm", w.Bytes, w.source.Bytes)
		case w.Bytes == 0:
			w.Bytes = w.source.Bytes
		}
	}
	return w.openExpectation(ctx)
}

// openSinks opens the sink, or both, and checks that the strategy can use them.
func (w *workload) openSinks(ctx context.Context) (err error) {
	if w.sink, err = w.openSink(ctx, w.Sinks[0]); err != nil {
		return err
	}
	if len(w.Sinks) > 1 {
		if w.sink2, err = w.openSink(ctx, w.Sinks[1]); err != nil {
			return err
		}
		if w.sink.Same(w.sink2) {
			return fault.Errorf(fault.Usage, "name another file for one of them", "both sinks are the file %s", w.sink.Address)
		}
	}
	for _, sink := range w.sinks() {
		if err := sink.Claim(w.source); err != nil {
			return err
		}
		if err := workloads.SupportSink(w.Strategy, w.source, sink); err != nil {
			return err
		}
		if err := sink.CanVerify(); w.Verify && err != nil {
			return err
		}
	}
	return nil
}

func (w *workload) openSink(ctx context.Context, spec workloads.SinkSpec) (*workloads.Sink, error) {
	if spec.IsRemote() {
		w.doing("connecting to %s", spec)
		return workloads.Dial(ctx, spec.Host, w.Verify)
	}
	return workloads.OpenSink(spec, w.source, w.Chunk, w.user)
}

// sinks are those that are open.
func (w *workload) sinks() (open []*workloads.Sink) {
	for _, sink := range []*workloads.Sink{w.sink, w.sink2} {
		if sink != nil {
			open = append(open, sink)
		}
	}
	return open
}

// receivers is the number of sinks that somebody reads from.
func (w *workload) receivers() (n int64) {
	for _, sink := range w.sinks() {
		if sink.HasReceiver() {
			n++
		}
	}
	return n
}

func (w *workload) openSource(ctx context.Context) (*workloads.Source, error) {
	if w.Shared != nil {
		return w.Shared.Reopen(w.user)
	}
	if w.Source.Kind == workloads.SourceAuto {
		w.doing("making source %s", w.Source)
	}
	return workloads.OpenSource(ctx, w.Source, w.user)
}

func (w *workload) close() {
	if w.expect != nil {
		w.expect.Close()
	}
	for _, sink := range w.sinks() {
		sink.Close()
	}
	if w.source != nil {
		w.source.Close()
	}
}
