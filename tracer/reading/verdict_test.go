package reading

import (
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

func derived(n int64) trace.Amount {
	return trace.Amount{Bytes: trace.Known(n), DerivedBytes: trace.Known(n), Provenance: trace.Derived, Reason: "no fentry"}
}

// traceOf is a run that has ended, of so much payload, and the textbook's copies.
func traceOf(payload, chunk int64, copies trace.TextbookCopies) *trace.Trace {
	t := &trace.Trace{Textbook: &trace.Textbook{Copies: copies}}
	t.Run.ChunkBytes, t.Run.Ended = chunk, trace.Done
	t.Total.Sender = trace.Counters{PayloadBytes: trace.Known(payload), Syscalls: trace.Syscalls{ByName: map[string]trace.Syscall{}}}
	t.Total.Sender.Copies = trace.Copies{ToUser: derived(0), FromUser: derived(0), InKernel: derived(0), Fill: derived(0)}
	return t
}

// Copies that are not the textbook's: what the trace explains, and what stays a difference.
func TestExplainedCopies(t *testing.T) {
	const n = 1 << 20
	readWrite, sendfile := trace.TextbookCopies{ToUser: 1, FromUser: 1}, trace.TextbookCopies{}
	for _, test := range []struct {
		name         string
		source, sink string
		book         trace.TextbookCopies
		copies       [3]int64 // to_user, from_user, in_kernel
		fill, late   int64
		subject      Subject
		want         Agreement
		cause        Cause
		text         string
	}{
		{name: "as written", source: "auto", sink: "tcp", book: readWrite, copies: [3]int64{n, n, 0}, subject: CopiesToUser, want: Same},
		{name: "a page more", source: "auto", sink: "tcp", book: readWrite, copies: [3]int64{n + 4096, n, 0}, subject: CopiesToUser, want: Same,
			cause: Cause{Kind: BytesInAll, Count: 4096}, text: "+4096 bytes"},
		{name: "zeros", source: "zero", sink: "tcp", book: readWrite, copies: [3]int64{0, n, 0}, fill: n, subject: CopiesToUser, want: Explained,
			cause: Cause{Kind: Zeros, Count: n}, text: "no bytes to copy: the kernel wrote 1,048,576 zeros, see fill"},
		{name: "fewer zeros than payload", source: "zero", sink: "tcp", book: readWrite, copies: [3]int64{0, n, 0}, fill: n / 2, subject: CopiesToUser, want: Differs},
		{name: "to nowhere", source: "auto", sink: "null", book: readWrite, copies: [3]int64{n, 0, 0}, subject: CopiesFromUser, want: Explained,
			cause: Cause{Kind: Unread}, text: "/dev/null takes them unread"},
		{name: "half to nowhere", source: "auto", sink: "null", book: readWrite, copies: [3]int64{n, n / 2, 0}, subject: CopiesFromUser, want: Differs},
		{name: "sendfile to a file", source: "auto", sink: "file", book: sendfile, copies: [3]int64{0, 0, n}, subject: CopiesInKernel, want: Differs,
			cause: Cause{Kind: FileTakesCopies}, text: "a file takes copies, not pages"},
		{name: "sendfile to a socket, copied", source: "auto", sink: "tcp", book: sendfile, copies: [3]int64{0, 0, n}, subject: CopiesInKernel, want: Differs},
		{name: "zero-copy over loopback", source: "auto", sink: "tcp", book: sendfile, copies: [3]int64{0, 0, n}, late: 16, subject: CopiesInKernel, want: Differs,
			cause: Cause{Kind: CopiedOnArrival, Name: "loopback"}, text: "copied after all on arrival: the route is loopback"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := traceOf(n, n, test.book)
			c := &tr.Total.Sender
			c.Copies.ToUser, c.Copies.FromUser, c.Copies.InKernel = derived(test.copies[0]), derived(test.copies[1]), derived(test.copies[2])
			c.Copies.Fill, c.Zerocopy.Copied = derived(test.fill), trace.Known(test.late)
			tr.Run.Source.Kind, tr.Run.Sink.Kind, tr.Run.Sink.Device.Kind = test.source, test.sink, "loopback"
			v := End(tr).Verdict()
			row := v.Row(test.subject)
			if row.Agreement != test.want || row.Cause != test.cause || row.Cause.String() != test.text {
				t.Errorf("%s: agreement %d, cause %+v, %q; want %d, %+v, %q", row.Subject, row.Agreement, row.Cause, row.Cause, test.want, test.cause, test.text)
			}
			for _, s := range []Subject{CopiesToUser, CopiesFromUser, CopiesInKernel} {
				if a := v.Row(s).Agreement; s != test.subject && a != Same {
					t.Errorf("%s: agreement %d", s, a)
				}
			}
		})
	}
}

