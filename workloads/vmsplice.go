//go:build linux

package workloads

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

var vmsplice = &Strategy{
	Name:     "vmsplice",
	Summary:  "map the source once, vmsplice the mapping into a pipe, splice it to the sink: no copy by the CPU",
	Syscalls: []string{"mmap", "vmsplice", "splice", "munmap"},
	Transfer: []string{"vmsplice", "splice"},
	Path: []Hop{
		{PlaceSource, PlaceMapping, ByMapping, calls("mmap")},
		{PlaceMapping, PlacePipe, ByReference, calls("vmsplice")},
		{PlacePipe, PlaceSink, ByReference, calls("splice")},
	},
	Textbook: Textbook{
		TransferCalls: 2, ModeSwitches: 4,
		DMAIn: 1, DMAOut: 1,
		Source: "Linux man-pages, vmsplice(2): maps user pages into a pipe, with SPLICE_F_GIFT for splice(2) to move; two calls",
	},
	prepare: func(w *window) (func(), error) { return keep[splicedVector](w).open(w.work.PipeSize, w.work.Chunk) },
	loop:    vmspliceLoop,
}

// splicedVector is what vmsplice works on: the part of the mapping that it hands to the
// pipe.
type splicedVector struct {
	pipe
	vector vector
}

//go:nosplit
//go:norace
func vmspliceLoop(w *window) {
	p := (*splicedVector)(w.private)
	w.readByMapping()
	w.begin()
	addr := w.mapSource(0)
	for n := w.next(); n > 0; n = w.next() {
		// The pipe takes what it has room for, and the rest in the next round.
		for n > 0 && w.shared.failed == 0 {
			p.vector.base, p.vector.size = addr+uintptr(w.inPos), uintptr(n)
			r := w.transfer(unix.SYS_VMSPLICE, p.in, uintptr(unsafe.Pointer(&p.vector)), 1, unix.SPLICE_F_GIFT, 0, 0)
			w.inPos += r
			n -= r
			w.drain(&p.pipe, r)
		}
	}
	w.unmap(addr, w.inSize)
	w.end()
}
