//go:build linux

package workloads

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// makePipe makes the pipe of a strategy that is Piped.
func makePipe(w *window) (undo func(), err error) {
	w.pipeOut, w.pipeIn, undo, err = newPipe(w.work.PipeSize, w.work.Chunk)
	return undo, err
}

// makePipes makes two of them.
func makePipes(w *window) (undo func(), err error) {
	undoFirst, err := makePipe(w)
	if err != nil {
		return nil, err
	}
	var undoSecond func()
	if w.teeOut, w.teeIn, undoSecond, err = newPipe(w.work.PipeSize, w.work.Chunk); err != nil {
		undoFirst()
		return nil, err
	}
	return func() { undoFirst(); undoSecond() }, nil
}

// newPipe makes a pipe of that size or, if it is 0, large enough for a chunk where that
// is allowed.
func newPipe(size, chunk int64) (out, in uintptr, undo func(), err error) {
	var fds [2]int // read end, write end
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return 0, 0, nil, fmt.Errorf("make a pipe: %w", err)
	}
	undo = func() { unix.Close(fds[0]); unix.Close(fds[1]) }
	if err := sizePipe(fds[0], size, chunk); err != nil {
		undo()
		return 0, 0, nil, err
	}
	return uintptr(fds[0]), uintptr(fds[1]), undo, nil
}

func sizePipe(fd int, size, chunk int64) error {
	most := maxPipeSize()
	hint := fmt.Sprintf("take a smaller --pipe-size: without privileges %s is the most, and a user's pipes together get fs.pipe-user-pages-soft",
		human.FormatBytes(most))
	if size == 0 {
		size = min(pipeSizeFor(chunk), most)
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
