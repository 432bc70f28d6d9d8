//go:build linux

package workloads

import "golang.org/x/sys/unix"

var readWrite = &Strategy{
	Name:     "read-write",
	Summary:  "read into a user buffer, write it out: two copies by the CPU",
	Syscalls: []string{"read", "write"},
	Transfer: []string{"read", "write"},
	Path:     pathThrough(PlaceBuffer, ByCopy, "read", ByCopy, "write"),
	Textbook: Textbook{
		TransferCalls: 2, ModeSwitches: 4,
		ToUser: 1, FromUser: 1,
		DMAIn: 1, DMAOut: 1,
		Source: palaniappan2008 + "; " + stancevic2003,
	},
	buffered: true,
	loop:     readWriteLoop,
}

//go:nosplit
//go:norace
func readWriteLoop(w *window) {
	w.begin()
	for n := w.next(); n > 0; n = w.next() {
		r := w.transfer(unix.SYS_READ, w.in, uintptr(w.buf), uintptr(n), 0, 0, 0)
		w.inPos += r
		w.corrupt(r)
		w.deliver(uintptr(w.buf), r)
	}
	w.end()
}
