//go:build linux

package ledger

import (
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
)

// notAccounted is NOT_ACCOUNTED of bpf/cells.h.
const notAccounted = ^uint64(0)

// Losses are the causes for which a run may not be believed; all 0 in one that
// may. The parties are those whose slots the snapshot has; a run without a receiver has an empty one.
func Losses(s *Snapshot, sender, receiver Party) map[string]int64 {
	losses := map[string]int64{
		"recursion_misses":  0,               // events that the kernel dropped, which may have been of a traced thread
		"uncounted_calls":   0,               // system calls and requests for which no cell was free, or that nobody could look at
		"context_switches":  0,               // seen by the hook, less counted by the kernel, or the other way
		"breakpoint_misses": 0,               // hits for which the kernel ran no program, which may have been of a traced thread
		"unwatched_cpus":    s.UnwatchedCPUs, // came online during the run, without breakpoints
		"unpaired_calls":    0,               // system calls seen to return and not to begin
		"disk_reads":        0,               // bytes seen by the hook, less those charged to the task by the kernel, or the other way
		"open_windows":      0,               // workers that ended and were not seen to; who knows that they ended says so
		"errnos":            0,               // failed calls and requests, less those counted by errno, or the other way
		"socket_copies":     0,               // bytes that TCP reads returned, less those that the hook saw, or the other way
		"io_calls":          0,               // reads and writes, less those that the kernel counted for the task, or the other way
		"declared_calls":    0,               // system calls that the workers say they made, less those counted, or the other way
	}
	parties := [...]Party{Sender: sender, Receiver: receiver}
	losses["recursion_misses"], losses["breakpoint_misses"] = s.missedEvents(parties), s.missedHits(parties)
	for i, p := range parties {
		slot := &s.Slots[i]
		losses["uncounted_calls"] += int64(slot.UncountedCalls + slot.Helpers.UncountedRequests)
		if slot.State != bpf.ObjectSlotStateCLOSED {
			continue // the cells are still moving, or a call was cut off
		}
		if p.Missing[ContextSwitches] == "" {
			losses["context_switches"] += distance(slot.Voluntary, slot.Now.Nvcsw-slot.Begin.Nvcsw) +
				distance(slot.Involuntary, slot.Now.Nivcsw-slot.Begin.Nivcsw)
		}
		if p.Missing[Disk] == "" && !p.Remote && slot.Begin.ReadBytes != notAccounted {
			losses["disk_reads"] += missedReads(slot)
		}
		if slot.IoCalls.Accounted != 0 {
			losses["io_calls"] += unaccounted(slot)
		}
		if p.Calls != nil {
			losses["declared_calls"] += undeclared(slot, p.Calls)
		}
		for c := range cellsOf(slot) {
			losses["errnos"] += distance(c.Errors, failed(c.OtherErrors, c.Failed[:]))
			if p.Missing[SyscallTime] == "" {
				losses["unpaired_calls"] += distance(c.Calls, timed(c))
			}
			if p.Missing[SocketCopies] == "" && isTCPRead(c) {
				losses["socket_copies"] += distance(c.Seen[bpf.ObjectEngineTRACEPOINTS].ToUser, c.Bytes-c.Mapped)
			}
		}
		for c := range requestsOf(slot) {
			losses["errnos"] += distance(c.Errors, failed(c.OtherErrors, c.Failed[:]))
		}
	}
	return losses
}

// missedReads are the bytes that the thread read from disks by the hook's count, less those by the kernel's, or the other way.
func missedReads(s *bpf.ObjectSlot) int64 {
	return distance(s.DiskReadBytes, s.Now.ReadBytes-s.Begin.ReadBytes)
}

// unaccounted is by how many the reads and writes that were counted differ from those that the kernel counted for the
// task. One that fails counts there only if it gets as far as the file.
func unaccounted(s *bpf.ObjectSlot) int64 {
	var reads, writes struct{ least, most uint64 }
	for c := range cellsOf(s) {
		if c.Key.Nr == unix.SYS_COPY_FILE_RANGE {
			return 0 // on an overlay it is one inside another, and both count (fs/overlayfs/file.c: ovl_copyfile)
		}
		read, write := accounts(c.Key.Nr)
		if read {
			reads.least, reads.most = reads.least+c.Calls-c.Errors, reads.most+c.Calls
		}
		if write {
			writes.least, writes.most = writes.least+c.Calls-c.Errors, writes.most+c.Calls
		}
	}
	outside := func(n, least, most uint64) int64 { return distance(n, min(max(n, least), most)) }
	return outside(s.IoCalls.Reads, reads.least, reads.most) + outside(s.IoCalls.Writes, writes.least, writes.most)
}

// undeclared is by how many calls those counted differ from those that the worker says it made, by number.
func undeclared(s *bpf.ObjectSlot, declared map[uint32]uint64) (n int64) {
	counted, unnamed := map[uint32]uint64{}, map[uint32]uint64{}
	for c := range cellsOf(s) {
		counted[c.Key.Nr] += c.Calls - restarted(c)
		unnamed[c.Key.Nr] += c.OtherErrors // which may be restarts
	}
	// What is left of a call that the kernel has restarted, and a look at a clock that the vDSO cannot read:
	// the worker knows of neither.
	delete(counted, unix.SYS_RESTART_SYSCALL)
	delete(counted, unix.SYS_CLOCK_GETTIME)
	for nr, made := range declared {
		if seen := counted[nr]; seen < made || seen > made+unnamed[nr] {
			n += distance(seen, made)
		}
		delete(counted, nr)
	}
	for _, seen := range counted {
		n += int64(seen)
	}
	return n
}

// restarted are the calls that a signal cut short (SIGSTOP; all others are blocked) and that the kernel made
// again: it counts both, and who made the call knows of one. Not those that go on as a restart_syscall.
func restarted(c *bpf.ObjectCell) (n uint64) {
	const ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND = 512, 513, 514 // linux/errno.h
	for _, f := range c.Failed {
		if f.Errnr == ERESTARTSYS || f.Errnr == ERESTARTNOINTR || f.Errnr == ERESTARTNOHAND {
			n += f.Calls
		}
	}
	return n
}

// timed are the calls whose beginning was seen.
func timed(c *bpf.ObjectCell) (n uint64) {
	for _, calls := range c.LatencyLog2 {
		n += calls
	}
	return n
}

// failed are a cell's calls or requests that failed, as they stand by their errno.
func failed(others uint64, list []bpf.ObjectFailed) uint64 {
	for _, f := range list {
		others += f.Calls
	}
	return others
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
