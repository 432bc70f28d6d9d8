package report

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
)

func TestTableGolden(t *testing.T) {
	ended := func(tr *trace.Trace, how trace.Ended) *trace.Trace {
		tr.Run.Ended = how
		return tr
	}
	broken := tracetest.FallenBack()
	broken.Losses = map[string]int64{"map_full": 17, "ringbuf_full": 1203}
	broken.Run.Ended, broken.Run.Error = trace.Failed, "receiver was killed (signal 9)"
	verified := false
	broken.Run.Verified = &verified
	for name, tr := range map[string]*trace.Trace{
		"read-write": tracetest.Small("read-write"), "mmap-write": tracetest.Small("mmap-write"), "sendfile": tracetest.Small("sendfile"),
		"file": ended(tracetest.ToFile(), trace.Interrupted), "failed": broken, "failing": tracetest.Failing(), "empty": {},
	} {
		t.Run(name, func(t *testing.T) { tracetest.Golden(t, "table-"+name+".txt", Table(tr, 80)) })
	}
}

// That a run failed says nothing about whether it was to be verified.
func TestTableSaysWhetherItWasVerified(t *testing.T) {
	for _, c := range []struct {
		ended   trace.Ended
		command []string
		want    string
	}{
		{trace.Failed, []string{"run", "sendfile"}, "verified: not asked for\n"},
		{trace.Failed, []string{"run", "sendfile", "--verify=false"}, "verified: not asked for\n"},
		{trace.Failed, []string{"run", "sendfile", "--verify"}, "verified: no, the run failed before\n"},
		{trace.Failed, []string{"run", "--verify=1", "sendfile"}, "verified: no, the run failed before\n"},
		{trace.Done, []string{"run", "sendfile"}, "verified: not asked for\n"},
	} {
		tr := tracetest.Small("sendfile")
		tr.Run.Ended, tr.Run.Command, tr.Run.Verified = c.ended, c.command, nil
		if table := Table(tr, 80); !strings.Contains(table, c.want) {
			t.Errorf("%s, %v: no %q in\n%s", c.ended, c.command, c.want, table)
		}
	}
}

func TestTableFits(t *testing.T) {
	for name, tr := range tracetest.Extreme() {
		for _, width := range []int{0, 40, 80, 100, 200} {
			for i, l := range strings.Split(Table(tr, width), "\n") {
				if w := ansi.StringWidth(l); w > max(width, tableWidth) {
					t.Errorf("%s at %d: line %d is %d wide: %q", name, width, i+1, w, l)
				}
				if strings.HasSuffix(l, " ") {
					t.Errorf("%s at %d: line %d ends in a space: %q", name, width, i+1, l)
				}
			}
		}
	}
}

// TestTableIsASCII, for mails, as far as it is ours.
func TestTableIsASCII(t *testing.T) {
	for _, strategy := range tracetest.Strategies {
		if table := Table(tracetest.Small(strategy), 80); !human.IsPrintableASCII(strings.ReplaceAll(table, "\n", "")) {
			t.Errorf("%s: not ASCII:\n%s", strategy, table)
		}
	}
}

func TestPlainGolden(t *testing.T) {
	for _, strategy := range tracetest.Strategies {
		var b strings.Builder
		b.WriteString(PlainHeader(tracetest.RunOf(strategy, 0)) + "\n")
		var prev *trace.Trace
		for i := 5; i <= 50; i += 5 {
			cur := tracetest.RunOf(strategy, i)
			b.WriteString(PlainLine(prev, cur) + "\n")
			prev = cur
		}
		tracetest.Golden(t, "plain-"+strategy+".txt", b.String())
	}
}

// TestPlainLinesAlign: a column ends where its name does.
func TestPlainLinesAlign(t *testing.T) {
	lines := strings.Split(PlainHeader(tracetest.RunOf("read-write", 0)), "\n")
	want := len(lines[len(lines)-1])
	for name, tr := range map[string]*trace.Trace{
		"usual": tracetest.RunOf("read-write", 30), "stalled": tracetest.RunOf("sendfile", 0), "nothing is known": {}, "to a file": tracetest.ToFile(),
	} {
		for _, prev := range []*trace.Trace{nil, tr} {
			if got := PlainLine(prev, tr); len(got) != want {
				t.Errorf("%s: the line ends in column %d, want %d: %q", name, len(got), want, got)
			}
		}
	}
}

