//go:build linux

// Package tracer loads the eBPF programs, attaches them to the kernel and takes
// snapshots of their cells, which package ledger turns into counters.
package tracer

import (
	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// HookKind is how a program gets to run.
type HookKind string

const (
	Tracepoint     HookKind = "tp_btf"     // at a tracepoint
	PerfEvent      HookKind = "tp"         // at perf's event of the same, where preemption is off
	FuncEntry      HookKind = "fentry"     // before a kernel function
	FuncExit       HookKind = "fexit"      // after it, with its result
	BreakpointHook HookKind = "breakpoint" // a debug register at its first instruction
)

// Hook is one eBPF program: where it is attached, what it feeds, and what is
// lost without it. [Hooks] drives loading, attaching, doctor and the tests.
type Hook struct {
	Kind    HookKind
	Program string // in bpf/
	// Targets are names of the tracepoint or function in different kernels: the
	// first that this one has is taken. None: the program's own name.
	Targets  []string
	Module   string        // the kernel module that the function may be in
	Counter  string        // what of the trace it feeds, in words
	Feeds    ledger.Feed   // and for the ledger, which lacks that without any of the hooks that feed it
	Replaces string        // the program for which it stands in where the kernel lacks that one's target
	Engine   ledger.Engine // "": whatever engine counts the copies
	X86Only  bool
	After    bool               // it counts also what happens after the windows have closed
	Perf     perfTwin           // for a tracepoint: what is taken instead where its programs can be preempted
	Kernels  string             // which of them have it, for the reader who misses it elsewhere
	New      string             // what only kernels with the target do, and since when: the others miss nothing
	wanted   func(Options) bool // nil: always
}

// perfTwin does what a hook does, at perf's event of its tracepoint; see [preemptible].
type perfTwin struct {
	group   string // of the event, which has the tracepoint's name
	program string // in bpf/
}

func (h Hook) targets() []string {
	if len(h.Targets) == 0 {
		return []string{h.Program}
	}
	return h.Targets
}

// required is whether there is no run without the hook.
func (h Hook) required() bool { return h.Feeds == ledger.Syscalls || h.Feeds == ledger.Following }

// copies is whether its engine needs the hook to see all copies.
func (h Hook) copies() bool { return h.Kind != Tracepoint && h.Feeds == h.Engine.Copies() }

// Name is the hook as bpftool and libbpf write it.
func (h Hook) Name() string { return string(h.Kind) + "/" + h.targets()[0] }

// sinceReadahead is when read-ahead got tracepoints.
const sinceReadahead = "later kernels, 6.18 among them; engine fentry hooks the functions"

func sockets(o Options) bool   { return o.Sockets }
func usesUring(o Options) bool { return o.Uring }
func network(o Options) bool   { return o.Network }
func programs(o Options) bool  { return o.Programs != nil }
func source(o Options) bool    { return !programs(o) } // what is known of one file only
func ownSocket(o Options) bool { return sockets(o) && !programs(o) }

// Hooks are all hooks, in the order in which they are shown. Which function
// copies what, and on which kernel, is in docs/kernels.md.
var Hooks = []Hook{
	{Kind: Tracepoint, Program: bpf.ObjectProgSysExit, Perf: perfTwin{"raw_syscalls", bpf.ObjectProgSysExitPerf}, Counter: "syscalls, copies, moved", Feeds: ledger.Syscalls},
	{Kind: Tracepoint, Program: bpf.ObjectProgSysEnter, Perf: perfTwin{"raw_syscalls", bpf.ObjectProgSysEnterPerf}, Counter: "syscalls time_ns", Feeds: ledger.SyscallTime,
		wanted: func(o Options) bool { return o.Latency }},
	{Kind: Tracepoint, Program: bpf.ObjectProgSchedSwitch, Counter: "context_switches", Feeds: ledger.ContextSwitches},
	{Kind: Tracepoint, Program: bpf.ObjectProgSchedProcessExit, Perf: perfTwin{"sched", bpf.ObjectProgSchedProcessExitPerf}, Counter: "totals of a killed worker", Feeds: ledger.ThreadExits},
	{Kind: Tracepoint, Program: bpf.ObjectProgSchedWakeupNew, Counter: "threads and processes that begin", Feeds: ledger.Following, wanted: programs},
	{Kind: Tracepoint, Program: bpf.ObjectProgSchedProcessExec, Perf: perfTwin{"sched", bpf.ObjectProgSchedProcessExecPerf}, Counter: "programs that begin", Feeds: ledger.Following, wanted: programs},
	{Kind: Tracepoint, Program: bpf.ObjectProgSkbCopyDatagramIovec, Perf: perfTwin{"skb", bpf.ObjectProgSkbCopyDatagramIovecPerf}, Counter: "copies.to_user of sockets", Feeds: ledger.SocketCopies, Engine: ledger.Derived, wanted: sockets},
	{Kind: Tracepoint, Program: bpf.ObjectProgNetifReceiveSkb, Counter: "copies.in_kernel of zero-copy sends", Feeds: ledger.LateCopies, After: true, Engine: ledger.Derived,
		wanted: func(o Options) bool { return o.ZeroCopySends }},
	{Kind: Tracepoint, Program: bpf.ObjectProgPageFaultUser, Counter: "page_faults.user_mode", Feeds: ledger.UserFaults, X86Only: true},
	{Kind: Tracepoint, Program: bpf.ObjectProgMmFilemapAddToPageCache, Perf: perfTwin{"filemap", bpf.ObjectProgMmFilemapAddToPageCachePerf}, Counter: "page_cache", Feeds: ledger.PageCache, wanted: source},
	{Kind: Tracepoint, Program: bpf.ObjectProgPageCacheSyncRa, Perf: perfTwin{"readahead", bpf.ObjectProgPageCacheSyncRaPerf}, Counter: "page_cache.readahead_bytes", Feeds: ledger.ReadAhead, Kernels: sinceReadahead, wanted: source},
	{Kind: Tracepoint, Program: bpf.ObjectProgPageCacheAsyncRa, Perf: perfTwin{"readahead", bpf.ObjectProgPageCacheAsyncRaPerf}, Counter: "page_cache.readahead_bytes", Feeds: ledger.ReadAhead, Kernels: sinceReadahead, wanted: source},
	{Kind: Tracepoint, Program: bpf.ObjectProgMmFilemapFault, Perf: perfTwin{"filemap", bpf.ObjectProgMmFilemapFaultPerf}, Counter: "page_cache.readahead_bytes of mappings", Feeds: ledger.ReadAhead, Kernels: "Linux 6.11 and later", wanted: source},
	{Kind: Tracepoint, Program: bpf.ObjectProgBlockBioQueue, Counter: "disk", Feeds: ledger.Disk},
	{Kind: Tracepoint, Program: bpf.ObjectProgNetDevStartXmit, Counter: "nic, sent", Feeds: ledger.NICSent, After: true, wanted: network},
	{Kind: Tracepoint, Program: bpf.ObjectProgNetDevXmit, Counter: "nic, sent", Feeds: ledger.NICSent, After: true, wanted: network},
	{Kind: Tracepoint, Program: bpf.ObjectProgNicReceive, Targets: []string{"netif_receive_skb"}, Counter: "nic, received", Feeds: ledger.NICReceived, After: true, wanted: network},
	{Kind: Tracepoint, Program: bpf.ObjectProgIoUringComplete, Perf: perfTwin{"io_uring", bpf.ObjectProgIoUringCompletePerf}, Counter: "copies, moved of io_uring's requests", Feeds: ledger.UringRequests, wanted: usesUring},
	{Kind: Tracepoint, Program: bpf.ObjectProgIoUringCqeOverflow, Perf: perfTwin{"io_uring", bpf.ObjectProgIoUringCqeOverflowPerf}, Counter: "losses of io_uring's requests", Feeds: ledger.UringRequests, wanted: usesUring},
	{Kind: Tracepoint, Program: bpf.ObjectProgAioEvents, Perf: perfTwin{"raw_syscalls", bpf.ObjectProgAioEventsPerf}, Targets: []string{"sys_exit"}, Counter: "copies, moved of Linux AIO's requests", Feeds: ledger.AIORequests, wanted: func(o Options) bool { return o.AIO }},

	{Kind: FuncExit, Program: bpf.ObjectProgFilemapRead, Counter: "copies from files", Feeds: ledger.FentryCopies, Engine: ledger.Fentry},
	{Kind: FuncExit, Program: bpf.ObjectProgShmemFileReadIter, Counter: "copies from tmpfs files", Feeds: ledger.FentryCopies, Engine: ledger.Fentry},
	{Kind: FuncExit, Program: bpf.ObjectProgGenericPerformWrite, Counter: "copies to files", Feeds: ledger.FentryCopies, Engine: ledger.Fentry},
	{Kind: FuncExit, Program: bpf.ObjectProgIomapFileBufferedWrite, Counter: "copies to files of xfs", Feeds: ledger.FentryCopies, Engine: ledger.Fentry},
	{Kind: FuncExit, Program: bpf.ObjectProgBtrfsBufferedWrite, Module: "btrfs", Counter: "copies to files of btrfs", Feeds: ledger.FentryCopies, Engine: ledger.Fentry},
	{Kind: FuncExit, Program: bpf.ObjectProgBioIovIterBounce, Counter: "copies of direct I/O", Feeds: ledger.FentryCopies, Engine: ledger.Fentry,
		New: "direct I/O is copied there since Linux 7.0"},
	{Kind: FuncExit, Program: bpf.ObjectProgPipeRead, Targets: []string{"pipe_read", "anon_pipe_read"}, Counter: "copies from pipes", Feeds: ledger.FentryCopies, Engine: ledger.Fentry},
	{Kind: FuncExit, Program: bpf.ObjectProgPipeWrite, Targets: []string{"pipe_write", "anon_pipe_write"}, Counter: "copies to pipes", Feeds: ledger.FentryCopies, Engine: ledger.Fentry},
	{Kind: FuncExit, Program: bpf.ObjectProgTcpSendmsgLocked, Counter: "copies to TCP", Feeds: ledger.FentryCopies, Engine: ledger.Fentry, wanted: sockets},
	{Kind: FuncExit, Program: bpf.ObjectProgSkbCopyDatagramIter, Counter: "copies from sockets", Feeds: ledger.FentryCopies, Engine: ledger.Fentry, wanted: sockets},
	{Kind: FuncExit, Program: bpf.ObjectProgSkbSpliceBits, Counter: "copies from sockets into pipes", Feeds: ledger.FentryCopies, Engine: ledger.Fentry, wanted: sockets},
	{Kind: FuncExit, Program: bpf.ObjectProgTcpZerocopyReceive, Counter: "moved.mapped", Feeds: ledger.ReceivedPages, Engine: ledger.Fentry,
		wanted: func(o Options) bool { return o.Receiver == "zerocopy" }},
	{Kind: FuncExit, Program: bpf.ObjectProgSkbCopyDatagramFromIter, Counter: "copies to UNIX and packet sockets", Feeds: ledger.FentryCopies, Engine: ledger.Fentry, wanted: sockets},
	{Kind: FuncExit, Program: bpf.ObjectProgIpGenericGetfrag, Counter: "copies to UDP and RAW sockets", Feeds: ledger.FentryCopies, Engine: ledger.Fentry, wanted: sockets},
	{Kind: FuncEntry, Program: bpf.ObjectProgSkbCopyUbufs, Counter: "copies.in_kernel of zero-copy sends", Feeds: ledger.FentryCopies, After: true, Engine: ledger.Fentry, wanted: ownSocket},
	{Kind: FuncExit, Program: bpf.ObjectProgSkbCopyBits, Counter: "copies.net_internal", Feeds: ledger.NetInternal, Engine: ledger.Fentry, wanted: ownSocket},
	{Kind: FuncEntry, Program: bpf.ObjectProgCopyMcToKernel, Counter: "copies.cow", Feeds: ledger.COW, Engine: ledger.Fentry, X86Only: true},
	{Kind: FuncEntry, Program: bpf.ObjectProgDoFaultBegin, Targets: []string{"do_fault"}, Counter: "copies.cow", Feeds: ledger.COW, Engine: ledger.Fentry},
	{Kind: FuncExit, Program: bpf.ObjectProgDoFaultEnd, Targets: []string{"do_fault"}, Counter: "copies.cow", Feeds: ledger.COW, Engine: ledger.Fentry},
	{Kind: FuncEntry, Program: bpf.ObjectProgPageCacheSyncRaEntry, Targets: []string{"page_cache_sync_ra"}, Counter: "page_cache.readahead_bytes", Feeds: ledger.ReadAhead, Replaces: bpf.ObjectProgPageCacheSyncRa, Engine: ledger.Fentry, wanted: source},
	{Kind: FuncEntry, Program: bpf.ObjectProgPageCacheAsyncRaEntry, Targets: []string{"page_cache_async_ra"}, Counter: "page_cache.readahead_bytes", Feeds: ledger.ReadAhead, Replaces: bpf.ObjectProgPageCacheAsyncRa, Engine: ledger.Fentry, wanted: source},
	{Kind: FuncEntry, Program: bpf.ObjectProgFilemapFaultEntry, Targets: []string{"filemap_fault"}, Counter: "page_cache.readahead_bytes of mappings", Feeds: ledger.ReadAhead, Replaces: bpf.ObjectProgMmFilemapFault, Engine: ledger.Fentry, wanted: source},
	{Kind: FuncEntry, Program: bpf.ObjectProgSetPteRange, Counter: "moved.mapped", Feeds: ledger.MappedPages, Engine: ledger.Fentry, Kernels: "Linux 6.6 and later; before, do_set_pte does it", wanted: source},
	{Kind: FuncEntry, Program: bpf.ObjectProgDoSetPte, Counter: "moved.mapped", Feeds: ledger.MappedPages, Replaces: bpf.ObjectProgSetPteRange, Engine: ledger.Fentry, Kernels: "Linux until 6.5; since then, set_pte_range does it", wanted: source},
	{Kind: FuncExit, Program: bpf.ObjectProgDoSetPmd, Counter: "moved.mapped", Feeds: ledger.MappedPages, Engine: ledger.Fentry, wanted: source},

	{Kind: BreakpointHook, Program: bpf.ObjectProgCopyToIter, Targets: []string{"_copy_to_iter"}, Counter: "copies to iterators", Feeds: ledger.BreakpointCopies, Engine: ledger.Breakpoint},
	{Kind: BreakpointHook, Program: bpf.ObjectProgCopyFromIter, Targets: []string{"_copy_from_iter"}, Counter: "copies from iterators", Feeds: ledger.BreakpointCopies, Engine: ledger.Breakpoint},
	{Kind: BreakpointHook, Program: bpf.ObjectProgCopyPageFromIter, Targets: []string{"copy_page_from_iter_atomic", "copy_folio_from_iter_atomic"},
		Counter: "copies into the page cache", Feeds: ledger.BreakpointCopies, Engine: ledger.Breakpoint},
}

// lacking is what the ledger goes without when some hooks are not there; why says so of
// each of them, by its program. Hooks that feed the same are all needed, but for one
// whose stand-in is there.
func lacking(hooks []Hook, why map[string]string) ledger.Missing {
	replaced := map[string]bool{}
	for _, h := range hooks {
		if h.Replaces != "" && why[h.Program] == "" {
			replaced[h.Replaces] = true
		}
	}
	missing := ledger.Missing{}
	for _, h := range hooks {
		if h.Replaces == "" && !replaced[h.Program] && missing[h.Feeds] == "" && why[h.Program] != "" {
			missing[h.Feeds] = why[h.Program]
		}
	}
	return missing
}

// Options say what a run needs, so that only that is loaded.
type Options struct {
	Marker        Marker
	Copies        ledger.Engine // how to count copies; "" is [Auto]
	Latency       bool          // time system calls; attaches sys_enter
	Sockets       bool          // the payload goes through sockets
	ZeroCopySends bool          // with MSG_ZEROCOPY or io_uring's SEND_ZC
	Receiver      string        // how the receiver takes what arrives: read, splice, zerocopy or trunc; "" as read
	Uring         bool          // it makes requests of io_uring
	AIO           bool          // or of Linux AIO
	Network       bool          // it may leave through a network device
	Programs      *Programs     // programs are followed, and no workload; nil: none are
}

// Marker is the failing system call by which a worker opens and closes its
// window; see bpf/window.bpf.h.
type Marker struct {
	Nr      uint64 // system call number
	Address uint64 // its second argument
	Cookie  uint64 // its third argument, this run's secret
}
