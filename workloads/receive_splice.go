//go:build linux

package workloads

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// makeReceivePipe makes the pipe that a socket needs to be spliced into a file.
func makeReceivePipe(w *window) (undo func(), err error) {
	p := keep[pipe](w)
	var st unix.Stat_t
	if err := unix.Fstat(int(w.in), &st); err != nil {
		return nil, fmt.Errorf("look at the sink's other end: %w", err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFIFO {
		return func() {}, nil
	}
	return p.open(0, w.work.Chunk) // --pipe-size is about the sender's
}

// receiveSpliceLoop moves what arrives into a file: through a pipe of its own, or
// right out of the sink if that is one. It ends as receiveLoop does.
//
//go:nosplit
//go:norace
func receiveSpliceLoop(w *window) {
	p := (*pipe)(w.private)
	w.begin()
	if p.in == 0 {
		for w.keep(w.in, w.bufSize) > 0 {
		}
	}
	for p.in != 0 {
		n := w.call(unix.SYS_SPLICE, w.in, 0, p.in, 0, uintptr(w.bufSize), 0)
		if n == 0 {
			break
		}
		w.keepAll(p, n)
	}
	w.end()
}

// keepAll splices n bytes from the pipe into the file, in as many calls as it
// takes.
//
//go:nosplit
//go:norace
func (w *window) keepAll(p *pipe, n int64) {
	for n > 0 {
		r := w.keep(p.out, n)
		if r == 0 {
			w.fail(unix.SYS_SPLICE, 0)
			return
		}
		n -= r
	}
}

// keep splices up to n bytes into the file, which goes round.
//
//go:nosplit
//go:norace
func (w *window) keep(from uintptr, n int64) int64 {
	if w.outPos == w.outSize {
		if !w.rewind(w.out) {
			return 0
		}
		w.outPos = 0
	}
	r := w.call(unix.SYS_SPLICE, from, 0, w.out, 0, uintptr(min(n, w.outSize-w.outPos)), 0)
	w.sent(r)
	return r
}
