//go:build linux

package workloads

import "golang.org/x/sys/unix"

var mmapWrite = &Strategy{
	Name:     "mmap-write",
	Summary:  "map the source once, write from the mapping: one copy by the CPU, and page faults",
	Syscalls: []string{"mmap", "write", "munmap"},
	Transfer: []string{"mmap", "write"},
	Textbook: Textbook{
		TransferCalls: 2, ModeSwitches: 4,
		FromUser: 1,
		DMAIn:    1, DMAOut: 1,
		Source: stancevic2003,
	},
	loop: mmapWriteLoop,
}

//go:nosplit
//go:norace
func mmapWriteLoop(w *window) {
	w.readByMapping()
	w.begin()
	addr := w.mapSource(0)
	for n := w.next(); n > 0; n = w.next() {
		w.deliver(addr+uintptr(w.inPos), n)
		w.inPos += n
	}
	w.unmap(addr, w.inSize)
	w.end()
}

// readByMapping says that the source is mapped, as a whole.
//
//go:nosplit
//go:norace
func (w *window) readByMapping() {
	w.inMapped = true
	if w.inSize == endless {
		w.inSize = w.chunk // one chunk of /dev/zero is as good as all of it
	}
}

//go:nosplit
//go:norace
func (w *window) mapSource(flags uintptr) uintptr {
	return uintptr(w.call(unix.SYS_MMAP, 0, uintptr(w.inSize), unix.PROT_READ, unix.MAP_SHARED|flags, w.in, 0))
}

// unmap takes back a mapping, if there is one.
//
//go:nosplit
//go:norace
func (w *window) unmap(addr uintptr, size int64) {
	if addr != 0 {
		w.call(unix.SYS_MUNMAP, addr, uintptr(size), 0, 0, 0, 0)
	}
}
