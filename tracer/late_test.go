package tracer

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// connection is a TCP connection over loopback whose other end reads and counts.
type connection struct {
	fd       int
	received *atomic.Int64
}

func connect(t *testing.T) connection {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	sender, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := connection{received: new(atomic.Int64)}
	file, err := sender.(*net.TCPConn).File() // blocking
	if err != nil {
		t.Fatal(err)
	}
	c.fd = int(file.Fd())
	t.Cleanup(func() { file.Close(); sender.Close(); receiver.Close() })
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := receiver.Read(buf)
			c.received.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	return c
}

// wait returns when n bytes have arrived, with what was sent again on the way.
func (c connection) wait(t *testing.T, n int64) (resent int64) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); c.received.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d bytes have arrived", c.received.Load(), n)
		}
	}
	info, err := unix.GetsockoptTCPInfo(c.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		t.Fatal(err)
	}
	return int64(info.Bytes_retrans)
}

// loaded starts a tracer with all engines that this kernel allows.
func loaded(t *testing.T) (*Tracer, Missing) {
	t.Helper()
	tr := start(t, Options{Copies: All, Sockets: true, ZeroCopySends: true})
	return tr, tr.Missing()
}

const lateBytes = 1_000_123

// MSG_ZEROCOPY over loopback is no zero copy: every byte is copied after all, when
// its packet arrives, on anybody's time. Each engine charges it to the sender.
func TestEnginesSeeLateCopies(t *testing.T) {
	tr, missing := loaded(t)
	c := connect(t)
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1); err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, lateBytes)
	window(-1, c.fd, func() {
		for sent := 0; sent < len(payload); {
			chunk := payload[sent:min(sent+40_000, len(payload))]
			n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(c.fd), ptr(chunk), uintptr(len(chunk)), unix.MSG_ZEROCOPY, 0, 0)
			if errno != 0 {
				t.Errorf("send: %v", errno)
				return
			}
			sent += int(n)
		}
	})
	resent := c.wait(t, lateBytes)
	s := snapshot(t, tr)
	for _, e := range tr.Engines() {
		counters := Counters(&s.Slots[Sender], Run{Engines: []Engine{e}, Missing: missing})
		for name, got := range map[string][2]trace.Int{
			"in_kernel": {counters.Copies.InKernel.Bytes, trace.Known(lateBytes + resent)},
			"from_user": {counters.Copies.FromUser.Bytes, trace.Known(0)},
			"to_user":   {counters.Copies.ToUser.Bytes, trace.Known(0)},
			"page_refs": {counters.Moved.PageRefs.Bytes, trace.Known(lateBytes)},
		} {
			if got[0] != got[1] {
				t.Errorf("%s: %s is %v, want %v (%d bytes sent again)", e, name, got[0], got[1], resent)
			}
		}
	}
	for cause, n := range Losses(s, Run{Missing: missing}) {
		if n != 0 {
			t.Errorf("loss %s: %d", cause, n)
		}
	}
}

// The same by io_uring, whose packets say in another way whose they are.
func TestEnginesSeeLateCopiesOfSendZC(t *testing.T) {
	tr, _ := loaded(t)
	c := connect(t)
	ring := newRing(t)
	payload := make([]byte, lateBytes)
	var sent int64
	window(-1, c.fd, func() { sent = ring.sendZC(t, c.fd, payload) })
	resent := c.wait(t, sent)
	s := snapshot(t, tr)
	for _, e := range tr.Engines() {
		cells := e.cells()
		if e == Breakpoint { // the copy is no such function's: it relies on the tracepoint
			cells = bpf.ObjectEngineTRACEPOINTS
		}
		if got := int64(s.Slots[Sender].LateBytes[cells]); sent == 0 || got != sent+resent {
			t.Errorf("%s: %d bytes were copied late; sent %d and again %d", e, got, sent, resent)
		}
	}
}

// ring is just enough of io_uring(7) to send one request and wait for its result.
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

func newRing(t *testing.T) *ring {
	t.Helper()
	r := &ring{}
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

func at(b []byte, offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&b[offset])) }

// sendZC sends b with IORING_OP_SEND_ZC and MSG_WAITALL, and returns the result.
func (r *ring) sendZC(t *testing.T, fd int, b []byte) (sent int64) {
	const opSendZC, enterGetEvents, moreFlag, notifFlag = 47, 1, 2, 8
	sqe := r.entries[:64]
	sqe[0] = opSendZC
	*at(sqe, 4) = uint32(fd)
	*(*uint64)(unsafe.Pointer(&sqe[16])) = uint64(ptr(b))
	*at(sqe, 24) = uint32(len(b))
	*at(sqe, 28) = unix.MSG_WAITALL
	*at(r.sq, r.params.sq.array) = 0
	atomic.StoreUint32(at(r.sq, r.params.sq.tail), atomic.LoadUint32(at(r.sq, r.params.sq.tail))+1)
	submit := uintptr(1)
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), submit, 1, enterGetEvents, 0, 0)
		if errno != 0 && errno != unix.EINTR {
			t.Errorf("io_uring_enter: %v", errno)
			return 0
		}
		submit = 0
		head := atomic.LoadUint32(at(r.cq, r.params.cq.head))
		for ; head != atomic.LoadUint32(at(r.cq, r.params.cq.tail)); head++ {
			cqe := r.cq[r.params.cq.cqes+16*(head&(r.params.cqEntries-1)):]
			res, flags := int32(*at(cqe, 8)), *at(cqe, 12)
			atomic.StoreUint32(at(r.cq, r.params.cq.head), head+1)
			if flags&notifFlag != 0 { // the kernel is done with the memory
				runtime.KeepAlive(b)
				return sent
			}
			if res < 0 {
				t.Errorf("send: %v", syscall.Errno(-res))
				return 0
			}
			if sent = int64(res); flags&moreFlag == 0 {
				return sent
			}
		}
	}
}
