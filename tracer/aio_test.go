//go:build linux

package tracer

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads/aio"
)

// iocb is struct iocb (linux/aio_abi.h).
type iocb struct {
	data     uint64
	_        [2]uint32
	opcode   uint16
	_        int16
	fd       uint32
	buf, len uint64
	offset   int64
	_        uint64
	_, _     uint32
}

// aioTransfers moves the file's bytes with so many requests at a time.
func aioTransfers(t *testing.T, opcode uint16, fd, depth int, memory []byte) {
	t.Helper()
	const chunk = 40_960
	var context uint64
	if _, _, errno := unix.RawSyscall(unix.SYS_IO_SETUP, uintptr(depth), uintptr(unsafe.Pointer(&context)), 0); errno != 0 {
		t.Errorf("io_setup: %v", errno)
		return
	}
	defer func() { _, _, _ = unix.RawSyscall(unix.SYS_IO_DESTROY, uintptr(context), 0, 0) }()
	blocks, pointers, events := make([]iocb, depth), make([]*iocb, depth), make([][4]uint64, depth)
	for at := 0; at < requestBytes; {
		n := 0
		for ; n < depth && at < requestBytes; n++ {
			size := min(chunk, requestBytes-at)
			if opcode == aio.OpRead {
				size = chunk // direct reads take whole blocks
			}
			blocks[n] = iocb{opcode: opcode, fd: uint32(fd), buf: uint64(ptr(memory[n*chunk:])), len: uint64(size), offset: int64(at)}
			pointers[n] = &blocks[n]
			at += size
		}
		if r, _, errno := unix.RawSyscall(unix.SYS_IO_SUBMIT, uintptr(context), uintptr(n), uintptr(unsafe.Pointer(&pointers[0]))); errno != 0 || int(r) != n {
			t.Errorf("io_submit took %d of %d: %v", r, n, errno)
			return
		}
		for n > 0 {
			r, _, errno := unix.RawSyscall6(unix.SYS_IO_GETEVENTS, uintptr(context), 1, uintptr(n), uintptr(unsafe.Pointer(&events[0])), 0, 0)
			if errno == unix.EINTR {
				continue
			}
			if errno != 0 {
				t.Errorf("io_getevents: %v", errno)
				return
			}
			n -= int(r)
		}
	}
}

// What Linux AIO moves is counted exactly, though no result of a system call tells.
func TestAIOExactly(t *testing.T) {
	const n = requestBytes
	for _, test := range []struct {
		name   string
		opcode uint16
		direct bool
		want   moved
		read   int64 // by the disk
	}{
		{"read", aio.OpRead, false, moved{toUser: n}, 0},
		{"write", aio.OpWrite, false, moved{fromUser: n}, 0},
		{"direct read", aio.OpRead, true, moved{refs: n}, 1_003_520},
	} {
		for _, depth := range []int{1, 7} {
			t.Run(test.name, func(t *testing.T) {
				needTracing(t)
				path := diskFile(t)
				flags := unix.O_RDWR
				if test.direct {
					flags |= unix.O_DIRECT
				}
				fd := openFile(t, path, flags)
				if err := unix.Fsync(fd); err != nil {
					t.Fatal(err)
				}
				memory, err := unix.Mmap(-1, 0, depth*40_960, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_POPULATE)
				if err != nil {
					t.Fatal(err)
				}
				tr, s := unskipped(t, everyEngine(Options{AIO: true}), func() {
					window(fd, -1, func() { aioTransfers(t, test.opcode, fd, depth, memory) })
				})
				for _, e := range tr.engines {
					c := counted(tr, s, e, ledger.Workload{Dense: true})
					for name, got := range map[string]struct {
						amount trace.Amount
						want   int64
					}{
						"to_user":   {c.Copies.ToUser, test.want.toUser},
						"from_user": {c.Copies.FromUser, test.want.fromUser},
						"in_kernel": {c.Copies.InKernel, 0},
						"page_refs": {c.Moved.PageRefs, test.want.refs},
					} {
						want := trace.Known(got.want)
						if test.direct && e == ledger.Derived && (name == "to_user" || name == "page_refs") {
							want = trace.Int{} // the kernel may have copied
						}
						if got.amount.Bytes != want {
							t.Errorf("%s: %s is %v (%s), want %v", e, name, got.amount.Bytes, got.amount.Reason, want)
						}
					}
					// A write may read what the file system keeps of the file.
					if got := c.Disk.ReadBytes; got != trace.Known(test.read) && test.opcode == aio.OpRead {
						t.Errorf("%v bytes were read from disk, want %d", got, test.read)
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

// A request that nobody can look at is a loss, not nothing.
func TestAIOEventsThatCannotBeRead(t *testing.T) {
	tr := start(t, Options{AIO: true})
	fd := openFile(t, diskFile(t), unix.O_RDONLY)
	memory, err := unix.Mmap(-1, 0, 40_960, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	block, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	window(fd, -1, func() {
		var context uint64
		var events [1][4]uint64
		request := (*iocb)(unsafe.Pointer(&block[0]))
		*request = iocb{opcode: aio.OpRead, fd: uint32(fd), buf: uint64(ptr(memory)), len: uint64(len(memory))}
		_, _, _ = unix.RawSyscall(unix.SYS_IO_SETUP, 1, uintptr(unsafe.Pointer(&context)), 0)
		_, _, _ = unix.RawSyscall(unix.SYS_IO_SUBMIT, uintptr(context), 1, uintptr(unsafe.Pointer(&request)))
		_ = unix.Munmap(block)
		_, _, _ = unix.RawSyscall6(unix.SYS_IO_GETEVENTS, uintptr(context), 1, 1, uintptr(unsafe.Pointer(&events[0])), 0, 0)
		_, _, _ = unix.RawSyscall(unix.SYS_IO_DESTROY, uintptr(context), 0, 0)
	})
	s := snapshot(t, tr)
	if got := ledger.Losses(s, ledger.Party{Missing: tr.missing()}, ledger.Party{})["uncounted_calls"]; got != 1 {
		t.Errorf("%d requests uncounted, want 1", got)
	}
	if got := counted(tr, s, ledger.Derived, ledger.Workload{}).Copies.ToUser.Bytes; got != trace.Known(0) {
		t.Errorf("it was counted: to_user is %v", got)
	}
}
