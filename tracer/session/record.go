//go:build linux

// Package session records: it attaches the tracer, lets what is recorded go, follows it
// to its end, and ends in a trace. What any recording does is in record.go. A workload,
// with its source and sinks and processes, is in workload.go and what stands beside it.
package session

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Recording is how something is recorded, whatever it is.
type Recording struct {
	Command  []string
	Tool     trace.Tool
	Duration time.Duration // 0: no limit
	Latency  bool
	Copies   ledger.Engine
	Interval time.Duration // from one sample to the next

	// NewInterval changes Interval meanwhile. It may be nil.
	NewInterval <-chan time.Duration

	// Doing is told what is being done while there is nothing new to observe,
	// and "" when what is recorded begins. It may be nil.
	Doing func(what string)
}

func (r *Recording) doing(format string, args ...any) {
	if r.Doing != nil {
		r.Doing(fmt.Sprintf(format, args...))
	}
}

// Tracer counts; see tracer.Tracer.
type Tracer interface {
	MarkersSeen() (*os.File, error)
	Attach() (*tracer.Attached, error)
	Snapshot(ended bool) (*ledger.Snapshot, error)
	Close()
}

// ErrUntrustworthy is in the error of a run that lost events: its numbers may
// not be believed.
var ErrUntrustworthy = errors.New("events were lost, so the numbers may not be believed")

// grace is how long a subject may sit idle without progress once it was told to end, or
// a process of it has.
const grace = 10 * time.Second

// subject is what is recorded: processes that are prepared, and wait.
type subject interface {
	letGo() error
	processes() []<-chan struct{} // each is closed when the process has ended
	progress() int64              // grows as long as there is any
	busy() bool                   // it does something that no progress tells of
	stop()                        // tells it to end
	kill()                        // ends what still runs

	// describe completes a trace whose head is filled in, as of a snapshot.
	describe(*trace.Trace, *ledger.Snapshot, *tracer.Attached)
	// collect takes what the subject has to say once its processes have ended.
	collect(ctx context.Context, interrupted bool) ending
	// openWindows are those that nobody saw close, or not even open.
	openWindows(*ledger.Snapshot) int64
}

// ending is how a subject ended.
type ending struct {
	err         error // why not as it should
	whole       bool  // all processes ended by themselves, and well
	interrupted bool  // something was not waited for
}

// recording is one under way.
type recording struct {
	Recording
	subject  subject
	tracer   Tracer             // nil: nothing is counted
	observe  func(*trace.Trace) // may be nil
	head     trace.Trace        // what does not change meanwhile
	attached *tracer.Attached   // nil: not yet
	sampler  trace.Sampler
	snapshot *ledger.Snapshot // the last one
	last     *trace.Trace     // as of it
	ended    trace.Ended
}

func newRecording(r Recording, t Tracer, observe func(*trace.Trace)) *recording {
	head := trace.Trace{
		Schema: trace.Schema,
		Tool:   r.Tool,
		Host:   Host(),
		Run:    trace.Run{Command: shortCommand(r.Command), Latency: r.Latency, Started: time.Now().Truncate(time.Millisecond)},
	}
	if r.Duration > 0 {
		head.Run.LimitDurationNS = trace.Known(r.Duration.Nanoseconds())
	}
	return &recording{Recording: r, tracer: t, observe: observe, head: head, ended: trace.Done}
}

// record lets the subject go, counted if there is a tracer, and follows it to its end. It
// has not begun if the error is of what comes before.
func (r *recording) record(ctx context.Context, s subject) (begun bool, err error) {
	r.subject = s
	if r.tracer != nil {
		r.doing("attaching the hooks")
		if r.attached, err = r.tracer.Attach(); err != nil {
			return false, err
		}
		r.doing("")
	}
	if err := s.letGo(); err != nil {
		return false, err
	}
	if err := r.follow(ctx); err != nil {
		return true, err
	}
	return true, r.end(ctx)
}

