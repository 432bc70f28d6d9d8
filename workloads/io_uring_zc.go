//go:build linux

package workloads

import (
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/workloads/uring"
)

var ioUringZC = &Strategy{
	Name:     "io-uring-zc",
	Summary:  "map the source once, send from the mapping by io_uring's zero-copy send, take the notifications: no copy, unless the receiver is on this machine",
	Syscalls: []string{"mmap", "io_uring_enter", "munmap"},
	Transfer: []string{"io_uring_enter"},
	Path:     pathThrough(PlaceMapping, ByMapping, "mmap", ByReference, "io_uring_enter"),
	Textbook: Textbook{
		TransferCalls: 1, ModeSwitches: 2,
		DMAIn: 1, DMAOut: 1,
		Source: ioUringSource + "; IORING_OP_SEND_ZC tries to avoid copies, and tells by a second result when the pages are free again",
	},
	Sinks:         []SinkKind{SinkTCP},
	Queued:        true,
	ZeroCopySends: true,
	prepare:       openZeroCopyRing,
	loop:          zeroCopyRingLoop,
}

// CopiedUnknown is what a worker declares as copied where the kernel does not tell.
const CopiedUnknown = -1

// zeroCopyQueue is what io-uring-zc works on, the sends of two chains: the
// notifications of one come while the next one is sent, since they take as long as the
// packets are under way.
type zeroCopyQueue struct {
	queue
	report  uint16             // asks the kernel to tell what it copied; 0 where it cannot
	number  uint64             // of the chain that is sent
	sent    [2][MaxDepth]int64 // results of even and odd chains: bytes, or -errno
	inAt    [MaxDepth]int64    // offsets
	open    [2]int64           // sends of even and odd chains whose notification has not come
	most    int64              // sends in a chain
	refused syscall.Errno      // the first failure of the chain that is sent
	waited  bool               // all notifications had come before it was, for want of memory
}

func openZeroCopyRing(w *window) (undo func(), err error) {
	z := keep[zeroCopyQueue](w)
	undo, err = openRing(w, &z.queue, func(*window) requests {
		return requests{read: uring.OpSendZC, write: uring.OpSendZC}
	})
	if err != nil {
		return nil, err
	}
	if reportsUsage(z.ring) {
		z.report = uring.SendReportUsage
	} else {
		w.shared.copied = CopiedUnknown
	}
	return undo, nil
}

// reportsUsage asks for a send to nowhere. A kernel that does not know the flag
// finds that wrong first.
func reportsUsage(ring *uring.Ring) bool {
	e := ring.Next()
	e.Opcode, e.FD, e.IOPrio = uring.OpSendZC, -1, uring.SendReportUsage
	if ring.Enter(1, new(uint64)) != 0 {
		return false
	}
	c := ring.Take()
	if c.Flags&uring.CQEMore != 0 && ring.Enter(1, new(uint64)) == 0 {
		ring.Take()
	}
	return c.Res != -int32(unix.EINVAL)
}

//go:nosplit
//go:norace
func zeroCopyRingLoop(w *window) {
	w.readByMapping()
	z := (*zeroCopyQueue)(w.private)
	z.most, z.waited = w.work.Depth, false
	w.begin()
	addr := w.mapSource(unix.MAP_POPULATE)
	for w.shared.failed == 0 {
		z.confirm(w, (z.number+1)&1) // those of the chain before the last
		z.number++
		used := z.send(w, addr)
		if used == 0 {
			break
		}
		z.settle(w, used)
	}
	z.confirm(w, 0)
	z.confirm(w, 1)
	w.unmap(addr, w.inSize)
	w.end()
}

