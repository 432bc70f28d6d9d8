//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/workloads"
)

// work is what a program does over and over while it is traced.
type work struct {
	name    string
	chunk   int
	sockets bool
	open    func(chunk int) (sender, receiver *end, err error) // receiver: nil if nobody receives
}

var works = []work{
	{"read+write 512 B, /dev/zero to /dev/null", 512, false, openDevices},
	{"read+write 4 KiB, TCP", 4 << 10, true, tcp((*end).readWrite)},
	{"read+write 64 KiB, TCP", 64 << 10, true, tcp((*end).readWrite)},
	{"sendfile 4 KiB, TCP", 4 << 10, true, tcp((*end).sendfile)},
	{"sendfile 64 KiB, TCP", 64 << 10, true, tcp((*end).sendfile)},
	{"splice 4 KiB, TCP", 4 << 10, true, tcp((*end).splice)},
	{"splice 64 KiB, TCP", 64 << 10, true, tcp((*end).splice)},
	{"ping-pong 64 B, unix", 64, true, openPingPong},
}

func (w work) index() int {
	return slices.IndexFunc(works, func(o work) bool { return o.name == w.name })
}

// done is what a program says of itself.
type done struct {
	Rounds int64
	NS     int64    // that they took, until the receiver had all
	Calls  [2]int64 // by sender and receiver, between their markers
}

// end is a thread of a program: the sender or the receiver. It works in nosplit,
// norace functions that make raw system calls only, so that nothing but them is
// traced, and its window is opened and closed by the marker, as those of zctrace's own
// workers are (workloads/window.go).
type end struct {
	loop            func(*end)
	in, out         uintptr
	pipeIn, pipeOut uintptr
	buf             unsafe.Pointer
	chunk           int64
	stop            *uint32

	rounds, calls int64
	errno         syscall.Errno
	failed        bool
}

// runWork is the whole life of a program that is traced.
func runWork(w work, cookie uint64, slice time.Duration, cpu int, report string) error {
	debug.SetGCPercent(-1) // no thread but the two has anything to do
	d, err := w.run(cookie, slice, func() error { return settle(cpu) })
	if err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	out, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return os.WriteFile(report, out, 0o600)
}

// run does the work for that long, in two threads that settle first.
func (w work) run(cookie uint64, slice time.Duration, settle func() error) (d done, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4)) // raw calls never let go of theirs
	sender, receiver, err := w.open(w.chunk)
	if err != nil {
		return d, err
	}
	var stop uint32
	var threads, ready sync.WaitGroup
	begin := make(chan struct{})
	errs := make([]error, 2)
	for role, e := range []*end{ledger.Sender: sender, ledger.Receiver: receiver} {
		if e == nil {
			continue
		}
		e.stop = &stop
		buf := make([]byte, max(e.chunk, 64<<10))
		e.buf = unsafe.Pointer(&buf[0])
		ready.Add(1)
		threads.Go(func() {
			runtime.LockOSThread() // for good: it ends with its thread
			errs[role] = settle()
			ready.Done()
			<-begin
			e.window(uintptr(cookie), uintptr(role))
			d.Calls[role] = e.calls
			if e.failed {
				errs[role] = errors.Join(errs[role], e.errno)
			}
		})
	}
	ready.Wait()
	start := time.Now()
	close(begin)
	time.Sleep(slice)
	atomic.StoreUint32(&stop, 1)
	threads.Wait()
	d.NS, d.Rounds = time.Since(start).Nanoseconds(), sender.rounds
	return d, errors.Join(errs...)
}

// settle pins the thread to the CPU, and lets whoever else wants it wait: also the
// processes of other sessions, between which the kernel shares it first (sched(7), autogroup).
func settle(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin a thread to CPU %d: %w", cpu, err)
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, -20); err != nil {
		return fmt.Errorf("raise a thread's priority: %w", err)
	}
	err := os.WriteFile("/proc/self/autogroup", []byte("-20"), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("raise the session's priority: %w", err)
	}
	return nil
}

// window: then nothing more is sent, which is the receiver's end of file.
//
//go:nosplit
//go:norace
func (e *end) window(cookie, role uintptr) {
	e.mark(workloads.MarkBegin, cookie, role)
	e.loop(e)
	e.mark(workloads.MarkEnd, cookie, role)
	syscall.RawSyscall6(unix.SYS_SHUTDOWN, e.out, unix.SHUT_WR, 0, 0, 0, 0)
}

//go:nosplit
//go:norace
func (e *end) mark(mark, cookie, role uintptr) {
	syscall.RawSyscall6(workloads.MarkerNr, workloads.MarkerClock, workloads.MarkerAddress, cookie, mark<<8|role, e.in, e.out)
}

// going: at least one round is made, however late the thread gets to it.
//
//go:nosplit
//go:norace
func (e *end) going() bool {
	return !e.failed && (e.rounds == 0 || atomic.LoadUint32(e.stop) == 0)
}