// Copies that the program makes itself have a row where the textbook has some, and are in the sum.
func TestCopiesInUserSpaceAreJudged(t *testing.T) {
	const n = 1 << 20
	for _, test := range []struct {
		book   int
		copied int64
		want   Agreement // of the row; that of the sum is the same
	}{{1, n, Same}, {1, 2 * n, Differs}, {0, 0, Unmeasured}} {
		tr := traceOf(n, 1<<16, trace.TextbookCopies{UserSpace: test.book})
		tr.Total.Sender.Copies.UserSpace = derived(test.copied)
		v := End(tr).Verdict()
		if row := v.Row(CopiesUserSpace); row.Agreement != test.want || row.Measured != float64(test.copied)/n || row.Textbook != test.book {
			t.Errorf("textbook %d, %d bytes: %+v", test.book, test.copied, row)
		}
		if sum := v.Row(CPUCopies); sum.Measured != float64(test.copied)/n || sum.Textbook != test.book {
			t.Errorf("textbook %d, %d bytes: in all %+v", test.book, test.copied, sum)
		}
	}
}

// A sentence names every subject that differs for a known reason, each reason once; the point those of the copies,
// whatever else has the same reason.
func TestEverySubjectIsNamed(t *testing.T) {
	mapped, tail := Cause{Kind: MappedOnce}, Cause{Kind: BufferedTail}
	warm, other := Cause{Kind: CacheWarm}, Cause{Kind: OtherCalls, Count: 1, Name: "mmap"}
	for _, test := range []struct {
		name            string
		rows            []Row
		sentence, point string
	}{
		{"for one reason", []Row{
			{Subject: TransferCalls, Agreement: Explained, Cause: mapped}, {Subject: ModeSwitches, Agreement: Explained, Cause: mapped},
			{Subject: DMAIn, Agreement: Explained, Cause: warm},
		}, "as in the textbook, apart from transfer calls and mode switches (mapped once: n+1, not 2n), DMA in (page cache warm)", "as in the textbook"},
		{"and for another besides", []Row{
			{Subject: TransferCalls, Agreement: Explained, Cause: mapped}, {Subject: ModeSwitches, Agreement: Explained, Cause: mapped, Besides: other},
		}, "as in the textbook, apart from transfer calls (mapped once: n+1, not 2n), mode switches (1 other call: mmap)", "as in the textbook"},
		{"of calls and copies", []Row{
			{Subject: TransferCalls, Agreement: Explained, Cause: tail}, {Subject: CopiesFromUser, Agreement: Explained, Cause: tail},
			{Subject: CPUCopies, Agreement: Explained, Cause: tail},
		}, "as in the textbook, apart from transfer calls and copies from_user (what is no whole block goes through the page cache)",
			"as in the textbook, apart from copies from_user (what is no whole block goes through the page cache)"},
		{"without one", []Row{
			{Subject: TransferCalls, Agreement: Explained, Cause: mapped}, {Subject: ModeSwitches, Agreement: Explained},
		}, "as in the textbook, apart from transfer calls (mapped once: n+1, not 2n), mode switches", "as in the textbook"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := Verdict{Rows: test.rows}
			if s := v.String(); s != test.sentence {
				t.Errorf("says %q, want %q", s, test.sentence)
			}
			if s := v.Point(); s != test.point {
				t.Errorf("the point is %q, want %q", s, test.point)
			}
		})
	}
}

