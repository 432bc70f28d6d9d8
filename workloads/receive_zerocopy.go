//go:build linux

package workloads

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// copyBufferBytes is the part of a page that the kernel copies along when it maps
// those before it. If less than that has arrived, it maps nothing and copies.
const copyBufferBytes = 4096

// mappedReceive is what receiving by TCP_ZEROCOPY_RECEIVE works on: struct pollfd,
// struct tcp_zerocopy_receive (include/uapi/linux/tcp.h), and its size.
type mappedReceive struct {
	fd        int32
	events, _ int16

	request struct {
		address         uint64 // in: of the mapping
		length          uint32 // in: its bytes; out: bytes mapped
		skip            uint32 // out: bytes to read before more can be mapped
		_               uint32 // out: bytes that are there
		err             int32  // out: the socket's error, as -errno
		copyBuffer      uint64 // in: where to copy to
		copyLength      int32  // in: its bytes; out: bytes copied
		_               uint32
		_               [2]uint64
		controlFlags, _ uint32
	}
	requestSize uint32

	copyBuffer unsafe.Pointer // mapped, outside of what Go manages
}

func makeCopyBuffer(w *window) (undo func(), err error) {
	m := keep[mappedReceive](w)
	m.copyBuffer, err = mapPopulated(-1, copyBufferBytes, unix.PROT_READ|unix.PROT_WRITE)
	if err != nil {
		return nil, fmt.Errorf("allocate a buffer of a page: %w", err)
	}
	return func() { _ = unix.MunmapPtr(m.copyBuffer, copyBufferBytes) }, nil
}

// receiveZerocopyLoop maps the socket once and then, whenever something has
// arrived, has the kernel put its pages there, reads what cannot be mapped, and
// gives the pages back, as the kernel's own example does
// (tools/testing/selftests/net/tcp_mmap.c). Pages can be mapped that are whole, in
// one piece and in no page cache (net/ipv4/tcp.c: can_map_frag).
//
//go:nosplit
//go:norace
func receiveZerocopyLoop(w *window) {
	m := (*mappedReceive)(w.private)
	w.begin()
	addr := uintptr(w.call(unix.SYS_MMAP, 0, uintptr(w.bufSize), unix.PROT_READ, unix.MAP_SHARED, w.in, 0))
	for w.shared.failed == 0 && m.receive(w, addr) {
	}
	w.unmap(addr, w.bufSize)
	w.end()
}

// receive takes what has arrived; it is false at the end of the stream.
//
//go:nosplit
//go:norace
func (m *mappedReceive) receive(w *window, addr uintptr) bool {
	m.await(w)
	request := &m.request
	rest := m.mapArrived(w, addr)
	if w.shared.failed != 0 {
		return false
	}
	if n := int64(request.length); n > 0 {
		w.received(*(*unsafe.Pointer)(unsafe.Pointer(&addr)), n)
		// Sooner than by the next call, which would do it with the socket locked.
		w.call(unix.SYS_MADVISE, addr, uintptr(n), unix.MADV_DONTNEED, 0, 0, 0)
	}
	if n := int64(request.copyLength); n > 0 {
		w.received(m.copyBuffer, n)
	}
	if rest == 0 {
		return true
	}
	r := w.call(unix.SYS_READ, w.in, uintptr(w.buf), uintptr(min(rest, w.bufSize)), 0, 0, 0)
	w.received(w.buf, r)
	return r > 0
}

// mapArrived maps the pages that have arrived and copies the rest of one. It
// returns how much is to be read before it can go on. At the end of the stream it
// knows of nothing more (EIO), and the read will say why.
//
//go:nosplit
//go:norace
func (m *mappedReceive) mapArrived(w *window, addr uintptr) int64 {
	request := &m.request
	request.address, request.length = uint64(addr), uint32(w.bufSize)
	request.copyBuffer, request.copyLength = uint64(uintptr(m.copyBuffer)), copyBufferBytes
	request.skip, request.err, request.controlFlags = 0, 0, 0
	m.requestSize = uint32(unsafe.Sizeof(*request))
	*w.made(unix.SYS_GETSOCKOPT)++
	_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, w.in, unix.IPPROTO_TCP, unix.TCP_ZEROCOPY_RECEIVE,
		uintptr(unsafe.Pointer(request)), uintptr(unsafe.Pointer(&m.requestSize)), 0)
	if errno == 0 && request.err != 0 {
		errno = syscall.Errno(-request.err)
	}
	switch {
	case errno == unix.EIO:
		request.length, request.copyLength = 0, 0
		return w.bufSize
	case errno != 0:
		w.fail(unix.SYS_GETSOCKOPT, errno)
	}
	return int64(request.skip)
}

// await waits until something has arrived, or nothing more will.
//
//go:nosplit
//go:norace
func (m *mappedReceive) await(w *window) {
	m.fd, m.events = int32(w.in), unix.POLLIN
	w.call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&m.fd)), 1, 0, 0, 0, 0)
}
