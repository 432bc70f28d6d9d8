package ui

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
)

const pathPayload = int64(64 << 20)

// pathRun is a run of which only the way of the data matters: a second old, and
// with one payload in each class that change gives it.
func pathRun(strategy, source, sink string, change func(t *trace.Trace, c *trace.Counters, n int64)) *trace.Trace {
	t := &trace.Trace{Textbook: &trace.Textbook{TransferCalls: 1, ModeSwitches: 2, DMA: trace.TextbookDMA{In: 1, Out: 1}}}
	t.Run = trace.Run{
		Strategy: strategy, ChunkBytes: 64 << 10, Cache: "warm", Receiver: "read", ElapsedNS: int64(time.Second),
		Source: trace.Source{Kind: source, Filesystem: "ext4"},
		Sink:   trace.Sink{Kind: sink},
	}
	switch sink {
	case "tcp":
		t.Run.Sink.Device = trace.Device{Name: "lo", Kind: "loopback"}
	case "file":
		t.Run.Sink.Device = trace.Device{Name: "vda", Kind: "disk"}
	}
	t.Total.Sender = tracetest.Counters(pathPayload, int64(time.Second))
	if sink == "tcp" || sink == "unix" || sink == "pipe" {
		receiver := tracetest.Counters(pathPayload, int64(time.Second))
		tracetest.ReadReceiver(&receiver, 1024, 64<<10)
		t.Total.Receiver = &receiver
	}
	change(t, &t.Total.Sender, pathPayload)
	return t
}

// paths are the strategies that there are, some with a choice of sinks, and
// some that there are not.
func paths() []*trace.Trace {
	type change = func(t *trace.Trace, c *trace.Counters, n int64)
	bothCopies := func(t *trace.Trace, c *trace.Counters, n int64) {
		t.Textbook.Copies = trace.TextbookCopies{ToUser: 1, FromUser: 1}
		c.Copies.ToUser, c.Copies.FromUser = tracetest.Derived(n), tracetest.Derived(n)
	}
	references := func(passes int64) change {
		return func(_ *trace.Trace, c *trace.Counters, n int64) { c.Moved.PageRefs = tracetest.Derived(passes * n) }
	}
	intoFile := func(refs int64) change {
		return func(_ *trace.Trace, c *trace.Counters, n int64) {
			c.Moved.PageRefs, c.Copies.InKernel = tracetest.Derived(refs*n), tracetest.Observed(n)
		}
	}
	late := func(_ *trace.Trace, c *trace.Counters, n int64) {
		c.Moved.PageRefs, c.Copies.InKernel = tracetest.Derived(n), tracetest.Observed(n)
		c.Moved.Mapped = tracetest.Missing("it needs engine fentry")
		c.Zerocopy = trace.Zerocopy{Completions: trace.Known(1024), Copied: trace.Known(1024)}
	}
	direct := func(_ *trace.Trace, c *trace.Counters, n int64) {
		c.Disk.ReadBytes, c.Disk.WriteBytes = trace.Known(n), trace.Known(n)
		c.Moved.PageRefs = tracetest.Derived(2 * n)
	}
	list := []*trace.Trace{
		pathRun("read-write", "auto", "tcp", bothCopies),
		pathRun("read-write", "zero", "null", func(t *trace.Trace, c *trace.Counters, n int64) {
			t.Textbook.Copies = trace.TextbookCopies{ToUser: 1, FromUser: 1}
			c.Copies.Fill = tracetest.Derived(n)
		}),
		pathRun("readv-writev", "file", "unix", bothCopies),
		pathRun("mmap-write", "auto", "pipe", func(t *trace.Trace, c *trace.Counters, n int64) {
			t.Textbook.Copies.FromUser = 1
			c.Copies.FromUser, c.Moved.Mapped = tracetest.Derived(n), tracetest.Observed(n/4)
		}),
		pathRun("sendfile", "auto", "tcp", references(1)),
		pathRun("sendfile", "auto", "file", intoFile(0)),
		pathRun("splice", "auto", "tcp", references(2)),
		pathRun("splice", "auto", "file", intoFile(1)),
		pathRun("vmsplice", "auto", "tcp", references(2)),
		pathRun("tee", "auto", "tcp", references(4)), // of an older trace, without the second sink
		twoSinks("tcp", "null"), twoSinks("pipe", "file"), twoSinks("file", "file"),
		pathRun("copy-file-range", "auto", "file", func(t *trace.Trace, c *trace.Counters, n int64) {
			t.Textbook.Copies.InKernel = 1
			c.Moved.Cloned = tracetest.Derived(n)
		}),
		pathRun("mmap-copy", "auto", "file", func(_ *trace.Trace, c *trace.Counters, n int64) {
			c.Moved.Mapped, c.Copies.UserSpace = tracetest.Observed(n), tracetest.Observed(n)
		}),
		pathRun("msg-zerocopy", "auto", "tcp", late),
		pathRun("direct-io", "auto", "file", direct),
		pathRun("aio", "auto", "file", direct),
		pathRun("direct-io", "auto", "null", func(t *trace.Trace, c *trace.Counters, n int64) { // compressed: it falls back
			t.Run.Cache, c.Disk.ReadBytes, c.Copies.ToUser = "cold", trace.Known(n/8), tracetest.Derived(n)
		}),
		pathRun("io-uring", "auto", "tcp", bothCopies),
		pathRun("io-uring-fixed", "auto", "tcp", bothCopies),
		pathRun("io-uring-zc", "auto", "tcp", func(t *trace.Trace, c *trace.Counters, n int64) {
			t.Run.Sink.Device = trace.Device{Name: "eth0", Kind: "nic"}
			t.Total.Receiver = nil
			c.Moved.Mapped, c.Moved.PageRefs = tracetest.Observed(n), tracetest.Derived(n)
			c.NIC.TxBytes = trace.Known(n + n/50)
		}),
		pathRun("io-uring-splice", "auto", "tcp", references(2)),
		pathRun("of-the-future", "auto", "tcp", func(t *trace.Trace, c *trace.Counters, n int64) {
			t.Textbook = nil
			c.Syscalls.ByName["read"] = tracetest.Syscall(1024, n, 1000, 0)
			c.Copies.ToUser, c.Copies.FromUser = tracetest.Derived(n), tracetest.Missing("nobody saw it")
		}),
		pathRun("of-the-future", "elsewhere", "another", references(1)),
		pathRun("of-the-future", "auto", "tcp", func(_ *trace.Trace, c *trace.Counters, n int64) {
			c.Syscalls.ByName["vmsplice"] = tracetest.Syscall(1024, n, 1000, 0)
			c.Moved.PageRefs = tracetest.Derived(2 * n)
		}),
	}
	return list
}

