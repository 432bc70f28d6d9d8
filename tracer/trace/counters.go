package trace

// Counters are the costs of one party: C in the format's description. The catalog
// below says what each number means.
type Counters struct {
	PayloadBytes    Int             `json:"payload_bytes"`
	Syscalls        Syscalls        `json:"syscalls"`
	ModeSwitches    Int             `json:"mode_switches"`
	ContextSwitches ContextSwitches `json:"context_switches"`
	Copies          Copies          `json:"copies"`
	Moved           Moved           `json:"moved"`
	Zerocopy        Zerocopy        `json:"zerocopy"`
	PageFaults      PageFaults      `json:"page_faults"`
	PageCache       PageCache       `json:"page_cache"`
	Disk            Disk            `json:"disk"`
	NIC             NIC             `json:"nic"`
	CPU             CPU             `json:"cpu"`
	// Engines are the copies as each engine counted them, with --copies all.
	Engines map[string]*EngineCounters `json:"engines,omitempty"`
	// Requests are the asynchronous requests that completed, of io_uring and of Linux AIO, by the names of their
	// operations. Nil where nobody counted them.
	Requests map[string]Request `json:"requests,omitzero"`
	// Provenance tells of the plain numbers above that are not observed, by
	// their path, e.g. "cpu.user_ns".
	Provenance map[string]Origin `json:"provenance"`
}

// Engines are the names of those that count copies, the most trusted first.
var Engines = []string{"fentry", "breakpoint", "derived"}

// EngineCounters are copies and references as one engine counted them.
type EngineCounters struct {
	ToUser   Amount `json:"to_user"`
	FromUser Amount `json:"from_user"`
	InKernel Amount `json:"in_kernel"`
	PageRefs Amount `json:"page_refs"`
}

// Syscalls are the system calls in the window.
type Syscalls struct {
	Calls          Int                `json:"calls"`
	TransferCalls  Int                `json:"transfer_calls"`
	ShortTransfers Int                `json:"short_transfers"`
	ByName         map[string]Syscall `json:"by_name"`
}

// Syscall is one system call's share.
type Syscall struct {
	Calls  Int `json:"calls"`
	Errors Int `json:"errors"`
	// Errnos are the errors by their errno's name. See [Syscall.OtherErrors] for what they are not.
	Errnos      map[string]Int `json:"errnos,omitempty"`
	Bytes       Int            `json:"bytes"`
	TimeNS      Int            `json:"time_ns"`
	Blocked     Int            `json:"blocked"`
	LatencyLog2 []int64        `json:"latency_log2,omitempty"` // [i]: calls of [2^i, 2^(i+1)) ns; in total only
}

// OtherErrors are the errors of which Errnos does not tell: those of a call that failed in more ways than
// there is room for and, of a trace from before errnos were written, all of them.
func (s Syscall) OtherErrors() Int { return otherErrors(s.Errors, s.Errnos) }

func otherErrors(errors Int, errnos map[string]Int) Int {
	for _, n := range errnos {
		errors = errors.Add(Known(-n.Or(0)))
	}
	return errors
}

// FailedWith is how many calls failed with the errno of that name. It is not known if it may be among
// [Syscall.OtherErrors].
func (s Syscall) FailedWith(errno string) Int { return failedWith(s.Errors, s.Errnos, errno) }

func failedWith(errors Int, errnos map[string]Int, errno string) Int {
	if n, ok := errnos[errno]; ok || otherErrors(errors, errnos) != Known(0) {
		return n
	}
	return Known(0)
}

// Request is the share of one kind of asynchronous requests.
type Request struct {
	Completed Int            `json:"completed"`
	Errors    Int            `json:"errors"`
	Errnos    map[string]Int `json:"errnos,omitempty"` // as a [Syscall] has them
	Bytes     Int            `json:"bytes"`
}

// OtherErrors are the errors of which Errnos does not tell: there was no room for them.
func (r Request) OtherErrors() Int { return otherErrors(r.Errors, r.Errnos) }

// FailedWith is how many requests failed with the errno of that name; see [Syscall.FailedWith].
func (r Request) FailedWith(errno string) Int { return failedWith(r.Errors, r.Errnos, errno) }