func TestNullIsNeverShownAsZero(t *testing.T) {
	tr := tracetest.Whole("read-write")
	tr.Total.Sender.PageCache = trace.PageCache{}
	tr.Total.Sender.ContextSwitches = trace.ContextSwitches{}
	tr.Total.Sender.Copies.ToUser = tracetest.Missing("no hook")
	table := Table(tr, 80)
	for _, label := range []string{"context switches, voluntary", "copied to_user", "copies to_user", "CPU copies in all"} {
		line := lineWith(table, label)
		if !strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), label)), human.NotCounted) {
			t.Errorf("%q: want %s first", line, human.NotCounted)
		}
	}
	if !strings.Contains(table, "copies.to_user (sender): no hook") {
		t.Errorf("the reason is missing:\n%s", table)
	}
}

func lineWith(text, label string) string {
	for _, l := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(l), label) {
			return l
		}
	}
	return ""
}

// verdicts are what is said of a trace, next to the textbook.
var verdicts = []struct {
	name   string
	trace  func() *trace.Trace
	want   string
	except string
}{
	{"read-write", func() *trace.Trace { return tracetest.Small("read-write") }, "as in the textbook, apart from DMA in (page cache warm), DMA out (loopback)", ""},
	{"sendfile", func() *trace.Trace { return tracetest.Small("sendfile") }, "as in the textbook, apart from", ""},
	{"one mmap for all", func() *trace.Trace { return tracetest.Small("mmap-write") }, "transfer calls (mapped once: n+1, not 2n)", "not as in"},
	{"one mmap for one", func() *trace.Trace {
		tr := tracetest.Small("mmap-write")
		tr.Total = tracetest.AtMoment("mmap-write", 1, 1<<20, 1e6)
		tr.Run.ChunkBytes = 1 << 20
		return tr
	}, "as in the textbook", "n+1"},
	{"two mmaps and nothing else", func() *trace.Trace {
		tr := tracetest.Small("mmap-write")
		c := &tr.Total.Sender
		delete(c.Syscalls.ByName, "write")
		c.Syscalls.ByName["mmap"] = tracetest.Syscall(2, 0, 1, 0)
		tracetest.Settle(c, "mmap")
		return tr
	}, "transfer calls (mapped 2 times, not for each)", "transfer calls 0.00 instead"},
	{"a call for several transfers", func() *trace.Trace {
		tr := tracetest.Small("sendfile")
		c := &tr.Total.Sender
		delete(c.Syscalls.ByName, "sendfile")
		c.Syscalls.ByName["io_uring_enter"] = tracetest.Syscall(3, 0, 1, 0)
		tracetest.Settle(c, "io_uring_enter")
		return tr
	}, "transfer calls (several transfers to a call)", "transfer calls 0."},
	{"a notification for several sends", func() *trace.Trace {
		tr := tracetest.Small("mmap-write")
		c := &tr.Total.Sender
		c.Syscalls.ByName["sendto"] = c.Syscalls.ByName["write"]
		delete(c.Syscalls.ByName, "write")
		c.Syscalls.ByName["recvmsg"] = tracetest.Syscall(100, 0, 1, 0)
		tracetest.Settle(c, "sendto", "recvmsg")
		c.Zerocopy.Completions = c.Syscalls.ByName["sendto"].Calls
		return tr
	}, "transfer calls (one notification for several sends)", "mapped once"},
	{"other calls in the window", func() *trace.Trace {
		tr := tracetest.Small("read-write")
		c := &tr.Total.Sender
		c.Syscalls.ByName["lseek"] = tracetest.Syscall(300, 0, 1, 0)
		tracetest.Settle(c, "read", "write")
		return tr
	}, "mode switches (300 other calls: lseek)", "not as in"},
	{"short transfers", func() *trace.Trace {
		tr := tracetest.Small("sendfile")
		c := &tr.Total.Sender
		c.Syscalls.ByName["sendfile"] = tracetest.Syscall(12_286, 64<<20, 1, 0)
		tracetest.Settle(c, "sendfile")
		c.Syscalls.ShortTransfers = trace.Known(11_262)
		return tr
	}, "not as in the textbook: transfer calls 12.00 instead of 1 (11,262 short transfers), mode switches 24.00 instead of 2", ""},
	{"fell back to copying", tracetest.FallenBack, "not as in the textbook: copies in_kernel 0.84 instead of 0", ""},
	{"zeros", fromZero, "as in the textbook, apart from copies to_user (no bytes to copy: the kernel wrote 67,108,864 zeros, see fill)", "not as in"},
	{"zeros that nobody wrote", func() *trace.Trace {
		tr := fromZero()
		tr.Total.Sender.Copies.Fill = tracetest.Derived(4096)
		return tr
	}, "not as in the textbook: copies to_user 0.00 instead of 1", "see fill"},
	{"cold, to a disk", tracetest.ToFile, "DMA out (writeback comes later)", "DMA in ("},
	{"a NIC, with headers", func() *trace.Trace {
		tr := tracetest.Small("sendfile")
		tr.Run.Sink.Device = trace.Device{Name: "eth0", Kind: "nic"}
		tr.Total.Sender.NIC.TxBytes = trace.Known(69 << 20)
		return tr
	}, "as in the textbook, apart from DMA in (page cache warm)", "DMA out"},
	{"not counted", func() *trace.Trace {
		tr := tracetest.Small("sendfile")
		tr.Total.Sender.Copies.InKernel = tracetest.Missing("no hook")
		return tr
	}, "not counted: copies in_kernel, CPU copies in all", "not as in"},
	{"no textbook", func() *trace.Trace {
		tr := tracetest.Small("sendfile")
		tr.Textbook = nil
		return tr
	}, "nothing to compare with", ""},
	{"nothing moved yet", func() *trace.Trace { return tracetest.RunOf("sendfile", 0) }, "nothing to compare with", ""},
}

