package trace

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// Origin tells where the plain number at path comes from, e.g. "cpu.user_ns":
// what Provenance says of it, or of the nearest group above it ("cpu"), or else
// that it was observed. "*" stands for the name of any system call, as in
// "syscalls.by_name.*.time_ns". Amounts carry their own provenance.
func (c *Counters) Origin(path string) Origin {
	for p := path; p != ""; p = parent(p) {
		if o, ok := c.Provenance[p]; ok {
			return o
		}
		if o, ok := c.Provenance[anyName(p)]; ok {
			return o
		}
	}
	return Origin{Kind: Observed}
}

const byNamePrefix = "syscalls.by_name."

// anyName puts "*" in the place of the system call's name.
func anyName(path string) string {
	rest, ok := strings.CutPrefix(path, byNamePrefix)
	if !ok {
		return path
	}
	_, field, ok := strings.Cut(rest, ".")
	if !ok {
		return byNamePrefix + "*"
	}
	return byNamePrefix + "*." + field
}

func parent(path string) string {
	return path[:max(0, strings.LastIndexByte(path, '.'))]
}

// numbers are the plain numbers, by their path in JSON. A test proves by
// reflection that none is left out here or in amounts.
func (c *Counters) numbers() iter.Seq2[string, Int] {
	return func(yield func(string, Int) bool) {
		_ = yield("payload_bytes", c.PayloadBytes) &&
			yield("syscalls.calls", c.Syscalls.Calls) &&
			yield("syscalls.transfer_calls", c.Syscalls.TransferCalls) &&
			yield("syscalls.short_transfers", c.Syscalls.ShortTransfers) &&
			c.Syscalls.yieldByName(yield) &&
			yield("mode_switches", c.ModeSwitches) &&
			yield("context_switches.voluntary", c.ContextSwitches.Voluntary) &&
			yield("context_switches.involuntary", c.ContextSwitches.Involuntary) &&
			yield("zerocopy.completions", c.Zerocopy.Completions) &&
			yield("zerocopy.copied", c.Zerocopy.Copied) &&
			yield("page_faults.minor", c.PageFaults.Minor) &&
			yield("page_faults.major", c.PageFaults.Major) &&
			yield("page_faults.user_mode", c.PageFaults.UserMode) &&
			yield("page_cache.hit_bytes", c.PageCache.HitBytes) &&
			yield("page_cache.miss_bytes", c.PageCache.MissBytes) &&
			yield("page_cache.readahead_bytes", c.PageCache.ReadaheadBytes) &&
			yield("page_cache.left_bytes", c.PageCache.LeftBytes) &&
			yield("disk.read_bytes", c.Disk.ReadBytes) &&
			yield("disk.read_requests", c.Disk.ReadRequests) &&
			yield("disk.write_bytes", c.Disk.WriteBytes) &&
			yield("disk.write_requests", c.Disk.WriteRequests) &&
			yield("nic.tx_bytes", c.NIC.TxBytes) &&
			yield("nic.tx_packets", c.NIC.TxPackets) &&
			yield("nic.rx_bytes", c.NIC.RxBytes) &&
			yield("nic.rx_packets", c.NIC.RxPackets) &&
			yield("cpu.runtime_ns", c.CPU.RuntimeNS) &&
			yield("cpu.user_ns", c.CPU.UserNS) &&
			yield("cpu.system_ns", c.CPU.SystemNS)
	}
}

func (s *Syscalls) yieldByName(yield func(string, Int) bool) bool {
	for _, name := range slices.Sorted(maps.Keys(s.ByName)) {
		call, path := s.ByName[name], byNamePrefix+name
		more := yield(path+".calls", call.Calls) &&
			yield(path+".errors", call.Errors) &&
			yield(path+".bytes", call.Bytes) &&
			yield(path+".time_ns", call.TimeNS) &&
			yield(path+".blocked", call.Blocked)
		if !more {
			return false
		}
	}
	return true
}

// amounts are the numbers that carry their own provenance, by their path.
func (c *Counters) amounts() iter.Seq2[string, *Amount] {
	return func(yield func(string, *Amount) bool) {
		_ = yield("copies.to_user", &c.Copies.ToUser) &&
			yield("copies.from_user", &c.Copies.FromUser) &&
			yield("copies.in_kernel", &c.Copies.InKernel) &&
			yield("copies.user_space", &c.Copies.UserSpace) &&
			yield("copies.cow", &c.Copies.COW) &&
			yield("copies.net_internal", &c.Copies.NetInternal) &&
			yield("copies.fill", &c.Copies.Fill) &&
			yield("moved.page_refs", &c.Moved.PageRefs) &&
			yield("moved.mapped", &c.Moved.Mapped) &&
			yield("moved.cloned", &c.Moved.Cloned) &&
			c.yieldEngines(yield)
	}
}

func (c *Counters) yieldEngines(yield func(string, *Amount) bool) bool {
	for _, name := range slices.Sorted(maps.Keys(c.Engines)) {
		e, path := c.Engines[name], "engines."+name
		if e == nil {
			continue
		}
		more := yield(path+".to_user", &e.ToUser) &&
			yield(path+".from_user", &e.FromUser) &&
			yield(path+".in_kernel", &e.InKernel) &&
			yield(path+".page_refs", &e.PageRefs)
		if !more {
			return false
		}
	}
	return true
}

// parties are the counters of each party that there is.
func (t *Totals) parties() iter.Seq2[string, *Counters] {
	return func(yield func(string, *Counters) bool) {
		_ = yield("sender", &t.Sender) &&
			(t.Receiver == nil || yield("receiver", t.Receiver)) &&
			yield("kernel", &t.Kernel)
	}
}