// call makes a system call; one that fails ends the loop.
//
//go:nosplit
//go:norace
func (e *end) call(nr, a1, a2, a3, a4, a5 uintptr) int64 {
	e.calls++
	r, _, errno := syscall.RawSyscall6(nr, a1, a2, a3, a4, a5, 0)
	if errno != 0 {
		e.errno, e.failed = errno, true
		return 0
	}
	return int64(r)
}

//go:nosplit
//go:norace
func (e *end) devices() {
	for ; e.going(); e.rounds++ {
		e.call(unix.SYS_READ, e.in, uintptr(e.buf), uintptr(e.chunk), 0, 0)
		e.call(unix.SYS_WRITE, e.out, uintptr(e.buf), uintptr(e.chunk), 0, 0)
	}
}

//go:nosplit
//go:norace
func (e *end) readWrite() {
	for ; e.going(); e.rounds++ {
		e.call(unix.SYS_PREAD64, e.in, uintptr(e.buf), uintptr(e.chunk), 0, 0)
		e.call(unix.SYS_WRITE, e.out, uintptr(e.buf), uintptr(e.chunk), 0, 0)
	}
}

//go:nosplit
//go:norace
func (e *end) sendfile() {
	for ; e.going(); e.rounds++ {
		for at := int64(0); at < e.chunk && !e.failed; {
			e.call(unix.SYS_SENDFILE, e.out, e.in, uintptr(unsafe.Pointer(&at)), uintptr(e.chunk-at), 0)
		}
	}
}

//go:nosplit
//go:norace
func (e *end) splice() {
	for ; e.going(); e.rounds++ {
		for at := int64(0); at < e.chunk && !e.failed; {
			n := e.call(unix.SYS_SPLICE, e.in, uintptr(unsafe.Pointer(&at)), e.pipeIn, 0, uintptr(e.chunk-at))
			for n > 0 && !e.failed {
				n -= e.call(unix.SYS_SPLICE, e.pipeOut, 0, e.out, 0, uintptr(n))
			}
		}
	}
}

// receive takes what arrives until its end.
//
//go:nosplit
//go:norace
func (e *end) receive() {
	for e.call(unix.SYS_READ, e.in, uintptr(e.buf), 64<<10, 0, 0) > 0 {
	}
}

//go:nosplit
//go:norace
func (e *end) ping() {
	for ; e.going(); e.rounds++ {
		e.call(unix.SYS_WRITE, e.out, uintptr(e.buf), uintptr(e.chunk), 0, 0)
		e.call(unix.SYS_READ, e.in, uintptr(e.buf), uintptr(e.chunk), 0, 0)
	}
}

//go:nosplit
//go:norace
func (e *end) pong() {
	for e.call(unix.SYS_READ, e.in, uintptr(e.buf), uintptr(e.chunk), 0, 0) > 0 {
		e.call(unix.SYS_WRITE, e.out, uintptr(e.buf), uintptr(e.chunk), 0, 0)
	}
}

func openDevices(chunk int) (sender, receiver *end, err error) {
	in, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	out, err := unix.Open("/dev/null", unix.O_WRONLY, 0)
	return &end{loop: (*end).devices, in: uintptr(in), out: uintptr(out), chunk: int64(chunk)}, nil, err
}

func openPingPong(chunk int) (sender, receiver *end, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	one, other := uintptr(pair[0]), uintptr(pair[1])
	return &end{loop: (*end).ping, in: one, out: one, chunk: int64(chunk)},
		&end{loop: (*end).pong, in: other, out: other, chunk: int64(chunk)}, err
}

// tcp sends a chunk of a file in memory over loopback.
func tcp(loop func(*end)) func(chunk int) (sender, receiver *end, err error) {
	return func(chunk int) (sender, receiver *end, err error) {
		file, err := unix.MemfdCreate("source", 0)
		if err == nil {
			_, err = unix.Write(file, make([]byte, chunk))
		}
		if err != nil {
			return nil, nil, err
		}
		var pipe [2]int
		if err := unix.Pipe(pipe[:]); err != nil {
			return nil, nil, err
		}
		from, to, err := connection()
		return &end{loop: loop, in: uintptr(file), out: uintptr(from), pipeOut: uintptr(pipe[0]), pipeIn: uintptr(pipe[1]), chunk: int64(chunk)},
			&end{loop: (*end).receive, in: uintptr(to), out: uintptr(to), chunk: int64(chunk)}, err
	}
}

// connection returns the two ends of one over loopback.
func connection() (from, to int, err error) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, 0, err
	}
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, err
	}
	if err := unix.Listen(listener, 1); err != nil {
		return 0, 0, err
	}
	address, err := unix.Getsockname(listener)
	if err != nil {
		return 0, 0, err
	}
	if from, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err != nil {
		return 0, 0, err
	}
	if err := unix.Connect(from, address); err != nil {
		return 0, 0, err
	}
	if err := unix.SetsockoptInt(from, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return 0, 0, err
	}
	to, _, err = unix.Accept(listener)
	return from, to, err
}
