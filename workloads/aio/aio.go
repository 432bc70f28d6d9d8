//go:build linux

// Package aio is Linux native AIO: io_submit and io_getevents, which libaio wraps.
// A request is asynchronous only on a file that is open with O_DIRECT; io_submit
// does any other one itself, before it returns.
//
// Everything that a transfer calls is nosplit and norace, makes raw system calls
// and stores no pointer, so that it works between two system calls that are
// counted, without the Go runtime adding any. A [Queue] is for one thread. What
// requests point to must not be moved or freed before their results are there:
// memory from mmap, not from Go.
//
// See io_setup(2), io_submit(2) and io_getevents(2).
package aio

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Request is struct iocb of include/uapi/linux/aio_abi.h, on a little-endian machine.
type Request struct {
	Data   uint64 // comes back in the Event
	_      uint32 // key
	_      uint32 // RWF_... flags
	Opcode uint16
	_      int16 // priority
	FD     uint32
	Buf    uint64
	Bytes  uint64
	Offset int64
	_      uint64
	_      uint32 // IOCB_FLAG_...
	_      uint32 // eventfd
}

// Event is a result: struct io_event.
type Event struct {
	Data   uint64
	Object uint64 // the address of the Request
	Res    int64  // what the system call would return, or -errno
	_      int64
}

// The operations: IOCB_CMD_...
const (
	OpRead  = 0 // pread
	OpWrite = 1 // pwrite
)

// Queue is a context for some requests, and the memory for them.
type Queue struct {
	context uintptr // aio_context_t
	depth   int
	filled  int // requests, and of them those that are
	sent    int // submitted

	memory   unsafe.Pointer // requests, addresses of requests, events
	size     uintptr
	requests unsafe.Pointer // [depth]Request
	pointers unsafe.Pointer // [depth]uintptr
	events   unsafe.Pointer // [depth]Event
}

// Setup makes a queue for up to depth requests in flight. All memory is present.
//
// Errors: [unix.ENOSYS] without AIO, [unix.EAGAIN] beyond the sysctl
// fs.aio-max-nr, which is for the whole machine, [unix.EPERM] where a seccomp
// filter forbids it.
func Setup(depth int) (*Queue, error) {
	q := &Queue{depth: depth}
	const request, pointer, event = unsafe.Sizeof(Request{}), unsafe.Sizeof(uintptr(0)), unsafe.Sizeof(Event{})
	q.size = uintptr(depth) * (request + pointer + event)
	var err error
	q.memory, err = unix.MmapPtr(-1, 0, nil, q.size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map memory for AIO: %w", err)
	}
	q.requests = q.memory
	q.events = unsafe.Add(q.requests, uintptr(depth)*request)
	q.pointers = unsafe.Add(q.events, uintptr(depth)*event)
	for i := range depth {
		*(*uintptr)(unsafe.Add(q.pointers, uintptr(i)*pointer)) = uintptr(q.requests) + uintptr(i)*request
	}
	if _, _, errno := syscall.Syscall(unix.SYS_IO_SETUP, uintptr(depth), uintptr(unsafe.Pointer(&q.context)), 0); errno != 0 {
		_ = unix.MunmapPtr(q.memory, q.size)
		return nil, fmt.Errorf("set up AIO for a queue of %d: %w", depth, errno)
	}
	return q, nil
}

// Close waits for what is under way and gives the queue back.
func (q *Queue) Close() {
	_, _, _ = syscall.Syscall(unix.SYS_IO_DESTROY, q.context, 0, 0)
	_ = unix.MunmapPtr(q.memory, q.size)
}

// Next is the next request of a batch to fill in, zeroed. Nil if the queue is full.
//
//go:nosplit
//go:norace
func (q *Queue) Next() *Request {
	if q.filled == q.depth {
		return nil
	}
	r := (*Request)(unsafe.Add(q.requests, uintptr(q.filled)*unsafe.Sizeof(Request{})))
	*r = Request{}
	q.filled++
	return r
}

// Submit submits the batch: one io_submit, if the kernel takes all of it at once.
// One that it refuses ends the batch; the rest is forgotten. It returns the number
// of requests that [Queue.Wait] has to wait for, and adds to calls those that it made.
//
//go:nosplit
//go:norace
func (q *Queue) Submit(calls *uint64) (int, syscall.Errno) {
	for q.sent < q.filled {
		at := uintptr(q.pointers) + uintptr(q.sent)*unsafe.Sizeof(uintptr(0))
		*calls++
		n, _, errno := syscall.RawSyscall6(unix.SYS_IO_SUBMIT, q.context, uintptr(q.filled-q.sent), at, 0, 0, 0)
		if errno != 0 && errno != unix.EINTR {
			sent := q.sent
			q.filled, q.sent = 0, 0
			return sent, errno
		}
		if errno == 0 {
			q.sent += int(n)
		}
	}
	sent := q.sent
	q.filled, q.sent = 0, 0
	return sent, 0
}

// Wait waits for n results, at least one and up to the depth, and returns how many
// [Queue.Event] has: n, but for an interruption. It adds to calls those that it made.
//
//go:nosplit
//go:norace
func (q *Queue) Wait(n int, calls *uint64) (int, syscall.Errno) {
	for {
		*calls++
		r, _, errno := syscall.RawSyscall6(unix.SYS_IO_GETEVENTS, q.context, uintptr(n), uintptr(n), uintptr(q.events), 0, 0)
		if errno != unix.EINTR {
			return int(r), errno
		}
	}
}

// Event is result i of the last [Queue.Wait].
//
//go:nosplit
//go:norace
func (q *Queue) Event(i int) Event {
	return *(*Event)(unsafe.Add(q.events, uintptr(i)*unsafe.Sizeof(Event{})))
}
