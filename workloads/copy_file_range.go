//go:build linux

package workloads

import "golang.org/x/sys/unix"

var copyFileRange = &Strategy{
	Name:     "copy-file-range",
	Summary:  "the file system copies, or shares the blocks (reflink on xfs and btrfs)",
	Syscalls: []string{"copy_file_range"},
	Transfer: []string{"copy_file_range"},
	Path:     []Hop{{PlaceSource, PlaceSink, ByCopy, calls("copy_file_range")}},
	Textbook: Textbook{
		TransferCalls: 1, ModeSwitches: 2,
		InKernel: 1,
		DMAIn:    1, DMAOut: 1,
		Source: "Linux man-pages, copy_file_range(2): an in-kernel copy, unless the file system has a faster way",
	},
	Sinks:  []SinkKind{SinkFile},
	onDisk: true,
	loop:   copyFileRangeLoop,
}

//go:nosplit
//go:norace
func copyFileRangeLoop(w *window) {
	w.begin()
	for n := w.next(); n > 0; n = w.next() {
		for n > 0 {
			r := w.transfer(unix.SYS_COPY_FILE_RANGE, w.in, 0, w.out, 0, uintptr(n), 0)
			if r == 0 {
				break
			}
			w.inPos += r
			w.sent(r)
			n -= r
		}
	}
	w.end()
}
