// Package tracetest makes up runs and comparisons for tests of what shows or exports them.
package tracetest

import (
	"math"
	"time"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Strategies are those that there are runs of. Their numbers are made up, but such as
// those runs have.
var Strategies = []string{"read-write", "mmap-write", "sendfile"}

const second = int64(time.Second)

// shape is what a strategy costs per chunk, at each party.
type shape struct {
	strategy           string
	book               trace.Textbook
	sender, receiver   func(c *trace.Counters, chunks, chunk int64)
	bytesPerSecond     float64
	sinkKind, sinkAddr string
	device             trace.Device
}

// Derived is an amount that an engine derived.
func Derived(n int64) trace.Amount {
	return trace.Amount{Bytes: trace.Known(n), DerivedBytes: trace.Known(n), Provenance: trace.Derived, Reason: "fentry is refused by this kernel"}
}

// Observed is an amount that was observed, and none of it derived.
func Observed(n int64) trace.Amount {
	return trace.Amount{Bytes: trace.Known(n), DerivedBytes: trace.Known(0), Provenance: trace.Observed}
}

// Missing is an amount that nobody counted.
func Missing(reason string) trace.Amount {
	return trace.Amount{Provenance: trace.Unavailable, Reason: reason}
}

// OnDisk are the extents of a file all of whose bytes are in blocks of a disk as they are.
func OnDisk(n int64) *trace.Extents {
	return &trace.Extents{
		Bytes: trace.Known(n), MappedBytes: trace.Known(n), HoleBytes: trace.Known(0), UnwrittenBytes: trace.Known(0),
		EncodedBytes: trace.Known(0), InlineBytes: trace.Known(0), UnknownBytes: trace.Known(0), SharedBytes: trace.Known(0),
	}
}

// Syscall is a system call without errors.
func Syscall(calls, bytes, meanNS, blocked int64) trace.Syscall {
	return trace.Syscall{
		Calls: trace.Known(calls), Errors: trace.Known(0), Bytes: trace.Known(bytes),
		TimeNS: trace.Known(calls * meanNS), Blocked: trace.Known(blocked),
	}
}

// Counters fills what every party has in these runs.
func Counters(payload, elapsedNS int64) trace.Counters {
	c := trace.Counters{
		PayloadBytes:    trace.Known(payload),
		ContextSwitches: trace.ContextSwitches{Voluntary: trace.Known(elapsedNS / 5e6), Involuntary: trace.Known(elapsedNS / 300e6)},
		PageFaults:      trace.PageFaults{Minor: trace.Known(0), Major: trace.Known(0), UserMode: trace.Known(0)},
		PageCache:       trace.PageCache{HitBytes: trace.Known(payload), MissBytes: trace.Known(0), ReadaheadBytes: trace.Known(0), LeftBytes: trace.Known(0)},
		Disk:            trace.Disk{ReadBytes: trace.Known(0), ReadRequests: trace.Known(0), WriteBytes: trace.Known(0), WriteRequests: trace.Known(0)},
		CPU: trace.CPU{
			RuntimeNS: trace.Known(elapsedNS * 93 / 100), UserNS: trace.Known(elapsedNS * 3 / 100),
			SystemNS: trace.Known(elapsedNS * 90 / 100),
		},
		Syscalls: trace.Syscalls{ByName: map[string]trace.Syscall{}},
		Provenance: map[string]trace.Origin{
			"cpu.user_ns":           {Provenance: trace.Estimated, Reason: "split by the timer tick"},
			"cpu.system_ns":         {Provenance: trace.Estimated, Reason: "split by the timer tick"},
			"page_cache.hit_bytes":  {Provenance: trace.Estimated, Reason: "read bytes less missed bytes"},
			"page_cache.left_bytes": {Provenance: trace.Derived, Reason: "in the page cache at the end, less those before"},
			"nic":                   {Provenance: trace.Unavailable, Reason: "loopback has no NIC"},
			"zerocopy":              {Provenance: trace.Unavailable, Reason: "the strategy asks for no zero-copy"},
		},
	}
	c.Copies = trace.Copies{
		ToUser: Derived(0), FromUser: Derived(0), InKernel: Derived(0), UserSpace: Derived(0),
		COW:         Missing("no tracepoint sees copy-on-write here"),
		NetInternal: Missing("fentry is refused by this kernel"), Fill: Derived(0),
	}
	c.Moved = trace.Moved{PageRefs: Derived(0), Mapped: Observed(0), Cloned: Derived(0)}
	return c
}

// Settle counts what follows from the calls by name.
func Settle(c *trace.Counters, transfers ...string) {
	calls, transfer := int64(0), int64(0)
	for name, s := range c.Syscalls.ByName {
		calls += s.Calls.Or(0)
		for _, t := range transfers {
			if t == name {
				transfer += s.Calls.Or(0)
			}
		}
	}
	c.Syscalls.Calls, c.Syscalls.TransferCalls = trace.Known(calls), trace.Known(transfer)
	c.Syscalls.ShortTransfers = trace.Known(0)
	c.ModeSwitches = trace.Known(2 * calls)
}

// ReadReceiver makes of them those of a receiver that reads.
func ReadReceiver(c *trace.Counters, chunks, chunk int64) {
	c.Syscalls.ByName["read"] = Syscall(chunks*2, chunks*chunk, 6100, chunks/3)
	c.Copies.ToUser = Derived(chunks * chunk)
	c.Disk, c.PageCache = trace.Disk{ReadBytes: trace.Known(0), WriteBytes: trace.Known(0), ReadRequests: trace.Known(0), WriteRequests: trace.Known(0)}, trace.PageCache{}
	delete(c.Provenance, "page_cache.hit_bytes")
	c.Provenance["page_cache"] = trace.Origin{Provenance: trace.Unavailable, Reason: "the receiver reads no file"}
	Settle(c, "read")
}

var shapes = map[string]shape{
	"read-write": {
		strategy: "read-write", bytesPerSecond: 3.2e9, sinkKind: "tcp", sinkAddr: "127.0.0.1:40115",
		device: trace.Device{Name: "lo", Kind: "loopback"},
		book:   trace.Textbook{TransferCalls: 2, ModeSwitches: 4, Copies: trace.TextbookCopies{ToUser: 1, FromUser: 1}, DMA: trace.TextbookDMA{In: 1, Out: 1}},
		sender: func(c *trace.Counters, chunks, chunk int64) {
			c.Syscalls.ByName["read"] = Syscall(chunks, chunks*chunk, 3100, 0)
			c.Syscalls.ByName["write"] = Syscall(chunks, chunks*chunk, 9800, chunks/200)
			if laps := chunks * chunk / (64 << 20); laps > 1 {
				c.Syscalls.ByName["lseek"] = Syscall(laps-1, 0, 240, 0)
			}
			c.Copies.ToUser, c.Copies.FromUser = Derived(chunks*chunk), Derived(chunks*chunk)
			Settle(c, "read", "write")
		},
		receiver: ReadReceiver,
	},
	"mmap-write": {
		strategy: "mmap-write", bytesPerSecond: 4.1e9, sinkKind: "unix", sinkAddr: "@zctrace-417",
		book: trace.Textbook{TransferCalls: 2, ModeSwitches: 4, Copies: trace.TextbookCopies{FromUser: 1}, DMA: trace.TextbookDMA{In: 1, Out: 1}},
		sender: func(c *trace.Counters, chunks, chunk int64) {
			c.Syscalls.ByName["mmap"] = Syscall(1, 0, 5200, 0)
			c.Syscalls.ByName["write"] = Syscall(chunks, chunks*chunk, 11200, chunks/90)
			c.Copies.FromUser = Derived(chunks * chunk)
			c.Moved.Mapped = Observed(min(chunks*chunk, 64<<20))
			faults := min(chunks*chunk, 64<<20) / 65536
			c.PageFaults = trace.PageFaults{Minor: trace.Known(faults), Major: trace.Known(0), UserMode: trace.Known(0)}
			Settle(c, "mmap", "write")
		},
		receiver: ReadReceiver,
	},
	"sendfile": {
		strategy: "sendfile", bytesPerSecond: 6.4e9, sinkKind: "tcp", sinkAddr: "127.0.0.1:40115",
		device: trace.Device{Name: "lo", Kind: "loopback"},
		book:   trace.Textbook{TransferCalls: 1, ModeSwitches: 2, DMA: trace.TextbookDMA{In: 1, Out: 1}},
		sender: func(c *trace.Counters, chunks, chunk int64) {
			c.Syscalls.ByName["sendfile"] = Syscall(chunks, chunks*chunk, 9300, chunks/150)
			c.Moved.PageRefs = Derived(chunks * chunk)
			Settle(c, "sendfile")
		},
		receiver: ReadReceiver,
	},
}

// AtMoment is the state of a strategy's run that moved so many chunks of so many bytes in so long.
func AtMoment(strategy string, chunks, chunk, elapsedNS int64) trace.Totals {
	s := shapes[strategy]
	sender := Counters(chunks*chunk, elapsedNS)
	s.sender(&sender, chunks, chunk)
	totals := trace.Totals{Sender: sender}
	if s.receiver != nil {
		receiver := Counters(chunks*chunk, elapsedNS)
		s.receiver(&receiver, chunks, chunk)
		totals.Receiver = &receiver
	}
	for _, k := range []*trace.Amount{&totals.Kernel.Copies.ToUser, &totals.Kernel.Copies.FromUser, &totals.Kernel.Copies.InKernel} {
		*k = Derived(0)
	}
	return totals
}

// RunOf is a run of ten seconds, seen after so many of its 200 ms intervals.
func RunOf(strategy string, intervals int) *trace.Trace {
	s := shapes[strategy]
	const chunk, interval = 64 << 10, int64(200 * time.Millisecond)
	t := &trace.Trace{
		Schema: trace.Schema,
		Tool:   trace.Tool{Version: "0.1.0"},
		Host:   trace.Host{Kernel: "6.18.5", Arch: "amd64", CPUs: 2, CPUModel: "Intel Xeon", Virtualization: "kvm"},
		Hooks: []trace.Hook{
			{Name: "tp_btf/sys_exit", Counter: "syscalls", Attached: true, Provenance: trace.Observed},
			{Name: "tp_btf/sched_switch", Counter: "context_switches", Attached: true, Provenance: trace.Observed},
		},
		Textbook: &s.book,
		Losses:   map[string]int64{"ringbuf_full": 0, "map_full": 0},
		Run: trace.Run{
			Command:  []string{"zctrace", "run", strategy, "--sink", s.sinkKind},
			Strategy: strategy, Engine: "derived", Receiver: "read",
			Source: trace.Source{
				Kind: "auto", Path: "/var/tmp/zctrace-1000-417", Bytes: trace.Known(64 << 20), Filesystem: "ext4",
				Below: []trace.Layer{{Kind: "disk", Name: "vda"}}, Extents: OnDisk(64 << 20),
			},
			Sink:       trace.Sink{Kind: s.sinkKind, Address: s.sinkAddr, Device: s.device},
			ChunkBytes: chunk, Cache: "warm", Latency: true, IntervalNS: interval,
			LimitDurationNS: trace.Known(10 * second),
			Started:         time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC),
		},
	}
	t.Textbook.Source = "zero-copy articles"
	moved := 0.0
	for i := 1; i <= intervals; i++ {
		// Not a flat line, and the same one each time.
		wave := 1 + 0.12*math.Sin(float64(i)/3) - 0.5*math.Exp(-float64(i)/2)
		moved += s.bytesPerSecond * wave * float64(interval) / 1e9
		elapsed := int64(i) * interval
		t.Samples = append(t.Samples, trace.Sample{ElapsedNS: elapsed, Totals: AtMoment(strategy, int64(moved)/chunk, chunk, elapsed)})
	}
	if n := len(t.Samples); n > 0 {
		t.Total = t.Samples[n-1].Totals
		t.Run.ElapsedNS = t.Samples[n-1].ElapsedNS
		t.Run.PayloadBytes = t.Total.Sender.PayloadBytes
	}
	return t
}

// Whole is the run once it has ended.
func Whole(strategy string) *trace.Trace {
	t := RunOf(strategy, 50)
	t.Run.Ended = trace.Done
	return t
}

// Small is `run STRATEGY --bytes 64MiB --verify --baseline`.
func Small(strategy string) *trace.Trace {
	const chunk, elapsed = 64 << 10, int64(20_480_000)
	t := Whole(strategy)
	t.Total = AtMoment(strategy, 1024, chunk, elapsed)
	t.Samples = []trace.Sample{{ElapsedNS: elapsed, Totals: t.Total}}
	t.Run.LimitBytes, t.Run.ElapsedNS = trace.Known(64<<20), elapsed
	t.Run.PayloadBytes, t.Run.UntracedElapsedNS = trace.Known(64<<20), trace.Known(20_220_000)
	verified := true
	t.Run.Verified = &verified
	return t
}
