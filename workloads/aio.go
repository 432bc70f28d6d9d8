//go:build linux

package workloads

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/workloads/aio"
)

var nativeAIO = &Strategy{
	Name:     "aio",
	Summary:  "Linux native AIO with O_DIRECT: io_submit --depth reads at once, and to a file as many writes: no copy by the CPU, but for a sink that is no file",
	Syscalls: []string{"io_submit", "io_getevents", "write", "pwrite64"},
	Transfer: []string{"io_submit", "io_getevents", "write", "pwrite64"},
	Path: []Hop{
		{PlaceSource, PlaceBuffer, ByDMA, calls("io_submit")},
		{PlaceBuffer, PlaceSink, ByDMA, calls("io_submit", "write", "pwrite64")},
	},
	Textbook: Textbook{
		TransferCalls: 3, ModeSwitches: 6,
		FromUser: 1,
		DMAIn:    1, DMAOut: 1,
		Source: aioSource + "; a sink that is no file gets a write, which copies",
	},
	toFile: &Textbook{
		TransferCalls: 4, ModeSwitches: 8,
		DMAIn: 1, DMAOut: 1,
		Source: aioSource,
	},
	Offsets: true,
	Queued:  true,
	onDisk:  true,
	prepare: openAIO,
	loop:    aioLoop,
}

const aioSource = "Linux man-pages, io_submit(2) and io_getevents(2): one call submits, one waits, and a batch of several shares them; with O_DIRECT as in open(2)"

// batch is what aio works on: chunks that are read at once, and then go to the sink
// in order, or as writes at once.
type batch struct {
	queue  *aio.Queue
	tail   bufferedSink
	buffer unsafe.Pointer // a stride for each chunk
	stride int64

	used  int64
	parts [MaxDepth]part
}

// part is a chunk in a batch.
type part struct {
	inAt, outAt int64 // offsets
	size        int64
	got         int64 // result: bytes, or -errno
}

// openAIO makes the queue, and buffers for as many chunks as it holds.
func openAIO(w *window) (undo func(), err error) {
	b := keep[batch](w)
	closeDirect, err := openDirect(w, &b.tail)
	if err != nil {
		return nil, err
	}
	b.stride = blocks(min(w.work.Chunk, w.limit, w.inSize, w.outSize))
	if b.queue, err = aio.Setup(int(w.work.Depth)); err != nil {
		closeDirect()
		return nil, aioError(err)
	}
	size := b.stride * w.work.Depth
	if b.buffer, err = mapPopulated(-1, size, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		b.queue.Close()
		closeDirect()
		return nil, fault.Errorf(fault.Failed, "take a smaller --chunk or --depth", "allocate buffers of %s: %w", human.FormatBytes(size), err)
	}
	return func() {
		b.queue.Close()
		_ = unix.MunmapPtr(b.buffer, uintptr(size))
		closeDirect()
	}, nil
}

// aioError says what keeps this process from having a queue.
func aioError(err error) error {
	const instead = ", or take direct-io"
	switch {
	case errors.Is(err, unix.EAGAIN):
		text, _ := os.ReadFile("/proc/sys/fs/aio-max-nr")
		return fault.Errorf(fault.Unsupported, "take a smaller --depth, or sysctl fs.aio-max-nr=1048576", "%w: other programs have what fs.aio-max-nr, %s, leaves",
			err, strings.TrimSpace(string(text)))
	case errors.Is(err, unix.ENOSYS):
		return fault.Errorf(fault.Unsupported, "take a kernel with CONFIG_AIO"+instead, "%w: the kernel has none, or a seccomp filter hides it", err)
	case errors.Is(err, unix.EPERM):
		return fault.Errorf(fault.Unsupported, "allow io_setup, io_submit, io_getevents and io_destroy in the container's seccomp profile"+instead,
			"%w: a seccomp filter forbids it", err)
	}
	return err
}

// aioLoop reads a batch, then hands it on. With --rate, a batch is read when the
// last of its chunks is due.
//
//go:nosplit
//go:norace
func aioLoop(w *window) {
	b := (*batch)(w.private)
	w.begin()
	for b.plan(w) && b.read(w) {
		if b.tail.fd != w.out {
			b.write(w)
		} else {
			b.deliver(w)
		}
	}
	w.end()
}

