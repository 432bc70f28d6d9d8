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
	prepare: makeTeePipes,
	loop:    teeLoop,
}

// teePipes are what tee works on: what is in the first pipe goes into the second, too.
type teePipes struct {
	first, second pipe
	outPos        int64 // in the second sink
}

func makeTeePipes(w *window) (undo func(), err error) {
	p := keep[teePipes](w)
	undoFirst, err := p.first.open(w.work.PipeSize, w.work.Chunk)
	if err != nil {
		return nil, err
	}
	undoSecond, err := p.second.open(w.work.PipeSize, w.work.Chunk)
	if err != nil {
		undoFirst()
		return nil, err
	}
	return func() { undoFirst(); undoSecond() }, nil
}

//go:nosplit
//go:norace
func teeLoop(w *window) {
	p := (*teePipes)(w.private)
	w.begin()
	for n := w.next(); n > 0; n = w.next() {
		if p.outPos == w.secondSize {
			if !w.rewind(w.second) {
				break
			}
			p.outPos = 0
		}
		for n = min(n, w.secondSize-p.outPos); n > 0 && w.shared.failed == 0; {
			r := w.splice(w.in, p.first.in, n)
			w.inPos += r
			n -= r
			w.drainTwice(p, r)
		}
	}
	w.end()
}

// drainTwice hands n bytes on from the first pipe to both sinks. Payload is what both
// have got.
//
//go:nosplit
//go:norace
func (w *window) drainTwice(p *teePipes, n int64) {
	for n > 0 {
		r := w.transfer(unix.SYS_TEE, p.first.out, p.second.in, uintptr(n), 0, 0, 0)
		if r == 0 {
			return
		}
		for left := r; left > 0; {
			to := w.splice(p.second.out, w.second, left)
			if to == 0 {
				return
			}
			p.outPos += to
			left -= to
		}
		w.drain(&p.first, r)
		if w.shared.failed != 0 {
			return
		}
		n -= r
	}
}
