//go:build linux

// Package ledger turns the cells that the eBPF programs fill into the counters of
// package trace. It is pure: it touches neither the kernel nor a file, and the same
// cells give the same counters.
package ledger

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Run is what the ledger must know of one party besides its cells.
type Run struct {
	Missing
	Engines   []Engine        // that counted; the first one's numbers are the counters'. None: derived
	Transfer  []string        // names of the calls that count as transfer_calls
	Payload   int64           // bytes that the workload moved, declared by it
	UserSpace int64           // bytes that the workload copied itself, declared by it
	Cached    bool            // it reads its source through the page cache
	Dense     bool            // blocks on a disk hold all of its source, which has no holes
	Remote    bool            // its source is on another machine, and what is read from there the kernel takes for read from a disk
	Maps      bool            // it maps its source
	MapsSink  bool            // it writes its sink through a mapping
	Zerocopy  *trace.Zerocopy // what it read of notifications, declared by it; nil: it does not
	NoNIC     string          // why no byte can have passed a NIC; "" if it can
	UnknownTx string          // why what NICs sent for it cannot be told; "" if it can
	UnknownRx string          // the same of what they received
	Pages     bool            // it asks for whole pages of its source, but for the source's last
	Left      Left
}

// Left is how much page cache the run left behind, which is looked up at its end.
type Left struct {
	Bytes  trace.Int
	Reason string // where they are from, or why nobody knows
}

// Missing says why hooks that counters need are not there: each is a reason, or
// "" while the hook is attached.
type Missing struct {
	Latency, ContextSwitches, UserFaults, SocketCopies, LateCopies, PageCache, Disk string
	COW, Mapped, Received, NetInternal, ReadAhead, NICSent, NICReceived             string
	Uring, AIO                                                                      string // requests

	Copies map[Engine]string // of those hooks without which the engine does not see all copies
}

const whyDerived = "from the system calls, their descriptors and their results"

// Counters turns the cells of a slot into the counters of a trace. It is pure:
// the same cells give the same counters.
func Counters(s *bpf.ObjectSlot, run Run) trace.Counters {
	if s.State == bpf.ObjectSlotStateIDLE {
		return trace.Uncounted("the window is not open yet")
	}
	c := trace.Counters{PayloadBytes: trace.Known(run.Payload), Provenance: map[string]trace.Origin{}}
	c.Provenance[trace.PayloadBytes.Path()] = trace.Origin{Kind: trace.Derived, Reason: "declared by the workload"}
	l := ledger{counters: &c, run: run}
	for i := range s.Cells {
		if cell := &s.Cells[i]; cell.Calls > 0 && !torn(cell) {
			l.add(cell)
		}
	}
	l.zerocopySends = zerocopySendsOf(s).succeeded > 0
	l.syscalls()
	l.amounts(s)
	l.task(s)
	return c
}

// torn is a cell whose key was copied before it was written, and its calls
// after: key 0 is a read of nothing, which cannot succeed.
func torn(cell *bpf.ObjectCell) bool {
	return cell.Key == bpf.ObjectCellKey{} && cell.Errors < cell.Calls
}

// ledger adds up cells.
type ledger struct {
	counters *trace.Counters
	run      Run

	calls, transferCalls, short int64
	lengthless                  string // a transfer call whose arguments do not say how much was asked for
	zerocopySends               bool
	received                    int64 // bytes of pages that calls said they mapped
	byName                      map[string]*syscallSum
}

type syscallSum struct {
	calls, errors, bytes, timeNS, blocked int64
	latency                               []int64
}

func (l *ledger) add(cell *bpf.ObjectCell) {
	name := syscalls.Name(cell.Key.Nr)
	l.calls += int64(cell.Calls)
	if slices.Contains(l.run.Transfer, name) {
		l.transferCalls += int64(cell.Calls)
		l.short += int64(cell.ShortCalls)
		if cell.Bytes > 0 && !saysLength(cell.Key.Nr) {
			l.lengthless = name
		}
	}
	l.addName(name, cell)
	l.received += int64(cell.Mapped)
}

