package trace

import (
	"iter"
	"slices"
	"strings"
)

// Number is a number of a party's [Counters]. The catalog has all of them, once:
// whatever lists numbers ranges over it, or names its choice by these constants.
type Number int

// The numbers, in the order in which they are shown.
const (
	PayloadBytes Number = iota
	Calls
	TransferCalls
	ShortTransfers
	ModeSwitches
	VoluntarySwitches
	InvoluntarySwitches
	MinorFaults
	MajorFaults
	UserFaults
	DiskReadBytes
	DiskReadRequests
	DiskWriteBytes
	DiskWriteRequests
	CacheHitBytes
	CacheMissBytes
	ReadaheadBytes
	CacheLeftBytes
	NICTxBytes
	NICTxPackets
	NICRxBytes
	NICRxPackets
	ZerocopyCompletions
	ZerocopyCopied
	RuntimeNS
	UserNS
	SystemNS

	ToUser
	FromUser
	InKernel
	UserSpace
	COW
	NetInternal
	Fill
	PageRefs
	Mapped
	Cloned

	CallCount
	CallErrors
	CallBytes
	CallTimeNS
	CallBlocked

	EngineToUser
	EngineFromUser
	EngineInKernel
	EnginePageRefs

	numbers // how many there are
)

// Unit is what a number counts.
type Unit int

// The units.
const (
	Count Unit = iota
	Bytes
	Nanoseconds
)

// Kind is where a number stands in the counters.
type Kind int

// The kinds.
const (
	Plain    Kind = iota // by itself; Counters.Provenance says where it comes from
	Class                // an Amount of bytes copied or moved, with its own provenance
	OfCall               // of every system call, by its name
	OfEngine             // an Amount of every engine, by its name; with --copies all
)

// entry is a row of the catalog.
type entry struct {
	path    string // in the JSON of a party, dotted; * for the name of a system call or engine
	name    string // short
	unit    Unit
	meaning string // and where it comes from, in a sentence
	kind    Kind
	find    func(c *Counters, key string) (Int, *Amount) // nil: it is none
}

func plain(path, name string, unit Unit, of func(*Counters) Int, meaning string) entry {
	return entry{path, name, unit, meaning, Plain, func(c *Counters, _ string) (Int, *Amount) { return of(c), nil }}
}

func class(path string, of func(*Counters) *Amount, meaning string) entry {
	name := path[strings.LastIndexByte(path, '.')+1:]
	return entry{path, name, Bytes, meaning, Class, func(c *Counters, _ string) (Int, *Amount) { a := of(c); return a.Bytes, a }}
}

func ofCall(field, name string, unit Unit, of func(Syscall) Int, meaning string) entry {
	return entry{"syscalls.by_name.*." + field, name, unit, meaning, OfCall, func(c *Counters, key string) (Int, *Amount) {
		return of(c.Syscalls.ByName[key]), nil
	}}
}

func ofEngine(field, name string, of func(*EngineCounters) *Amount, meaning string) entry {
	return entry{"engines.*." + field, name, Bytes, meaning, OfEngine, func(c *Counters, key string) (Int, *Amount) {
		e := c.Engines[key]
		if e == nil {
			return Int{}, nil
		}
		a := of(e)
		return a.Bytes, a
	}}
}

