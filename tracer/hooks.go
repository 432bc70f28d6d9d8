// Package tracer loads the eBPF programs, attaches them to the kernel, takes
// snapshots of their cells and turns these into the counters of package trace.
package tracer

import (
	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Hook is one eBPF program: where it is attached, what it feeds, and what is
// lost without it. [Hooks] drives loading, attaching, doctor and the tests.
type Hook struct {
	Program    string // in bpf/, named after its tracepoint
	Counter    string // the counters of the trace that it feeds
	Required   bool   // no run without it
	X86Only    bool
	Provenance trace.Provenance
	wanted     func(Options) bool // nil: always
}

// Name is the hook as bpftool and libbpf write it.
func (h Hook) Name() string { return "tp_btf/" + h.Program }

// Hooks are all hooks, in the order in which they are shown.
var Hooks = []Hook{
	{Program: bpf.ObjectProgSysExit, Counter: "syscalls, copies, moved", Required: true, Provenance: trace.Observed},
	{Program: bpf.ObjectProgSysEnter, Counter: "syscalls time_ns", Provenance: trace.Observed,
		wanted: func(o Options) bool { return o.Latency }},
	{Program: bpf.ObjectProgSchedSwitch, Counter: "context_switches", Provenance: trace.Observed},
	{Program: bpf.ObjectProgSchedProcessExit, Counter: "totals of a killed worker", Provenance: trace.Observed},
	{Program: bpf.ObjectProgSkbCopyDatagramIovec, Counter: "copies.to_user of sockets", Provenance: trace.Observed,
		wanted: func(o Options) bool { return o.Sockets }},
	{Program: bpf.ObjectProgPageFaultUser, Counter: "page_faults.user_mode", X86Only: true, Provenance: trace.Observed},
	{Program: bpf.ObjectProgMmFilemapAddToPageCache, Counter: "page_cache", Provenance: trace.Observed},
	{Program: bpf.ObjectProgBlockBioQueue, Counter: "disk", Provenance: trace.Observed},
}

// Options say what a run needs, so that only that is loaded.
type Options struct {
	Marker  Marker
	Latency bool // time system calls; attaches sys_enter
	Sockets bool // the payload goes through sockets
}

// Marker is the failing system call by which a worker opens and closes its
// window; see bpf/window.bpf.h.
type Marker struct {
	Nr      uint64 // system call number
	Address uint64 // its second argument
	Cookie  uint64 // its third argument, this run's secret
}