func (l *ledger) addName(name string, cell *bpf.ObjectCell) {
	if l.byName == nil {
		l.byName = map[string]*syscallSum{}
	}
	sum := l.byName[name]
	if sum == nil {
		sum = &syscallSum{latency: make([]int64, len(cell.LatencyLog2))}
		l.byName[name] = sum
	}
	sum.calls += int64(cell.Calls)
	sum.errors += int64(cell.Errors)
	sum.bytes += int64(cell.Bytes)
	sum.timeNS += int64(cell.TimeNs)
	sum.blocked += int64(cell.Blocked)
	for i, n := range cell.LatencyLog2 {
		sum.latency[i] += int64(n)
	}
}

func (l *ledger) syscalls() {
	byName := map[string]trace.Syscall{}
	for name, sum := range l.byName {
		s := trace.Syscall{
			Calls:  trace.Known(sum.calls),
			Errors: trace.Known(sum.errors),
			Bytes:  trace.Known(sum.bytes),
		}
		if l.run.ContextSwitches == "" {
			s.Blocked = trace.Known(sum.blocked)
		}
		if l.run.Latency == "" {
			s.TimeNS = trace.Known(sum.timeNS)
			s.LatencyLog2 = trimZeros(sum.latency)
		}
		byName[name] = s
	}
	l.counters.Syscalls = trace.Syscalls{
		Calls:          trace.Known(l.calls),
		TransferCalls:  trace.Known(l.transferCalls),
		ShortTransfers: trace.Known(l.short),
		ByName:         byName,
	}
	if l.lengthless != "" {
		l.counters.Syscalls.ShortTransfers = trace.Int{}
		l.missing(trace.ShortTransfers.Path(), "how much "+l.lengthless+" is asked for stands in memory, not in its arguments")
	}
	l.counters.ModeSwitches = trace.Known(2 * l.calls)
	if why := l.run.Latency; why != "" {
		l.missing(trace.CallTimeNS.Path(), why)
	}
	if why := l.run.ContextSwitches; why != "" {
		l.missing(trace.CallBlocked.Path(), why)
	}
}

// missing notes why the plain numbers at path are null.
func (l *ledger) missing(path, reason string) {
	l.counters.Provenance[path] = trace.Origin{Kind: trace.Unavailable, Reason: reason}
}

func trimZeros(h []int64) []int64 {
	for len(h) > 0 && h[len(h)-1] == 0 {
		h = h[:len(h)-1]
	}
	return h
}

func (l *ledger) amounts(s *bpf.ObjectSlot) {
	engines := l.run.Engines
	if len(engines) == 0 {
		engines = []Engine{Derived}
	}
	c := l.counters
	t := newTally(s, engines[0], &l.run)
	c.Copies = trace.Copies{
		ToUser:      t.amount(toUser),
		FromUser:    t.amount(fromUser),
		InKernel:    t.amount(inKernel),
		Fill:        t.amount(fill),
		UserSpace:   trace.Amount{Bytes: trace.Known(l.run.UserSpace), DerivedBytes: trace.Known(l.run.UserSpace), Provenance: trace.Derived, Reason: "declared by the workload"},
		COW:         hooked(s.CowBytes, l.run.COW),
		NetInternal: hooked(s.NetInternalBytes, l.run.NetInternal),
	}
	if s.Sent.LinearBytes > 0 && c.Copies.InKernel.Bytes.Known() {
		c.Copies.InKernel.Reason = "its packets reached the NIC in one piece, so the stack has copied them together"
	}
	if c.Copies.NetInternal.Bytes.Known() {
		c.Copies.NetInternal.Provenance = trace.Estimated
		c.Copies.NetInternal.Reason = "of packets that belong to the socket already; it depends on timing"
	}
	c.Moved = trace.Moved{PageRefs: t.amount(pageRefs), Cloned: t.amount(cloned)}
	if len(engines) < 2 {
		return
	}
	c.Engines = map[string]*trace.EngineCounters{}
	for _, e := range engines {
		t := newTally(s, e, &l.run)
		c.Engines[string(e)] = &trace.EngineCounters{
			ToUser: t.amount(toUser), FromUser: t.amount(fromUser), InKernel: t.amount(inKernel), PageRefs: t.amount(pageRefs),
		}
	}
}

// hooked is a number that only a hook tells; missing says why there is none.
func hooked(n uint64, missing string) trace.Amount {
	if missing != "" {
		return Unavailable(missing)
	}
	return trace.Amount{Bytes: trace.Known(int64(n)), DerivedBytes: trace.Known(0), Provenance: trace.Observed}
}

