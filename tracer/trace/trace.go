// Package trace is the zctrace/1 format: what a run was, what it counted, and
// where each number comes from. It depends on nothing but the standard library
// and internal/human, so that a saved trace can be read anywhere, without root
// and without Linux.
//
// Every number is an integer in base units (bytes, nanoseconds, counts). A
// number that nobody counted is null, never 0: see [Int].
package trace

import "time"

// Schema names the format. Readers ignore keys that they do not know and read
// missing ones as null; only a changed meaning bumps the number.
const Schema = "zctrace/1"

// Trace is one run. Values handed out by a running session are immutable: a
// later state of the run is another Trace.
type Trace struct {
	Schema   string           `json:"schema"`
	Tool     Tool             `json:"tool"`
	Host     Host             `json:"host"`
	Hooks    []Hook           `json:"hooks"`
	Textbook *Textbook        `json:"textbook"` // null where no textbook says anything
	Samples  []Sample         `json:"samples"`  // cumulative since the start; at most MaxSamples
	Total    Totals           `json:"total"`    // equals the last sample, plus the histograms
	Losses   map[string]int64 `json:"losses"`   // one integer per cause; all 0 in a run that may be believed
	Run      Run              `json:"run"`      // last, so that a trace can be streamed
}

// Tool is the program that wrote the trace.
type Tool struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// Host is the machine that ran the workload. A string that could not be found
// out is empty.
type Host struct {
	Kernel         string `json:"kernel"` // uname -r
	Arch           string `json:"arch"`   // GOARCH
	CPUs           int    `json:"cpus"`   // online
	CPUModel       string `json:"cpu_model"`
	Governor       string `json:"governor"`       // cpufreq scaling_governor of CPU 0
	Virtualization string `json:"virtualization"` // the hypervisor's name; "none" on bare metal
	Mitigations    string `json:"mitigations"`    // vulnerabilities the kernel mitigates, comma-separated
	Lockdown       string `json:"lockdown"`       // none, integrity or confidentiality
}

// Hook is one eBPF program and the counter that it feeds.
type Hook struct {
	Name       string     `json:"name"`       // e.g. "tp_btf/sys_exit"
	Counter    string     `json:"counter"`    // what it feeds, e.g. "syscalls"
	Attached   bool       `json:"attached"`   // false: see Reason
	Provenance Provenance `json:"provenance"` // of the numbers it feeds
	Reason     string     `json:"reason"`     // why it is not attached
}

// Provenance says where a number comes from.
type Provenance string

const (
	// Observed: a hook saw it happen.
	Observed Provenance = "observed"
	// Derived: certain from the system call, the kinds of its file
	// descriptors, its flags and its return value.
	Derived Provenance = "derived"
	// Estimated: sampled or bounded, not exact.
	Estimated Provenance = "estimated"
	// Unavailable: the number is null, and the reason says why.
	Unavailable Provenance = "unavailable"
)

// Textbook is what articles say that one transfer of one chunk costs. Copies
// and DMA are in passes over the payload.
type Textbook struct {
	TransferCalls int            `json:"transfer_calls"`
	ModeSwitches  int            `json:"mode_switches"`
	Copies        TextbookCopies `json:"copies"`
	DMA           TextbookDMA    `json:"dma"`
	Source        string         `json:"source"` // who says so
}

// TextbookCopies are the CPU's copies in passes.
type TextbookCopies struct {
	ToUser   int `json:"to_user"`
	FromUser int `json:"from_user"`
	InKernel int `json:"in_kernel"`
}

// TextbookDMA are the devices' transfers in passes.
type TextbookDMA struct {
	In  int `json:"in"`
	Out int `json:"out"`
}

// Totals are the counters of each party of a run.
type Totals struct {
	Sender   Counters  `json:"sender"`
	Receiver *Counters `json:"receiver"` // null when the sink has no receiver (file, null)
	Kernel   Counters  `json:"kernel"`   // done on the run's behalf, chargeable to neither
}

// Sample is the state of the counters at one moment, cumulative since the
// start. It has no histograms.
type Sample struct {
	ElapsedNS int64 `json:"elapsed_ns"`
	Totals
}

