//go:build linux

package workloads

import "golang.org/x/sys/unix"

var mmapWrite = &Strategy{
	Name:     "mmap-write",
	Summary:  "map the source once, write from the mapping: one copy by the CPU, and page faults",
	Syscalls: []string{"mmap", "write", "munmap"},
	Transfer: []string{"mmap", "write"},
	Path:     pathThrough(PlaceMapping, ByMapping, "mmap", ByCopy, "write"),
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

// readByMapping says that the source is mapped, as much of it as is moved.
//
//go:nosplit
//go:norace
func (w *window) readByMapping() {
	w.seeklessIn = true
	if w.inSize == endless {
		w.inSize = w.work.Chunk // one chunk of /dev/zero is as good as all of it
	}
	w.inSize = min(w.inSize, w.limit)
}

// mapSource maps it as the strategy needs it and the user asked for.
//
//go:nosplit
//go:norace
func (w *window) mapSource(flags uintptr) uintptr {
	if w.work.Mapping.Populate {
		flags |= unix.MAP_POPULATE
	}
	addr := uintptr(w.call(unix.SYS_MMAP, 0, uintptr(w.inSize), unix.PROT_READ, unix.MAP_SHARED|flags, w.in, 0))
	if advice := uintptr(w.work.Mapping.Advice); addr != 0 && advice != 0 {
		w.call(unix.SYS_MADVISE, addr, uintptr(w.inSize), advice, 0, 0, 0)
	}
	return addr
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