// mixed is a number of which a hook saw a part, and the rest is derived.
func mixed(bytes, seen int64) trace.Amount {
	a := trace.Amount{Bytes: trace.Known(bytes), DerivedBytes: trace.Known(bytes - seen), Provenance: trace.Derived, Reason: whyDerived}
	if 2*seen > bytes {
		a.Provenance = trace.Observed
		if seen == bytes {
			a.Reason = ""
		}
	}
	return a
}

// Unavailable is a number that nobody counted.
func Unavailable(reason string) trace.Amount {
	return trace.Amount{Provenance: trace.Unavailable, Reason: reason}
}

func (l *ledger) task(s *bpf.ObjectSlot) {
	c := l.counters
	known := func(v uint64) trace.Int { return trace.Known(int64(v)) }
	if why := l.run.ContextSwitches; why == "" {
		c.ContextSwitches = trace.ContextSwitches{Voluntary: known(s.Voluntary), Involuntary: known(s.Involuntary)}
	} else {
		l.missing(trace.VoluntarySwitches.Group(), why)
	}
	faults, helpers := l.helperThreads(s)
	c.PageFaults.Minor = trace.Known(int64(s.Now.MinFlt-s.Begin.MinFlt) + faults.Minor.Or(0))
	c.PageFaults.Major = trace.Known(int64(s.Now.MajFlt-s.Begin.MajFlt) + faults.Major.Or(0))
	if why := l.run.UserFaults; why == "" {
		c.PageFaults.UserMode = known(s.FaultsUser)
	} else {
		l.missing(trace.UserFaults.Path(), why)
	}
	c.Moved.Mapped = l.mapped(s)
	l.fills(s)
	l.pageCache(s)
	if why := l.run.Disk; why == "" {
		c.Disk = trace.Disk{
			ReadBytes: known(diskRead(s)), ReadRequests: known(s.DiskReadBios + s.Helpers.DiskReadBios),
			WriteBytes: known(s.DiskWriteBytes + s.Helpers.DiskWriteBytes), WriteRequests: known(s.DiskWriteBios + s.Helpers.DiskWriteBios),
		}
	} else {
		l.missing(trace.DiskReadBytes.Group(), why)
	}
	l.zeros()
	l.nic(s)
	l.cpu(s, helpers)
}

// mapped is what page faults made visible of the source, and what a receiver had
// mapped of its socket's pages.
func (l *ledger) mapped(s *bpf.ObjectSlot) trace.Amount {
	faulted := int64(s.Cache.MappedBytes + s.Helpers.Cache.MappedBytes)
	switch {
	case l.run.Mapped != "" && l.run.Maps:
		// mm_filemap_map_pages does not see folios that are mapped by a PMD
		// (mm/filemap.c: filemap_map_pmd).
		return Unavailable("no tracepoint sees all that faults map: " + l.run.Mapped)
	case l.received > 0 && l.run.Received != "":
		a := mixed(faulted+l.received, faulted)
		a.Reason = "what TCP_ZEROCOPY_RECEIVE reported"
		return a
	case l.run.Mapped == "" || l.received > 0:
		return hooked(uint64(faulted)+s.ReceivedBytes, "")
	}
	a := mixed(0, 0)
	a.Reason = "it maps no file"
	return a
}

// What the thread did, and others did for it.
func diskRead(s *bpf.ObjectSlot) uint64   { return s.DiskReadBytes + s.Helpers.DiskReadBytes }
func cacheAdded(s *bpf.ObjectSlot) uint64 { return s.Cache.AddedBytes + s.Helpers.Cache.AddedBytes }

// zeros are the numbers that are certainly 0, because nothing that the run did
// can have made them anything else.
func (l *ledger) zeros() {
	c, zero := l.counters, trace.Known(0)
	switch {
	case l.run.Zerocopy != nil:
		c.Zerocopy = *l.run.Zerocopy
		c.Provenance[trace.ZerocopyCopied.Group()] = trace.Origin{Kind: trace.Derived, Reason: "declared by the workload, which reads the notifications"}
		if !c.Zerocopy.Copied.Known() {
			l.missing(trace.ZerocopyCopied.Path(), "this kernel's io_uring does not tell: it takes Linux 6.2 (IORING_SEND_ZC_REPORT_USAGE)")
		}
	case l.zerocopySends:
		l.missing(trace.ZerocopyCopied.Group(), "nobody reads the error queue")
	default:
		c.Zerocopy = trace.Zerocopy{Completions: zero, Copied: zero}
		c.Provenance[trace.ZerocopyCopied.Group()] = trace.Origin{Kind: trace.Derived, Reason: "nothing was sent with MSG_ZEROCOPY"}
	}
}