// twoSinks is a run of tee, which a file in its turn makes copy.
func twoSinks(first, second string) *trace.Trace {
	return pathRun("tee", "auto", first, func(t *trace.Trace, c *trace.Counters, n int64) {
		t.Textbook.DMA.Out = 2
		t.Run.Sink2 = &trace.Sink{Kind: second}
		c.Syscalls.ByName["tee"] = tracetest.Syscall(1024, n, 1000, 0)
		refs, copies := 2*n, int64(0)
		for _, kind := range []string{first, second} {
			if kind == "file" {
				copies += n
			} else {
				refs += n
			}
		}
		c.Moved.PageRefs, c.Copies.InKernel = tracetest.Derived(refs), tracetest.Observed(copies)
	})
}

func TestPictureGolden(t *testing.T) {
	for _, width := range []int{60, 80, 120, 200} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			var b strings.Builder
			for _, tr := range paths() {
				r := tr.Run
				fmt.Fprintf(&b, "%s, %s to %s\n%s\n\n", r.Strategy, r.Source.Kind, r.Sink.Kind, trimLines(picturePanel(newData(uncoloured(false), tr, ended), width-2*margin)))
			}
			tracetest.Golden(t, fmt.Sprintf("paths-%d.txt", width), b.String())
		})
	}
}

// Traces that were written before they had a path are drawn as they were then.
func TestPictureOfOlderTraces(t *testing.T) {
	files, err := filepath.Glob("../tracer/trace/testdata/*.json")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	var b strings.Builder
	for _, file := range files {
		saved, err := trace.ReadFile(file)
		tr := saved.Trace
		if err != nil || tr.Run.Path != nil {
			t.Fatalf("%s: %v, %v; want no path", file, tr, err)
		}
		for _, width := range []int{80, 120} {
			fmt.Fprintf(&b, "%s\n%s\n\n", tr.Run.Strategy, trimLines(picturePanel(newData(uncoloured(false), tr, ended), width-2*margin)))
		}
	}
	tracetest.Golden(t, "paths-older.txt", b.String())
}

// What is drawn is the path, not what goes by a strategy's name.
func TestPictureKnowsNoNames(t *testing.T) {
	for _, tr := range paths() {
		older := tr.Run.Hops()
		if older == nil { // nothing is known of it
			continue
		}
		want := picturePanel(newData(uncoloured(false), tr, ended), 118)
		tr.Run.Strategy, tr.Run.Path = "of-the-future", older
		if got := picturePanel(newData(uncoloured(false), tr, ended), 118); got != want {
			t.Errorf("by its path it is drawn as\n%s\nand by its name as\n%s", got, want)
		}
	}
}

