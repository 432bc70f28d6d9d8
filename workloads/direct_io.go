//go:build linux

package workloads

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

var directIO = &Strategy{
	Name:     "direct-io",
	Summary:  "read and write with O_DIRECT, past the page cache: no copy by the CPU, but for a sink that is no file",
	Syscalls: []string{"read", "write", "pwrite64"},
	Transfer: []string{"read", "write", "pwrite64"},
	Path: []Hop{
		{PlaceSource, PlaceBuffer, ByDMA, calls("read")},
		{PlaceBuffer, PlaceSink, ByDMA, calls("write", "pwrite64")},
	},
	Textbook: Textbook{
		TransferCalls: 2, ModeSwitches: 4,
		FromUser: 1,
		DMAIn:    1, DMAOut: 1,
		Source: directSource + "; a sink that is no file copies",
	},
	toFile: &Textbook{
		TransferCalls: 2, ModeSwitches: 4,
		DMAIn: 1, DMAOut: 1,
		Source: directSource,
	},
	buffered: true,
	onDisk:   true,
	prepare:  prepareDirect,
	loop:     directLoop,
}

const directSource = "Linux man-pages, open(2): with O_DIRECT, I/O is done directly to and from user-space buffers"

// directBlock is what offsets, sizes and addresses of direct I/O are multiples of.
// Many disks would do with 512, none that are common needs more.
const directBlock = 4096

// blocks rounds up to whole ones.
//
//go:nosplit
//go:norace
func blocks(n int64) int64 { return (n + directBlock - 1) &^ (directBlock - 1) }

// bufferedSink is the sink without O_DIRECT, which takes what is no whole block.
type bufferedSink struct{ fd uintptr }

func prepareDirect(w *window) (undo func(), err error) {
	return openDirect(w, keep[bufferedSink](w))
}

// openDirect opens source and sink once more, with O_DIRECT: as a flag of the
// open file it would else be that of the parent's descriptors, too. A sink that is no
// file stays as it is.
func openDirect(w *window, tail *bufferedSink) (undo func(), err error) {
	in, err := reopen(w.in, unix.O_RDONLY, "source")
	if err != nil {
		return nil, err
	}
	tail.fd, w.in = w.out, in
	if !isRegular(w.out) {
		return func() { unix.Close(int(in)) }, nil
	}
	out, err := reopen(w.out, unix.O_WRONLY, "sink")
	if err != nil {
		unix.Close(int(in))
		return nil, err
	}
	w.out = out
	return func() { unix.Close(int(in)); unix.Close(int(out)) }, nil
}

func reopen(fd uintptr, flags int, what string) (uintptr, error) {
	direct, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), flags|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EINVAL) {
		return 0, fault.Errorf(fault.Unsupported, "take files on ext4, xfs or btrfs", "the %s takes no direct I/O: %w", what, err)
	}
	if err != nil {
		return 0, fmt.Errorf("open the %s for direct I/O: %w", what, err)
	}
	return uintptr(direct), nil
}

// directLoop asks for whole blocks. At its end the source may have a part of one,
// which a read returns; the sink takes it by the page cache.
//
//go:nosplit
//go:norace
func directLoop(w *window) {
	tail := (*bufferedSink)(w.private)
	w.begin()
	for n := w.next(); n > 0; n = w.next() {
		r := min(n, w.transfer(unix.SYS_READ, w.in, uintptr(w.buf), uintptr(blocks(n)), 0, 0, 0))
		w.inPos += r
		w.corrupt(r)
		part := r & (directBlock - 1)
		if tail.fd == w.out {
			part = 0
		}
		w.deliver(uintptr(w.buf), r-part)
		w.deliverAt(tail.fd, uintptr(w.buf)+uintptr(r-part), part)
	}
	w.end()
}
