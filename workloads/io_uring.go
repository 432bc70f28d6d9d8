//go:build linux

package workloads

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/workloads/uring"
)

var ioUring = &Strategy{
	Name:     "io-uring",
	Summary:  "io_uring: for each chunk a read linked to a send or write, a chain of --depth chunks to a system call: two copies by the CPU",
	Syscalls: []string{"io_uring_enter"},
	Transfer: []string{"io_uring_enter"},
	Path:     pathThrough(PlaceBuffer, ByCopy, "io_uring_enter", ByCopy, "io_uring_enter"),
	Textbook: Textbook{
		TransferCalls: 1, ModeSwitches: 2,
		ToUser: 1, FromUser: 1,
		DMAIn: 1, DMAOut: 1,
		Source: ioUringSource + "; it copies as read and write do",
	},
	Offsets:  true,
	Queued:   true,
	buffered: true,
	prepare:  func(w *window) (func(), error) { return openRing(w, keep[queue](w), plainRequests) },
	loop:     ringLoop,
}

const ioUringSource = "Linux man-pages, io_uring_enter(2): one call submits requests and waits for them; a chain of several chunks shares it"

// queue is what a strategy of io_uring works on. A request of a chain starts when
// the one before is done, and as a whole: so all chunks go through one buffer, or
// one pipe, and reach the sink in order.
type queue struct {
	ring     *uring.Ring
	requests // of one chunk

	// What a chain that broke has left in the buffer, or in the pipe: it is read, and
	// goes out first in the next one.
	left, leftAt int64

	failed uint8         // the operation that failed in the last chain, with
	errno  syscall.Errno // 0: none did
	used   int64         // links of the chain
	links  [MaxDepth]link

	pipe pipe // of io-uring-splice
}

// requests say how a chunk is moved.
type requests struct {
	read, write uint8 // operations; of a socket the write is a send
	fixed       bool  // the files and the buffer are registered
	toFile      bool  // whose offset goes with a write
}

// link is a chunk in a chain, or what was left of one.
type link struct {
	reads       bool  // false: it was read before
	inAt, outAt int64 // offsets
	in, out     int64 // results: bytes, or -errno
}

func plainRequests(w *window) requests {
	r := requests{read: uring.OpRead, write: uring.OpWrite}
	if isStreamSocket(w.out) {
		r.write = uring.OpSend
	}
	return r
}

func isStreamSocket(fd uintptr) bool {
	kind, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil && kind == unix.SOCK_STREAM
}

