//go:build linux

// Package uring is as much of io_uring as moving payload takes: a ring, linked
// requests, registered buffers and files, and a submission thread.
//
// Everything that a transfer calls is nosplit and norace, makes raw system calls
// and stores no pointer, so that it works between two system calls that are
// counted, without the Go runtime adding any. A [Ring] is for the thread that made
// it, and for no other: see runtime.LockOSThread. What requests point to must not be moved or freed before their results are there:
// memory from mmap, not from Go.
//
// It needs Linux 6.1 (IORING_SETUP_DEFER_TASKRUN). See io_uring(7).
package uring

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/syscalls"
)

// MaxEntries is how many requests a ring can hold: IORING_MAX_ENTRIES.
const MaxEntries = 32768

// Ring is a submission queue and a completion queue, shared with the kernel.
type Ring struct {
	fd     uintptr
	thread bool // the kernel's submits

	// The kernel moves sqHead and cqTail, the ring sqTail and cqHead.
	sqHead, sqTail, sqFlags *uint32
	cqHead, cqTail          *uint32
	sqMask, cqMask          uint32
	sqes                    unsafe.Pointer // [sqMask+1]SQE
	cqes                    unsafe.Pointer // [cqMask+1]CQE

	filled uint32 // where the next request goes; *sqTail once they are submitted

	rings    unsafe.Pointer
	ringSize uintptr
	sqesSize uintptr
}

// Setup makes a ring for so many requests, rounded up to a power of two, and for
// twice as many results. With thread, a thread of the kernel submits
// (IORING_SETUP_SQPOLL); it sleeps after a second without requests. All memory
// of the ring is present.
//
// Errors: [unix.ENOSYS] without io_uring, [unix.EPERM] where the sysctl
// kernel.io_uring_disabled or a seccomp filter forbids it, [unix.ENOMEM] beyond
// RLIMIT_MEMLOCK, on kernels that count rings there, [unix.EINVAL] before Linux 6.1.
func Setup(entries uint32, thread bool) (*Ring, error) {
	// Results are brought while the thread waits for them. Else they are brought as
	// signals are, and a thread that goes to sleep with one pending is not counted
	// where it is seen (kernel/sched/core.c: __schedule).
	p := params{flags: setupSubmitAll | setupSingleIssuer | setupDeferTaskrun}
	if thread { // which brings them
		p.flags = setupSubmitAll | setupSQPoll
		// It frees a batch's places only after the batch (io_uring/io_uring.c:
		// io_submit_sqes), when the results may be there and the next one is filled in.
		entries *= 2
	}
	fd, _, errno := syscall.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("set up an io_uring: %w", errno)
	}
	r := &Ring{fd: fd, thread: thread}
	if err := r.mmap(&p); err != nil {
		r.Close()
		return nil, fmt.Errorf("map an io_uring: %w", err)
	}
	return r, nil
}

func (r *Ring) mmap(p *params) (err error) {
	if p.features&(featureSingleMmap|featureNoDrop) != featureSingleMmap|featureNoDrop {
		return unix.ENOSYS // before Linux 5.5
	}
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	size := max(uintptr(p.sq.array)+4*uintptr(p.sqEntries), uintptr(p.cq.cqes)+unsafe.Sizeof(CQE{})*uintptr(p.cqEntries))
	if r.rings, err = unix.MmapPtr(int(r.fd), mapRings, nil, size, prot, flags); err != nil {
		return err
	}
	r.ringSize = size
	size = unsafe.Sizeof(SQE{}) * uintptr(p.sqEntries)
	if r.sqes, err = unix.MmapPtr(int(r.fd), mapSQEs, nil, size, prot, flags); err != nil {
		return err
	}
	r.sqesSize = size
	word := func(offset uint32) *uint32 { return (*uint32)(unsafe.Add(r.rings, offset)) }
	r.sqHead, r.sqTail, r.sqFlags = word(p.sq.head), word(p.sq.tail), word(p.sq.flags)
	r.cqHead, r.cqTail = word(p.cq.head), word(p.cq.tail)
	r.sqMask, r.cqMask = *word(p.sq.mask), *word(p.cq.mask)
	r.cqes = unsafe.Add(r.rings, p.cq.cqes)
	for i := range p.sqEntries { // requests are submitted in the order of their slots
		*word(p.sq.array + 4*i) = i
	}
	return nil
}

