//go:build linux

package session

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/workloads"
)

// attempt is the work done once, traced or not: what a recording's subject is.
type attempt struct {
	*workload
	sender, receiver Worker     // no receiver for the sinks file and null, or elsewhere
	killed           []Worker   // those that did not end by themselves
	clean            bool       // nothing of the source is dirty in the page cache
	extents          layout     // of the source
	before           *footprint // in the page cache
	said             *said      // nil: not all has ended
}

// said is what is known when all has ended.
type said struct {
	sent, received workloads.Result
	receipt        *workloads.Receipt // of a receiver on another machine
	unsure         bool               // the wait for the receipt was interrupted, or in vain
	after          *footprint         // in the page cache
	written        []layout           // the extents of the sinks
}

// attempt does the work once. The error is why it failed; the attempt is nil when it
// did not even begin.
func (w *workload) attempt(ctx context.Context, r *recording) (*attempt, error) {
	a := &attempt{workload: w}
	defer a.kill()
	if err := a.prepare(ctx, r.tracer); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	if r.tracer == nil {
		w.doing("running untraced for --baseline")
	}
	begun, err := r.record(ctx, a)
	if !begun {
		return nil, err
	}
	return a, err
}

// prepare brings the workers to where only the go is missing, and the source into, or
// out of, the page cache.
func (a *attempt) prepare(ctx context.Context, t Tracer) error {
	if err := a.start(t); err != nil {
		return err
	}
	for _, worker := range a.workers() {
		if err := worker.WaitReady(ctx); err != nil {
			return err
		}
	}
	if err := a.prepareCache(ctx); err != nil {
		return err
	}
	a.extents = layoutOf(a.source.Extents(ctx, a.sourceBytes()))
	a.before = a.footprint(ctx)
	return ctx.Err()
}

// markersWithin is long for a process of the lowest priority to be preempted beside a busy worker, and shorter than grace: who
// is told to end meanwhile says why it could not.
const markersWithin = 5 * time.Second

func (a *attempt) start(t Tracer) (err error) {
	cfg := workloads.Config{
		User: a.user, Cookie: a.cookie, Work: a.Work, Source: a.source, Sink: a.sink, Second: a.sink2,
		Expect: a.expect, CorruptAt: a.corruptAt(),
	}
	if t != nil {
		if cfg.Seen, err = t.MarkersSeen(); err != nil {
			return err
		}
		cfg.SeenWithin = markersWithin
		defer cfg.Seen.Close() // also of none
	}
	if a.receivers() > 0 {
		cfg.Role = workloads.Receiver
		if a.receiver, err = a.deps.StartWorker(cfg); err != nil {
			return err
		}
	}
	cfg.Role = workloads.Sender
	if a.sender, err = a.deps.StartWorker(cfg); err != nil {
		return err
	}
	for _, sink := range a.sinks() {
		sink.HandOver()
	}
	return nil
}

// prepareCache makes the source warm or cold. It is the last thing to happen
// before the window: the receiver has mapped what it needs, and nothing else
// touches the source.
func (a *attempt) prepareCache(ctx context.Context) error {
	if a.Strategy.Direct() { // also that its reads find nothing to write back
		a.doing("writing source %s back", a.Source)
		// What an overlay is asked to write back stays dirty below.
		a.clean = a.source.WriteBack(ctx) == nil && !workloads.IsOverlay(a.source.Filesystem)
	}
	if a.Cold {
		a.doing("writing source %s back and taking it out of the page cache", a.Source)
		err := a.source.Cold(ctx)
		a.clean = err == nil
		return err
	}
	if a.Strategy.Direct() {
		return nil // it makes no difference
	}
	if n := a.sourceBytes(); n > 0 {
		a.doing("reading %d MiB of source %s into the page cache", n>>20, a.Source)
	}
	return a.source.Warm(ctx, a.Bytes)
}

// sourceBytes is how much of the source is needed; 0 for zero.
func (w *workload) sourceBytes() int64 {
	if w.Bytes > 0 {
		return min(w.Bytes, w.source.Bytes)
	}
	return w.source.Bytes
}

