//go:build linux

package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// grace is how long the workers may sit idle without progress once they were told
// to end, or one of them has.
const grace = 10 * time.Second

// pass is the work done once, traced or not.
type pass struct {
	sender, receiver workloads.Result
	ended            trace.Ended
	last             *trace.Trace       // nil in an untraced pass
	receipt          *workloads.Receipt // of a receiver on another machine; nil if the wait for it was interrupted
}

// workers are the processes of a pass.
type workers struct {
	sender, receiver Worker // no receiver for the sinks file and null, or elsewhere
}

// run does the work once. Without a tracer it is not counted. The error is why
// it failed; the pass is nil when it did not even begin.
func (s *session) run(ctx context.Context, t Tracer, observe func(*trace.Trace)) (*pass, error) {
	w, err := s.startWorkers()
	if err != nil {
		return nil, err
	}
	defer w.kill()
	if err := w.waitReady(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	if err := s.prepareCache(ctx); err != nil {
		return nil, err
	}
	s.left = leftovers{before: s.footprint(ctx)}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f := &follower{session: s, workers: w, tracer: t, pass: &pass{ended: trace.Done}, observe: observe}
	if t == nil {
		s.doing("running untraced for --baseline")
	} else if f.attached, err = s.attach(t); err != nil {
		return nil, err
	}
	if err := w.letGo(); err != nil {
		return nil, err
	}
	return f.pass, f.follow(ctx)
}

func (s *session) attach(t Tracer) (*tracer.Attached, error) {
	s.doing("attaching the hooks")
	attached, err := t.Attach()
	if err != nil {
		return nil, err
	}
	s.trace.Hooks = attached.Hooks
	s.trace.Run.Engine = string(attached.Engines[0])
	if s.source.Filesystem == "overlay" {
		const why = "the pages are of the file below the overlay, which the hooks do not know for the source"
		attached.Missing[ledger.PageCache], attached.Missing[ledger.MappedPages] = why, why
	}
	s.doing("")
	return attached, nil
}

// prepareCache makes the source warm or cold. It is the last thing to happen
// before the window: the receiver has mapped what it needs, and nothing else
// touches the source.
func (s *session) prepareCache(ctx context.Context) error {
	if s.cfg.Strategy.Direct() { // also that its reads find nothing to write back
		s.doing("writing source %s back", s.cfg.Source)
		s.dense = s.source.Written(ctx)
	}
	if s.cfg.Cold {
		s.doing("writing source %s back and taking it out of the page cache", s.cfg.Source)
		return s.source.Cold(ctx)
	}
	if s.cfg.Strategy.Direct() {
		return nil // it makes no difference
	}
	if n := s.sourceBytes(); n > 0 {
		s.doing("reading %d MiB of source %s into the page cache", n>>20, s.cfg.Source)
	}
	return s.source.Warm(ctx, s.cfg.Bytes)
}

// sourceBytes is how much of the source is needed; 0 for zero.
func (s *session) sourceBytes() int64 {
	if s.cfg.Bytes > 0 {
		return min(s.cfg.Bytes, s.source.Bytes)
	}
	return s.source.Bytes
}

func (s *session) startWorkers() (w workers, err error) {
	cfg := workloads.Config{
		User: s.user, Cookie: s.cookie, Work: s.cfg.Work, Source: s.source, Sink: s.sink, Second: s.sink2,
		Expect: s.expect, CorruptAt: s.corruptAt(),
	}
	if s.receivers() > 0 {
		cfg.Role = workloads.Receiver
		if w.receiver, err = s.deps.StartWorker(cfg); err != nil {
			return w, err
		}
	}
	cfg.Role = workloads.Sender
	if w.sender, err = s.deps.StartWorker(cfg); err != nil {
		w.kill()
		return w, err
	}
	for _, sink := range s.sinks() {
		sink.HandOver()
	}
	return w, nil
}

// all are the workers, the receiver first: it has to be there before the
// sender, and what ended it explains what ended the sender.
func (w workers) all() []Worker {
	if w.receiver == nil {
		return []Worker{w.sender}
	}
	return []Worker{w.receiver, w.sender}
}

func (w workers) waitReady(ctx context.Context) error {
	for _, worker := range w.all() {
		if err := worker.WaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (w workers) letGo() error {
	for _, worker := range w.all() {
		if err := worker.Go(); err != nil {
			return whyGone(worker, err)
		}
	}
	return nil
}

// whyGone is what ended the worker, if that is why it did not take the go.
func whyGone(worker Worker, err error) error {
	select {
	case <-worker.Done():
		if _, why := worker.Wait(); why != nil {
			return why
		}
	case <-time.After(grace):
	}
	return err
}

// kill ends what still runs, and waits until it is gone.
func (w workers) kill() {
	for _, worker := range []Worker{w.sender, w.receiver} {
		if worker != nil {
			worker.Kill()
			<-worker.Done()
		}
	}
}

// running are those that have not ended.
func (w workers) running() []Worker {
	return slices.DeleteFunc(w.all(), func(worker Worker) bool {
		select {
		case <-worker.Done():
			return true
		default:
			return false
		}
	})
}

// moved grows as long as there is progress.
func (w workers) moved() (n int64) {
	for _, worker := range w.all() {
		n += worker.Payload()
	}
	return n
}

// busy is whether one of them does something that no payload tells of.
func (w workers) busy() bool {
	return slices.ContainsFunc(w.all(), Worker.Busy)
}

// follower watches a pass to its end.
type follower struct {
	session  *session
	workers  workers
	tracer   Tracer
	attached *tracer.Attached // nil: nothing counts
	pass     *pass
	observe  func(*trace.Trace)
	sampler  trace.Sampler
	last     *ledger.Snapshot // nil: nothing counts
}

// follow returns when both workers have ended, and why if it was not as it
// should.
func (f *follower) follow(ctx context.Context) error {
	ticker := time.NewTicker(f.session.cfg.Interval)
	defer ticker.Stop()
	early := time.After(f.session.cfg.Interval / 10) // so that a view soon has something to show
	var limit, deadline <-chan time.Time             // nil channels never fire
	if d := f.session.cfg.Duration; d > 0 {
		limit = time.After(d)
	}
	interrupted := ctx.Done()
	var killed []Worker
	sender, receiver := f.workers.sender.Done(), f.receiverDone()
	var moved int64
	wait := func() { moved, deadline = f.workers.moved(), time.After(grace) }
	stop := func() {
		f.workers.sender.Stop()
		wait()
	}
	for sender != nil || receiver != nil {
		select {
		case <-early:
			if err := f.tick(); err != nil {
				return err
			}
		case <-ticker.C:
			if err := f.tick(); err != nil {
				return err
			}
		case d := <-f.session.cfg.NewInterval:
			ticker.Reset(d)
			f.session.trace.Run.IntervalNS = d.Nanoseconds()
		case <-limit:
			stop()
		case <-interrupted:
			interrupted = nil
			f.pass.ended = trace.Interrupted
			stop()
		case <-deadline:
			if f.workers.moved() > moved || f.workers.busy() {
				wait()
				continue
			}
			killed = f.workers.running()
			f.workers.kill()
		case <-sender:
			sender = nil
			wait() // the receiver now reads to the end
		case <-receiver:
			receiver = nil
			if sender != nil {
				wait() // the sender gets EPIPE
			}
		}
	}
	return f.end(ctx, killed)
}

func (f *follower) receiverDone() <-chan struct{} {
	if f.workers.receiver == nil {
		return nil
	}
	return f.workers.receiver.Done()
}

// end collects what the workers report and counts for the last time. killed are
// those that did not end by themselves.
func (f *follower) end(ctx context.Context, killed []Worker) error {
	p := f.pass
	var receiverErr, senderErr error
	if f.workers.receiver != nil {
		p.receiver, receiverErr = f.workers.receiver.Wait()
	}
	p.sender, senderErr = f.workers.sender.Wait()
	f.session.left.after = f.session.footprint(context.WithoutCancel(ctx)) // before anything else touches the files
	if f.session.sink.IsRemote() && senderErr == nil && len(killed) == 0 {
		receiverErr = f.takeReceipt(ctx)
	}
	if err := f.tick(); err != nil {
		return err
	}
	if f.last != nil && len(killed) == 0 && receiverErr == nil && senderErr == nil {
		// The trace was handed out, and may be being drawn.
		last := *p.last
		last.Losses = maps.Clone(last.Losses)
		last.Losses["open_windows"] = f.openWindows()
		p.last = &last
	}
	switch { // that a worker was killed explains nothing
	case receiverErr != nil && !slices.Contains(killed, f.workers.receiver): // what ended it also ended the sender
		return receiverErr
	case senderErr != nil && !slices.Contains(killed, f.workers.sender):
		return senderErr
	case len(killed) > 0:
		return fmt.Errorf("the transfer was told to end, made no progress for %v, and was killed: is a worker stopped?", grace)
	case p.receipt != nil && p.receipt.Bytes != p.sender.Payload && !f.session.cfg.Verify: // which says so itself
		return fmt.Errorf("%d bytes were sent and %d received", p.sender.Payload, p.receipt.Bytes)
	}
	return mismatchError(p.receiver.Mismatch)
}

// openWindows are those of workers that nobody saw close, or not even open.
func (f *follower) openWindows() (n int64) {
	for role, worker := range map[int]Worker{ledger.Sender: f.workers.sender, ledger.Receiver: f.workers.receiver} {
		if worker != nil && !f.last.SawEnd(role) {
			n++
		}
	}
	return n
}

// takeReceipt waits for what the receiver elsewhere says, which also means that what was
// in the socket's buffer has passed the NIC. Who interrupted the transfer waits no longer
// than for workers; who interrupts only this wait goes without.
func (f *follower) takeReceipt(ctx context.Context) (err error) {
	p := f.pass
	defer func() { f.session.unsure = p.receipt == nil }()
	f.session.doing("waiting for %s to say what it received", f.session.cfg.Sinks[0])
	if p.ended == trace.Interrupted {
		limited, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), grace, fmt.Errorf("it took more than %v", grace))
		defer cancel()
		p.receipt, err = f.session.sink.Finish(limited)
		return err
	}
	p.receipt, err = f.session.sink.Finish(ctx)
	if isInterruption(ctx, err) {
		p.ended, err = trace.Interrupted, nil
	}
	return err
}

// isInterruption is true of the error of work that ctx has ended.
func isInterruption(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Cause(ctx))
}

// tick counts, keeps a sample and shows the state.
func (f *follower) tick() error {
	if f.tracer == nil {
		return nil
	}
	snapshot, err := f.tracer.Snapshot()
	if err != nil {
		return err
	}
	f.last = snapshot
	t := f.session.state(snapshot, f.attached, f.workers)
	f.sampler.Add(t.Run.ElapsedNS, t.Total)
	t.Samples = f.sampler.Samples()
	f.pass.last = t
	if f.observe != nil {
		f.observe(t)
	}
	return nil
}
