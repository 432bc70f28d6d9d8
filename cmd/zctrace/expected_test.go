//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

var allSinks = []string{"tcp", "unix", "pipe", "file", "null"}

// onlyTo are the strategies that do not take every sink.
var onlyTo = map[string]string{"copy-file-range": "file", "mmap-copy": "file", "msg-zerocopy": "tcp", "io-uring-zc": "tcp"}

func takes(strategy, sink string) bool { return onlyTo[strategy] == "" || onlyTo[strategy] == sink }

// sinkFor is tcp, or what the strategy takes instead.
func sinkFor(strategy string) string {
	if !takes(strategy, "tcp") {
		return onlyTo[strategy]
	}
	return "tcp"
}

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

// mapping are the strategies that read the source by mapping it.
var mapping = []string{"mmap-write", "vmsplice", "mmap-copy", "msg-zerocopy", "io-uring-zc"}

// queued are the strategies of --depth, whose requests carry offsets: no lseek.
var queued = []string{"aio", "io-uring", "io-uring-fixed", "io-uring-zc", "io-uring-splice"}

// direct are the strategies that go past the page cache.
var direct = []string{"direct-io", "aio"}

// blocks are the strategies that do it by blocks: other chunks they refuse, or
// do in another way.
var blocks = []string{"copy-file-range", "direct-io", "aio"}

var wholeBlocks = map[string]string{"4093": "4096", "40000": "40960"}

// chunkFor is the chunk, or the next larger one that is made of whole blocks.
func chunkFor(strategy, chunk string) string {
	if slices.Contains(blocks, strategy) {
		return wholeBlocks[chunk]
	}
	return chunk
}

// refused checks that a run is, and that it says what can be done instead.
func refused(t *testing.T, strategy, sink string) {
	t.Helper()
	needTracing(t)
	r := zctrace(t, "run", strategy, "--sink", sink, "--source", "auto:64KiB", "--bytes", "4KiB")
	if r.code != exitUnsupported || !strings.Contains(r.stderr, "is not possible here") || !strings.Contains(r.stderr, "take --sink "+onlyTo[strategy]) {
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

// expect n bytes of payload to cost the sender this much. Of them, tail end the
// source within a block.
func expect(strategy, sink, filesystem string, n, tail int64) expectation {
	w := want{
		"sender.copies.to_user": 0, "sender.copies.from_user": 0, "sender.copies.in_kernel": 0,
		"sender.copies.user_space": 0, "sender.moved.page_refs": 0, "sender.moved.cloned": 0,
	}
	e := expectation{bytes: w}
	fromBuffer := func() {
		if sink != "null" { // which takes what it is given without a look
			w["sender.copies.from_user"] = n
		}
	}
	byReference := func(sink string) {
		if sink == "file" { // page cache to page cache
			w["sender.copies.in_kernel"] = n
		} else {
			w["sender.moved.page_refs"] += n
		}
	}
	switch strategy {
	case "read-write", "readv-writev", "io-uring", "io-uring-fixed":
		w["sender.copies.to_user"] = n
		fromBuffer()
	case "mmap-write":
		fromBuffer()
	case "sendfile":
		byReference(sink)
	case "splice", "vmsplice", "io-uring-splice":
		w["sender.moved.page_refs"] = n // into its own pipe: a call for each hop
		byReference(sink)
	case "tee":
		w["sender.moved.page_refs"] = 2 * n // into a pipe, and from there into another
		byReference(sink)
		byReference(secondSink(sink))
	case "msg-zerocopy", "io-uring-zc":
		w["sender.moved.page_refs"] = n
		w["sender.copies.in_kernel"] = n // when the packets arrive, for it is loopback
		e.late = true
	case "direct-io", "aio":
		if filesystem == "tmpfs" { // copies all the same
			w["sender.copies.to_user"] = n
			fromBuffer()
			break
		}
		w["sender.moved.page_refs"] = n
		e.unknown = []string{"sender.copies.to_user", "sender.moved.page_refs"}
		fromBuffer()
		if sink == "file" {
			w["sender.copies.from_user"] = tail // by the page cache
			w["sender.moved.page_refs"] += n - tail
			e.unknown = append(e.unknown, "sender.copies.from_user")
		}
	case "mmap-copy":
		w["sender.copies.user_space"] = n
	case "copy-file-range":
		if filesystem == "xfs" || filesystem == "btrfs" {
			w["sender.moved.cloned"] = n
			e.unknown = []string{"sender.copies.in_kernel", "sender.moved.cloned"}
		} else {
			w["sender.copies.in_kernel"] = n
		}
	}
	return e
}

// orCopied allows for direct writes that the file system made buffered ones, as
// btrfs does since 6.12: all of them, and without anybody's knowing.
func (e expectation) orCopied(c *trace.Counters, n int64) {
	const written, refs = "sender.copies.from_user", "sender.moved.page_refs"
	if c.Copies.FromUser.Bytes == trace.Known(n) {
		e.bytes[refs] -= n - e.bytes[written]
		e.bytes[written] = n
	}
}

// of is what an engine must count for a path; not known if it cannot tell.
func (e expectation) of(engine, path string) trace.Int {
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
		"sender.copies.to_user": c.Copies.ToUser, "sender.copies.from_user": c.Copies.FromUser,
		"sender.copies.in_kernel": c.Copies.InKernel, "sender.copies.user_space": c.Copies.UserSpace,
		"sender.moved.page_refs": c.Moved.PageRefs, "sender.moved.cloned": c.Moved.Cloned,
	} {
		if want := e.of(tr.Run.Engine, path); got.Bytes != want {
			t.Errorf("%s is %v, want %v (engine %s)", path, got.Bytes, want, tr.Run.Engine)
		}
		if !got.Bytes.Known() && got.Reason == "" {
			t.Errorf("%s is null without a reason", path)
		}
	}
}
