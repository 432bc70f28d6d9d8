// Package trace is the zctrace/1 format: what a run was, what it counted, and
// where each number comes from. It imports nothing of zctrace but internal/human and
// internal/syscalls, so that a saved trace can be read anywhere, without root and
// without Linux.
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
	Kernel         string `json:"kernel"`                 // uname -r
	Arch           string `json:"arch"`                   // GOARCH
	CPUs           int    `json:"cpus"`                   // online; 0: could not be found out
	CPUsAllowed    int    `json:"cpus_allowed,omitempty"` // on which zctrace may run, by taskset or a cpuset; 0: not recorded
	CPUModel       string `json:"cpu_model"`
	Governor       string `json:"governor"`       // cpufreq scaling_governor of CPU 0
	Virtualization string `json:"virtualization"` // the hypervisor's name; "none" on bare metal
	Mitigations    string `json:"mitigations"`    // vulnerabilities the kernel mitigates, comma-separated
	Lockdown       string `json:"lockdown"`       // none, integrity or confidentiality
}

// Hook is one eBPF program and the counter that it feeds.
type Hook struct {
	Name       string     `json:"name"`            // e.g. "tp_btf/sys_exit"
	Counter    string     `json:"counter"`         // what it feeds, e.g. "syscalls"
	Attached   bool       `json:"attached"`        // false: see Reason
	Provenance Provenance `json:"provenance"`      // of the numbers it feeds
	Reason     string     `json:"reason"`          // why it is not attached; or, if it is, why at perf's event and not at the tracepoint
	Misses     Int        `json:"misses,omitzero"` // events that the kernel did not run its program for until the windows had closed, whoever's they were
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
	ToUser    int `json:"to_user"`
	FromUser  int `json:"from_user"`
	InKernel  int `json:"in_kernel"`
	UserSpace int `json:"user_space,omitempty"` // not in older traces
}

// InAll is how often the CPU copies each byte.
func (c TextbookCopies) InAll() int { return c.ToUser + c.FromUser + c.InKernel + c.UserSpace }

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
	PipeBytes         Int       `json:"pipe_bytes,omitzero"` // room in the strategy's own pipe, at least; null: it has none, or an older trace
	Cache             string    `json:"cache"`               // warm or cold
	Latency           bool      `json:"latency"`
	IntervalNS        int64     `json:"interval_ns"`
	LimitBytes        Int       `json:"limit_bytes"`         // --bytes; null: no such limit
	LimitDurationNS   Int       `json:"limit_duration_ns"`   // --duration; null: no such limit
	LimitRate         Int       `json:"limit_rate,omitzero"` // bytes per second, --rate; null: as fast as it goes, or an older trace
	Started           time.Time `json:"started"`
	Ended             Ended     `json:"ended"` // "" while it runs
	Error             string    `json:"error"`
	ElapsedNS         int64     `json:"elapsed_ns"`          // of the sender's window
	UntracedElapsedNS Int       `json:"untraced_elapsed_ns"` // the same work untraced (--baseline)
	PayloadBytes      Int       `json:"payload_bytes"`
	Verified          *bool     `json:"verified"` // null: not asked for, or not found out before the run ended
}

// Transfers is how many chunks so much payload is, one begun included. A pass over the
// source ends with what is left of it, however little, and the next one begins with a
// whole chunk. Where it has no end, or its size is not known, it is one pass.
func (r *Run) Transfers(payload int64) int64 {
	if payload <= 0 || r.ChunkBytes <= 0 {
		return 0
	}
	chunks := func(n int64) int64 { return n/r.ChunkBytes + min(1, n%r.ChunkBytes) }
	pass := r.Source.Bytes.Or(0)
	if pass <= 0 {
		return chunks(payload)
	}
	return payload/pass*chunks(pass) + chunks(payload%pass)
}

// Ended says how a run ended.
type Ended string

// The ways in which a run ends.
const (
	Done        Ended = "done"
	Interrupted Ended = "interrupted"
	Failed      Ended = "failed"
)

// Source is where the payload comes from.
type Source struct {
	Kind       string  `json:"kind"` // file, auto or zero
	Path       string  `json:"path"`
	Bytes      Int     `json:"bytes"`           // null for /dev/zero
	Filesystem string  `json:"filesystem"`      // ext4, xfs, ...
	Below      []Layer `json:"below,omitempty"` // the file system, from the top down; none: not told

	Extents *Extents `json:"extents,omitempty"` // before the run, of as much as it may move; nil: of no file, or not looked up yet
}

// Sink is where the payload goes.
type Sink struct {
	Kind       string  `json:"kind"` // tcp, unix, pipe, file or null
	Address    string  `json:"address"`
	Device     Device  `json:"device"`
	Filesystem string  `json:"filesystem,omitempty"` // of a file
	Below      []Layer `json:"below,omitempty"`      // the file system, from the top down

	Extents *Extents `json:"extents,omitempty"` // of a file that the run has written, at its end, without writing back what is dirty; nil: of no file, or the end is not there yet
}

// Layer is a stop on the way of a file's data below its file system.
type Layer struct {
	Kind string `json:"kind"` // filesystem, file (of a loop device), or who keeps the data: disk, memory, daemon, host, server, kernel or unknown
	Name string `json:"name"` // "" if it has none; block devices that are side by side share one: "sda, sdb"
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

// Origin is the provenance of a plain number.
type Origin struct {
	Provenance Provenance `json:"kind"`
	Reason     string     `json:"reason"`
}
