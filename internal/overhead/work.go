//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
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

// batch is how many rounds of the work are timed together. A batch of a sender over TCP ends
// when the receiver has answered that it has it all, so that the work of both is in it.
const batch = 50

const (
	maxBatches = 1 << 16 // of a piece, which ends then
	maxBuffer  = 64 << 10
)

// piece is a request to work for a while.
type piece struct {
	Cookie uint64 // of who counts the calls; 0: nobody, or who follows the program
	NS     int64  // at least; a whole number of batches
	Again  bool   // instead: execute the program once more, without an answer
}

// done answers it.
type done struct {
	BatchNS []int64
	Calls   [2]int64 // that whoever has the cookie counts: by sender and receiver
}

// end is a thread of a program: the sender or the receiver. It works in nosplit,
// norace functions that make raw system calls only, so that nothing but them is
// traced, and its window is opened by the marker, as those of zctrace's own workers are
// (workloads/window.go). It stays open: the cells are read while nobody works.
type end struct {
	round           func(*end) // of the sender
	receive         func(*end) // a whole batch, but for the answer
	answer          int64      // that ends a batch of the receiver, in bytes
	in, out         uintptr
	pipeIn, pipeOut uintptr
	buf             unsafe.Pointer
	chunk           int64
	role            uintptr
	begin           uintptr // a pipe: a byte begins a piece
	shared          *shared

	idle    uint32
	calls   int64
	errno   syscall.Errno
	failed  bool
	batchNS []int64
	batches int
}

// shared is what the two ends of a program share.
type shared struct {
	cookie uintptr
	stop   uint32 // the sender makes one more batch at most
	last   uint32 // the batch that it makes is the last one of the piece
}

// program is a work and its threads, which wait for a piece.
type program struct {
	work
	ends  []*end
	begin []int // pipes
	known map[uint64]bool
	shared
}

// workMain is the whole life of a program that is traced.
func workMain(w work, cpu int, path string) error {
	p, err := w.start(func() error { return settle(cpu) })
	if err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	defer p.close()
	return serve(path, func(order piece) (done, error) {
		if order.Again {
			return done{}, syscall.Exec(os.Args[0], os.Args, os.Environ())
		}
		return p.do(order)
	})
}

// start makes the threads, which settle first. The program collects no garbage from then on.
func (w work) start(settle func() error) (*program, error) {
	runtime.GOMAXPROCS(4)  // raw calls never let go of theirs
	debug.SetGCPercent(-1) // nor stop for a collection, which would wait for them
	sender, receiver, err := w.open(w.chunk)
	if err != nil {
		return nil, err
	}
	p := &program{work: w, known: map[uint64]bool{}}
	for role, e := range []*end{ledger.Sender: sender, ledger.Receiver: receiver} {
		if e == nil {
			continue
		}
		var pipe [2]int
		if err := unix.Pipe(pipe[:]); err != nil {
			return nil, err
		}
		buf := make([]byte, maxBuffer)
		e.buf = unsafe.Pointer(&buf[0])
		e.batchNS = make([]int64, maxBatches)
		e.role, e.shared, e.begin = uintptr(role), &p.shared, uintptr(pipe[0])
		p.ends, p.begin = append(p.ends, e), append(p.begin, pipe[1])
		settled := make(chan error)
		go func() {
			runtime.LockOSThread() // for good
			settled <- settle()
			e.serve()
		}()
		if err := <-settled; err != nil {
			return nil, err
		}
	}
	return p, nil
}

// do works for a piece.
func (p *program) do(order piece) (d done, err error) {
	p.cookie = uintptr(order.Cookie)
	atomic.StoreUint32(&p.stop, 0)
	atomic.StoreUint32(&p.last, 0)
	for i, e := range p.ends {
		e.calls, e.batches = 0, 0
		if order.Cookie != 0 && p.known[order.Cookie] {
			e.calls++ // the one that begins the piece is in the window, too
		}
		atomic.StoreUint32(&e.idle, 0)
		if _, err := unix.Write(p.begin[i], []byte{0}); err != nil {
			return d, err
		}
	}
	p.known[order.Cookie] = true
	time.Sleep(time.Duration(order.NS))
	atomic.StoreUint32(&p.stop, 1)
	for i, e := range p.ends {
		for atomic.LoadUint32(&e.idle) == 0 {
			time.Sleep(100 * time.Microsecond)
		}
		d.Calls[i] = e.calls
		if e.failed {
			err = errors.Join(err, fmt.Errorf("a system call: %w", e.errno))
		}
	}
	d.BatchNS = p.ends[0].batchNS[:p.ends[0].batches]
	return d, err
}

