//go:build linux

package tracer

import (
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads/uring"
)

const requestBytes = 1_000_123

// diskFile makes a file where a disk holds it.
func diskFile(t *testing.T) (path string) {
	t.Helper()
	f, err := os.CreateTemp("/var/tmp", "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	t.Cleanup(func() { os.Remove(f.Name()) })
	if _, err := f.Write(make([]byte, requestBytes)); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// uringRun is what a test of requests works on.
type uringRun struct {
	*ring
	file, sink, socket int
	pipe               [2]int
	buf                []byte
}

// chunks makes requests of up to 40,000 bytes, until all are moved.
func (u *uringRun) chunks(t *testing.T, request func(at, n int) sqe) {
	t.Helper()
	for at := 0; at < requestBytes && !t.Failed(); {
		at += u.do(t, request(at, min(40_000, requestBytes-at)))
	}
}

func (u *uringRun) read(opcode, flags uint8) func(at, n int) sqe {
	return func(at, n int) sqe {
		return sqe{opcode: opcode, flags: flags, fd: int32(u.file), off: uint64(at), addr: uint64(ptr(u.buf)), len: uint32(n)}
	}
}

func (u *uringRun) write(opcode uint8) func(at, n int) sqe {
	return func(at, n int) sqe {
		return sqe{opcode: opcode, fd: int32(u.sink), off: uint64(at), addr: uint64(ptr(u.buf)), len: uint32(n)}
	}
}

func (u *uringRun) send(_, n int) sqe {
	return sqe{opcode: uring.OpSend, fd: int32(u.socket), addr: uint64(ptr(u.buf)), len: uint32(n), opFlags: unix.MSG_WAITALL}
}

// splice moves all from the file through the pipe.
func (u *uringRun) splice(t *testing.T, out int, seek bool) {
	t.Helper()
	for at := 0; at < requestBytes && !t.Failed(); {
		n := u.do(t, sqe{opcode: uring.OpSplice, fd: int32(u.pipe[1]), off: noOffset, spliceIn: int32(u.file), addr: uint64(at), len: uint32(min(40_000, requestBytes-at))})
		for n > 0 && !t.Failed() {
			e := sqe{opcode: uring.OpSplice, fd: int32(out), off: noOffset, spliceIn: int32(u.pipe[0]), addr: noOffset, len: uint32(n)}
			if seek {
				e.off = uint64(at)
			}
			moved := u.do(t, e)
			n -= moved
			at += moved
		}
	}
}

// moved are the bytes of each class that something moves.
type moved struct{ toUser, fromUser, inKernel, refs int64 }

// uringTransfers move requestBytes, each by another kind of request.
var uringTransfers = []struct {
	name string
	do   func(*testing.T, *uringRun)
	want moved
	read int64 // by the disk
}{
	{"read", func(t *testing.T, u *uringRun) { u.chunks(t, u.read(uring.OpRead, 0)) }, moved{toUser: requestBytes}, 0},
	{"read by a worker", func(t *testing.T, u *uringRun) { u.chunks(t, u.read(uring.OpRead, asyncRequest)) }, moved{toUser: requestBytes}, 0},
	{"cold read", func(t *testing.T, u *uringRun) { u.chunks(t, u.read(uring.OpRead, 0)) }, moved{toUser: requestBytes}, 1_003_520},
	{"cold read by a worker", func(t *testing.T, u *uringRun) { u.chunks(t, u.read(uring.OpRead, asyncRequest)) }, moved{toUser: requestBytes}, 1_003_520},
	{"read into a registered buffer", func(t *testing.T, u *uringRun) { u.chunks(t, u.read(uring.OpReadFixed, 0)) }, moved{toUser: requestBytes}, 0},
	{"read into a registered buffer by a worker", func(t *testing.T, u *uringRun) { u.chunks(t, u.read(uring.OpReadFixed, asyncRequest)) }, moved{toUser: requestBytes}, 0},
	{"write", func(t *testing.T, u *uringRun) { u.chunks(t, u.write(uring.OpWrite)) }, moved{fromUser: requestBytes}, 0},
	{"write from a registered buffer", func(t *testing.T, u *uringRun) { u.chunks(t, u.write(uring.OpWriteFixed)) }, moved{fromUser: requestBytes}, 0},
	{"send", func(t *testing.T, u *uringRun) { u.chunks(t, u.send) }, moved{fromUser: requestBytes}, 0},
	{"read and send", func(t *testing.T, u *uringRun) {
		u.chunks(t, u.read(uring.OpRead, 0))
		u.chunks(t, u.send)
	}, moved{toUser: requestBytes, fromUser: requestBytes}, 0},
	{"splice to TCP", func(t *testing.T, u *uringRun) { u.splice(t, u.socket, false) }, moved{refs: 2 * requestBytes}, 0},
	{"splice to a file", func(t *testing.T, u *uringRun) { u.splice(t, u.sink, true) }, moved{refs: requestBytes, inKernel: requestBytes}, 0},
}

// What requests move is counted exactly, whoever carries them out, and by every
// engine.
func TestRequestsExactly(t *testing.T) {
	part, _ := strconv.Atoi(os.Getenv(partEnv))
	for i, test := range uringTransfers {
		for name, flags := range map[string]uint32{"": 0, ", polled": setupSQPoll} {
			if part > 0 && ((i+part)%2 == 0) != (flags == 0) {
				continue
			}
			t.Run(test.name+name, func(t *testing.T) {
				needTracing(t)
				c := connect(t)
				path := diskFile(t)
				u := &uringRun{
					ring: newRing(t, flags), socket: c.fd,
					file: openFile(t, path, unix.O_RDONLY), sink: openFile(t, path+".sink", unix.O_RDWR|unix.O_CREAT),
				}
				t.Cleanup(func() { os.Remove(path + ".sink") })
				if err := unix.Pipe2(u.pipe[:], unix.O_CLOEXEC); err != nil {
					t.Fatal(err)
				}
				var err error
				if u.buf, err = unix.Mmap(-1, 0, 40_960, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_POPULATE); err != nil {
					t.Fatal(err)
				}
				u.register(t, u.buf)
				tr, s := unskipped(t, everyEngine(Options{Uring: true}), func() {
					if test.read > 0 {
						if err := unix.Fsync(u.file); err != nil {
							t.Fatal(err)
						}
						if err := unix.Fadvise(u.file, 0, 0, unix.FADV_DONTNEED); err != nil {
							t.Fatal(err)
						}
					}
					window(u.file, u.sink, func() { test.do(t, u) })
				})
				for _, e := range tr.engines {
					counters := counted(tr, s, e, ledger.Workload{Cached: true})
					for name, got := range map[string]struct {
						amount trace.Amount
						want   int64
					}{
						"to_user":   {counters.Copies.ToUser, test.want.toUser},
						"from_user": {counters.Copies.FromUser, test.want.fromUser},
						"in_kernel": {counters.Copies.InKernel, test.want.inKernel},
						"page_refs": {counters.Moved.PageRefs, test.want.refs},
					} {
						if got.amount.Bytes != trace.Known(got.want) {
							t.Errorf("%s: %s is %v (%s), want %d", e, name, got.amount.Bytes, got.amount.Reason, got.want)
						}
						if e != ledger.Derived && name != "page_refs" && got.amount.Provenance != trace.Observed {
							t.Errorf("%s: %s is %s, want it observed", e, name, got.amount.Provenance)
						}
					}
					if got := counters.Disk.ReadBytes; got != trace.Known(test.read) && test.want.toUser > 0 {
						t.Errorf("%v bytes were read from disk, want %d", got, test.read)
					}
					if calls := counters.Syscalls.ByName["io_uring_enter"].Bytes; calls.Or(0) != 0 {
						t.Errorf("io_uring_enter moved %v bytes", calls)
					}
				}
				noLosses(t, s, tr.missing())
				if t.Failed() {
					dump(t, &s.Slots[ledger.Sender])
				}
			})
		}
	}
}

// dump says what the cells hold.
func dump(t *testing.T, s *bpf.ObjectSlot) {
	t.Helper()
	for _, c := range s.Cells {
		if c.Calls > 0 {
			t.Logf("call %d: %d calls, %d errors, %d bytes, seen %v", c.Key.Nr, c.Calls, c.Errors, c.Bytes, c.Seen)
		}
	}
	for _, c := range s.Helpers.Requests {
		if c.Requests > 0 {
			t.Logf("request %d %v > %v: %d, %d errors, %d bytes", c.Key.Nr, c.Key.In, c.Key.Out, c.Requests, c.Errors, c.Bytes)
		}
	}
	t.Logf("helpers saw %v, the thread at last %v", s.Helpers.Seen, s.Seen)
}

// A worker of io_uring that reads into pages that are not there makes them
// present: those faults are the run's.
func TestFaultsOfAWorker(t *testing.T) {
	needTracing(t)
	pages := 16
	size := pages * os.Getpagesize()
	u := &uringRun{ring: newRing(t, 0), file: openFile(t, diskFile(t), unix.O_RDONLY)}
	var err error
	if u.buf, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON); err != nil {
		t.Fatal(err)
	}
	if err := unix.Madvise(u.buf, unix.MADV_NOHUGEPAGE); err != nil {
		t.Fatal(err)
	}
	tr := start(t, Options{Uring: true})
	window(u.file, -1, func() {
		u.do(t, u.read(uring.OpRead, asyncRequest)(0, size))
		time.Sleep(50 * time.Millisecond) // until the worker sleeps, which brings its run time up to date
	})
	h := &snapshot(t, tr).Slots[ledger.Sender].Helpers
	if got := h.Now.MinFlt + h.Gone.MinFlt - h.Begin.MinFlt; got != uint64(pages) {
		t.Errorf("%d page faults, want %d", got, pages)
	}
	if ran := h.Now.RuntimeNs + h.Gone.RuntimeNs - h.Begin.RuntimeNs; ran == 0 {
		t.Error("the worker took no time")
	}
}
