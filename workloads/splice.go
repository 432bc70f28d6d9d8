//go:build linux

package workloads

import "golang.org/x/sys/unix"

var splice = &Strategy{
	Name:     "splice",
	Summary:  "splice file pages into a pipe, and from there to the sink: no copy by the CPU",
	Syscalls: []string{"splice"},
	Transfer: []string{"splice"},
	Path:     pathThrough(PlacePipe, ByReference, "splice", ByReference, "splice"),
	Textbook: Textbook{
		TransferCalls: 2, ModeSwitches: 4,
		DMAIn: 1, DMAOut: 1,
		Source: "Linux man-pages, splice(2): moves data without copying it, and one end is always a pipe, hence two calls",
	},
	prepare: makePipe,
	loop:    spliceLoop,
}

//go:nosplit
//go:norace
func spliceLoop(w *window) {
	p := (*pipe)(w.private)
	w.begin()
	for n := w.next(); n > 0; n = w.next() {
		// The pipe takes what it has room for, and the rest in the next round.
		for n > 0 && w.shared.failed == 0 {
			r := w.splice(w.in, p.in, n)
			w.inPos += r
			n -= r
			w.drain(p, r)
		}
	}
	w.end()
}

// drain hands n bytes on from a pipe to the sink, in as many calls as it takes.
//
//go:nosplit
//go:norace
func (w *window) drain(p *pipe, n int64) {
	for n > 0 {
		r := w.splice(p.out, w.out, n)
		if r == 0 {
			return
		}
		w.sent(r)
		n -= r
	}
}

//go:nosplit
//go:norace
func (w *window) splice(from, to uintptr, n int64) int64 {
	return w.transfer(unix.SYS_SPLICE, from, 0, to, 0, uintptr(n), 0)
}
