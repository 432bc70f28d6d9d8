//go:build linux

package workloads

import (
	"math"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A worker's window opens and closes with a marker: clock_gettime(MarkerClock,
// MarkerAddress, cookie, second sink<<16|mark<<8|role, source, sink), which fails
// with EFAULT and changes nothing. The kernel ignores all but the first two arguments; they
// are for whoever counts the system calls of the thread, from after MarkBegin
// up to MarkEnd, neither included. The cookie is the run's secret, see
// Config.Cookie. To answer, the kernel brings the thread's run time up to date
// (kernel/sched/core.c: task_sched_runtime), so that it is exact in the window.
const (
	MarkerNr      = unix.SYS_CLOCK_GETTIME
	MarkerClock   = unix.CLOCK_THREAD_CPUTIME_ID
	MarkerAddress = 0xffff_ffff_7a63_7472 // no user address; "zctr"
	MarkBegin     = 1
	MarkEnd       = 2
)

// endless is the size of a source without an end, of a sink that takes
// everything at one place, and of an unlimited payload.
const endless = math.MaxInt64

// napNs is the longest sleep of the pacing, so that the stop word is seen soon.
const napNs = 100e6

// window is what a loop works on. Everything that runs between the markers is
// a nosplit, norace function that gets by without the Go runtime: no stack
// growth, no write barrier (no pointer is stored), no interface, no defer. The
// linker proves the first; strace shows the rest.
type window struct {
	shared *shared
	work   Work // what the user asked for

	cookie, part uintptr // for the markers: second sink<<16|role
	seen         *uint32 // the last marker that was seen, as who counts says; nil: none is missed
	seenWithinNs int64   // how long a marker is repeated

	in, out         uintptr // file descriptors
	inSize, outSize int64   // where reading and writing go round to the start
	inPos, outPos   int64
	seeklessIn      bool // going round on in needs no lseek
	seeklessOut     bool // nor does going round on out

	limit int64 // payload bytes
	moved int64 // payload bytes

	buf     unsafe.Pointer // of a chunk, or of the receiver's read
	bufSize int64
	flipAt  int64 // payload offset of the byte that a test has corrupted

	wakeNs   int64 // CLOCK_MONOTONIC when the next chunk is due
	wakeRest int64 // and the fraction of a nanosecond, in 1/rate
	pastNs   int64 // CLOCK_MONOTONIC is past this
	due      int64 // payload, with the next chunk, that is due at that time
	ts       unix.Timespec

	second     uintptr // a second sink, or the other of two ends that a receiver drains; 0: none
	secondSize int64   // where writing to it goes round

	private unsafe.Pointer // what the strategy alone works on: see keep

	expect     unsafe.Pointer // what a receiver that verifies must get
	expectSize int64
}

// keep makes what a strategy, or a receiver, works on besides the window, for its loop
// to find in w.private. All of it is written to, so that no page of it is a fault of the
// window.
func keep[T any](w *window) *T {
	private := new(T)
	const smallestPage = 4096
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(private)), unsafe.Sizeof(*private))
	for i := 0; i < len(bytes); i += smallestPage {
		bytes[i] = 0
	}
	bytes[len(bytes)-1] = 0
	w.private = unsafe.Pointer(private)
	return private
}

// begin opens the window. Its time begins with the marker that opens it, however many were missed before, so that
// nothing is due that could not yet be sent.
//
//go:nosplit
//go:norace
func (w *window) begin() {
	w.mark(MarkBegin)
	w.wakeNs, w.pastNs = w.shared.beginNs, w.shared.beginNs
}

// end closes the window.
//
//go:nosplit
//go:norace
func (w *window) end() {
	w.mark(MarkEnd)
	w.shared.endNs = w.now()
}

// mark makes the marker: once, or until it is seen where it may be missed, while some process on this CPU is preempted in
// the middle of what keeps programs from running. This thread is preempted, too, before long, and that process goes on.
// If it does not, the work fails.
//
//go:nosplit
//go:norace
func (w *window) mark(mark uint32) {
	const looks = 1 << 10 // markers, from one look at the clock to the next, which may be a system call in the window: see nanotime
	for n, firstNs := 1, int64(0); w.shared.unseen == 0; n++ {
		if mark == MarkBegin {
			w.shared.beginNs = w.now()
		}
		syscall.RawSyscall6(MarkerNr, MarkerClock, MarkerAddress, w.cookie, w.part|uintptr(mark)<<8, w.in, w.out)
		switch {
		case w.seen == nil || atomic.LoadUint32(w.seen) == mark:
			return
		case n%looks > 0:
		case firstNs == 0:
			firstNs = nanotime()
		case nanotime()-firstNs >= w.seenWithinNs:
			w.shared.unseen, w.shared.failed = mark, 1
		}
	}
}

// now is the monotonic clock in ns, by a system call: outside the window only.
//
//go:nosplit
//go:norace
func (w *window) now() int64 {
	syscall.RawSyscall6(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&w.ts)), 0, 0, 0, 0)
	return w.ts.Sec*1e9 + w.ts.Nsec
}

// next returns the size of the next chunk, 0 when there is none: it was told
// to stop, all is moved, or a system call failed. A position at its end goes
// back to the start first, so that no read ever returns 0. A chunk that was cut short
// is finished before another one begins: so how many chunks a payload takes is
// arithmetic, see trace.Run.Transfers.
//
//go:nosplit
//go:norace
func (w *window) next() int64 {
	if w.moved == w.limit || w.shared.failed != 0 || w.stopped() {
		return 0
	}
	if w.inPos == w.inSize {
		if !w.seeklessIn && !w.rewind(w.in) {
			return 0
		}
		w.inPos = 0
	}
	if w.outPos == w.outSize {
		if !w.seeklessOut && !w.rewind(w.out) {
			return 0
		}
		w.outPos = 0
	}
	n := min(w.work.Chunk-w.inPos%w.work.Chunk, w.limit-w.moved, w.inSize-w.inPos, w.outSize-w.outPos)
	if w.work.Rate > 0 && !w.pace(n) {
		return 0
	}
	return n
}

