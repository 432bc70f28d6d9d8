//go:build linux

package tracer

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/zctrace/zctrace/workloads/uring"
	"golang.org/x/sys/unix"
)

// ring is just enough of io_uring(7) to make one request after the other.
type ring struct {
	fd      int
	sq, cq  []byte
	entries []byte
	params  ringParams
}

// ringParams is struct io_uring_params (linux/io_uring.h).
type ringParams struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     struct {
		head, tail, ringMask, ringEntries, flags, dropped, array, _ uint32
		_                                                           uint64
	}
	cq struct {
		head, tail, ringMask, ringEntries, overflow, cqes, flags, _ uint32
		_                                                           uint64
	}
}

const (
	setupSQPoll = 1 << 1 // a thread of the kernel submits

	asyncRequest = 1 << 4 // IOSQE_ASYNC: one of io_uring's workers does it

	enterGetEvents = 1
	enterSQWakeup  = 2
	sqNeedWakeup   = 1

	notifFlag = 8 // IORING_CQE_F_NOTIF
)

// sqe is struct io_uring_sqe.
type sqe struct {
	opcode, flags uint8
	_             uint16
	fd            int32
	off, addr     uint64
	len, opFlags  uint32
	_             uint64
	bufIndex, _   uint16
	spliceIn      int32
	_             [2]uint64
}

const noOffset = ^uint64(0)

func newRing(t *testing.T, flags uint32) *ring {
	t.Helper()
	r := &ring{params: ringParams{flags: flags}}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&r.params)), 0)
	if errno != 0 {
		if os.Getenv(enginesEnv) != "" {
			t.Fatalf("io_uring: %v", errno)
		}
		t.Skipf("io_uring: %v (sysctl kernel.io_uring_disabled?)", errno)
	}
	r.fd = int(fd)
	t.Cleanup(func() { unix.Close(r.fd) })
	var err error
	memory := func(offset int64, size uint32) []byte {
		m, e := unix.Mmap(r.fd, offset, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
		err = errors.Join(err, e)
		return m
	}
	r.sq = memory(0, r.params.sq.array+4*r.params.sqEntries)         // IORING_OFF_SQ_RING
	r.cq = memory(0x8000000, r.params.cq.cqes+16*r.params.cqEntries) // IORING_OFF_CQ_RING
	r.entries = memory(0x10000000, 64*r.params.sqEntries)            // IORING_OFF_SQES
	if err != nil {
		t.Fatal(os.NewSyscallError("mmap", err))
	}
	return r
}

// register gives the ring a buffer, whose number is 0.
func (r *ring) register(t *testing.T, b []byte) {
	t.Helper()
	const registerBuffers = 0
	vector := unix.Iovec{Base: &b[0], Len: uint64(len(b))}
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), registerBuffers, uintptr(unsafe.Pointer(&vector)), 1, 0, 0); errno != 0 {
		t.Fatalf("register a buffer: %v", errno)
	}
}

func at(b []byte, offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&b[offset])) }

// submit hands a request in.
func (r *ring) submit(t *testing.T, e sqe) {
	t.Helper()
	tail := at(r.sq, r.params.sq.tail)
	i := *tail & (r.params.sqEntries - 1)
	*(*sqe)(unsafe.Pointer(&r.entries[64*i])) = e
	*at(r.sq, r.params.sq.array+4*i) = i
	atomic.AddUint32(tail, 1)
	if r.params.flags&setupSQPoll == 0 {
		r.enter(t, 1, 0, 0)
	} else if atomic.LoadUint32(at(r.sq, r.params.sq.flags))&sqNeedWakeup != 0 {
		r.enter(t, 0, 0, enterSQWakeup)
	}
}

// enter is no raw call: while one waits for the goroutine at a connection's other end, the
// garbage collector may wait for this thread, and that goroutine for the collector.
func (r *ring) enter(t *testing.T, submit, wait, flags uintptr) {
	t.Helper()
	for {
		_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), submit, wait, flags, 0, 0)
		if errno == 0 {
			return
		}
		if errno != unix.EINTR {
			t.Errorf("io_uring_enter: %v", errno)
			return
		}
	}
}

// result waits for the next completion.
func (r *ring) result(t *testing.T) (res int32, flags uint32) {
	t.Helper()
	head := atomic.LoadUint32(at(r.cq, r.params.cq.head))
	for head == atomic.LoadUint32(at(r.cq, r.params.cq.tail)) {
		r.enter(t, 0, 1, enterGetEvents)
		if t.Failed() {
			return -1, 0
		}
	}
	cqe := r.cq[r.params.cq.cqes+16*(head&(r.params.cqEntries-1)):]
	res, flags = int32(*at(cqe, 8)), *at(cqe, 12)
	atomic.StoreUint32(at(r.cq, r.params.cq.head), head+1)
	return res, flags
}

// do makes a request and returns its result, which must be a number of bytes.
func (r *ring) do(t *testing.T, e sqe) int {
	t.Helper()
	r.submit(t, e)
	res, _ := r.result(t)
	for range 10 { // a signal of Go's runtime may have kept 6.1 from making a worker
		if res != -int32(unix.ECANCELED) {
			break
		}
		r.submit(t, e)
		res, _ = r.result(t)
	}
	if res <= 0 {
		t.Errorf("request %d: %v", e.opcode, unix.Errno(-res))
		return 0
	}
	return int(res)
}

// sendZC sends b with IORING_OP_SEND_ZC, and returns when its memory is free again.
func (r *ring) sendZC(t *testing.T, fd int, b []byte) {
	t.Helper()
	r.submit(t, sqe{opcode: uring.OpSendZC, fd: int32(fd), addr: uint64(ptr(b)), len: uint32(len(b)), opFlags: unix.MSG_WAITALL})
	for {
		res, flags := r.result(t)
		switch {
		case t.Failed(), flags&notifFlag != 0:
			runtime.KeepAlive(b)
			return
		case int(res) != len(b):
			t.Errorf("sent %d bytes of %d", res, len(b))
			return
		}
	}
}
