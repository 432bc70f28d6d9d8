//go:build linux

package workloads

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

var msgZerocopy = &Strategy{
	Name:     "msg-zerocopy",
	Summary:  "map the source once, send from the mapping with MSG_ZEROCOPY, read the notifications: no copy, unless the receiver is on this machine",
	Syscalls: []string{"mmap", "sendto", "recvmsg", "ppoll", "munmap"},
	Transfer: []string{"sendto", "recvmsg"},
	Path:     pathThrough(PlaceMapping, ByMapping, "mmap", ByReference, "sendto"),
	Textbook: Textbook{
		TransferCalls: 2, ModeSwitches: 4,
		DMAIn: 1, DMAOut: 1,
		Source: "Linux documentation, networking/msg_zerocopy: send and, at the most, one notification for each; no copy but over loopback",
	},
	Sinks:         []SinkKind{SinkTCP},
	ZeroCopySends: true,
	prepare:       allowZerocopy,
	loop:          msgZerocopyLoop,
}

func allowZerocopy(w *window) (undo func(), err error) {
	if err := unix.SetsockoptInt(int(w.out), unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1); err != nil {
		return nil, fault.Errorf(fault.Unsupported, "take --sink tcp", "set SO_ZEROCOPY on the sink: %w", err)
	}
	keep[unconfirmedSends](w)
	return func() {}, nil
}

// maxUnconfirmed bounds the sends whose pages the kernel still uses. It keeps
// chunks of up to 256 KiB below what a user may pin by default, 8 MiB
// (RLIMIT_MEMLOCK), and their notifications below net.core.optmem_max.
const maxUnconfirmed = 16

// unconfirmedSends are what msg-zerocopy works on.
type unconfirmedSends struct {
	count int64 // whose notification has not come
	note  notification
}

// notification is what a recvmsg from the error queue works on: struct msghdr
// without pointers, struct pollfd, and room for a struct cmsghdr with a struct
// sock_extended_err and the address that follows it.
type notification struct {
	name, nameLength, vectors, vectorCount, control, controlLength uintptr
	flags                                                          int32
	_                                                              int32

	fd              int32
	events, revents int16

	message struct {
		length      uintptr
		level, kind int32
		errno       uint32
		origin      uint8
		_           uint8
		code        uint8
		_           uint8
		first, last uint32 // the sends that it confirms: ee_info, ee_data
		_           [96]byte
	}
}

//go:nosplit
//go:norace
func msgZerocopyLoop(w *window) {
	s := (*unconfirmedSends)(w.private)
	w.readByMapping()
	w.begin()
	addr := w.mapSource(unix.MAP_POPULATE)
	for n := w.next(); n > 0; n = w.next() {
		for n > 0 && w.shared.failed == 0 {
			if s.count >= maxUnconfirmed {
				s.confirm(w)
			}
			r := s.send(w, addr+uintptr(w.inPos), n)
			w.inPos += r
			n -= r
			w.sent(r)
		}
	}
	for s.count > 0 && w.shared.failed == 0 {
		s.confirm(w)
	}
	w.unmap(addr, w.inSize)
	w.end()
}

// send sends up to n bytes. Where the kernel has no room for one more
// notification, or may pin no more pages, those that are under way come first.
//
//go:nosplit
//go:norace
func (s *unconfirmedSends) send(w *window, addr uintptr, n int64) int64 {
	for w.shared.failed == 0 {
		r, errno := w.attempt(unix.SYS_SENDTO, w.out, addr, uintptr(n), unix.MSG_ZEROCOPY)
		switch {
		case errno == 0:
			s.count++
			return r
		case errno == unix.ENOBUFS && s.count > 0:
			s.confirm(w)
		default:
			w.fail(unix.SYS_SENDTO, errno)
		}
	}
	return 0
}

// confirm waits for a notification and reads it. One may confirm several sends.
//
//go:nosplit
//go:norace
func (s *unconfirmedSends) confirm(w *window) {
	note := &s.note
	for w.shared.failed == 0 {
		note.control, note.controlLength = uintptr(unsafe.Pointer(&note.message)), unsafe.Sizeof(note.message)
		_, errno := w.attempt(unix.SYS_RECVMSG, w.out, uintptr(unsafe.Pointer(note)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT, 0)
		switch {
		case errno == unix.EAGAIN:
			s.await(w)
			continue
		case errno != 0:
			w.fail(unix.SYS_RECVMSG, errno)
			return
		}
		m := &note.message
		if note.controlLength < unsafe.Offsetof(m.first)+8 || m.origin != unix.SO_EE_ORIGIN_ZEROCOPY {
			continue // of something else
		}
		sends := int64(m.last-m.first) + 1 // the counter goes round
		s.count -= sends
		atomic.StoreInt64(&w.shared.completions, w.shared.completions+sends)
		if m.code&unix.SO_EE_CODE_ZEROCOPY_COPIED != 0 {
			atomic.StoreInt64(&w.shared.copied, w.shared.copied+sends)
		}
		return
	}
}

// await waits until the error queue has something, or the connection is
// broken.
//
//go:nosplit
//go:norace
func (s *unconfirmedSends) await(w *window) {
	note := &s.note
	note.fd, note.events = int32(w.out), 0 // POLLERR always counts
	w.call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&note.fd)), 1, 0, 0, 0, 0)
	if note.revents&unix.POLLHUP != 0 {
		w.fail(unix.SYS_PPOLL, unix.ECONNRESET)
	}
}
