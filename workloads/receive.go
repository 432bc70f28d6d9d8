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
		if w.expect != nil && w.page.badByte == 0 {
			w.compare(r)
		}
		w.moved += r
		atomic.StoreInt64(&w.page.payload, w.moved)
	}
	w.end()
}

// compare checks the n bytes in the buffer against the expected ones, which go
// round. It only reads memory that is mapped and populated.
//
//go:nosplit
//go:norace
func (w *window) compare(n int64) {
	at := w.moved % w.expectSize
	for done := int64(0); done < n; {
		part := min(n-done, w.expectSize-at)
		got, want := unsafe.Add(w.buf, done), unsafe.Add(w.expect, at)
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