// Every cause but none has words.
func TestCausesHaveWords(t *testing.T) {
	for kind := NoCause + 1; kind < causeKinds; kind++ {
		if (Cause{Kind: kind, Name: "x"}).String() == "" {
			t.Errorf("cause %d has no words", kind)
		}
	}
}

// While it goes, a batch has copied more than the payload knows of; once it has ended, nothing is under
// way.
func TestCopiesUnderWay(t *testing.T) {
	const chunk = 64 << 10
	for _, test := range []struct {
		name  string
		ended trace.Ended
		call  string
		ahead int64
		want  Agreement
	}{
		{"a chain of eight", "", "io_uring_enter", 8 * chunk, Explained},
		{"more than a call submits", "", "io_uring_enter", 18 * chunk, Differs},
		{"ended", trace.Done, "io_uring_enter", 8 * chunk, Differs},
		{"call by call", "", "read", 8 * chunk, Differs},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := traceOf(16*chunk, chunk, trace.TextbookCopies{ToUser: 1})
			c := &tr.Total.Sender
			c.Copies.ToUser = derived(16*chunk + test.ahead)
			c.Syscalls.ByName[test.call] = trace.Syscall{Calls: trace.Known(2)} // for 16 transfers
			tr.Run.Ended = test.ended
			if row := End(tr).Verdict().Row(CopiesToUser); row.Agreement != test.want {
				t.Errorf("agreement %d, want %d: %s", row.Agreement, test.want, row)
			}
		})
	}
}

