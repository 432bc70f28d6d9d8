//go:build linux

package workloads

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiveLoop drains the sink's other end. It ends with the read that returns
// 0, when the last sender has closed its end; that read is in the window.
//
//go:nosplit
//go:norace
func receiveLoop(w *window) {
	w.begin()
	for {
		r := w.call(unix.SYS_READ, w.in, uintptr(w.buf), uintptr(w.bufSize), 0, 0, 0)
		if r == 0 {
			break
		}
		w.received(w.buf, r)
	}
	w.end()
}

// receiveTruncLoop receives as receiveLoop does, but has the kernel discard the
// payload (tcp(7)): it has no buffer.
//
//go:nosplit
//go:norace
func receiveTruncLoop(w *window) {
	w.begin()
	for {
		r := w.call(unix.SYS_RECVFROM, w.in, 0, uintptr(w.bufSize), unix.MSG_TRUNC, 0, 0)
		if r == 0 {
			break
		}
		w.received(nil, r)
	}
	w.end()
}

// bothEnds are what receiving from two sinks works on.
type bothEnds struct {
	polls  [2]unix.PollFd
	second int64 // bytes from the second one
}

func keepBothEnds(w *window) (undo func(), err error) {
	keep[bothEnds](w)
	return func() {}, nil
}

// receiveBothLoop drains the other ends of two sinks, whichever has something, so
// that the sender never waits for one of them while the other is full.
//
//go:nosplit
//go:norace
func receiveBothLoop(w *window) {
	ends := (*bothEnds)(w.private)
	// A rehearsal's descriptors are not -1, which would be waited for without end.
	ends.polls[0] = unix.PollFd{Fd: int32(w.in & 0x7fffffff), Events: unix.POLLIN}
	ends.polls[1] = unix.PollFd{Fd: int32(w.second & 0x7fffffff), Events: unix.POLLIN}
	w.begin()
	for open := 2; open > 0 && w.shared.failed == 0; {
		w.call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&ends.polls)), 2, 0, 0, 0, 0)
		if ends.polls[0].Revents != 0 && !ends.receive(w, 0, w.moved-ends.second) {
			open--
		}
		if ends.polls[1].Revents != 0 {
			before := w.moved
			if !ends.receive(w, 1, ends.second) {
				open--
			}
			ends.second += w.moved - before
		}
	}
	w.end()
}

// receive reads what one of two ends has, of whose payload at bytes have come
// before. It is false at that end's end.
//
//go:nosplit
//go:norace
func (ends *bothEnds) receive(w *window, end int, at int64) bool {
	r := w.call(unix.SYS_READ, uintptr(ends.polls[end].Fd), uintptr(w.buf), uintptr(w.bufSize), 0, 0, 0)
	if r == 0 {
		ends.polls[end].Fd, ends.polls[end].Revents = -1, 0
		return false
	}
	w.receivedAt(at, w.buf, r)
	return true
}

// received accounts for n bytes that are now at a place in memory.
//
//go:nosplit
//go:norace
func (w *window) received(at unsafe.Pointer, n int64) {
	w.receivedAt(w.moved, at, n)
}

// receivedAt is that of what comes start bytes after its end's payload began.
//
//go:nosplit
//go:norace
func (w *window) receivedAt(start int64, at unsafe.Pointer, n int64) {
	if w.expect != nil && w.shared.badByte == 0 {
		w.compare(start, at, n)
	}
	w.moved += n
	atomic.StoreInt64(&w.shared.payload, w.moved)
}

// compare checks n bytes against the expected ones, which go round. It only reads
// memory that is mapped and populated.
//
//go:nosplit
//go:norace
func (w *window) compare(start int64, from unsafe.Pointer, n int64) {
	at := start % w.expectSize
	for done := int64(0); done < n; {
		part := min(n-done, w.expectSize-at)
		got, want := unsafe.Add(from, done), unsafe.Add(w.expect, at)
		if !equal(got, want, part) {
			bad := firstDifference(got, want, part)
			w.shared.badOffset = start + done + bad
			w.shared.expected = uint32(*(*byte)(unsafe.Add(want, bad)))
			w.shared.got = uint32(*(*byte)(unsafe.Add(got, bad)))
			w.shared.badByte = 1
			return
		}
		done += part
		at = 0
	}
}

// equal is memequal: the comparison of two strings is one call of the runtime's
// assembly, which is nosplit itself.
//
//go:nosplit
//go:norace
func equal(a, b unsafe.Pointer, n int64) bool {
	return unsafe.String((*byte)(a), n) == unsafe.String((*byte)(b), n)
}

//go:nosplit
//go:norace
func firstDifference(a, b unsafe.Pointer, n int64) int64 {
	for i := range n {
		if *(*byte)(unsafe.Add(a, i)) != *(*byte)(unsafe.Add(b, i)) {
			return i
		}
	}
	return n
}
