//go:build linux

package uring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The sizes and offsets are those of include/uapi/linux/io_uring.h, the same on
// amd64 and arm64.
func TestLayout(t *testing.T) {
	var e SQE
	var c CQE
	var p params
	var o sqOffsets
	var q cqOffsets
	for _, f := range []struct {
		name      string
		got, want uintptr
	}{
		{"struct io_uring_sqe", unsafe.Sizeof(e), 64},
		{"flags", unsafe.Offsetof(e.Flags), 1},
		{"ioprio", unsafe.Offsetof(e.IOPrio), 2},
		{"fd", unsafe.Offsetof(e.FD), 4},
		{"off", unsafe.Offsetof(e.Off), 8},
		{"addr", unsafe.Offsetof(e.Addr), 16},
		{"len", unsafe.Offsetof(e.Len), 24},
		{"op_flags", unsafe.Offsetof(e.OpFlags), 28},
		{"user_data", unsafe.Offsetof(e.UserData), 32},
		{"buf_index", unsafe.Offsetof(e.BufIndex), 40},
		{"splice_fd_in", unsafe.Offsetof(e.SpliceIn), 44},
		{"struct io_uring_cqe", unsafe.Sizeof(c), 16},
		{"res", unsafe.Offsetof(c.Res), 8},
		{"cqe flags", unsafe.Offsetof(c.Flags), 12},
		{"struct io_uring_params", unsafe.Sizeof(p), 120},
		{"features", unsafe.Offsetof(p.features), 20},
		{"sq_off", unsafe.Offsetof(p.sq), 40},
		{"cq_off", unsafe.Offsetof(p.cq), 80},
		{"struct io_sqring_offsets", unsafe.Sizeof(o), 40},
		{"array", unsafe.Offsetof(o.array), 24},
		{"struct io_cqring_offsets", unsafe.Sizeof(q), 40},
		{"cqes", unsafe.Offsetof(q.cqes), 20},
		{"struct io_uring_probe", unsafe.Sizeof(probe{}), 16 + 256*8},
		{"ops_flags", unsafe.Offsetof(probeOp{}.flags), 2},
	} {
		if f.got != f.want {
			t.Errorf("%s is %d, want %d", f.name, f.got, f.want)
		}
	}
}

func setUp(t *testing.T, entries uint32, thread bool) *Ring {
	t.Helper()
	runtime.LockOSThread() // unlocked when the test ends, and with it its goroutine
	r, err := Setup(entries, thread)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// memory is n bytes outside of what Go manages.
func memory(t *testing.T, n int) []byte {
	t.Helper()
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) })
	return b
}

func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// enter submits, waits, and returns the results by their UserData.
func enter(t *testing.T, r *Ring, want int) []CQE {
	t.Helper()
	if errno := r.Enter(uint32(want), new(uint64)); errno != 0 {
		t.Fatal(errno)
	}
	if n := r.Ready(); n != uint32(want) {
		t.Fatalf("%d results, want %d", n, want)
	}
	results := make([]CQE, want)
	for range want {
		e := r.Take()
		results[e.UserData] = e
	}
	return results
}

// Round and round both queues, by the submission thread too.
func TestNops(t *testing.T) {
	for _, thread := range []bool{false, true} {
		r := setUp(t, 4, thread)
		next := uint64(0)
		for round := range 1000 {
			n := 1 + round%4
			for i := range n {
				e := r.Next()
				if e == nil {
					t.Fatalf("the ring is full of %d requests", i)
				}
				e.Opcode, e.UserData = OpNop, next+uint64(i)
			}
			if errno := r.Enter(uint32(n), new(uint64)); errno != 0 {
				t.Fatal(errno)
			}
			for range n {
				if e := r.Take(); e.UserData != next || e.Res != 0 {
					t.Fatalf("%+v, want the result of %d", e, next)
				}
				next++
			}
		}
	}
}

func TestFull(t *testing.T) {
	r := setUp(t, 3, false) // rounded up
	for i := range 4 {
		if r.Next() == nil {
			t.Fatalf("no room for request %d of 4", i)
		}
	}
	if r.Next() != nil {
		t.Error("a fifth request of 4")
	}
	if errno := r.Enter(4, new(uint64)); errno != 0 || r.Ready() != 4 {
		t.Errorf("%d results, %v; want 4", r.Ready(), errno)
	}
}

