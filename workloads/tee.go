//go:build linux

package workloads

import "golang.org/x/sys/unix"

var tee = &Strategy{
	Name:     "tee",
	Summary:  "splice file pages into a pipe, tee them into a second, and splice each to a sink of its own (--sink twice)",
	Syscalls: []string{"splice", "tee"},
	Transfer: []string{"splice", "tee"},
	Path: []Hop{
		{PlaceSource, PlacePipe, ByReference, calls("splice")},
		{PlacePipe, PlaceSink, ByReference, calls("splice")},
		{PlacePipe, PlacePipe2, ByReference, calls("tee")},
		{PlacePipe2, PlaceSink2, ByReference, calls("splice")},
	},
	Textbook: Textbook{
		TransferCalls: 4, ModeSwitches: 8,
		DMAIn: 1, DMAOut: 2,
		Source: "Linux man-pages, tee(2): duplicates what is in a pipe without copying it; splice(2) fills the pipe and empties both",
	},
	prepare: makePipes,
	loop:    teeLoop,
}

//go:nosplit
//go:norace
func teeLoop(w *window) {
	w.begin()
	for n := w.next(); n > 0; n = w.next() {
		if w.secondPos == w.secondSize {
			if !w.rewind(w.second) {
				break
			}
			w.secondPos = 0
		}
		for n = min(n, w.secondSize-w.secondPos); n > 0 && w.page.failed == 0; {
			r := w.splice(w.in, w.pipeIn, n)
			w.inPos += r
			n -= r
			w.drainTwice(r)
		}
	}
	w.end()
}

// drainTwice hands n bytes on from the pipe to both sinks. Payload is what both
// have got.
//
//go:nosplit
//go:norace
func (w *window) drainTwice(n int64) {
	for n > 0 {
		r := w.transfer(unix.SYS_TEE, w.pipeOut, w.teeIn, uintptr(n), 0, 0, 0)
		if r == 0 {
			return
		}
		for left := r; left > 0; {
			to := w.splice(w.teeOut, w.second, left)
			if to == 0 {
				return
			}
			w.secondPos += to
			left -= to
		}
		w.drain(r)
		if w.page.failed != 0 {
			return
		}
		n -= r
	}
}