// close ends the threads.
func (p *program) close() {
	for _, fd := range p.begin {
		unix.Close(fd)
	}
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

// serve works for a piece whenever it is told to, until it is closed. If a call fails, the other end's fails too.
//
//go:nosplit
//go:norace
func (e *end) serve() {
	for !e.failed {
		if n, _, _ := syscall.RawSyscall6(unix.SYS_READ, e.begin, uintptr(e.buf), 1, 0, 0, 0); n != 1 {
			return
		}
		syscall.RawSyscall6(workloads.MarkerNr, workloads.MarkerClock, workloads.MarkerAddress, e.shared.cookie, workloads.MarkBegin<<8|e.role, e.in, e.out)
		if e.receive == nil {
			e.sendBatches()
		} else {
			e.receiveBatches()
		}
		if e.failed {
			syscall.RawSyscall6(unix.SYS_SHUTDOWN, e.out, unix.SHUT_RDWR, 0, 0, 0, 0)
		}
		atomic.StoreUint32(&e.idle, 1)
	}
}

// nanotime is the monotonic clock, as the runtime reads it: without a system call (vdso(7)), and in
// a nosplit function. Where the kernel's clock source does not allow the former, zctrace
// counts more calls than were made, and says so.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// sendBatches times each batch.
//
//go:nosplit
//go:norace
func (e *end) sendBatches() {
	for last := false; !last && !e.failed; e.batches++ {
		last = atomic.LoadUint32(&e.shared.stop) != 0 || e.batches == maxBatches-1
		if last {
			atomic.StoreUint32(&e.shared.last, 1)
		}
		start := nanotime()
		for range batch {
			e.round(e)
		}
		if e.answer > 0 {
			e.call(unix.SYS_READ, e.out, uintptr(e.buf), uintptr(e.answer), 0, 0)
		}
		e.batchNS[e.batches] = nanotime() - start
	}
}

//go:nosplit
//go:norace
func (e *end) receiveBatches() {
	for last := false; !last && !e.failed; {
		e.receive(e)
		last = atomic.LoadUint32(&e.shared.last) != 0
		e.call(unix.SYS_WRITE, e.in, uintptr(e.buf), uintptr(e.answer), 0, 0)
	}
}

// call makes a system call; one that fails or moves nothing ends the program.
//
//go:nosplit
//go:norace
func (e *end) call(nr, a1, a2, a3, a4, a5 uintptr) int64 {
	e.calls++
	r, _, errno := syscall.RawSyscall6(nr, a1, a2, a3, a4, a5, 0)
	if errno != 0 || r == 0 {
		e.errno, e.failed = errno, true
		return 0
	}
	return int64(r)
}

//go:nosplit
//go:norace
func (e *end) devices() {
	e.call(unix.SYS_READ, e.in, uintptr(e.buf), uintptr(e.chunk), 0, 0)
	e.call(unix.SYS_WRITE, e.out, uintptr(e.buf), uintptr(e.chunk), 0, 0)
}

//go:nosplit
//go:norace
func (e *end) readWrite() {
	e.call(unix.SYS_PREAD64, e.in, uintptr(e.buf), uintptr(e.chunk), 0, 0)
	e.call(unix.SYS_WRITE, e.out, uintptr(e.buf), uintptr(e.chunk), 0, 0)
}

//go:nosplit
//go:norace
func (e *end) sendfile() {
	for at := int64(0); at < e.chunk && !e.failed; {
		e.call(unix.SYS_SENDFILE, e.out, e.in, uintptr(unsafe.Pointer(&at)), uintptr(e.chunk-at), 0)
	}
}

//go:nosplit
//go:norace
func (e *end) splice() {
	for at := int64(0); at < e.chunk && !e.failed; {
		n := e.call(unix.SYS_SPLICE, e.in, uintptr(unsafe.Pointer(&at)), e.pipeIn, 0, uintptr(e.chunk-at))
		for n > 0 && !e.failed {
			n -= e.call(unix.SYS_SPLICE, e.pipeOut, 0, e.out, 0, uintptr(n))
		}
	}
}

//go:nosplit
//go:norace
func (e *end) drain() {
	for left := batch * e.chunk; left > 0 && !e.failed; {
		left -= e.call(unix.SYS_READ, e.in, uintptr(e.buf), uintptr(min(left, maxBuffer)), 0, 0)
	}
}

//go:nosplit
//go:norace
func (e *end) ping() {
	e.call(unix.SYS_WRITE, e.out, uintptr(e.buf), uintptr(e.chunk), 0, 0)
	e.call(unix.SYS_READ, e.in, uintptr(e.buf), uintptr(e.chunk), 0, 0)
}

//go:nosplit
//go:norace
func (e *end) pong() {
	for range batch - 1 {
		e.call(unix.SYS_READ, e.in, uintptr(e.buf), uintptr(e.chunk), 0, 0)
		e.call(unix.SYS_WRITE, e.out, uintptr(e.buf), uintptr(e.chunk), 0, 0)
	}
	e.call(unix.SYS_READ, e.in, uintptr(e.buf), uintptr(e.chunk), 0, 0)
}

func openDevices(chunk int) (sender, receiver *end, err error) {
	in, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	out, err := unix.Open("/dev/null", unix.O_WRONLY, 0)
	return &end{round: (*end).devices, in: uintptr(in), out: uintptr(out), chunk: int64(chunk)}, nil, err
}

func openPingPong(chunk int) (sender, receiver *end, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	one, other := uintptr(pair[0]), uintptr(pair[1])
	return &end{round: (*end).ping, in: one, out: one, chunk: int64(chunk)},
		&end{receive: (*end).pong, answer: int64(chunk), in: other, out: other, chunk: int64(chunk)}, err
}

// tcp sends a chunk of a file in memory over loopback.
func tcp(round func(*end)) func(chunk int) (sender, receiver *end, err error) {
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
		return &end{round: round, answer: 1, in: uintptr(file), out: uintptr(from), pipeOut: uintptr(pipe[0]), pipeIn: uintptr(pipe[1]), chunk: int64(chunk)},
			&end{receive: (*end).drain, answer: 1, in: uintptr(to), out: uintptr(to), chunk: int64(chunk)}, err
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