func isRegular(fd uintptr) bool {
	var st unix.Stat_t
	return unix.Fstat(int(fd), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// openRing makes the ring for chains of --depth chunks.
func openRing(w *window, q *queue, how func(*window) requests) (undo func(), err error) {
	q.requests = how(w)
	q.toFile = isRegular(w.out)
	q.ring, err = uring.Setup(uint32(2*w.work.Depth), w.work.SQPoll)
	if err != nil {
		return nil, ringError(err)
	}
	if err := q.ring.Missing(q.read, q.write); err != nil {
		q.ring.Close()
		return nil, missingError(err)
	}
	return q.ring.Close, nil
}

// missingError says which operation the kernel's io_uring lacks, or why it does not
// tell.
func missingError(err error) error {
	if number := syscall.Errno(0); !errors.As(err, &number) { // ENOSYS of a filter is ErrUnsupported, too
		return fault.Errorf(fault.Unsupported, "take read-write, or a newer kernel", "this kernel's io_uring lacks %w", err)
	}
	return fault.Errorf(fault.Unsupported, "allow io_uring_register in the container's seccomp profile, or take read-write",
		"io_uring was set up, but does not tell which operations it has: %w", err)
}

// ringError says what keeps this process from having an io_uring.
func ringError(err error) error {
	const instead = ", or take read-write"
	switch {
	case errors.Is(err, unix.ENOSYS):
		return fault.Errorf(fault.Unsupported, "take a kernel with CONFIG_IO_URING"+instead, "%w: the kernel has none, or a seccomp filter hides it", err)
	case errors.Is(err, unix.EINVAL):
		return fault.Errorf(fault.Unsupported, "take read-write", "%w: it takes Linux 6.1", err)
	case errors.Is(err, unix.EPERM):
		text, _ := os.ReadFile("/proc/sys/kernel/io_uring_disabled")
		if is := strings.TrimSpace(string(text)); is != "" && is != "0" {
			return fault.Errorf(fault.Unsupported, "sysctl kernel.io_uring_disabled=0"+instead, "%w: kernel.io_uring_disabled is %s", err, is)
		}
		return fault.Errorf(fault.Unsupported, "allow io_uring_setup, io_uring_enter and io_uring_register in the container's seccomp profile"+instead,
			"%w: a seccomp filter forbids it", err)
	case errors.Is(err, unix.ENOMEM):
		return fault.Errorf(fault.Unsupported, "take a smaller --depth, or raise ulimit -l", "%w: the ring finds no room in memory, or in RLIMIT_MEMLOCK, %s, which is for all that the user's programs pin", err, memoryLock())
	}
	return err
}

// memoryLock is how much a user without privileges may pin.
func memoryLock() string {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return "unknown"
	}
	if limit.Cur == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return human.FormatBytes(int64(limit.Cur))
}

// ringLoop moves a chain at a time. With --rate, a chain goes out when the last of
// its chunks is due.
//
//go:nosplit
//go:norace
func ringLoop(w *window) {
	q := (*queue)(w.private)
	q.left = 0
	w.begin()
	for q.chain(w) {
		if !q.run(w) {
			break
		}
		q.settle(w)
	}
	w.end()
}

// chain fills in the requests of the next chain. It is false when there are none.
//
//go:nosplit
//go:norace
func (q *queue) chain(w *window) bool {
	moved, inPos, outPos := w.moved, w.inPos, w.outPos
	q.used = 0
	var last *uring.SQE
	if q.left > 0 && w.shared.failed == 0 {
		q.links[0].reads = false
		last = q.putWrite(w, q.left, q.leftAt)
		w.moved += q.left
		w.outPos += q.left
	}
	for q.used < w.work.Depth {
		n := w.next()
		if n == 0 {
			break
		}
		q.putRead(w, n)
		last = q.putWrite(w, n, 0)
		w.moved += n
		w.inPos += n
		w.outPos += n
	}
	w.moved, w.inPos, w.outPos = moved, inPos, outPos
	if last != nil {
		last.Flags &^= uring.SQELink
	}
	return last != nil
}

//go:nosplit
//go:norace
func (q *queue) putRead(w *window, n int64) {
	s := &q.links[q.used]
	s.reads, s.inAt = true, w.inPos
	e := q.ring.Next()
	e.Opcode, e.Flags, e.Len = q.read, uring.SQELink, uint32(n)
	e.UserData = uint64(q.used) << 1
	in := q.file(w.in, 0, e)
	if q.read == uring.OpSplice {
		e.FD, e.SpliceIn = int32(q.pipe.in), in
		e.Off, e.Addr = uring.NoOffset, uint64(w.inPos)
		return
	}
	e.FD, e.Off, e.Addr = in, uint64(w.inPos), uint64(uintptr(w.buf))
}

// putWrite ends a link.
//
//go:nosplit
//go:norace
func (q *queue) putWrite(w *window, n, at int64) *uring.SQE {
	s := &q.links[q.used]
	s.outAt = w.outPos
	e := q.ring.Next()
	e.Opcode, e.Flags, e.Len = q.write, uring.SQELink, uint32(n)
	e.UserData = uint64(q.used)<<1 | 1
	e.FD, e.Off = q.file(w.out, 1, e), uring.NoOffset
	if q.toFile {
		e.Off = uint64(w.outPos)
	}
	switch q.write {
	case uring.OpSplice:
		e.SpliceIn, e.Addr = int32(q.pipe.out), uring.NoOffset
	case uring.OpSend:
		e.Off, e.OpFlags = 0, unix.MSG_WAITALL|unix.MSG_NOSIGNAL
		fallthrough
	default:
		e.Addr = uint64(uintptr(w.buf)) + uint64(at)
	}
	q.used++
	return e
}

// file is how a request names a file: by its descriptor, or where it was registered.
//
//go:nosplit
//go:norace
func (q *queue) file(fd uintptr, registered int32, e *uring.SQE) int32 {
	if !q.fixed {
		return int32(fd)
	}
	e.Flags |= uring.SQEFixedFile
	if int32(fd) < 0 { // a rehearsal
		return -1
	}
	return registered
}

// run submits the chain and waits for all of its results.
//
//go:nosplit
//go:norace
func (q *queue) run(w *window) bool {
	q.failed, q.errno = 0, 0
	want := uint32(2 * q.used)
	if !q.links[0].reads {
		want--
	}
	if errno := q.ring.Enter(want, w.made(unix.SYS_IO_URING_ENTER)); errno != 0 {
		w.fail(unix.SYS_IO_URING_ENTER, errno)
		return false
	}
	for range want {
		e := q.ring.Take()
		s, op := &q.links[e.UserData>>1], q.read
		if e.UserData&1 == 0 {
			s.in = int64(e.Res)
		} else {
			s.out, op = int64(e.Res), q.write
		}
		if e.Res < 0 && -e.Res != int32(unix.ECANCELED) && q.errno == 0 {
			q.failed, q.errno = op, syscall.Errno(-e.Res)
		}
	}
	return true
}

// settle accounts for a chain, up to where it broke: a request that fails, or that
// moves less than it was asked for, cancels those behind it.
//
//go:nosplit
//go:norace
func (q *queue) settle(w *window) {
	for i := range q.used {
		s := &q.links[i]
		if s.reads {
			if !w.worked(s.in, q.read) {
				break
			}
			w.inPos = s.inAt + s.in
			q.left, q.leftAt = s.in, 0
		}
		w.outPos = s.outAt
		if !w.worked(s.out, q.write) {
			break
		}
		w.sent(s.out)
		q.left -= s.out
		q.leftAt += s.out
		if q.left > 0 {
			break
		}
	}
	if q.errno != 0 && q.errno != unix.EINTR {
		w.failRequest(q.failed, q.errno)
	}
}

// worked is false for a request that moved nothing. If it came to its turn, and was
// not interrupted, there was nothing.
//
//go:nosplit
//go:norace
func (w *window) worked(res int64, op uint8) bool {
	if res == 0 {
		w.failRequest(op, 0)
	}
	return res > 0
}