// DMA in, DMA out and copies of a source and a sink that the disk does not hold as they are.
func TestCausesByExtents(t *testing.T) {
	const n = 1 << 20
	direct := []trace.Hop{{From: trace.PlaceSource, To: trace.PlaceBuffer, By: trace.ByDMA}}
	sparse := &trace.Extents{Bytes: trace.Known(n), HoleBytes: trace.Known(n / 2), MappedBytes: trace.Known(n / 2)}
	mixed := &trace.Extents{Bytes: trace.Known(n), HoleBytes: trace.Known(4096), UnwrittenBytes: trace.Known(8192), EncodedBytes: trace.Known(1000), InlineBytes: trace.Known(1)}
	packed := &trace.Extents{Bytes: trace.Known(n), MappedBytes: trace.Known(n), EncodedBytes: trace.Known(n)}
	for _, test := range []struct {
		name           string
		cache          string
		path           []trace.Hop
		extents        *trace.Extents
		read, added    int64
		cloned, copied int64
		toUser         int64
		subject        Subject
		want           Agreement
		text           string
	}{
		{name: "holes", cache: "cold", extents: sparse, read: n / 2, subject: DMAIn, want: Explained, text: "holes: 524,288 bytes in no block"},
		{name: "less than the holes explain", cache: "cold", extents: sparse, read: n / 4, subject: DMAIn, want: Differs},
		{name: "warm", cache: "warm", extents: sparse, subject: DMAIn, want: Explained, text: "page cache warm"},
		{name: "direct, which no cache serves", cache: "warm", path: direct, extents: sparse, read: n / 2, subject: DMAIn, want: Explained, text: "holes: 524,288 bytes in no block"},
		{name: "direct, without a reason", cache: "warm", path: direct, subject: DMAIn, want: Differs},
		{name: "of every kind", cache: "cold", extents: mixed, read: n - 12288, subject: DMAIn, want: Explained,
			text: "holes, unwritten, compressed, inline: 4,096 bytes in no block, 8,192 bytes in blocks never written, 1,000 bytes as fewer on the disk, 1 byte among metadata"},
		{name: "read ahead", cache: "cold", read: 2 * n, added: 2 * n, subject: DMAIn, want: Explained, text: "read ahead, in whole blocks: 1,048,576 bytes more"},
		{name: "metadata", cache: "cold", read: 2 * n, added: n, subject: DMAIn, want: Explained, text: "metadata: 1,048,576 bytes of the file system's own"},
		{name: "decompressed", cache: "cold", extents: packed, read: n / 8, added: n, subject: CPUCopies, want: Explained, text: "decompressed or decrypted: up to 1,048,576 bytes are the CPU's work"},
		{name: "decompressed before", cache: "warm", extents: packed, subject: CPUCopies, want: Same},
		{name: "direct, fallen back", cache: "warm", path: direct, extents: packed, toUser: n, subject: CopiesToUser, want: Differs, text: "direct I/O fell back to the page cache"},
		{name: "direct, copied elsewhere", cache: "warm", path: direct, read: n, toUser: n, subject: CopiesToUser, want: Differs, text: "the kernel copied it, in spite of O_DIRECT"},
		{name: "and so from a warm cache", cache: "warm", path: direct, extents: packed, toUser: n, subject: DMAIn, want: Explained, text: "page cache warm"},
		{name: "cloned", cache: "cold", cloned: n, subject: DMAIn, want: Explained, text: "cloned: 1,048,576 bytes share blocks"},
		{name: "cloned, not copied", cache: "cold", cloned: n, subject: CopiesInKernel, want: Explained, text: "cloned: 1,048,576 bytes share blocks"},
		{name: "cloned, nothing to write", cache: "warm", cloned: n, subject: DMAOut, want: Explained, text: "cloned: 1,048,576 bytes share blocks"},
		{name: "a part cloned", cache: "warm", cloned: n / 2, copied: n / 2, subject: CopiesInKernel, want: Explained, text: "cloned: 524,288 bytes share blocks"},
		{name: "a part to write", cache: "warm", cloned: n / 2, copied: n / 2, subject: DMAOut, want: Explained, text: "writeback comes later, but for 524,288 bytes that share blocks"},
	} {
		t.Run(test.name, func(t *testing.T) {
			book := trace.TextbookCopies{}
			if test.cloned > 0 {
				book.InKernel = 1
			}
			tr := traceOf(n, n, book)
			tr.Textbook.DMA = trace.TextbookDMA{In: 1, Out: 1}
			tr.Run.Cache, tr.Run.Path = test.cache, test.path
			tr.Run.Source.Extents, tr.Run.Sink = test.extents, trace.Sink{Kind: "file", Device: trace.Device{Kind: "disk"}}
			c := &tr.Total.Sender
			c.Disk = trace.Disk{ReadBytes: trace.Known(test.read), WriteBytes: trace.Known(0)}
			c.PageCache.MissBytes = trace.Known(test.added)
			c.PageCache.LeftBytes = trace.Known(test.toUser - test.read)
			c.Copies.ToUser, c.Copies.InKernel, c.Moved.Cloned = derived(test.toUser), derived(test.copied), derived(test.cloned)
			if row := End(tr).Verdict().Row(test.subject); row.Agreement != test.want || row.Cause.String() != test.text {
				t.Errorf("agreement %d, %q; want %d, %q", row.Agreement, row.Cause, test.want, test.text)
			}
		})
	}
}

// Of a hostile trace, too.
func TestCausesByOddExtents(t *testing.T) {
	for _, n := range []trace.Int{{}, trace.Known(0), trace.Known(1), trace.Known(1<<63 - 1)} {
		tr := traceOf(1<<62, 1, trace.TextbookCopies{})
		tr.Textbook.DMA, tr.Run.Cache = trace.TextbookDMA{In: 1}, "cold"
		tr.Run.Source.Bytes, tr.Run.Source.Extents = n, &trace.Extents{Bytes: n, HoleBytes: n, EncodedBytes: n, UnwrittenBytes: n}
		tr.Total.Sender.Disk.ReadBytes = trace.Known(1 << 61)
		_ = End(tr).Verdict().String()
	}
}

