//go:build linux

package session

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// describe fills in what is known before the run.
func (s *session) describe(untraced *pass) {
	book := s.cfg.Strategy.TextbookTo(s.sink.Kind)
	s.trace = trace.Trace{
		Schema: trace.Schema,
		Tool:   s.cfg.Tool,
		Host:   Host(),
		Textbook: &trace.Textbook{
			TransferCalls: book.TransferCalls,
			ModeSwitches:  book.ModeSwitches,
			Copies:        trace.TextbookCopies{ToUser: book.ToUser, FromUser: book.FromUser, InKernel: book.InKernel},
			DMA:           trace.TextbookDMA{In: book.DMAIn, Out: book.DMAOut},
			Source:        book.Source,
		},
		Run: trace.Run{
			Command:    s.cfg.Command,
			Strategy:   s.cfg.Strategy.Name,
			Path:       describePath(s.cfg.Strategy.Path),
			Source:     trace.Source{Kind: string(s.source.Kind), Path: s.source.Path, Filesystem: s.source.Filesystem},
			Sink:       describeSink(s.sink),
			ChunkBytes: s.cfg.Chunk,
			Cache:      "warm",
			Latency:    s.cfg.Latency,
			IntervalNS: s.cfg.Interval.Nanoseconds(),
			Started:    time.Now().Truncate(time.Millisecond),
		},
	}
	run := &s.trace.Run
	if s.source.Kind != workloads.SourceZero {
		run.Source.Bytes = trace.Known(s.source.Bytes)
	}
	if s.sink2 != nil {
		sink := describeSink(s.sink2)
		run.Sink2 = &sink
	}
	if s.receivers() > 0 {
		run.Receiver = s.cfg.Receiver().Name
	}
	if s.cfg.Cold {
		run.Cache = "cold"
	}
	if s.cfg.Bytes > 0 {
		run.LimitBytes = trace.Known(s.cfg.Bytes)
	}
	if s.cfg.Duration > 0 {
		run.LimitDurationNS = trace.Known(s.cfg.Duration.Nanoseconds())
	}
	if untraced != nil {
		run.UntracedElapsedNS = trace.Known(untraced.sender.Elapsed.Nanoseconds())
	}
}

func describePath(hops []workloads.Hop) (path []trace.Hop) {
	for _, h := range hops {
		path = append(path, trace.Hop(h))
	}
	return path
}

func describeSink(s *workloads.Sink) trace.Sink {
	return trace.Sink{Kind: string(s.Kind), Address: s.Address, Device: trace.Device(s.Device)}
}

// state is the trace of the run as of a snapshot.
func (s *session) state(snapshot *ledger.Snapshot, attached *tracer.Attached, w workers) *trace.Trace {
	t, sending := s.trace, s.sending(attached, w.sender)
	t.Total.Sender = ledger.Counters(&snapshot.Slots[ledger.Sender], sending)
	if w.receiver != nil {
		receiver := ledger.Counters(&snapshot.Slots[ledger.Receiver], ledger.Party{
			Missing: attached.Missing,
			Engines: attached.Engines,
			NoNIC:   sending.NoNIC,
			Workload: ledger.Workload{
				Payload:   trace.Known(w.receiver.Payload()),
				UserSpace: trace.Known(0),
				Transfer:  s.cfg.Receiver().Transfer,
				Left:      ledger.Left{Reason: "what the run left behind is told of the sender"},
			},
		})
		t.Total.Receiver = &receiver
	}
	t.Total.Kernel = ledger.KernelCounters(&snapshot.Kernel, attached.Missing, &t.Total.Sender)
	t.Losses = ledger.Losses(snapshot, sending)
	t.Run.ElapsedNS = snapshot.WindowNS(ledger.Sender)
	t.Run.PayloadBytes = t.Total.Sender.PayloadBytes
	return &t
}

// sending is what the ledger must know of the sender.
func (s *session) sending(attached *tracer.Attached, sender Worker) ledger.Party {
	declared := sender.Declared()
	p := ledger.Party{
		Missing: attached.Missing,
		Engines: attached.Engines,
		Workload: ledger.Workload{
			Payload:   trace.Known(sender.Payload()),
			UserSpace: trace.Known(declared.UserSpace),
			Transfer:  s.cfg.Strategy.Transfer,
			Cached:    s.source.Cached() && !s.cfg.Strategy.Direct(),
			Dense:     s.dense,
			Remote:    s.source.IsRemote(),
			Pages:     s.wholePages(),
			Maps:      s.cfg.Strategy.Makes("mmap"),
			MapsSink:  s.cfg.Strategy.Makes("msync"),
			Left:      s.left.bytes(),
		},
	}
	if s.cfg.Strategy.ZeroCopySends {
		p.Zerocopy = &trace.Zerocopy{Completions: trace.Known(declared.Completions)}
		if declared.Copied != workloads.CopiedUnknown {
			p.Zerocopy.Copied = trace.Known(declared.Copied)
		}
	}
	s.askNICs(&p)
	return p
}