func TestVerdict(t *testing.T) {
	for _, c := range verdicts {
		t.Run(c.name, func(t *testing.T) {
			tr := c.trace()
			got := reading.End(tr).Verdict().String()
			if !strings.Contains(got, c.want) || c.except != "" && strings.Contains(got, c.except) {
				t.Errorf("got %q\nwant %q in it, and not %q", got, c.want, c.except)
			}
		})
	}
}

func fromZero() *trace.Trace {
	tr := tracetest.Small("read-write")
	tr.Run.Source = trace.Source{Kind: "zero", Path: "/dev/zero"}
	tr.Total.Sender.Copies.ToUser, tr.Total.Sender.Copies.Fill = tracetest.Derived(0), tracetest.Derived(64<<20)
	return tr
}

// TestUnderWay: a transfer that is half done when the counters are read makes
// no difference to a long run.
func TestUnderWay(t *testing.T) {
	tr := tracetest.RunOf("read-write", 20)
	c := &tr.Total.Sender
	read := c.Syscalls.ByName["read"]
	read.Calls = read.Calls.Add(trace.Known(1))
	c.Syscalls.ByName["read"] = read
	tracetest.Settle(c, "read", "write")
	c.Copies.ToUser = tracetest.Derived(c.PayloadBytes.Or(0) + 65536)
	v := reading.End(tr).Verdict()
	if len(v.Differing()) > 0 {
		t.Errorf("differs: %s", v)
	}
	if got, want := v.Row(reading.TransferCalls).Cause, (reading.Cause{Kind: reading.MoreInAll, Count: 1}); got != want {
		t.Errorf("cause %+v, want %+v", got, want)
	}
}

func TestWordsForPeople(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{sized(512), "512 bytes"},
		{sized(65536), "65,536 bytes (64 KiB)"},
		{commandLine([]string{"zctrace", "run", "--expect", "sender.copies.from_user == 0"}), "zctrace run --expect 'sender.copies.from_user == 0'"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// Both sinks are named, as fully as there is room.
func TestTwoSinks(t *testing.T) {
	run := trace.Run{Source: trace.Source{Kind: "auto"},
		Sink:  trace.Sink{Kind: "tcp", Address: "127.0.0.1:80", Device: trace.Device{Name: "lo", Kind: "loopback"}},
		Sink2: &trace.Sink{Kind: "file", Address: "/var/tmp", Device: trace.Device{Kind: "disk"}}}
	for width, want := range map[int]string{
		80: "auto -> tcp 127.0.0.1:80 (loopback) and /var/tmp",
		40: "auto -> tcp (loopback) and /var/tmp",
		30: "auto -> tcp and /var/tmp",
	} {
		if got := SourceToSink(Look, run, width); got != want {
			t.Errorf("%d cells: %q, want %q", width, got, want)
		}
	}
}

// Losses that nobody looked for are not none, and a trace without an end is not running.
func TestWhatATraceDoesNotSay(t *testing.T) {
	lossless := tracetest.Round("sendfile", 100)
	for _, losses := range []map[string]int64{nil, {}} {
		tr := tracetest.Round("sendfile", 100)
		tr.Losses, tr.Run.Ended = losses, ""
		for name, text := range map[string]string{"Table": Table(tr, 80), "Difference": Difference(tr, lossless, "a", "b", 80)} {
			if !strings.Contains(text, "not recorded") || strings.Contains(text, "losses: none") {
				t.Errorf("%s: losses %v are not unknown:\n%s", name, losses, text)
			}
			if !strings.Contains(text, NoEnd) || strings.Contains(text, "running") {
				t.Errorf("%s does not say that the trace has no end:\n%s", name, text)
			}
		}
		counted := tracetest.Round("read-write", 100)
		counted.Losses = losses
		if text := Ranking(trace.NewSet([]*trace.Trace{lossless, counted}), 80); !strings.Contains(text, "losses: not recorded in 1 run\n") {
			t.Errorf("losses %v are not unknown in the ranking:\n%s", losses, text)
		}
	}
}