// Close gives the ring back. Requests that are under way are cancelled.
func (r *Ring) Close() {
	if r.sqesSize > 0 {
		_ = unix.MunmapPtr(r.sqes, r.sqesSize)
	}
	if r.ringSize > 0 {
		_ = unix.MunmapPtr(r.rings, r.ringSize)
	}
	unix.Close(int(r.fd))
}

// Next is the next request to fill in, zeroed; it is submitted by [Ring.Enter]. Nil
// if the ring is full.
//
//go:nosplit
//go:norace
func (r *Ring) Next() *SQE {
	if r.filled-atomic.LoadUint32(r.sqHead) > r.sqMask {
		return nil
	}
	e := (*SQE)(unsafe.Add(r.sqes, uintptr(r.filled&r.sqMask)*unsafe.Sizeof(SQE{})))
	*e = SQE{}
	r.filled++
	return e
}

// Enter submits the requests that are filled in, and waits until want results
// are there. It is one io_uring_enter, if nothing interrupts it; with a submission
// thread one to wake it, if it sleeps, and to wait, or none if all is there. It adds to calls those that it made.
//
//go:nosplit
//go:norace
func (r *Ring) Enter(want uint32, calls *uint64) syscall.Errno {
	atomic.StoreUint32(r.sqTail, r.filled)
	for {
		submit, flags := r.filled-atomic.LoadUint32(r.sqHead), uintptr(enterGetEvents)
		if r.thread {
			if submit > 0 && atomic.LoadUint32(r.sqFlags)&sqNeedWakeup != 0 {
				flags |= enterSQWakeup
			} else if r.Ready() >= want {
				return 0
			}
		} else if submit == 0 && r.Ready() >= want {
			return 0
		}
		*calls++
		_, _, errno := syscall.RawSyscall6(unix.SYS_IO_URING_ENTER, r.fd, uintptr(submit), uintptr(want), flags, 0, 0)
		if errno != 0 && errno != unix.EINTR {
			return errno
		}
	}
}

// Ready is the number of results that are there.
//
//go:nosplit
//go:norace
func (r *Ring) Ready() uint32 {
	return atomic.LoadUint32(r.cqTail) - *r.cqHead // which nobody else moves
}

// Take takes one of the results that are there.
//
//go:nosplit
//go:norace
func (r *Ring) Take() CQE {
	head := *r.cqHead
	e := *(*CQE)(unsafe.Add(r.cqes, uintptr(head&r.cqMask)*unsafe.Sizeof(CQE{})))
	atomic.StoreUint32(r.cqHead, head+1)
	return e
}

// RegisterBuffers pins buffers, which OpReadFixed and OpWriteFixed name by their
// index. What is pinned counts against RLIMIT_MEMLOCK: ENOMEM beyond it.
func (r *Ring) RegisterBuffers(buffers []unix.Iovec) error {
	if err := r.register(registerBuffers, unsafe.Pointer(unsafe.SliceData(buffers)), len(buffers)); err != nil {
		return fmt.Errorf("register buffers: %w", err)
	}
	return nil
}

// RegisterFiles takes files, which requests with SQEFixedFile name by their index.
func (r *Ring) RegisterFiles(fds []int32) error {
	if err := r.register(registerFiles, unsafe.Pointer(unsafe.SliceData(fds)), len(fds)); err != nil {
		return fmt.Errorf("register files: %w", err)
	}
	return nil
}

// Missing is the first of these operations that the kernel does not have, for an
// error; nil if it has them all.
func (r *Ring) Missing(ops ...uint8) error {
	p := &probe{}
	if err := r.register(registerProbe, unsafe.Pointer(p), len(p.ops)); err != nil {
		return fmt.Errorf("io_uring_register: %w", err)
	}
	for _, op := range ops {
		if p.ops[op].flags&opSupported == 0 {
			return fmt.Errorf("%s: %w", syscalls.UringOp(uint32(op)), errors.ErrUnsupported)
		}
	}
	return nil
}

func (r *Ring) register(what uintptr, arg unsafe.Pointer, n int) error {
	if _, _, errno := syscall.Syscall6(unix.SYS_IO_URING_REGISTER, r.fd, what, uintptr(arg), uintptr(n), 0, 0); errno != 0 {
		return errno
	}
	return nil
}
