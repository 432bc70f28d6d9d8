//go:build linux

package workloads

import "golang.org/x/sys/unix"

var preadPwrite = &Strategy{
	Name:     "pread-pwrite",
	Summary:  "pread64 into a user buffer, pwrite64 it to a file, write it to other sinks: as many copies as read and write, and no lseek",
	Syscalls: []string{"pread64", "pwrite64", "write"},
	Transfer: []string{"pread64", "pwrite64", "write"},
	Path:     pathThrough(PlaceBuffer, ByCopy, "pread64", ByCopy, "pwrite64", "write"),
	Textbook: Textbook{
		TransferCalls: 2, ModeSwitches: 4,
		ToUser: 1, FromUser: 1,
		DMAIn: 1, DMAOut: 1,
		Source: "Linux man-pages, pread(2): read and write at an offset that the call is given; the file's own is not changed",
	},
	Offsets:  true,
	buffered: true,
	prepare:  lookAtSink,
	loop:     preadPwriteLoop,
}

// lookAtSink keeps whether the sink is a file: others have no offsets.
func lookAtSink(w *window) (undo func(), err error) {
	*keep[bool](w) = isRegular(w.out)
	return func() {}, nil
}

//go:nosplit
//go:norace
func preadPwriteLoop(w *window) {
	toFile := *(*bool)(w.private)
	w.begin()
	for n := w.next(); n > 0; n = w.next() {
		r := w.transfer(unix.SYS_PREAD64, w.in, uintptr(w.buf), uintptr(n), uintptr(w.inPos), 0, 0)
		w.inPos += r
		w.corrupt(r)
		if toFile {
			w.deliverAt(w.out, uintptr(w.buf), r)
		} else {
			w.deliver(uintptr(w.buf), r)
		}
	}
	w.end()
}