// ContextSwitches are the scheduler's (sched_switch), not mode switches.
type ContextSwitches struct {
	Voluntary   Int `json:"voluntary"`
	Involuntary Int `json:"involuntary"`
}

// Copies are bytes that the CPU read and wrote elsewhere, by class.
type Copies struct {
	ToUser      Amount `json:"to_user"`
	FromUser    Amount `json:"from_user"`
	InKernel    Amount `json:"in_kernel"`
	UserSpace   Amount `json:"user_space"`
	COW         Amount `json:"cow"`
	NetInternal Amount `json:"net_internal"`
	Fill        Amount `json:"fill"`
}

// Moved are bytes handed on without a copy, by how.
type Moved struct {
	PageRefs Amount `json:"page_refs"`
	Mapped   Amount `json:"mapped"`
	Cloned   Amount `json:"cloned"`
}

// Zerocopy are the notifications of MSG_ZEROCOPY and SEND_ZC.
type Zerocopy struct {
	Completions Int `json:"completions"`
	Copied      Int `json:"copied"`
}

// PageFaults are the task's, from user and kernel mode.
type PageFaults struct {
	Minor    Int `json:"minor"`
	Major    Int `json:"major"`
	UserMode Int `json:"user_mode"`
}

// PageCache is what the source's reads found and left.
type PageCache struct {
	HitBytes       Int `json:"hit_bytes"`
	MissBytes      Int `json:"miss_bytes"`
	ReadaheadBytes Int `json:"readahead_bytes"`
	LeftBytes      Int `json:"left_bytes"`
}

// Disk is block I/O by the task that submitted it, read-ahead included.
type Disk struct {
	ReadBytes     Int `json:"read_bytes"`
	ReadRequests  Int `json:"read_requests"`
	WriteBytes    Int `json:"write_bytes"`
	WriteRequests Int `json:"write_requests"`
}

// NIC is traffic through a device with DMA, by the socket's owner. Loopback
// and veth move none. Bytes are those of packets with their headers, as they are
// handed to the device or come from it: one that the device itself cuts into
// segments counts once, with one header.
type NIC struct {
	TxBytes   Int `json:"tx_bytes"`
	TxPackets Int `json:"tx_packets"`
	RxBytes   Int `json:"rx_bytes"`
	RxPackets Int `json:"rx_packets"`
}

// CPU is the time that the task ran.
type CPU struct {
	RuntimeNS Int `json:"runtime_ns"`
	UserNS    Int `json:"user_ns"`
	SystemNS  Int `json:"system_ns"`
}

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

	CallErrno

	RequestCount
	RequestErrors
	RequestBytes

	RequestErrno

	numbers // how many there are
)

// catalog says of every number where it is, what it counts and what it means.
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

	CallErrno: {"syscalls.by_name.*.errnos.*", "errors with this errno", Count,
		"Errors with this errno. Those that no errno accounts for failed in yet other ways, or the trace is from before errnos were written.",
		OfErrno, func(c *Counters, key string) (Int, *Amount) {
			call, errno := cutErrno(key)
			return c.Syscalls.ByName[call].FailedWith(errno), nil
		}},

	RequestCount: ofRequest("completed", "requests", Count, func(r Request) Int { return r.Completed },
		"Asynchronous requests of this kind that completed, counted at io_uring_complete, or for Linux AIO when io_getevents returns."),
	RequestErrors: ofRequest("errors", "errors", Count, func(r Request) Int { return r.Errors },
		"Those of them whose result is an error."),
	RequestBytes: ofRequest("bytes", "bytes", Bytes, func(r Request) Int { return r.Bytes },
		"The sum of their positive results, of requests that move bytes."),

	RequestErrno: {"requests.*.errnos.*", "errors with this errno", Count,
		"Errors with this errno. Those that no errno accounts for failed in yet other ways.",
		OfRequestErrno, func(c *Counters, key string) (Int, *Amount) {
			name, errno := cutErrno(key)
			return c.Requests[name].FailedWith(errno), nil
		}},
}
