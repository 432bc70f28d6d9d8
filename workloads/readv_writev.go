//go:build linux

package workloads

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

var readvWritev = &Strategy{
	Name:     "readv-writev",
	Summary:  "readv into 16 buffers, writev from them: as many copies as read and write",
	Syscalls: []string{"readv", "writev"},
	Transfer: []string{"readv", "writev"},
	Path:     pathThrough(PlaceBuffer, ByCopy, "readv", ByCopy, "writev"),
	Textbook: Textbook{
		TransferCalls: 2, ModeSwitches: 4,
		ToUser: 1, FromUser: 1,
		DMAIn: 1, DMAOut: 1,
		Source: "Linux man-pages, readv(2): just like read(2) and write(2), but for several buffers",
	},
	buffered: true,
	prepare:  func(w *window) (func(), error) { keep[[vectors]vector](w); return func() {}, nil },
	loop:     readvWritevLoop,
}

const vectors = 16

// vector is struct iovec; not unix.Iovec, which has a pointer: storing one needs
// a write barrier.
type vector struct{ base, size uintptr }

//go:nosplit
//go:norace
func readvWritevLoop(w *window) {
	buf := uintptr(w.buf)
	w.begin()
	for n := w.next(); n > 0; n = w.next() {
		r := w.transferVectors(unix.SYS_READV, w.in, buf, n)
		w.inPos += r
		w.corrupt(r)
		for at := buf; r > 0; {
			sent := w.transferVectors(unix.SYS_WRITEV, w.out, at, r)
			if sent == 0 {
				break
			}
			w.sent(sent)
			at += uintptr(sent)
			r -= sent
		}
	}
	w.end()
}

// transferVectors makes a call on the n bytes at addr, as equal parts of which
// the last takes the rest.
//
//go:nosplit
//go:norace
func (w *window) transferVectors(nr, fd, addr uintptr, n int64) int64 {
	count := min(vectors, uintptr(n))
	part := uintptr(n) / count
	list := (*[vectors]vector)(w.private)
	for i := range count {
		list[i].base, list[i].size = addr+i*part, part
	}
	list[count-1].size += uintptr(n) - count*part
	return w.transfer(nr, fd, uintptr(unsafe.Pointer(list)), count, 0, 0, 0)
}