// More calls than the textbook's, or fewer: why, and what that is for the mode switches.
func TestCallsHaveTheirCauses(t *testing.T) {
	const chunk = 64 << 10
	for _, test := range []struct {
		name        string
		made        map[string]int64
		transfers   int64 // of these calls
		book        int
		run         func(*trace.Run)
		short       int64
		calls, mode Cause
		besides     Cause
	}{
		{name: "going round", made: map[string]int64{"sendfile": 16, "lseek": 4}, transfers: 16, book: 1,
			mode: Cause{Kind: OtherCalls, Count: 4, Name: "lseek"}},
		{name: "held to a rate", made: map[string]int64{"sendfile": 16, "lseek": 4, "clock_nanosleep": 16}, transfers: 16, book: 1,
			mode: Cause{Kind: OtherCalls, Count: 20, Name: "lseek, clock_nanosleep"}},
		{name: "calls that nobody knows", made: map[string]int64{"sendfile": 16, "getpid": 4}, transfers: 16, book: 1,
			mode: Cause{Kind: OtherCalls, Count: 4}},
		{name: "short", made: map[string]int64{"sendfile": 20}, transfers: 20, book: 1, short: 4,
			calls: Cause{Kind: ShortTransfers, Count: 4}, mode: Cause{Kind: ShortTransfers, Count: 4}},
		{name: "short, and held to a rate", made: map[string]int64{"sendfile": 20, "clock_nanosleep": 16}, transfers: 20, book: 1, short: 4,
			calls: Cause{Kind: ShortTransfers, Count: 4}, mode: Cause{Kind: ShortTransfers, Count: 4},
			besides: Cause{Kind: OtherCalls, Count: 16, Name: "clock_nanosleep"}},
		{name: "a small pipe", made: map[string]int64{"vmsplice": 256, "splice": 256, "mmap": 1, "munmap": 1}, transfers: 512, book: 2,
			run:   func(r *trace.Run) { r.PipeBytes = trace.Known(4096) },
			calls: Cause{Kind: SmallPipe, Count: 4096}, mode: Cause{Kind: SmallPipe, Count: 4096},
			besides: Cause{Kind: OtherCalls, Count: 2, Name: "munmap, mmap"}},
		{name: "to a pipe by vmsplice", made: map[string]int64{"vmsplice": 16, "splice": 24}, transfers: 40, book: 2, short: -1,
			calls: Cause{Kind: InPieces, Count: 8}, mode: Cause{Kind: InPieces, Count: 8}},
		{name: "notifications", made: map[string]int64{"io_uring_enter": 31}, transfers: 31, book: 1,
			run:   func(r *trace.Run) { r.Strategy = "io-uring-zc" },
			calls: Cause{Kind: NotificationsAwaited, Count: 15}, mode: Cause{Kind: NotificationsAwaited, Count: 15}},
		{name: "mapped", made: map[string]int64{"write": 16, "mmap": 1, "munmap": 1, "clock_nanosleep": 16}, transfers: 17, book: 2,
			calls: Cause{Kind: MappedOnce}, mode: Cause{Kind: MappedOnce},
			besides: Cause{Kind: OtherCalls, Count: 17, Name: "clock_nanosleep, munmap"}},
		{name: "a chain", made: map[string]int64{"io_uring_enter": 2, "clock_nanosleep": 2}, transfers: 2, book: 1,
			calls: Cause{Kind: SeveralToACall}, mode: Cause{Kind: SeveralToACall},
			besides: Cause{Kind: OtherCalls, Count: 2, Name: "clock_nanosleep"}},
		{name: "tails", made: map[string]int64{"read": 17, "write": 16, "pwrite64": 3}, transfers: 36, book: 2, short: 3,
			run:   func(r *trace.Run) { r.Strategy, r.Source.Bytes = "direct-io", trace.Known(8*chunk-100) },
			calls: Cause{Kind: BufferedTail}, mode: Cause{Kind: BufferedTail}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := traceOf(16*chunk, chunk, trace.TextbookCopies{})
			tr.Textbook.TransferCalls, tr.Textbook.ModeSwitches = test.book, 2*test.book
			if test.run != nil {
				test.run(&tr.Run)
			}
			c, all := &tr.Total.Sender, int64(0)
			for name, n := range test.made {
				c.Syscalls.ByName[name] = trace.Syscall{Calls: trace.Known(n)}
				all += n
			}
			c.Syscalls.Calls, c.Syscalls.TransferCalls, c.Syscalls.ShortTransfers = trace.Known(all), trace.Known(test.transfers), trace.Known(test.short)
			if test.short < 0 {
				c.Syscalls.ShortTransfers = trace.Int{}
			}
			if tr.Run.Strategy == "io-uring-zc" {
				c.Zerocopy.Completions = trace.Known(16)
			}
			c.ModeSwitches = trace.Known(2 * all)
			v := End(tr).Verdict()
			calls, mode := v.Row(TransferCalls), v.Row(ModeSwitches)
			if calls.Cause != test.calls || mode.Cause != test.mode || mode.Besides != test.besides {
				t.Errorf("calls: %+v; mode switches: %+v, and %+v", calls.Cause, mode.Cause, mode.Besides)
			}
			if mode.Agreement != Same && mode.Why() == "" {
				t.Errorf("%s", mode)
			}
		})
	}
}

