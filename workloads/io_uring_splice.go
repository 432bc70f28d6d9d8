//go:build linux

package workloads

import "github.com/zctrace/zctrace/workloads/uring"

var ioUringSplice = &Strategy{
	Name:     "io-uring-splice",
	Summary:  "splice into a pipe linked to splice from the pipe to the sink, through io_uring, whose threads do it: no copy by the CPU",
	Syscalls: []string{"io_uring_enter"},
	Transfer: []string{"io_uring_enter"},
	Path:     pathThrough(PlacePipe, ByReference, "io_uring_enter", ByReference, "io_uring_enter"),
	Textbook: Textbook{
		TransferCalls: 1, ModeSwitches: 2,
		DMAIn: 1, DMAOut: 1,
		Source: ioUringSource + "; each is a splice(2), which moves data without copying it",
	},
	Offsets: true,
	Queued:  true,
	prepare: openSpliceRing,
	loop:    ringLoop,
}

func openSpliceRing(w *window) (undo func(), err error) {
	q := keep[queue](w)
	closePipe, err := q.pipe.open(w.work.PipeSize, w.work.Chunk)
	if err != nil {
		return nil, err
	}
	closeRing, err := openRing(w, q, func(*window) requests {
		return requests{read: uring.OpSplice, write: uring.OpSplice}
	})
	if err != nil {
		closePipe()
		return nil, err
	}
	return func() { closeRing(); closePipe() }, nil
}