// askNICs says which of the numbers about NICs there can be.
func (s *session) askNICs(p *ledger.Party) {
	if !s.sink.IsRemote() {
		p.NoNIC = s.whyNoNIC()
		return
	}
	switch device := s.sink.Device; device.Kind {
	case "loopback":
		p.NoNIC = noNIC[workloads.SinkTCP]
	case "veth":
		p.NoNIC = "it leaves through " + device.Name + ", and veth moves no bytes by DMA"
	case "virtual":
		p.UnknownTx = "what carries the packets of the virtual device " + device.Name + " on is not followed"
		p.UnknownRx = p.UnknownTx
	}
	if s.unsure {
		p.UnknownTx = "the receiver did not say what it received, so bytes may still have been in the socket's buffer"
		p.UnknownRx = p.UnknownTx
	} else if name := s.sink.Stacked(); name != "" {
		p.UnknownRx = "what arrives for " + name + " is not recognised on the devices below it"
	}
}

// noNIC says why the bytes that go to a sink cannot pass a device that moves
// them by DMA.
var noNIC = map[workloads.SinkKind]string{
	workloads.SinkTCP:  "the loopback device moves no bytes by DMA",
	workloads.SinkUnix: "a unix socket involves no device",
	workloads.SinkPipe: "a pipe involves no device",
	workloads.SinkFile: "a file involves no NIC",
	workloads.SinkNull: "/dev/null involves no device",
}

func (s *session) whyNoNIC() string {
	why := noNIC[s.sink.Kind]
	if s.sink2 == nil || why == "" || s.sink2.Kind == s.sink.Kind {
		return why
	}
	if other := noNIC[s.sink2.Kind]; other != "" {
		return why + "; " + other
	}
	return ""
}

// finish turns the last state into the final one. err is why the pass failed.
func (s *session) finish(ctx context.Context, p *pass, err error) (*trace.Trace, error) {
	if p.last == nil {
		return nil, err
	}
	t := *p.last
	if err == nil && s.cfg.Verify {
		if err = s.verify(ctx, p); isInterruption(ctx, err) { // it is not known
			p.ended, err = trace.Interrupted, nil
		} else {
			ok := err == nil
			t.Run.Verified = &ok
		}
	} else if p.receiver.Mismatch != nil {
		t.Run.Verified = new(bool)
	}
	if lost := lostEvents(t.Losses); err == nil && lost != "" {
		err = fmt.Errorf("%w: %s", ErrUntrustworthy, lost)
	}
	t.Run.Ended = p.ended
	if err != nil {
		t.Run.Error = shorten(err.Error())
		if p.ended == trace.Done {
			t.Run.Ended = trace.Failed
		}
	}
	return &t, err
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

func lostEvents(losses map[string]int64) string {
	text := ""
	for _, cause := range slices.Sorted(maps.Keys(losses)) {
		if n := losses[cause]; n != 0 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%s %d", cause, n)
		}
	}
	return text
}

// newCookie is the secret by which this run's workers open their windows.
func newCookie() (uint64, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("make a secret: %w", err)
	}
	return binary.NativeEndian.Uint64(b[:]) | 1, nil // never 0: a worker's rehearsal uses that
}

// corruptEnv makes the sender of read-write flip a byte at a payload offset, to
// prove that --verify finds it; without --verify it does nothing.
const corruptEnv = "ZCTRACE_TEST_CORRUPT_AT"

func (s *session) corruptAt() *int64 {
	if !s.cfg.Verify {
		return nil
	}
	at, err := strconv.ParseInt(os.Getenv(corruptEnv), 10, 64)
	if err != nil {
		return nil
	}
	return &at
}

// openExpectation copies what the receiver compares with to memory when it may
// not be the source itself, because that has to stay cold.
func (s *session) openExpectation(ctx context.Context) (err error) {
	if s.cfg.Verify && s.cfg.Cold && s.receivers() > 0 && !s.sink.Keeps() {
		s.doing("copying %d MiB of source %s to memory, to compare with", s.sourceBytes()>>20, s.cfg.Source)
		s.expect, err = s.source.Snapshot(ctx, s.cfg.Bytes)
	}
	return err
}

// verify checks what the receiver could not check while it received.
func (s *session) verify(ctx context.Context, p *pass) error {
	if s.sink.IsRemote() {
		if p.receipt == nil {
			return context.Cause(ctx)
		}
		s.doing("comparing what %s received with the source", s.cfg.Sinks[0])
		return s.sink.VerifyRemote(ctx, s.source, p.sender.Payload, p.receipt)
	}
	if n := s.receivers(); n > 0 && p.receiver.Payload != n*p.sender.Payload {
		return fmt.Errorf("verification failed: %d bytes were sent and %d received", n*p.sender.Payload, p.receiver.Payload)
	}
	for _, sink := range s.sinks() {
		if sink.HasReceiver() && !sink.Keeps() {
			continue
		}
		s.doing("comparing sink %s with the source", sink.Kind)
		bad, err := sink.VerifyFile(ctx, s.source, p.sender.Payload)
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