var catalog = [numbers]entry{
	PayloadBytes: plain("payload_bytes", "payload", Bytes, func(c *Counters) Int { return c.PayloadBytes },
		"Bytes of the source that the party has moved, as the workload declares them."),
	Calls: plain("syscalls.calls", "system calls", Count, func(c *Counters) Int { return c.Syscalls.Calls },
		"System calls in the window, counted at sys_exit."),
	TransferCalls: plain("syscalls.transfer_calls", "transfer calls", Count, func(c *Counters) Int { return c.Syscalls.TransferCalls },
		"Those of them by which the strategy moves the payload: the textbook's row counts them."),
	ShortTransfers: plain("syscalls.short_transfers", "short transfers", Count, func(c *Counters) Int { return c.Syscalls.ShortTransfers },
		"Transfer calls that moved less than their arguments asked for, and did not fail."),
	ModeSwitches: plain("mode_switches", "mode switches", Count, func(c *Counters) Int { return c.ModeSwitches },
		"Two for each system call, into the kernel and out of it; page faults apart."),
	VoluntarySwitches: plain("context_switches.voluntary", "context switches, voluntary", Count, func(c *Counters) Int { return c.ContextSwitches.Voluntary },
		"How often the task gave up the CPU to wait, counted at sched_switch."),
	InvoluntarySwitches: plain("context_switches.involuntary", "context switches, involuntary", Count, func(c *Counters) Int { return c.ContextSwitches.Involuntary },
		"How often the scheduler took the CPU from the task, counted at sched_switch."),
	MinorFaults: plain("page_faults.minor", "page faults, minor", Count, func(c *Counters) Int { return c.PageFaults.Minor },
		"Page faults that needed no I/O, from user and kernel mode, as the kernel counts them for the task (min_flt)."),
	MajorFaults: plain("page_faults.major", "page faults, major", Count, func(c *Counters) Int { return c.PageFaults.Major },
		"Page faults that waited for I/O, as the kernel counts them for the task (maj_flt)."),
	UserFaults: plain("page_faults.user_mode", "page faults from user mode", Count, func(c *Counters) Int { return c.PageFaults.UserMode },
		"Page faults that interrupted user code, and so switched modes outside of any system call, counted at page_fault_user."),
	DiskReadBytes: plain("disk.read_bytes", "disk read", Bytes, func(c *Counters) Int { return c.Disk.ReadBytes },
		"Bytes of the block requests by which the task read, read-ahead included, counted when it submitted them."),
	DiskReadRequests: plain("disk.read_requests", "disk read requests", Count, func(c *Counters) Int { return c.Disk.ReadRequests },
		"Block requests (bios) by which the task read, counted when it submitted them."),
	DiskWriteBytes: plain("disk.write_bytes", "disk written", Bytes, func(c *Counters) Int { return c.Disk.WriteBytes },
		"Bytes of the block requests by which the task wrote; what is written back later is the kernel's."),
	DiskWriteRequests: plain("disk.write_requests", "disk write requests", Count, func(c *Counters) Int { return c.Disk.WriteRequests },
		"Block requests (bios) by which the task wrote, counted when it submitted them."),
	CacheHitBytes: plain("page_cache.hit_bytes", "page cache hit", Bytes, func(c *Counters) Int { return c.PageCache.HitBytes },
		"Payload that was in the page cache, or on its way there, when it was asked for."),
	CacheMissBytes: plain("page_cache.miss_bytes", "page cache missed", Bytes, func(c *Counters) Int { return c.PageCache.MissBytes },
		"Pages of the source that were added to the page cache, read-ahead included."),
	ReadaheadBytes: plain("page_cache.readahead_bytes", "page cache read ahead", Bytes, func(c *Counters) Int { return c.PageCache.ReadaheadBytes },
		"The part of miss_bytes that the read or the page fault under way did not ask for."),
	CacheLeftBytes: plain("page_cache.left_bytes", "page cache left filled", Bytes, func(c *Counters) Int { return c.PageCache.LeftBytes },
		"Pages of the source, and of a sink that is a file, in the page cache when the run had ended, less those before it. Null until the end."),
	NICTxBytes: plain("nic.tx_bytes", "NIC sent", Bytes, func(c *Counters) Int { return c.NIC.TxBytes },
		"Bytes of the socket's packets, with their headers, that were handed to a device with DMA."),
	NICTxPackets: plain("nic.tx_packets", "NIC packets sent", Count, func(c *Counters) Int { return c.NIC.TxPackets },
		"Packets of the socket that were handed to a device with DMA; one that the device cuts into segments counts once."),
	NICRxBytes: plain("nic.rx_bytes", "NIC received", Bytes, func(c *Counters) Int { return c.NIC.RxBytes },
		"Bytes of packets for the socket, with their headers, that came from a device with DMA."),
	NICRxPackets: plain("nic.rx_packets", "NIC packets received", Count, func(c *Counters) Int { return c.NIC.RxPackets },
		"Packets for the socket that came from a device with DMA."),
	ZerocopyCompletions: plain("zerocopy.completions", "zero-copy completions", Count, func(c *Counters) Int { return c.Zerocopy.Completions },
		"Sends that notifications of MSG_ZEROCOPY or SEND_ZC reported as done, as the workload declares them."),
	ZerocopyCopied: plain("zerocopy.copied", "of these copied after all", Count, func(c *Counters) Int { return c.Zerocopy.Copied },
		"Those of them that the kernel says it copied (SO_EE_CODE_ZEROCOPY_COPIED)."),
	RuntimeNS: plain("cpu.runtime_ns", "CPU time", Nanoseconds, func(c *Counters) Int { return c.CPU.RuntimeNS },
		"Time that the task ran, to the nanosecond (sum_exec_runtime)."),
	UserNS: plain("cpu.user_ns", "CPU time in user mode", Nanoseconds, func(c *Counters) Int { return c.CPU.UserNS },
		"The part of runtime_ns in user mode, split as the scheduler's tick sampled it."),
	SystemNS: plain("cpu.system_ns", "CPU time in kernel mode", Nanoseconds, func(c *Counters) Int { return c.CPU.SystemNS },
		"The part of runtime_ns in kernel mode, split as the scheduler's tick sampled it."),

	ToUser: class("copies.to_user", func(c *Counters) *Amount { return &c.Copies.ToUser },
		"Payload that the CPU copied from the kernel to user memory."),
	FromUser: class("copies.from_user", func(c *Counters) *Amount { return &c.Copies.FromUser },
		"Payload that the CPU copied from user memory to the kernel."),
	InKernel: class("copies.in_kernel", func(c *Counters) *Amount { return &c.Copies.InKernel },
		"Payload that the CPU copied from kernel memory to kernel memory, late copies of zero-copy sends included."),
	UserSpace: class("copies.user_space", func(c *Counters) *Amount { return &c.Copies.UserSpace },
		"Payload that the workload copied by memcpy, as it declares it."),
	COW: class("copies.cow", func(c *Counters) *Amount { return &c.Copies.COW },
		"Pages that memory management copied because they were written to while shared."),
	NetInternal: class("copies.net_internal", func(c *Counters) *Amount { return &c.Copies.NetInternal },
		"Bytes that the network stack copied within its own packets; it depends on timing."),
	Fill: class("copies.fill", func(c *Counters) *Amount { return &c.Copies.Fill },
		"Bytes that the CPU filled with zeros: of holes and of /dev/zero."),
	PageRefs: class("moved.page_refs", func(c *Counters) *Amount { return &c.Moved.PageRefs },
		"Bytes of pages that were handed on by reference."),
	Mapped: class("moved.mapped", func(c *Counters) *Amount { return &c.Moved.Mapped },
		"Bytes that page faults made visible in a mapping of the source, or TCP_ZEROCOPY_RECEIVE in one of the socket."),
	Cloned: class("moved.cloned", func(c *Counters) *Amount { return &c.Moved.Cloned },
		"Bytes of blocks that a file system shares between files (reflinks)."),

	CallCount: ofCall("calls", "calls", Count, func(s Syscall) Int { return s.Calls },
		"Calls in the window, counted at sys_exit."),
	CallErrors: ofCall("errors", "errors", Count, func(s Syscall) Int { return s.Errors },
		"Those of them that returned an error."),
	CallBytes: ofCall("bytes", "bytes", Bytes, func(s Syscall) Int { return s.Bytes },
		"The sum of their positive results, of calls that move bytes."),
	CallTimeNS: ofCall("time_ns", "time", Nanoseconds, func(s Syscall) Int { return s.TimeNS },
		"Wall time inside them, from sys_enter to sys_exit; null with --latency off."),
	CallBlocked: ofCall("blocked", "blocked", Count, func(s Syscall) Int { return s.Blocked },
		"Voluntary context switches inside them, counted at sched_switch."),

	EngineToUser: ofEngine("to_user", "to user", func(e *EngineCounters) *Amount { return &e.ToUser },
		"copies.to_user as this engine counted it."),
	EngineFromUser: ofEngine("from_user", "from user", func(e *EngineCounters) *Amount { return &e.FromUser },
		"copies.from_user as this engine counted it."),
	EngineInKernel: ofEngine("in_kernel", "in kernel", func(e *EngineCounters) *Amount { return &e.InKernel },
		"copies.in_kernel as this engine counted it."),
	EnginePageRefs: ofEngine("page_refs", "by reference", func(e *EngineCounters) *Amount { return &e.PageRefs },
		"moved.page_refs as this engine counted it."),
}

