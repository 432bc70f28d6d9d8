//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

var allSinks = []string{"tcp", "unix", "pipe", "file", "null"}

// sinksOf are the arguments that name the sink; tee gets a second one, of each
// kind in turn.
func sinksOf(strategy, sink string) []string {
	if strategy != "tee" {
		return []string{"--sink", sink}
	}
	return []string{"--sink", sink, "--sink", secondSink(sink)}
}

var secondSinks = map[string]string{"tcp": "file", "unix": "tcp", "pipe": "unix", "file": "pipe", "null": "unix"}

func secondSink(sink string) string { return secondSinks[sink] }

// received is what the receiver gets of n bytes of payload: once from each sink
// that has another end.
func received(strategy, sink string, n int64) (sum int64) {
	sinks := []string{sink}
	if strategy == "tee" {
		sinks = append(sinks, secondSink(sink))
	}
	for _, s := range sinks {
		if s != "file" && s != "null" {
			sum += n
		}
	}
	return sum
}

// refused checks that a run is, and that it says what can be done instead.
func refused(t *testing.T, strategy, sink string) {
	t.Helper()
	needTracing(t)
	r := zctrace(t, "run", strategy, "--sink", sink, "--source", "auto:64KiB", "--bytes", "4KiB")
	if r.code != exitUnsupported || !strings.Contains(r.stderr, "is not possible here") || !strings.Contains(r.stderr, "take --sink "+laws[strategy].only) {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

// expectation is what a run must count.
type expectation struct {
	bytes want // of the sender, by path
	// unknown are the paths of bytes that cannot be derived: they are null, with
	// the reason, where no hook saw them.
	unknown []string
	// byFentry are those that no other engine can know.
	byFentry []string
	// late: the copies in the kernel are made when packets arrive, which
	// breakpoints leave to a tracepoint.
	late bool
}

// The paths of what it counts.
const (
	toUser    = "sender.copies.to_user"
	fromUser  = "sender.copies.from_user"
	inKernel  = "sender.copies.in_kernel"
	userSpace = "sender.copies.user_space"
	pageRefs  = "sender.moved.page_refs"
	cloned    = "sender.moved.cloned"
)

// expect n bytes of payload to cost the sender this much. Of them, tail end the
// source within a block.
func expect(strategy, sink, filesystem string, n, tail int64) expectation {
	e := expectation{bytes: want{toUser: 0, fromUser: 0, inKernel: 0, userSpace: 0, pageRefs: 0, cloned: 0}}
	if moves := laws[strategy].moves; moves != nil { // else it is expected to move nothing, and fails alone
		moves(&e, transfer{sink, filesystem, n, tail})
	}
	return e
}

// orCopied allows for direct writes that the file system made buffered ones, as
// btrfs does since 6.12: all of them, and without anybody's knowing.
func (e expectation) orCopied(c *trace.Counters, n int64) {
	if c.Copies.FromUser.Bytes == trace.Known(n) {
		e.bytes[pageRefs] -= n - e.bytes[fromUser]
		e.bytes[fromUser] = n
	}
}

// count is what an engine must count for a path; not known if it cannot tell.
func (e expectation) count(engine, path string) trace.Int {
	if engine == "derived" && slices.Contains(e.unknown, path) || engine != "fentry" && slices.Contains(e.byFentry, path) {
		return trace.Int{}
	}
	return trace.Known(e.bytes[path])
}

// check holds the sender's counters against it.
func (e expectation) check(t *testing.T, tr *trace.Trace) {
	t.Helper()
	c := &tr.Total.Sender
	for path, got := range map[string]trace.Amount{
		toUser: c.Copies.ToUser, fromUser: c.Copies.FromUser, inKernel: c.Copies.InKernel, userSpace: c.Copies.UserSpace,
		pageRefs: c.Moved.PageRefs, cloned: c.Moved.Cloned,
	} {
		if want := e.count(tr.Run.Engine, path); got.Bytes != want {
			t.Errorf("%s is %v, want %v (engine %s)", path, got.Bytes, want, tr.Run.Engine)
		}
		if !got.Bytes.Known() && got.Reason == "" {
			t.Errorf("%s is null without a reason", path)
		}
	}
}