// send submits a chain of sends and takes their results.
//
//go:nosplit
//go:norace
func (z *zeroCopyQueue) send(w *window, addr uintptr) int64 {
	moved, inPos, outPos := w.moved, w.inPos, w.outPos
	z.refused = 0
	used := int64(0)
	var last *uring.SQE
	for used < z.most {
		n := w.next()
		if n == 0 {
			break
		}
		last = z.ring.Next()
		last.Opcode, last.Flags, last.IOPrio = uring.OpSendZC, uring.SQELink, z.report
		last.FD, last.OpFlags = int32(w.out), unix.MSG_WAITALL|unix.MSG_NOSIGNAL
		last.Addr, last.Len = uint64(addr)+uint64(w.inPos), uint32(n)
		last.UserData = z.number<<16 | uint64(used)
		z.inAt[used] = w.inPos
		used++
		w.moved += n
		w.inPos += n
		w.outPos += n
	}
	w.moved, w.inPos, w.outPos = moved, inPos, outPos
	if used > 0 {
		last.Flags &^= uring.SQELink
		z.take(w, used)
	}
	return used
}

// take submits what is filled in, and takes results and notifications until
// the former are complete.
//
//go:nosplit
//go:norace
func (z *zeroCopyQueue) take(w *window, results int64) {
	for results > 0 && w.shared.failed == 0 {
		results -= z.takeResults(w, uint32(results))
	}
}

// confirm takes results until the notifications of a chain are complete.
//
//go:nosplit
//go:norace
func (z *zeroCopyQueue) confirm(w *window, turn uint64) {
	for z.open[turn] > 0 && w.shared.failed == 0 {
		z.takeResults(w, uint32(z.open[turn]))
	}
}

// takeResults waits for that many results, takes what is there, and returns how
// many were not notifications. A send that moved nothing may be followed by one all
// the same, at any time, and whatever its result says: with Linux 6.18, those that
// a broken chain cancels are, without IORING_CQE_F_MORE.
//
//go:nosplit
//go:norace
func (z *zeroCopyQueue) takeResults(w *window, want uint32) int64 {
	if errno := z.ring.Enter(want, w.made(unix.SYS_IO_URING_ENTER)); errno != 0 {
		w.fail(unix.SYS_IO_URING_ENTER, errno)
		return 0
	}
	results := int64(0)
	for range z.ring.Ready() {
		e := z.ring.Take()
		chain, i := e.UserData>>16, e.UserData&0xffff
		turn := chain & 1
		if e.Flags&uring.CQENotification != 0 {
			if chain+1 >= z.number && z.sent[turn][i] > 0 {
				z.open[turn]--
				w.confirmed(e.Res)
			}
			continue
		}
		results++
		z.sent[turn][i] = int64(e.Res)
		if e.Res > 0 && e.Flags&uring.CQEMore != 0 {
			z.open[turn]++
		}
		if e.Res < 0 && -e.Res != int32(unix.ECANCELED) && z.refused == 0 {
			z.refused = syscall.Errno(-e.Res)
		}
	}
	return results
}

// confirmed accounts for the notification of a send.
//
//go:nosplit
//go:norace
func (w *window) confirmed(usage int32) {
	atomic.StoreInt64(&w.shared.completions, w.shared.completions+1)
	if uint32(usage)&uring.UsageCopied != 0 {
		atomic.StoreInt64(&w.shared.copied, w.shared.copied+1)
	}
}

// settle accounts for a chain, up to where it broke. Where the kernel may pin
// no more pages, those that are under way come first, and chains are shorter from
// then on: it counts a chain's pages when it is submitted.
//
//go:nosplit
//go:norace
func (z *zeroCopyQueue) settle(w *window, used int64) {
	moved := w.moved
	for i := range used {
		n := z.sent[z.number&1][i]
		if !w.worked(n, uring.OpSendZC) {
			break
		}
		w.inPos = z.inAt[i] + n
		w.sent(n)
	}
	switch {
	case z.refused == 0, z.refused == unix.EINTR:
		z.waited = false
	case !cannotPin(z.refused), w.moved == moved && z.waited && z.most == 1:
		w.failRequest(uring.OpSendZC, z.refused)
	default:
		z.most = max(1, z.most/2)
		z.confirm(w, 0)
		z.confirm(w, 1)
		z.waited = true
	}
}

// cannotPin is whether a send failed for RLIMIT_MEMLOCK, or for the socket's memory.
//
//go:nosplit
//go:norace
func cannotPin(errno syscall.Errno) bool { return errno == unix.ENOMEM || errno == unix.ENOBUFS }