// A path that cannot be drawn is none: what is drawn then is a guess.
func TestPictureOfAnImpossiblePath(t *testing.T) {
	const nowhere = "nowhere"
	for name, hops := range map[string][]trace.Hop{
		"without a sink":   {{From: trace.PlaceSource, To: nowhere}},
		"without a source": {{From: nowhere, To: trace.PlaceSink}},
		"in a circle":      {{From: trace.PlaceSource, To: nowhere}, {From: nowhere, To: trace.PlaceSource}},
		"without end":      slices.Repeat([]trace.Hop{{From: trace.PlaceSource, To: trace.PlaceSink}}, 1e6),
	} {
		tr := paths()[0]
		want := picturePanel(newData(uncoloured(false), tr, ended), 118)
		tr.Run.Path = hops
		if got := picturePanel(newData(uncoloured(false), tr, ended), 118); got != want {
			t.Errorf("a path %s is drawn as\n%s", name, got)
		}
	}
}

// The receiver's side, by how it takes the data.
func TestPictureOfTheReceiver(t *testing.T) {
	var b strings.Builder
	for _, method := range []struct {
		name string
		take func(c *trace.Counters, n int64)
	}{
		{"read", func(c *trace.Counters, n int64) { c.Copies.ToUser = tracetest.Derived(n) }},
		{"splice", func(c *trace.Counters, n int64) {
			c.Moved.PageRefs, c.Copies.InKernel = tracetest.Derived(n), tracetest.Derived(n)
		}},
		{"zerocopy", func(c *trace.Counters, n int64) {
			c.Moved.Mapped, c.Copies.ToUser = tracetest.Observed(n-4096), tracetest.Observed(4096)
		}},
		{"zerocopy", func(c *trace.Counters, n int64) { c.Copies.ToUser = tracetest.Derived(n) }}, // what could not be mapped
		{"trunc", func(*trace.Counters, int64) {}},
	} {
		tr := pathRun("sendfile", "auto", "tcp", func(t *trace.Trace, c *trace.Counters, n int64) { c.Moved.PageRefs = tracetest.Derived(n) })
		receiver := tracetest.Counters(pathPayload, int64(time.Second))
		method.take(&receiver, pathPayload)
		tr.Total.Receiver, tr.Run.Receiver = &receiver, method.name
		for _, width := range []int{80, 120} {
			d := newData(uncoloured(false), tr, ended)
			d.other = true
			fmt.Fprintf(&b, "--receiver %s\n%s\n\n", method.name, trimLines(picturePanel(d, width-2*margin)))
		}
	}
	tracetest.Golden(t, "paths-receiver.txt", b.String())
}

// TestArrows: what an arrow says of a number that is there, is 0, or is not known.
func TestArrows(t *testing.T) {
	for _, c := range []struct {
		name      string
		copied    trace.Amount
		book      int
		want, not []string
	}{
		{"copied", tracetest.Derived(pathPayload), 1, []string{"copy 1.00 d", "━►", "64 MiB/s"}, []string{"!!", "?"}},
		{"not expected", tracetest.Derived(pathPayload), 0, []string{"copy 1.00 d", "━!!━", "!! page cache → user buffer, copy 1.00"}, []string{"?"}},
		{"nothing", tracetest.Derived(0), 1, []string{"copy 0.00 d", " ·····"}, []string{"━", "?"}},
		{"hardly anything", tracetest.Derived(1), 0, []string{"copy <0.01", "━►"}, []string{"?"}},
		{"not known", tracetest.Missing("no hook"), 1, []string{"copy n/a", "???►", "not counted"}, []string{"━"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := pathRun("read-write", "auto", "tcp", func(t *trace.Trace, k *trace.Counters, n int64) {
				t.Textbook.Copies.ToUser = c.book
				k.Copies.ToUser = c.copied
			})
			got := picturePanel(newData(uncoloured(false), tr, ended), 118)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			for _, not := range c.not {
				if strings.Contains(got, not) {
					t.Errorf("%q in\n%s", not, got)
				}
			}
		})
	}
}

// Copies that no file can have made are not given to either of two sinks.
func TestForkThatCannotBeToldApart(t *testing.T) {
	tr := twoSinks("tcp", "null")
	tr.Total.Sender.Copies.InKernel = tracetest.Observed(4096)
	got := picturePanel(newData(uncoloured(false), tr, ended), 118)
	if !strings.Contains(got, "nobody counts them apart") || strings.Contains(got, "tee") {
		t.Errorf("got\n%s", got)
	}
}

func TestShortRate(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0B/s", 17: "17B/s", 999.4: "999B/s", 1000: "1.0K/s", 9.9 * 1024: "9.9K/s", 1022.3 * (1 << 20): "1.0G/s",
		350.4 * (1 << 20): "350M/s", 2.94 * (1 << 30): "2.9G/s", -5: "0B/s",
	} {
		if got := shortRate(v); got != want {
			t.Errorf("%g: %s, want %s", v, got, want)
		}
	}
}