// workers are those that there are, the receiver first: it has to be there before the
// sender, and what ended it explains what ended the sender.
func (a *attempt) workers() (list []Worker) {
	for _, worker := range []Worker{a.receiver, a.sender} {
		if worker != nil {
			list = append(list, worker)
		}
	}
	return list
}

func (a *attempt) letGo() error {
	for _, worker := range a.workers() {
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

func (a *attempt) processes() (ended []<-chan struct{}) {
	for _, worker := range a.workers() {
		ended = append(ended, worker.Done())
	}
	return ended
}

func (a *attempt) progress() (n int64) {
	for _, worker := range a.workers() {
		n += worker.Payload()
	}
	return n
}

func (a *attempt) busy() bool { return slices.ContainsFunc(a.workers(), Worker.Busy) }

// stop makes the sender end; the receiver then reads to the end.
func (a *attempt) stop() { a.sender.Stop() }

// kill ends what still runs, and waits until it is gone.
func (a *attempt) kill() {
	for _, worker := range a.workers() {
		select {
		case <-worker.Done():
		default:
			a.killed = append(a.killed, worker)
		}
	}
	for _, worker := range a.killed {
		worker.Kill()
		<-worker.Done()
	}
}

func (a *attempt) openWindows(last *ledger.Snapshot) (n int64) {
	for role, worker := range map[int]Worker{ledger.Sender: a.sender, ledger.Receiver: a.receiver} {
		if worker != nil && !last.SawEnd(role) {
			n++
		}
	}
	return n
}

// collect takes the workers' results, and the receipt of a receiver elsewhere.
func (a *attempt) collect(ctx context.Context, interrupted bool) (e ending) {
	said := &said{}
	a.said = said
	var senderErr, receiverErr error
	if a.receiver != nil {
		said.received, receiverErr = a.receiver.Wait()
	}
	said.sent, senderErr = a.sender.Wait()
	said.after = a.footprint(context.WithoutCancel(ctx)) // before anything else touches the files
	for _, sink := range a.sinks() {
		said.written = append(said.written, layoutOf(sink.Extents(context.WithoutCancel(ctx), said.sent.Payload)))
	}
	if a.sink.IsRemote() && senderErr == nil && len(a.killed) == 0 {
		e.interrupted, receiverErr = a.takeReceipt(ctx, interrupted)
	}
	e.whole = len(a.killed) == 0 && senderErr == nil && receiverErr == nil
	switch { // that a worker was killed explains nothing
	case receiverErr != nil && !slices.Contains(a.killed, a.receiver): // what ended it also ended the sender
		e.err = receiverErr
	case senderErr != nil && !slices.Contains(a.killed, a.sender):
		e.err = senderErr
	case len(a.killed) > 0:
		e.err = fmt.Errorf("the transfer was told to end, made no progress for %v, and was killed: is a worker stopped?", grace)
	case said.receipt != nil && said.receipt.Bytes != said.sent.Payload && !a.Verify: // which says so itself
		e.err = fmt.Errorf("%s sent, and %s received", human.Plural(said.sent.Payload, "byte"), human.Grouped(said.receipt.Bytes))
	default:
		e.err = mismatchError(said.received.Mismatch)
	}
	return e
}

// takeReceipt waits for what the receiver elsewhere says, which also means that what was
// in the socket's buffer has passed the NIC. Who interrupted the transfer waits no longer
// than for workers; who interrupts only this wait, which now says, goes without.
func (a *attempt) takeReceipt(ctx context.Context, interrupted bool) (now bool, err error) {
	a.doing("waiting for %s to say what it received", a.Sinks[0])
	limited := ctx
	if interrupted {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeoutCause(context.WithoutCancel(ctx), grace, fmt.Errorf("it took more than %v", grace))
		defer cancel()
	}
	a.said.receipt, err = a.sink.Finish(limited)
	a.said.unsure = a.said.receipt == nil
	if !interrupted && isInterruption(ctx, err) {
		return true, nil
	}
	return false, err
}