// nic is what devices moved by DMA for the party's socket.
func (l *ledger) nic(s *bpf.ObjectSlot) {
	c, zero := &l.counters.NIC, trace.Known(0)
	if why := l.run.NoNIC; why != "" {
		*c = trace.NIC{TxBytes: zero, TxPackets: zero, RxBytes: zero, RxPackets: zero}
		l.counters.Provenance[trace.NICTxBytes.Group()] = trace.Origin{Kind: trace.Derived, Reason: why}
		return
	}
	if why := cmp.Or(l.run.UnknownTx, l.run.NICSent); why == "" {
		// What a device refused was counted when it was handed over, and will be again.
		c.TxBytes = trace.Known(int64(s.Sent.Bytes - s.Refused.Bytes))
		c.TxPackets = trace.Known(int64(s.Sent.Packets - s.Refused.Packets))
	} else {
		l.missing(trace.NICTxBytes.Path(), why)
		l.missing(trace.NICTxPackets.Path(), why)
	}
	if why := cmp.Or(l.run.UnknownRx, l.run.NICReceived); why == "" {
		c.RxBytes, c.RxPackets = trace.Known(int64(s.Received.Bytes)), trace.Known(int64(s.Received.Packets))
	} else {
		l.missing(trace.NICRxBytes.Path(), why)
		l.missing(trace.NICRxPackets.Path(), why)
	}
}

func (l *ledger) pageCache(s *bpf.ObjectSlot) {
	pc, origins := &l.counters.PageCache, l.counters.Provenance
	l.left()
	missing := l.run.PageCache
	if missing == "" && !l.run.Cached {
		missing = "it does not read a file through it"
	}
	if missing != "" {
		for _, path := range []string{trace.CacheHitBytes.Path(), trace.CacheMissBytes.Path(), trace.ReadaheadBytes.Path()} {
			l.missing(path, missing)
		}
		return
	}
	added, missed := int64(cacheAdded(s)), int64(s.Cache.MissedBytes+s.Helpers.Cache.MissedBytes)
	pc.MissBytes = trace.Known(added)
	switch {
	case added == 0:
		pc.ReadaheadBytes, pc.HitBytes = trace.Known(0), trace.Known(l.run.Payload)
		origins[trace.ReadaheadBytes.Path()] = trace.Origin{Kind: trace.Derived, Reason: "nothing was added to the cache"}
		origins[trace.CacheHitBytes.Path()] = trace.Origin{Kind: trace.Derived, Reason: "nothing was added to the cache, so all was there"}
	case l.run.ReadAhead != "":
		l.missing(trace.ReadaheadBytes.Path(), l.run.ReadAhead)
		pc.HitBytes = trace.Known(max(0, l.run.Payload-added))
		origins[trace.CacheHitBytes.Path()] = trace.Origin{Kind: trace.Estimated, Reason: "payload less what was added to the cache, read-ahead included"}
	default:
		pc.ReadaheadBytes = trace.Known(int64(s.Cache.AheadBytes + s.Helpers.Cache.AheadBytes))
		pc.HitBytes = trace.Known(max(0, l.run.Payload-missed))
		origin := trace.Origin{Kind: trace.Derived, Reason: "payload less what was asked for and not in the cache"}
		if byPages := l.run.Maps || l.counters.Syscalls.ShortTransfers == trace.Known(0); !l.run.Pages || !byPages {
			origin = trace.Origin{Kind: trace.Estimated, Reason: "payload less the pages asked for and not in the cache; requests began and ended within pages"}
		}
		origins[trace.CacheHitBytes.Path()] = origin
	}
}

func (l *ledger) left() {
	l.counters.PageCache.LeftBytes = l.run.Left.Bytes
	path := trace.CacheLeftBytes.Path()
	if l.run.Left.Bytes.Known() {
		l.counters.Provenance[path] = trace.Origin{Kind: trace.Derived, Reason: l.run.Left.Reason}
	} else {
		l.missing(path, l.run.Left.Reason)
	}
}

