//go:build linux

package workloads

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/workloads/uring"
)

var ioUringFixed = &Strategy{
	Name:     "io-uring-fixed",
	Summary:  "io-uring with registered files and a registered buffer: two copies by the CPU, but nothing is looked up or pinned for them",
	Syscalls: []string{"io_uring_enter"},
	Transfer: []string{"io_uring_enter"},
	Path:     pathThrough(PlaceRegisteredBuffer, ByCopy, "io_uring_enter", ByCopy, "io_uring_enter"),
	Textbook: Textbook{
		TransferCalls: 1, ModeSwitches: 2,
		ToUser: 1, FromUser: 1,
		DMAIn: 1, DMAOut: 1,
		Source: ioUringSource + "; io_uring_register(2): a registered buffer saves mapping its pages, not the copy",
	},
	Offsets:  true,
	Queued:   true,
	buffered: true,
	prepare:  openFixedRing,
	loop:     ringLoop,
}

// fixedRequests: a send takes a registered file, but its buffer as any other.
func fixedRequests(w *window) requests {
	r := requests{read: uring.OpReadFixed, write: uring.OpWriteFixed, fixed: true}
	if isStreamSocket(w.out) {
		r.write = uring.OpSend
	}
	return r
}

func openFixedRing(w *window) (undo func(), err error) {
	q := keep[queue](w)
	undo, err = openRing(w, q, fixedRequests)
	if err != nil {
		return nil, err
	}
	ring := q.ring
	if err := ring.RegisterFiles([]int32{int32(w.in), int32(w.out)}); err != nil {
		undo()
		return nil, err
	}
	buffer := unix.Iovec{Base: (*byte)(w.buf)}
	buffer.SetLen(int(w.bufSize))
	if err := ring.RegisterBuffers([]unix.Iovec{buffer}); err != nil {
		undo()
		return nil, registerError(err, w.bufSize)
	}
	return undo, nil
}

// registerError says why a buffer of that size cannot be registered.
func registerError(err error, size int64) error {
	switch {
	case errors.Is(err, unix.ENOMEM):
		why, remedy := noPins(size)
		return fault.Errorf(fault.Unsupported, remedy, "%w: %s", err, why)
	case errors.Is(err, unix.EFAULT):
		return fault.Errorf(fault.Usage, "take a smaller --chunk", "%w: %s is more than the 1 GiB that a registered buffer may have", err, human.FormatBytes(size))
	}
	return err
}