//go:nosplit
//go:norace
func (w *window) stopped() bool { return atomic.LoadUint32(&w.shared.stop) != 0 }

//go:nosplit
//go:norace
func (w *window) rewind(fd uintptr) bool {
	return w.call(unix.SYS_LSEEK, fd, 0, unix.SEEK_SET, 0, 0, 0) == 0 && w.shared.failed == 0
}

// pace sleeps until the next n bytes are due as a whole, the first ones too: at no
// time is the payload ahead of the rate. The deadlines are arithmetic over the start of
// the window, so they do not drift. Who is late makes no call: a rate that is out of reach
// would else cost a call for every chunk.
//
//go:nosplit
//go:norace
func (w *window) pace(n int64) bool {
	more := w.moved + n - w.due
	if more <= 0 { // a short transfer left some of what was due
		return true
	}
	w.due += more
	// Below 2^62: at most MaxChunk bytes since the last deadline.
	wait := more*1e9 + w.wakeRest
	w.wakeNs += wait / w.work.Rate
	w.wakeRest = wait % w.work.Rate
	for w.pastNs < w.wakeNs {
		now := nanotime()
		if w.pastNs = now; now >= w.wakeNs {
			break
		}
		until := min(w.wakeNs, now+napNs)
		w.ts.Sec, w.ts.Nsec = until/1e9, until%1e9
		w.call(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, uintptr(unsafe.Pointer(&w.ts)), 0, 0, 0)
		if w.shared.failed != 0 || w.stopped() {
			return false
		}
		w.pastNs = until
	}
	return true
}

// nanotime is CLOCK_MONOTONIC in ns as the vDSO tells it, without a system call, unless the
// machine's clock is one that only the kernel can read. The runtime's is nosplit.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// sent accounts for one call that delivered r bytes.
//
//go:nosplit
//go:norace
func (w *window) sent(r int64) {
	w.moved += r
	w.outPos += r
	atomic.StoreInt64(&w.shared.payload, w.moved)
}

// deliver writes n bytes at addr to the sink, in as many calls as it takes.
//
//go:nosplit
//go:norace
func (w *window) deliver(addr uintptr, n int64) {
	for n > 0 {
		r := w.transfer(unix.SYS_WRITE, w.out, addr, uintptr(n), 0, 0, 0)
		if r == 0 {
			return
		}
		w.sent(r)
		addr += uintptr(r)
		n -= r
	}
}

// deliverAt is deliver to a file, at the offset that the sink is at.
//
//go:nosplit
//go:norace
func (w *window) deliverAt(file, addr uintptr, n int64) {
	for n > 0 && w.shared.failed == 0 {
		r := w.transfer(unix.SYS_PWRITE64, file, addr, uintptr(n), uintptr(w.outPos), 0, 0)
		w.sent(r)
		addr += uintptr(r)
		n -= r
	}
}

// corrupt flips the byte that a test wants flipped, if it is among the n in the buffer.
//
//go:nosplit
//go:norace
func (w *window) corrupt(n int64) {
	if at := w.flipAt - w.moved; at >= 0 && at < n {
		*(*byte)(unsafe.Add(w.buf, at)) ^= 0xff
	}
}

// transfer makes a call that moves bytes, and must move at least one.
//
//go:nosplit
//go:norace
func (w *window) transfer(nr, a1, a2, a3, a4, a5, a6 uintptr) int64 {
	r := w.call(nr, a1, a2, a3, a4, a5, a6)
	if r == 0 && w.shared.failed == 0 {
		w.fail(nr, 0)
	}
	return r
}

// call makes a system call and returns its result, 0 if it failed. The thread
// blocks all signals, so EINTR is not to be expected; it is no failure.
//
//go:nosplit
//go:norace
func (w *window) call(nr, a1, a2, a3, a4, a5, a6 uintptr) int64 {
	for {
		*w.made(nr)++
		r, _, errno := syscall.RawSyscall6(nr, a1, a2, a3, a4, a5, a6)
		if errno == 0 {
			return int64(r)
		}
		if errno != unix.EINTR {
			w.fail(nr, errno)
			return 0
		}
	}
}

// attempt makes a system call whose failure may be none.
//
//go:nosplit
//go:norace
func (w *window) attempt(nr, a1, a2, a3, a4 uintptr) (int64, syscall.Errno) {
	for {
		*w.made(nr)++
		r, _, errno := syscall.RawSyscall6(nr, a1, a2, a3, a4, 0, 0)
		if errno != unix.EINTR {
			return int64(r), errno
		}
	}
}

// made counts the loop's calls of one number: the worker declares them, and what is counted of it is held
// against that.
//
//go:nosplit
//go:norace
func (w *window) made(nr uintptr) *uint64 { return &w.shared.calls[nr%callNumbers] }

//go:nosplit
//go:norace
func (w *window) fail(nr uintptr, errno syscall.Errno) {
	if w.shared.failed == 0 {
		w.shared.failedNr, w.shared.errno, w.shared.failed = int64(nr), uint32(errno), 1
	}
}

// failRequest is fail for an operation of io_uring, which is not a system call.
//
//go:nosplit
//go:norace
func (w *window) failRequest(op uint8, errno syscall.Errno) {
	if w.shared.failed == 0 {
		w.shared.failedOp, w.shared.errno, w.shared.failed = 1+uint32(op), uint32(errno), 1
	}
}