// fills takes back that nothing was zero-filled where page faults or holes may
// have done so, which no system call's result tells.
func (l *ledger) fills(s *bpf.ObjectSlot) {
	switch {
	case l.run.MapsSink:
		l.counters.Copies.Fill = Unavailable("faults on the sink's mapping fill its new pages; that needs a hook on the fault functions")
	case l.run.Maps && !l.run.Cached:
		l.counters.Copies.Fill = Unavailable("faults on the mapping fill pages; that needs a hook on the fault functions")
	case l.run.Cached && l.run.PageCache != "":
		l.counters.Copies.Fill = Unavailable("pages of holes are zero-filled when they are added to the page cache: " + l.run.PageCache)
	case l.run.Cached && cacheAdded(s) > diskRead(s):
		l.counters.Copies.Fill = Unavailable("more pages were added to the cache than the disk was read for: those of holes are zero-filled")
	}
}

// cpu splits the exact run time as the kernel does for getrusage(2): in the
// proportion of the tick samples (kernel/sched/cputime.c: cputime_adjust).
func (l *ledger) cpu(s *bpf.ObjectSlot, helpers uint64) {
	c := l.counters
	runtime := s.Now.RuntimeNs - s.Begin.RuntimeNs
	user, system := s.Now.UtimeNs-s.Begin.UtimeNs, s.Now.StimeNs-s.Begin.StimeNs
	c.CPU.RuntimeNS = trace.Known(int64(runtime + helpers))
	for _, path := range []string{trace.UserNS.Path(), trace.SystemNS.Path()} {
		c.Provenance[path] = trace.Origin{Kind: trace.Estimated, Reason: "sampled at clock ticks"}
	}
	if user+system == 0 {
		for _, path := range []string{trace.UserNS.Path(), trace.SystemNS.Path()} {
			c.Provenance[path] = trace.Origin{Kind: trace.Unavailable, Reason: "shorter than a clock tick"}
		}
		return
	}
	userNS := int64(float64(runtime) * (float64(user) / float64(user+system)))
	c.CPU.UserNS = trace.Known(userNS)
	c.CPU.SystemNS = trace.Known(int64(runtime+helpers) - userNS)
}

// helperThreads is what io_uring's threads did for the slot, as the kernel counts it
// for each. 6.1 does not tell that a thread that exits is one of them.
func (l *ledger) helperThreads(s *bpf.ObjectSlot) (faults trace.PageFaults, runtime uint64) {
	path := trace.RuntimeNS.Path()
	h := &s.Helpers
	if !usesUring(h) {
		return trace.PageFaults{}, 0
	}
	if s.State != bpf.ObjectSlotStateCLOSED {
		for _, path := range []string{path, trace.MinorFaults.Path(), trace.MajorFaults.Path()} {
			l.counters.Provenance[path] = trace.Origin{Kind: trace.Estimated, Reason: "without io_uring's threads, which are added when the window closes"}
		}
		return trace.PageFaults{}, 0
	}
	did := func(now, gone, begin uint64) uint64 { return max(now+gone, begin) - begin }
	runtime = did(h.Now.RuntimeNs, h.Gone.RuntimeNs, h.Begin.RuntimeNs)
	if runtime > 0 {
		l.counters.Provenance[path] = trace.Origin{Kind: trace.Estimated, Reason: "with io_uring's threads, as of when each was last switched out, or of the last clock tick"}
	}
	return trace.PageFaults{
		Minor: trace.Known(int64(did(h.Now.MinFlt, h.Gone.MinFlt, h.Begin.MinFlt))),
		Major: trace.Known(int64(did(h.Now.MajFlt, h.Gone.MajFlt, h.Begin.MajFlt))),
	}, runtime
}