// Catalog is every number that there is, in the order in which they are shown.
func Catalog() iter.Seq[Number] {
	return func(yield func(Number) bool) {
		for n := range numbers {
			if !yield(n) {
				return
			}
		}
	}
}

// byKind are the catalog's numbers of each kind.
var byKind = func() (list [OfEngine + 1][]Number) {
	for n := range Catalog() {
		list[n.Kind()] = append(list[n.Kind()], n)
	}
	return list
}()

// OfKind are the catalog's numbers of a kind, in order.
func OfKind(kind Kind) []Number { return slices.Clone(byKind[kind]) }

// Path leads to the number in the JSON of a party: its keys, dotted, such as
// "cpu.user_ns". A * stands for the name of any system call or engine.
func (n Number) Path() string { return catalog[n].path }

// Group is the path of the group that the number belongs to, such as "cpu", or
// its own if it stands alone.
func (n Number) Group() string {
	group, _, _ := strings.Cut(n.Path(), ".")
	return group
}

// Name is a short one, such as "CPU time in user mode".
func (n Number) Name() string { return catalog[n].name }

// Moved is whether the number is of bytes that were handed on without a copy.
func (n Number) Moved() bool { return n.Group() == PageRefs.Group() }

// Unit is what the number counts.
func (n Number) Unit() Unit { return catalog[n].unit }

// Kind is where the number stands.
func (n Number) Kind() Kind { return catalog[n].kind }

// Meaning says in a sentence what the number is and where it comes from.
func (n Number) Meaning() string { return catalog[n].meaning }

// String is the number's path.
func (n Number) String() string { return n.Path() }
