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

// received accounts for n bytes that are now at a place in memory.
//
//go:nosplit
//go:norace
func (w *window) received(at unsafe.Pointer, n int64) {
	if w.expect != nil && w.page.badByte == 0 {
		w.compare(at, n)
	}
	w.moved += n
	atomic.StoreInt64(&w.page.payload, w.moved)
}

// compare checks n bytes against the expected ones, which go round. It only reads
// memory that is mapped and populated.
//
//go:nosplit
//go:norace
func (w *window) compare(from unsafe.Pointer, n int64) {
	at := w.moved % w.expectSize
	for done := int64(0); done < n; {
		part := min(n-done, w.expectSize-at)
		got, want := unsafe.Add(from, done), unsafe.Add(w.expect, at)
		if !equal(got, want, part) {
			bad := firstDifference(got, want, part)
			w.page.badOffset = w.moved + done + bad
			w.page.expected = uint32(*(*byte)(unsafe.Add(want, bad)))
			w.page.got = uint32(*(*byte)(unsafe.Add(got, bad)))
			w.page.badByte = 1
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