// A read linked to a write, of a file to another, plain and registered.
func TestReadLinkedToWrite(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	for _, fixed := range []bool{false, true} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "in"), want, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(filepath.Join(dir, "in"))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		out, err := os.Create(filepath.Join(dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		r, buf := setUp(t, 2, false), memory(t, len(want))
		read, write, flags, fds := uint8(OpRead), uint8(OpWrite), uint8(0), [2]int32{int32(in.Fd()), int32(out.Fd())}
		if fixed {
			if err := r.RegisterFiles(fds[:]); err != nil {
				t.Fatal(err)
			}
			iov := unix.Iovec{Base: &buf[0]}
			iov.SetLen(len(buf))
			if err := r.RegisterBuffers([]unix.Iovec{iov}); err != nil {
				t.Fatal(err)
			}
			read, write, flags, fds = OpReadFixed, OpWriteFixed, SQEFixedFile, [2]int32{0, 1}
		}
		e := r.Next()
		e.Opcode, e.Flags, e.FD, e.Addr, e.Len, e.UserData = read, flags|SQELink, fds[0], address(buf), uint32(len(buf)), 0
		e = r.Next()
		e.Opcode, e.Flags, e.FD, e.Addr, e.Len, e.UserData = write, flags, fds[1], address(buf), uint32(len(buf)), 1
		for _, c := range enter(t, r, 2) {
			if c.Res != int32(len(want)) {
				t.Errorf("fixed %v: request %d moved %d, want %d", fixed, c.UserData, c.Res, len(want))
			}
		}
		if got, err := os.ReadFile(out.Name()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("fixed %v: %d bytes arrived, %v; want %d", fixed, len(got), err, len(want))
		}
	}
}

// A read that falls short breaks its chain, and only that.
func TestBrokenChain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(file, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, buf := setUp(t, 4, false), memory(t, 4096)
	for i, flags := range []uint8{SQELink, SQELink, 0, 0} {
		e := r.Next()
		e.Opcode, e.Flags, e.UserData = OpNop, flags, uint64(i)
		if i == 0 {
			e.Opcode, e.FD, e.Addr, e.Len = OpRead, int32(f.Fd()), address(buf), 4096
		}
	}
	cancelled := -int32(unix.ECANCELED)
	want := []int32{100, cancelled, cancelled, 0}
	for i, c := range enter(t, r, len(want)) {
		if c.Res != want[i] {
			t.Errorf("request %d: %d, want %d", i, c.Res, want[i])
		}
	}
}

func TestWriteToAFullPipeFallsShort(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	size, err := unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, os.Getpagesize())
	if err != nil {
		t.Fatal(err)
	}
	r, buf := setUp(t, 1, false), memory(t, 2*size)
	e := r.Next()
	e.Opcode, e.FD, e.Addr, e.Len, e.Off = OpWrite, int32(fds[1]), address(buf), uint32(len(buf)), NoOffset
	if c := enter(t, r, 1)[0]; c.Res != int32(size) {
		t.Errorf("%d bytes into a pipe of %d", c.Res, size)
	}
}

func TestMissing(t *testing.T) {
	r := setUp(t, 1, false)
	if err := r.Missing(OpNop, OpRead, OpWrite, OpReadFixed, OpWriteFixed, OpSend, OpSplice, OpSendZC); err != nil {
		t.Error(err)
	}
	if err := r.Missing(OpNop, 255); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("operation 255: %v", err)
	}
}

func TestErrors(t *testing.T) {
	if _, err := Setup(MaxEntries+1, false); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a ring of %d: %v", MaxEntries+1, err)
	}
	r := setUp(t, 1, false)
	if err := r.RegisterFiles([]int32{1 << 30}); !errors.Is(err, unix.EBADF) {
		t.Errorf("register a file that is not open: %v", err)
	}
	if err := r.RegisterBuffers([]unix.Iovec{{Base: (*byte)(unsafe.Pointer(r)), Len: 1 << 40}}); !errors.Is(err, unix.EFAULT) {
		t.Errorf("register a buffer of 1 TiB: %v", err)
	}
}

// A ring leaves no descriptor behind.
func TestClose(t *testing.T) {
	r, err := Setup(8, true)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := unix.FcntlInt(r.fd, unix.F_GETFD, 0); !errors.Is(err, syscall.EBADF) {
		t.Errorf("descriptor %d is still open: %v", r.fd, err)
	}
}