// What is shown as the textbook's is the textbook's, and what it lacks in all is said.
func TestDMAOutAsItIsShown(t *testing.T) {
	for _, test := range []struct {
		written int64
		want    Agreement
		cause   Cause
	}{
		{1_000_123, Same, Cause{}},
		{999_424, Same, Cause{Kind: BytesInAll, Count: -699}},
		{500_000, Explained, Cause{Kind: WritebackLater}},
		{1_200_123, Explained, Cause{Kind: WrittenMore, Count: 200_000}},
	} {
		tr := traceOf(1_000_123, 64<<10, trace.TextbookCopies{})
		tr.Textbook.DMA.Out = 1
		tr.Run.Sink = trace.Sink{Kind: "file", Device: trace.Device{Name: "vda", Kind: "disk"}}
		tr.Total.Sender.Disk.WriteBytes = trace.Known(test.written)
		if row := End(tr).Verdict().Row(DMAOut); row.Agreement != test.want || row.Cause != test.cause {
			t.Errorf("%d bytes: agreement %d, %+v, want %d, %+v", test.written, row.Agreement, row.Cause, test.want, test.cause)
		}
	}
}

// Direct I/O reads whole blocks, of a source of one byte 4,095 bytes more in each pass.
func TestDirectReadsInWholeBlocks(t *testing.T) {
	for read, want := range map[int64]Cause{
		8192:  {Kind: InBlocks, Count: 8190},
		12288: {Kind: MetadataRead, Count: 4096},
	} {
		tr := traceOf(2, 64<<10, trace.TextbookCopies{})
		tr.Run.Strategy, tr.Run.Source.Bytes, tr.Textbook.DMA.In = "direct-io", trace.Known(1), 1
		tr.Total.Sender.Disk.ReadBytes = trace.Known(read)
		if row := End(tr).Verdict().Row(DMAIn); row.Cause != want {
			t.Errorf("%d bytes: %+v, want %+v", read, row.Cause, want)
		}
	}
}

// What is mapped and written to /dev/null, nobody touches: nothing is read, cold as the cache may be. Where
// bytes were copied, or one cannot know, that is no cause.
func TestMappingThatNobodyTouches(t *testing.T) {
	for _, test := range []struct {
		sink   string
		copied trace.Amount
		want   Cause
	}{
		{"null", derived(0), Cause{Kind: Unread}},
		{"null", derived(4096), Cause{}},
		{"null", trace.Amount{Provenance: trace.Unavailable, Reason: "x"}, Cause{}},
		{"tcp", derived(0), Cause{}},
	} {
		tr := traceOf(1<<20, 64<<10, trace.TextbookCopies{})
		tr.Run.Strategy, tr.Run.Sink.Kind, tr.Run.Cache, tr.Textbook.DMA.In = "mmap-write", test.sink, "cold", 1
		tr.Run.Source.Below = []trace.Layer{{Kind: "disk", Name: "vda"}}
		tr.Total.Sender.Copies.FromUser, tr.Total.Sender.Disk.ReadBytes = test.copied, trace.Known(0)
		if row := End(tr).Verdict().Row(DMAIn); row.Cause != test.want {
			t.Errorf("to %s, %s copied: %+v, want %+v", test.sink, test.copied.Bytes, row.Cause, test.want)
		}
	}
}
