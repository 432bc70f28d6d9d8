//go:build linux

package workloads

import (
	"errors"
	"sync/atomic"
	_ "unsafe" // for go:linkname

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

var mmapCopy = &Strategy{
	Name:     "mmap-copy",
	Summary:  "map source and sink once, memcpy between the mappings, msync at the end: one copy, in user space",
	Syscalls: []string{"mmap", "msync", "munmap"},
	Transfer: []string{"mmap"},
	Path: []Hop{
		{PlaceSource, PlaceMapping, ByMapping, calls("mmap")},
		{PlaceMapping, PlaceSink, ByCopy, nil}, // memcpy
	},
	Textbook: Textbook{
		TransferCalls: 2, ModeSwitches: 4,
		UserSpace: 1,
		DMAIn:     1, DMAOut: 1,
		Source: "W. R. Stevens, S. A. Rago: Advanced Programming in the UNIX Environment, section 14.8",
	},
	Sinks:   []SinkKind{SinkFile},
	prepare: sizeSink,
	finish:  cutSink,
	loop:    mmapCopyLoop,
}

// sizeSink makes the sink as large as it will be: writing to a mapping beyond
// the end of its file is a SIGBUS, and so is a disk that is full.
func sizeSink(w *window) (undo func(), err error) {
	size := min(w.limit, w.outSize)
	fd := int(w.out)
	if !isRegular(w.out) {
		return nil, fault.Errorf(fault.Usage, "take --sink file", "only a file can be written through a mapping")
	}
	err = unix.Fallocate(fd, 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = unix.Ftruncate(fd, size)
	}
	if err != nil {
		hint := "free some space, or take a smaller --bytes"
		if errors.Is(err, unix.EFBIG) {
			hint = tooLarge()
		}
		return nil, fault.Errorf(fault.Failed, hint, "make the sink %s large: %w", human.FormatBytes(size), err)
	}
	w.outSize = size
	return func() {}, nil
}

// cutSink takes back what was not written of a run that was stopped early.
func cutSink(w *window) error {
	if w.moved >= w.outSize {
		return nil
	}
	return unix.Ftruncate(int(w.out), w.moved)
}

//go:nosplit
//go:norace
func mmapCopyLoop(w *window) {
	const readWrite = unix.PROT_READ | unix.PROT_WRITE
	w.readByMapping()
	w.seeklessOut = true
	w.begin()
	from := w.mapSource(0)
	to := uintptr(w.call(unix.SYS_MMAP, 0, uintptr(w.outSize), readWrite, unix.MAP_SHARED, w.out, 0))
	for n := w.next(); n > 0; n = w.next() {
		memmove(to+uintptr(w.outPos), from+uintptr(w.inPos), uintptr(n))
		w.inPos += n
		atomic.StoreInt64(&w.shared.userSpace, w.shared.userSpace+n)
		w.sent(n)
	}
	if to != 0 {
		w.call(unix.SYS_MSYNC, to, uintptr(w.outSize), unix.MS_SYNC, 0, 0, 0)
	}
	w.unmap(to, w.outSize)
	w.unmap(from, w.inSize)
	w.end()
}

// memmove is the runtime's assembly, which is nosplit itself. Not copy: with the race detector
// that is a function of the runtime at which the scheduler may take the thread away, and its
// system calls would be in the window. The addresses are mmap's, outside of what Go manages.
//
//go:linkname memmove runtime.memmove
func memmove(to, from, n uintptr)
