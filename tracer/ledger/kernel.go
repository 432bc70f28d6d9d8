//go:build linux

package ledger

import (
	"cmp"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// KernelCounters are what was done on the run's behalf outside of its two
// threads. What the sender's counters know already is not work of the kernel's own:
// late copies and the packets of its socket.
func KernelCounters(k *bpf.ObjectKernelCells, missing Missing, sender *trace.Counters) trace.Counters {
	const reason = "no hook of this engine sees work in softirqs and kernel threads"
	c := trace.Uncounted(reason)
	byCalls := derived(0, "only a system call copies to or from user memory, and those are the workers'")
	c.Copies.ToUser, c.Copies.FromUser = byCalls, byCalls
	if sender.Zerocopy.Completions.Known() || sender.Copies.InKernel.Bytes.Known() {
		c.Copies.InKernel = derived(0, "what was copied late is charged to whoever sent it")
	}
	if sender.NIC.TxBytes.Known() {
		setNoNIC(&c, "a packet is charged to the socket that it belongs to, whoever sends it")
	}
	if why := cmp.Or(missing[Disk], missing[DiskWrites]); why != "" {
		say(&c, trace.Unavailable, why, trace.DiskReadBytes, trace.DiskReadRequests, trace.DiskWriteBytes, trace.DiskWriteRequests)
		return c
	}
	delete(c.Provenance, trace.DiskReadBytes.Group())
	say(&c, trace.Unavailable, reason, trace.DiskReadBytes, trace.DiskReadRequests)
	c.Disk.WriteBytes, c.Disk.WriteRequests = count(k.WritebackBytes), count(k.WritebackBios)
	say(&c, trace.Estimated, "what a file system writes from buffers of its own (encryption, compression) is not seen",
		trace.DiskWriteBytes, trace.DiskWriteRequests)
	return c
}
