package ui

import (
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// number is a number of the trace with where it comes from.
type number struct {
	path   string // in the counters of a party
	value  trace.Int
	from   trace.Provenance
	reason string
}

// newNumber settles what a trace from elsewhere may leave open: null is
// unavailable whatever else is said of it, and observed is the default.
func newNumber(path string, value trace.Int, from trace.Provenance, reason string) number {
	switch {
	case !value.Known():
		from = trace.Unavailable
	case from != trace.Derived && from != trace.Estimated:
		from = trace.Observed
	}
	return number{path, value, from, reason}
}

// mark is the one character behind a number that tells where it comes from.
// Observed numbers have none. Nor has n/a, which says it already.
func (n number) mark() string {
	switch n.from {
	case trace.Derived:
		return "d"
	case trace.Estimated:
		return "~"
	}
	return " "
}

// text is the number as format writes it, or n/a.
func (n number) text(format func(int64) string) string {
	v, known := n.value.Get()
	if !known {
		return human.NotCounted
	}
	return format(v)
}

func (n number) nonzero() bool { return n.value.Or(0) != 0 }

// per divides by the payload: how many passes these bytes were.
func (n number) per(payload trace.Int) (float64, bool) {
	v, known := n.value.Get()
	p, have := payload.Get()
	if !known || !have || p <= 0 {
		return 0, false
	}
	return float64(v) / float64(p), true
}

// class is a way in which bytes were handled.
type class struct {
	name  string
	moved bool // handed on without a copy
	of    func(*trace.Counters) trace.Amount
}

// The classes, in the order of the trace format.
var (
	toUser      = class{"to_user", false, func(c *trace.Counters) trace.Amount { return c.Copies.ToUser }}
	fromUser    = class{"from_user", false, func(c *trace.Counters) trace.Amount { return c.Copies.FromUser }}
	inKernel    = class{"in_kernel", false, func(c *trace.Counters) trace.Amount { return c.Copies.InKernel }}
	userSpace   = class{"user_space", false, func(c *trace.Counters) trace.Amount { return c.Copies.UserSpace }}
	cow         = class{"cow", false, func(c *trace.Counters) trace.Amount { return c.Copies.COW }}
	netInternal = class{"net_internal", false, func(c *trace.Counters) trace.Amount { return c.Copies.NetInternal }}
	fill        = class{"fill", false, func(c *trace.Counters) trace.Amount { return c.Copies.Fill }}
	pageRefs    = class{"page_refs", true, func(c *trace.Counters) trace.Amount { return c.Moved.PageRefs }}
	mapped      = class{"mapped", true, func(c *trace.Counters) trace.Amount { return c.Moved.Mapped }}
	cloned      = class{"cloned", true, func(c *trace.Counters) trace.Amount { return c.Moved.Cloned }}

	classes = []class{toUser, fromUser, inKernel, userSpace, cow, netInternal, fill, pageRefs, mapped, cloned}
)

// path is the class's in the trace.
func (k class) path() string {
	if k.moved {
		return "moved." + k.name
	}
	return "copies." + k.name
}

// in is the class's number in the counters of a party.
func (k class) in(c *trace.Counters) number {
	a := k.of(c)
	return newNumber(k.path(), a.Bytes, a.Provenance, a.Reason)
}

// unit says how a measure is written.
type unit int

const (
	count unit = iota
	size
	span
)

// measure is a plain number that every party has.
type measure struct {
	path, name string
	unit       unit
	of         func(*trace.Counters) trace.Int
}

// The measures, in the order of the final table. A test proves by reflection
// that with the classes and the system calls these are all there are.
var (
	payloadBytes   = measure{"payload_bytes", "payload", size, func(c *trace.Counters) trace.Int { return c.PayloadBytes }}
	allCalls       = measure{"syscalls.calls", "system calls", count, func(c *trace.Counters) trace.Int { return c.Syscalls.Calls }}
	transferCalls  = measure{"syscalls.transfer_calls", "transfer calls", count, func(c *trace.Counters) trace.Int { return c.Syscalls.TransferCalls }}
	shortTransfers = measure{"syscalls.short_transfers", "short transfers", count, func(c *trace.Counters) trace.Int { return c.Syscalls.ShortTransfers }}
	modeSwitches   = measure{"mode_switches", "mode switches", count, func(c *trace.Counters) trace.Int { return c.ModeSwitches }}
	voluntary      = measure{"context_switches.voluntary", "context switches, voluntary", count, func(c *trace.Counters) trace.Int { return c.ContextSwitches.Voluntary }}
	involuntary    = measure{"context_switches.involuntary", "context switches, involuntary", count, func(c *trace.Counters) trace.Int { return c.ContextSwitches.Involuntary }}
	minorFaults    = measure{"page_faults.minor", "page faults, minor", count, func(c *trace.Counters) trace.Int { return c.PageFaults.Minor }}
	majorFaults    = measure{"page_faults.major", "page faults, major", count, func(c *trace.Counters) trace.Int { return c.PageFaults.Major }}
	userFaults     = measure{"page_faults.user_mode", "page faults from user mode", count, func(c *trace.Counters) trace.Int { return c.PageFaults.UserMode }}
	diskRead       = measure{"disk.read_bytes", "disk read", size, func(c *trace.Counters) trace.Int { return c.Disk.ReadBytes }}
	diskReads      = measure{"disk.read_requests", "disk read requests", count, func(c *trace.Counters) trace.Int { return c.Disk.ReadRequests }}
	diskWritten    = measure{"disk.write_bytes", "disk written", size, func(c *trace.Counters) trace.Int { return c.Disk.WriteBytes }}
	diskWrites     = measure{"disk.write_requests", "disk write requests", count, func(c *trace.Counters) trace.Int { return c.Disk.WriteRequests }}
	cacheHit       = measure{"page_cache.hit_bytes", "page cache hit", size, func(c *trace.Counters) trace.Int { return c.PageCache.HitBytes }}
	cacheMiss      = measure{"page_cache.miss_bytes", "page cache missed", size, func(c *trace.Counters) trace.Int { return c.PageCache.MissBytes }}
	readAhead      = measure{"page_cache.readahead_bytes", "page cache read ahead", size, func(c *trace.Counters) trace.Int { return c.PageCache.ReadaheadBytes }}
	cacheLeft      = measure{"page_cache.left_bytes", "page cache left filled", size, func(c *trace.Counters) trace.Int { return c.PageCache.LeftBytes }}
	nicSent        = measure{"nic.tx_bytes", "NIC sent", size, func(c *trace.Counters) trace.Int { return c.NIC.TxBytes }}
	nicPacketsOut  = measure{"nic.tx_packets", "NIC packets sent", count, func(c *trace.Counters) trace.Int { return c.NIC.TxPackets }}
	nicReceived    = measure{"nic.rx_bytes", "NIC received", size, func(c *trace.Counters) trace.Int { return c.NIC.RxBytes }}
	nicPacketsIn   = measure{"nic.rx_packets", "NIC packets received", count, func(c *trace.Counters) trace.Int { return c.NIC.RxPackets }}
	zerocopySends  = measure{"zerocopy.completions", "zero-copy completions", count, func(c *trace.Counters) trace.Int { return c.Zerocopy.Completions }}
	zerocopyCopied = measure{"zerocopy.copied", "of these copied after all", count, func(c *trace.Counters) trace.Int { return c.Zerocopy.Copied }}
	cpuTime        = measure{"cpu.runtime_ns", "CPU time", span, func(c *trace.Counters) trace.Int { return c.CPU.RuntimeNS }}
	userTime       = measure{"cpu.user_ns", "CPU time in user mode", span, func(c *trace.Counters) trace.Int { return c.CPU.UserNS }}
	systemTime     = measure{"cpu.system_ns", "CPU time in kernel mode", span, func(c *trace.Counters) trace.Int { return c.CPU.SystemNS }}

	measures = []measure{
		payloadBytes, allCalls, transferCalls, shortTransfers, modeSwitches, voluntary, involuntary,
		minorFaults, majorFaults, userFaults, diskRead, diskReads, diskWritten, diskWrites,
		cacheHit, cacheMiss, readAhead, cacheLeft, nicSent, nicPacketsOut, nicReceived, nicPacketsIn,
		zerocopySends, zerocopyCopied, cpuTime, userTime, systemTime,
	}
)

// in is the measure's number in the counters of a party.
func (m measure) in(c *trace.Counters) number {
	origin := c.Origin(m.path)
	return newNumber(m.path, m.of(c), origin.Kind, origin.Reason)
}