// Run says what was run and how it ended.
type Run struct {
	Command           []string  `json:"command"`
	Strategy          string    `json:"strategy"`
	Path              []Hop     `json:"path,omitempty"` // what the strategy goes through; see Hops
	Engine            string    `json:"engine"`         // whose copies total has: fentry, breakpoint or derived
	Receiver          string    `json:"receiver"`       // what takes the payload: read, splice, zerocopy or trunc; "" without one
	Source            Source    `json:"source"`
	Sink              Sink      `json:"sink"`
	Sink2             *Sink     `json:"sink2,omitempty"` // of a strategy that has two; payload counts once
	ChunkBytes        int64     `json:"chunk_bytes"`
	Cache             string    `json:"cache"` // warm or cold
	Latency           bool      `json:"latency"`
	IntervalNS        int64     `json:"interval_ns"`
	LimitBytes        Int       `json:"limit_bytes"`       // --bytes; null: no such limit
	LimitDurationNS   Int       `json:"limit_duration_ns"` // --duration; null: no such limit
	Started           time.Time `json:"started"`
	Ended             Ended     `json:"ended"` // "" while it runs
	Error             string    `json:"error"`
	ElapsedNS         int64     `json:"elapsed_ns"`          // of the sender's window
	UntracedElapsedNS Int       `json:"untraced_elapsed_ns"` // the same work untraced (--baseline)
	PayloadBytes      Int       `json:"payload_bytes"`
	Verified          *bool     `json:"verified"` // null: not asked for, or not found out before the run ended
}

// Ended says how a run ended.
type Ended string

const (
	Done        Ended = "done"
	Interrupted Ended = "interrupted"
	Failed      Ended = "failed"
)

// Source is where the payload comes from.
type Source struct {
	Kind       string `json:"kind"` // file, auto or zero
	Path       string `json:"path"`
	Bytes      Int    `json:"bytes"`      // null for /dev/zero
	Filesystem string `json:"filesystem"` // ext4, xfs, ...
}

// Sink is where the payload goes.
type Sink struct {
	Kind    string `json:"kind"` // tcp, unix, pipe, file or null
	Address string `json:"address"`
	Device  Device `json:"device"`
}

// Device is what carries the payload away.
type Device struct {
	Name string `json:"name"` // e.g. "lo"
	Kind string `json:"kind"` // loopback, nic, veth, virtual, disk, memory, none or unknown
}

// Amount is a number of bytes with its provenance: N in the format's
// description.
type Amount struct {
	Bytes        Int        `json:"bytes"`
	DerivedBytes Int        `json:"derived_bytes"` // how many of Bytes are derived
	Provenance   Provenance `json:"provenance"`    // that of the larger part
	Reason       string     `json:"reason"`        // why it is not observed
}

// Counters are the costs of one party: C in the format's description.
type Counters struct {
	PayloadBytes    Int             `json:"payload_bytes"`
	Syscalls        Syscalls        `json:"syscalls"`
	ModeSwitches    Int             `json:"mode_switches"` // 2 × system calls; page faults apart
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

// Origin is the provenance of a plain number.
type Origin struct {
	Kind   Provenance `json:"kind"`
	Reason string     `json:"reason"`
}

// Syscalls are the system calls in the window.
type Syscalls struct {
	Calls          Int                `json:"calls"`
	TransferCalls  Int                `json:"transfer_calls"`  // those that the textbook row is compared with
	ShortTransfers Int                `json:"short_transfers"` // transfers that moved less than was asked for
	ByName         map[string]Syscall `json:"by_name"`
}

// Syscall is one system call's share.
type Syscall struct {
	Calls       Int     `json:"calls"`
	Errors      Int     `json:"errors"`
	Bytes       Int     `json:"bytes"`                  // sum of the positive results of calls that move bytes
	TimeNS      Int     `json:"time_ns"`                // wall time inside; null with --latency off
	Blocked     Int     `json:"blocked"`                // voluntary context switches inside
	LatencyLog2 []int64 `json:"latency_log2,omitempty"` // [i]: calls of [2^i, 2^(i+1)) ns; in total only
}

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
	UserSpace   Amount `json:"user_space"`   // memcpy by the workload itself, declared by it
	COW         Amount `json:"cow"`          // memory management's copy-on-write
	NetInternal Amount `json:"net_internal"` // the stack's own tail-pulling; timing-dependent
	Fill        Amount `json:"fill"`         // zero-filled: holes, /dev/zero
}

// Moved are bytes handed on without a copy, by how.
type Moved struct {
	PageRefs Amount `json:"page_refs"` // pages handed on by reference
	Mapped   Amount `json:"mapped"`    // page-cache bytes made visible by faults
	Cloned   Amount `json:"cloned"`    // reflinked
}

// Zerocopy are the notifications of MSG_ZEROCOPY and SEND_ZC.
type Zerocopy struct {
	Completions Int `json:"completions"`
	Copied      Int `json:"copied"` // of those, SO_EE_CODE_ZEROCOPY_COPIED
}

// PageFaults are the task's, from user and kernel mode.
type PageFaults struct {
	Minor Int `json:"minor"`
	Major Int `json:"major"`
	// UserMode are those that interrupted user code, and so switched modes
	// outside of any system call; the rest happened inside system calls.
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
	RuntimeNS Int `json:"runtime_ns"` // sum_exec_runtime: exact
	UserNS    Int `json:"user_ns"`    // tick-sampled split: estimated
	SystemNS  Int `json:"system_ns"`
}