// follow returns when all processes have ended.
func (r *recording) follow(ctx context.Context) error {
	ticker := time.NewTicker(r.Interval)
	defer ticker.Stop()
	early := time.After(r.Interval / 10) // so that a view soon has something to show
	var limit, deadline <-chan time.Time // nil channels never fire
	if r.Duration > 0 {
		limit = time.After(r.Duration)
	}
	var progress int64
	wait := func() { progress, deadline = r.subject.progress(), time.After(grace) }
	stop := func() {
		r.subject.stop()
		wait()
	}
	interrupted, processes := ctx.Done(), r.subject.processes()
	ended := oneByOne(processes)
	for left := len(processes); left > 0; {
		select {
		case <-early:
			if err := r.tick(false); err != nil {
				return err
			}
		case <-ticker.C:
			if err := r.tick(false); err != nil {
				return err
			}
		case r.Interval = <-r.NewInterval:
			ticker.Reset(r.Interval)
		case <-limit:
			stop()
		case <-interrupted:
			interrupted = nil
			r.ended = trace.Interrupted
			stop()
		case <-deadline:
			if r.subject.progress() > progress || r.subject.busy() {
				wait()
				continue
			}
			r.subject.kill()
		case <-ended:
			left--
			wait() // the others are soon at their end
		}
	}
	return nil
}

// oneByOne gives something for each channel that is closed.
func oneByOne(channels []<-chan struct{}) <-chan struct{} {
	closed := make(chan struct{}, len(channels))
	for _, channel := range channels {
		go func() {
			<-channel
			closed <- struct{}{}
		}()
	}
	return closed
}

// end counts for the last time, after the subject has said what it has to say.
func (r *recording) end(ctx context.Context) error {
	ending := r.subject.collect(ctx, r.ended == trace.Interrupted)
	if ending.interrupted {
		r.ended = trace.Interrupted
	}
	if err := r.tick(true); err != nil {
		return err
	}
	if r.last != nil && ending.whole {
		// The trace was handed out, and may be being drawn.
		last := *r.last
		last.Losses = maps.Clone(last.Losses)
		last.Losses["open_windows"] = r.subject.openWindows(r.snapshot)
		r.last = &last
	}
	return ending.err
}

// tick counts, keeps a sample and shows the state. ended says that all processes have.
func (r *recording) tick(ended bool) (err error) {
	if r.tracer == nil {
		return nil
	}
	if r.snapshot, err = r.tracer.Snapshot(ended); err != nil {
		return err
	}
	t := r.head
	t.Hooks = slices.Clone(r.attached.Hooks)
	for _, m := range r.snapshot.Missed {
		t.Hooks[m.Index].Misses = trace.Known(m.Events)
	}
	t.Run.IntervalNS = r.Interval.Nanoseconds()
	r.subject.describe(&t, r.snapshot, r.attached)
	r.sampler.Add(t.Run.ElapsedNS, t.Total)
	t.Samples = r.sampler.Samples()
	r.last = &t
	if r.observe != nil {
		r.observe(&t)
	}
	return nil
}

// conclude makes t, the last state, the final one. err is why it failed.
func (r *recording) conclude(t trace.Trace, err error) (*trace.Trace, error) {
	if lost := lostEvents(t.Losses); err == nil && lost != "" {
		err = fmt.Errorf("%w: %s", ErrUntrustworthy, lost)
	}
	t.Run.Ended = r.ended
	if err != nil {
		t.Run.Error = shorten(err.Error())
		if r.ended == trace.Done {
			t.Run.Ended = trace.Failed
		}
	}
	return &t, err
}

func lostEvents(losses map[string]int64) string {
	var list []string
	for _, cause := range slices.Sorted(maps.Keys(losses)) {
		if n := losses[cause]; n != 0 {
			list = append(list, fmt.Sprintf("%s %d", cause, n))
		}
	}
	return strings.Join(list, ", ")
}

// shorten keeps an error that goes into a trace to what a reader takes: a
// verifier's log can be long.
func shorten(text string) string {
	const limit = 4 << 10
	if len(text) > limit {
		return strings.ToValidUTF8(text[:limit], "") + " ..."
	}
	return text
}

// shortCommand keeps a command line that goes into a trace to what a reader takes: that of find -exec can be megabytes long.
func shortCommand(args []string) []string {
	left := 4 << 10 // bytes
	for i, word := range args {
		if len(word) >= left {
			short := append(slices.Clip(args[:i]), strings.ToValidUTF8(word[:left], "")+" ...")
			if more := len(args) - i - 1; more > 0 {
				short = append(short, fmt.Sprintf("... (%d more)", more))
			}
			return short
		}
		left -= len(word) + 1
	}
	return args
}

// isInterruption is true of the error of work that ctx has ended.
func isInterruption(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Cause(ctx))
}

// newCookie is the secret by which what is recorded opens its windows.
func newCookie() (uint64, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("make a secret: %w", err)
	}
	return binary.NativeEndian.Uint64(b[:]) | 1, nil // never 0: a worker's rehearsal uses that
}
