package report

import (
	"regexp"
	"slices"
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

// The point of a run stands above the fold of the smallest terminal, and where a terminal is when all
// is printed.
func TestTableSaysItsPointFirstAndLast(t *testing.T) {
	lossy := tracetest.Small("sendfile")
	wrong := false
	lossy.Losses, lossy.Run.Verified = map[string]int64{"map_full": 17}, &wrong
	uncounted := tracetest.Small("sendfile")
	uncounted.Total.Sender.Copies.InKernel = tracetest.Missing("no hook")
	for _, c := range []struct {
		trace *trace.Trace
		want  string
	}{
		{tracetest.Small("sendfile"), "zctrace sendfile, done\n3.05 GiB/s, 0.00 CPU copies of each byte (derived), as in the textbook\n"},
		{tracetest.Small("read-write"), "zctrace read-write, done\n3.05 GiB/s, 2.00 CPU copies of each byte (derived), as in the textbook\n"},
		{tracetest.FallenBack(), "zctrace sendfile, saved before its end\n5.91 GiB/s, 0.84 CPU copies of each byte (derived), not as in the textbook:\ncopies in_kernel 0.84 instead of 0\n"},
		{fromZero(), "zctrace read-write, done\n3.05 GiB/s, 1.00 CPU copies of each byte (derived), as in the textbook, apart\nfrom copies to_user (no bytes to copy: the kernel wrote 67,108,864 zeros, see\nfill)\n"},
		{uncounted, "zctrace sendfile, done\n3.05 GiB/s, CPU copies were not counted, as in the textbook, as far as counted\n"},
		{lossy, "zctrace sendfile, done\n3.05 GiB/s, 0.00 CPU copies of each byte (derived), as in the textbook\n" +
			"!! EVENTS WERE LOST, DO NOT BELIEVE THIS RUN: map_full 17\n!! NOT VERIFIED: the sink did not receive the bytes of the source\n"},
		{&trace.Trace{Run: trace.Run{Strategy: "splice", Ended: trace.Failed, Error: "no memory"}}, "zctrace splice, failed: no memory\n"},
	} {
		table := Table(c.trace, 80)
		if !strings.HasPrefix(table, c.want) || !strings.HasSuffix(table, "\n\n"+c.want) {
			t.Errorf("not first and last:\n%sin\n%s", c.want, table)
		}
		if lines := strings.Count(c.want, "\n"); lines > 5 {
			t.Errorf("a point of %d lines:\n%s", lines, c.want)
		}
	}
}

// What the legend explains stands in the tables above it, and whatever mark stands there is explained.
func TestLegendExplainsWhatOccurs(t *testing.T) {
	runs := tracetest.Extreme()
	for _, strategy := range tracetest.Strategies {
		runs[strategy] = tracetest.Small(strategy)
	}
	runs["to a file"], runs["fallen back"], runs["zeros"] = tracetest.ToFile(), tracetest.FallenBack(), fromZero()
	marks := map[string]int{}
	for name, tr := range runs {
		d := newDocument(tr)
		tables := strings.Join(slices.Concat(d.textbookSection(80), d.bytesSection(80), d.callsSection(80), d.countersSection(80), d.kernelSection(80)), "\n")
		legend := "\n" + strings.Join(d.legendSection(80), "\n")
		for mark, occurs := range map[string]*regexp.Regexp{
			".": regexp.MustCompile(`\d  \.(  |\n)`), "!=": regexp.MustCompile(`\d  !=(  |\n)`),
			"d": regexp.MustCompile(`\d d( |\n)`), "~": regexp.MustCompile(`\S ~( |\n)`), "n/a": regexp.MustCompile(`  n/a( |\n)`),
		} {
			there, told := occurs.MatchString(tables+"\n"), strings.Contains(legend, "\n"+mark+" ")
			if there != told {
				t.Errorf("%s: %q stands in the tables: %v, in the legend: %v\n%s\n%s", name, mark, there, told, tables, legend)
			}
			if there {
				marks[mark]++
			}
		}
	}
	if len(marks) != 5 {
		t.Errorf("only %v were seen", marks)
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

// What a program copies itself is a copy, too.
func TestPassesCountCopiesInUserSpace(t *testing.T) {
	tr := tracetest.Small("sendfile")
	tr.Total.Sender.Copies.UserSpace = tracetest.Derived(64 << 20)
	if line := PlainLine(nil, tr); !strings.Contains(line, " 1.00 ") {
		t.Errorf("no pass in %q", line)
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
	{"one mmap for all", func() *trace.Trace { return tracetest.Small("mmap-write") }, "transfer calls and mode switches (mapped once: n+1, not 2n)", "not as in"},
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
	}, "transfer calls and mode switches (mapped 2 times, not for each)", "transfer calls 0.00 instead"},
	{"a call for several transfers", func() *trace.Trace {
		tr := tracetest.Small("sendfile")
		c := &tr.Total.Sender
		delete(c.Syscalls.ByName, "sendfile")
		c.Syscalls.ByName["io_uring_enter"] = tracetest.Syscall(3, 0, 1, 0)
		tracetest.Settle(c, "io_uring_enter")
		return tr
	}, "transfer calls and mode switches (several transfers to a call)", "transfer calls 0."},
	{"a notification for several sends", func() *trace.Trace {
		tr := tracetest.Small("mmap-write")
		c := &tr.Total.Sender
		c.Syscalls.ByName["sendto"] = c.Syscalls.ByName["write"]
		delete(c.Syscalls.ByName, "write")
		c.Syscalls.ByName["recvmsg"] = tracetest.Syscall(100, 0, 1, 0)
		tracetest.Settle(c, "sendto", "recvmsg")
		c.Zerocopy.Completions = c.Syscalls.ByName["sendto"].Calls
		return tr
	}, "transfer calls and mode switches (one notification for several sends)", "mapped once"},
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