// KernelCounters are what was done on the run's behalf outside of its two
// threads. What the sender's counters know already is not work of the kernel's own:
// late copies and the packets of its socket.
func KernelCounters(k *bpf.ObjectKernelCells, run Run, sender *trace.Counters) trace.Counters {
	const reason = "no hook of this engine sees work in softirqs and kernel threads"
	c := trace.Uncounted(reason)
	zero := mixed(0, 0)
	zero.Reason = "only a system call copies to or from user memory, and those are the workers'"
	c.Copies.ToUser, c.Copies.FromUser = zero, zero
	if sender.Zerocopy.Completions.Known() || sender.Copies.InKernel.Bytes.Known() {
		zero.Reason = "what was copied late is charged to whoever sent it"
		c.Copies.InKernel = zero
	}
	if sender.NIC.TxBytes.Known() {
		c.NIC = trace.NIC{TxBytes: trace.Known(0), TxPackets: trace.Known(0), RxBytes: trace.Known(0), RxPackets: trace.Known(0)}
		c.Provenance[trace.NICTxBytes.Group()] = trace.Origin{Kind: trace.Derived, Reason: "a packet is charged to the socket that it belongs to, whoever sends it"}
	}
	if run.Disk == "" {
		c.Disk.WriteBytes = trace.Known(int64(k.WritebackBytes))
		c.Disk.WriteRequests = trace.Known(int64(k.WritebackBios))
		delete(c.Provenance, trace.DiskReadBytes.Group())
		for _, path := range []string{trace.DiskWriteBytes.Path(), trace.DiskWriteRequests.Path()} {
			c.Provenance[path] = trace.Origin{Kind: trace.Estimated,
				Reason: "what a file system writes from buffers of its own (encryption, compression) is not seen"}
		}
		for _, path := range []string{trace.DiskReadBytes.Path(), trace.DiskReadRequests.Path()} {
			c.Provenance[path] = trace.Origin{Kind: trace.Unavailable, Reason: reason}
		}
	}
	return c
}

// notAccounted is NOT_ACCOUNTED of bpf/cells.h.
const notAccounted = ^uint64(0)

// Losses are the causes for which a run may not be believed; all 0 in one that
// may.
func Losses(s *Snapshot, run Run) map[string]int64 {
	losses := map[string]int64{
		"recursion_misses":  s.RecursionMisses,  // events that the kernel dropped
		"uncounted_calls":   0,                  // system calls and requests for which no cell was free, or that nobody could look at
		"context_switches":  0,                  // seen by the hook, less counted by the kernel, or the other way
		"breakpoint_misses": s.BreakpointMisses, // hits for which the kernel ran no program
		"unwatched_cpus":    s.UnwatchedCPUs,    // came online during the run, without breakpoints
		"unpaired_calls":    0,                  // system calls seen to return and not to begin
		"disk_reads":        0,                  // bytes seen by the hook, less those charged to the task by the kernel, or the other way
		"open_windows":      0,                  // workers that ended and were not seen to; who knows that they ended says so
		"socket_copies":     0,                  // bytes that TCP reads returned, less those that the hook saw, or the other way
	}
	for i := range s.Slots {
		slot := &s.Slots[i]
		losses["uncounted_calls"] += int64(slot.UncountedCalls + slot.Helpers.UncountedRequests)
		if slot.State != bpf.ObjectSlotStateCLOSED {
			continue // the cells are still moving, or a call was cut off
		}
		if run.ContextSwitches == "" {
			losses["context_switches"] += distance(slot.Voluntary, slot.Now.Nvcsw-slot.Begin.Nvcsw) +
				distance(slot.Involuntary, slot.Now.Nivcsw-slot.Begin.Nivcsw)
		}
		if run.Disk == "" && !run.Remote && slot.Begin.ReadBytes != notAccounted {
			losses["disk_reads"] += distance(slot.DiskReadBytes, slot.Now.ReadBytes-slot.Begin.ReadBytes)
		}
		for j := range slot.Cells {
			if c := &slot.Cells[j]; run.Latency == "" {
				losses["unpaired_calls"] += distance(c.Calls, timed(c))
			}
			if c := &slot.Cells[j]; run.SocketCopies == "" && c.Calls > 0 && isTCPRead(c) {
				losses["socket_copies"] += distance(c.Seen[bpf.ObjectEngineTRACEPOINTS].ToUser, c.Bytes-c.Mapped)
			}
		}
	}
	return losses
}

// timed are the calls whose beginning was seen.
func timed(c *bpf.ObjectCell) (n uint64) {
	for _, calls := range c.LatencyLog2 {
		n += calls
	}
	return n
}

// isTCPRead: all that a plain read of a TCP socket returns passes by the hook
// (net/ipv4/tcp.c: tcp_recvmsg_locked), and so does what TCP_ZEROCOPY_RECEIVE did not
// map (tcp_zerocopy_receive). Not what a splice moves, nor what MSG_TRUNC discards.
func isTCPRead(c *bpf.ObjectCell) bool {
	plain := c.Key.Flags == 0 && c.Key.Out.Format == 0
	return kindOf(c.Key.In) == kindTCP && (plain || c.Key.Nr == unix.SYS_GETSOCKOPT)
}

func distance(a, b uint64) int64 {
	if a < b {
		a, b = b, a
	}
	return int64(a - b)
}