// plan cuts the next chunks. It is false when there are none.
//
//go:nosplit
//go:norace
func (b *batch) plan(w *window) bool {
	moved, inPos, outPos := w.moved, w.inPos, w.outPos
	b.used = 0
	for b.used < w.work.Depth {
		n := w.next()
		if n == 0 {
			break
		}
		p := &b.parts[b.used]
		p.inAt, p.size = w.inPos, n
		b.used++
		w.moved += n
		w.inPos += n
		w.outPos += n
	}
	w.moved, w.inPos, w.outPos = moved, inPos, outPos
	return b.used > 0
}

// read reads the batch's chunks, all at once. Whole blocks are asked for; at
// its end the source may have a part of one.
//
//go:nosplit
//go:norace
func (b *batch) read(w *window) bool {
	for i := range b.used {
		r := b.queue.Next()
		r.Opcode, r.FD, r.Data = aio.OpRead, uint32(w.in), uint64(i)
		r.Buf, r.Bytes = uint64(b.at(i)), uint64(blocks(b.parts[i].size))
		r.Offset = b.parts[i].inAt
	}
	return b.run(w)
}

//go:nosplit
//go:norace
func (b *batch) at(i int64) uintptr {
	return uintptr(b.buffer) + uintptr(i*b.stride)
}

// run submits the requests that are filled in, and waits for all of them. It
// is false when the kernel refuses one.
//
//go:nosplit
//go:norace
func (b *batch) run(w *window) bool {
	n, refused := b.queue.Submit(w.made(unix.SYS_IO_SUBMIT))
	if refused != 0 {
		w.fail(unix.SYS_IO_SUBMIT, refused)
	}
	for n > 0 {
		got, errno := b.queue.Wait(n, w.made(unix.SYS_IO_GETEVENTS))
		if errno != 0 {
			w.fail(unix.SYS_IO_GETEVENTS, errno)
			break
		}
		for i := range got {
			e := b.queue.Event(i)
			b.parts[e.Data].got = e.Res
		}
		n -= got
	}
	return w.shared.failed == 0
}

// take goes on past chunk i, and returns how much of it was read; 0 is a failure.
//
//go:nosplit
//go:norace
func (b *batch) take(w *window, i int64) int64 {
	p := &b.parts[i]
	if p.got <= 0 {
		w.fail(unix.SYS_IO_GETEVENTS, syscall.Errno(-p.got))
		return 0
	}
	w.inPos = p.inAt + min(p.got, p.size)
	if w.outPos == w.outSize {
		w.outPos = 0
	}
	return min(p.got, p.size)
}

// deliver writes the chunks to a sink that is no file, one after the other. One
// that was read in part is the last: the next batch goes on where it ends.
//
//go:nosplit
//go:norace
func (b *batch) deliver(w *window) {
	for i := range b.used {
		n := b.take(w, i)
		w.deliver(b.at(i), n)
		if n < b.parts[i].size || w.shared.failed != 0 {
			return
		}
	}
}

// write writes the chunks to a file, all at once: whole blocks past the page
// cache, then what ends the source within a block by it.
//
//go:nosplit
//go:norace
func (b *batch) write(w *window) {
	outPos, parts := w.outPos, int64(0)
	cut := false // what comes after one that was read in part is read again
	for parts < b.used && !cut && b.parts[parts].got > 0 {
		i, p := parts, &b.parts[parts]
		n := b.take(w, i)
		cut = n < p.size
		p.outAt, p.size, p.got = w.outPos, n, 0
		if whole := n &^ (directBlock - 1); whole > 0 {
			r := b.queue.Next()
			r.Opcode, r.FD, r.Data = aio.OpWrite, uint32(w.out), uint64(i)
			r.Buf, r.Bytes, r.Offset = uint64(b.at(i)), uint64(whole), w.outPos
		}
		w.outPos += n
		parts++
	}
	w.outPos = outPos
	b.run(w)
	for i := range parts {
		if !b.settle(w, i) {
			return
		}
	}
	if parts < b.used && !cut {
		b.take(w, parts) // fails
	}
}

// settle accounts for a chunk that was written, and writes what is left of it.
//
//go:nosplit
//go:norace
func (b *batch) settle(w *window, i int64) bool {
	p := &b.parts[i]
	if p.got <= 0 && p.size >= directBlock {
		w.fail(unix.SYS_IO_GETEVENTS, syscall.Errno(-p.got))
		return false
	}
	w.outPos = p.outAt
	w.sent(p.got)
	w.deliverAt(b.tail.fd, b.at(i)+uintptr(p.got), p.size-p.got)
	return w.shared.failed == 0
}
