//go:build linux

package session

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// finish verifies what was moved, if that is wanted, and makes the last state of the
// recording the final one. err is why it failed.
func (a *attempt) finish(ctx context.Context, r *recording, err error) (*trace.Trace, error) {
	if r.last == nil {
		return nil, err
	}
	t := *r.last
	if err == nil && a.Verify {
		if err = a.verify(ctx); isInterruption(ctx, err) { // it is not known
			r.ended, err = trace.Interrupted, nil
		} else {
			ok := err == nil
			t.Run.Verified = &ok
		}
	} else if a.said != nil && a.said.received.Mismatch != nil {
		t.Run.Verified = new(bool)
	}
	return r.conclude(t, err)
}

// corruptEnv makes the sender of read-write flip a byte at a payload offset, to
// prove that --verify finds it; without --verify it does nothing.
const corruptEnv = "ZCTRACE_TEST_CORRUPT_AT"

func (w *workload) corruptAt() *int64 {
	if !w.Verify {
		return nil
	}
	at, err := strconv.ParseInt(os.Getenv(corruptEnv), 10, 64)
	if err != nil {
		return nil
	}
	return &at
}

// openExpectation copies what the receiver compares with to memory when it may
// not be the source itself, because that has to stay cold, or cannot be mapped.
func (w *workload) openExpectation(ctx context.Context) (err error) {
	if w.Verify && (w.Cold || !w.source.CanBeMapped()) && w.receivers() > 0 && !w.sink.Keeps() {
		w.doing("copying %d MiB of source %s to memory, to compare with", w.sourceBytes()>>20, w.Source)
		w.expect, err = w.source.Snapshot(ctx, w.Bytes)
	}
	return err
}

// verify checks what the receiver could not check while it received.
func (a *attempt) verify(ctx context.Context) error {
	sent := a.said.sent.Payload
	if a.sink.IsRemote() {
		if a.said.receipt == nil {
			return context.Cause(ctx)
		}
		a.doing("comparing what %s received with the source", a.Sinks[0])
		return a.sink.VerifyRemote(ctx, a.source, sent, a.said.receipt)
	}
	if n := a.receivers(); n > 0 && a.said.received.Payload != n*sent {
		return fmt.Errorf("verification failed: %s sent, and %s received", human.Plural(n*sent, "byte"), human.Grouped(a.said.received.Payload))
	}
	for _, sink := range a.sinks() {
		if sink.HasReceiver() && !sink.Keeps() {
			continue
		}
		a.doing("comparing sink %s with the source", sink.Kind)
		bad, err := sink.VerifyFile(ctx, a.source, sent)
		if err == nil {
			err = mismatchError(bad)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func mismatchError(m *workloads.Mismatch) error {
	if m == nil {
		return nil
	}
	return fmt.Errorf("verification failed: byte %d of the payload is %#02x, the source has %#02x", m.Offset, m.Got, m.Expected)
}
