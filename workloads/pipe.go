//go:build linux

package workloads

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// pipe is a pipe's write end and its read end.
type pipe struct{ in, out uintptr }

// makePipe makes the pipe of a strategy that works on nothing else.
func makePipe(w *window) (undo func(), err error) {
	return keep[pipe](w).open(w.work.PipeSize, w.work.Chunk)
}

// open makes it of that size or, if that is 0, large enough for a chunk where that is
// allowed.
func (p *pipe) open(size, chunk int64) (undo func(), err error) {
	var fds [2]int // read end, write end
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	undo = func() { unix.Close(fds[0]); unix.Close(fds[1]) }
	if err := sizePipe(fds[0], size, chunk); err != nil {
		undo()
		return nil, err
	}
	p.out, p.in = uintptr(fds[0]), uintptr(fds[1])
	return undo, nil
}

func sizePipe(fd int, size, chunk int64) error {
	most := maxPipeSize()
	hint := fmt.Sprintf("take a smaller --pipe-size: without privileges %s is the most, and a user's pipes together get fs.pipe-user-pages-soft",
		human.FormatBytes(most))
	if size == 0 {
		size = defaultPipe(chunk)
		if is, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0); err == nil && int64(is) >= size {
			return nil
		}
		hint = "the user's pipes take all of fs.pipe-user-pages-soft: end some, or set --pipe-size 4KiB"
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, int(size))
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOMEM):
		return fault.Errorf(fault.Unsupported, hint, "make a pipe of %s: %w", human.FormatBytes(size), err)
	case err != nil:
		return fmt.Errorf("make a pipe of %s: %w", human.FormatBytes(size), err)
	}
	return nil
}

// PipeBytes is what the pipe of a strategy that is Piped has room for, at the least.
func (w *Work) PipeBytes() int64 { return cmp.Or(w.PipeSize, defaultPipe(w.Chunk)) }

// defaultPipe is room for a chunk, as far as that is allowed.
func defaultPipe(chunk int64) int64 { return min(pipeSizeFor(chunk), maxPipeSize()) }

// pipeSizeFor is what a pipe must have room for to take a chunk in one piece. It
// counts slots of a page, and a chunk that does not begin with a page has a part
// of one more.
func pipeSizeFor(chunk int64) int64 {
	page := int64(unix.Getpagesize())
	if chunk%page == 0 {
		return chunk
	}
	return (chunk/page + 2) * page
}

// maxPipeSize is how large a user without privileges may make a pipe: pipe(7).
func maxPipeSize() int64 {
	text, _ := os.ReadFile("/proc/sys/fs/pipe-max-size")
	if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
		return n
	}
	return 1 << 20 // the default
}
