//go:build linux

package workloads

import "golang.org/x/sys/unix"

var sendfile = &Strategy{
	Name:     "sendfile",
	Summary:  "the kernel hands page-cache pages to the sink: no copy by the CPU",
	Syscalls: []string{"sendfile"},
	Transfer: []string{"sendfile"},
	Path:     []Hop{{PlaceSource, PlaceSink, ByReference, calls("sendfile")}},
	Textbook: Textbook{
		TransferCalls: 1, ModeSwitches: 2,
		DMAIn: 1, DMAOut: 1,
		Source: palaniappan2008 + "; " + stancevic2003 + "; both with a NIC that gathers",
	},
	loop: sendfileLoop,
}

//go:nosplit
//go:norace
func sendfileLoop(w *window) {
	w.begin()
	for n := w.next(); n > 0; n = w.next() {
		// A pipe takes what it has room for: sendfile(2) goes on with the rest.
		for n > 0 {
			r := w.transfer(unix.SYS_SENDFILE, w.out, w.in, 0, uintptr(n), 0, 0)
			if r == 0 {
				break
			}
			w.inPos += r
			w.sent(r)
			n -= r
		}
	}
	w.end()
}
