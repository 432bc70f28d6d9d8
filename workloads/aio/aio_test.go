//go:build linux

package aio

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The sizes and offsets are those of include/uapi/linux/aio_abi.h.
func TestLayout(t *testing.T) {
	var r Request
	var e Event
	for _, f := range []struct {
		name      string
		got, want uintptr
	}{
		{"struct iocb", unsafe.Sizeof(r), 64},
		{"aio_lio_opcode", unsafe.Offsetof(r.Opcode), 16},
		{"aio_fildes", unsafe.Offsetof(r.FD), 20},
		{"aio_buf", unsafe.Offsetof(r.Buf), 24},
		{"aio_nbytes", unsafe.Offsetof(r.Bytes), 32},
		{"aio_offset", unsafe.Offsetof(r.Offset), 40},
		{"struct io_event", unsafe.Sizeof(e), 32},
		{"obj", unsafe.Offsetof(e.Object), 8},
		{"res", unsafe.Offsetof(e.Res), 16},
	} {
		if f.got != f.want {
			t.Errorf("%s is %d, want %d", f.name, f.got, f.want)
		}
	}
}

func setUp(t *testing.T, depth int) *Queue {
	t.Helper()
	q, err := Setup(depth)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

func memory(t *testing.T, n int) []byte {
	t.Helper()
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) })
	return b
}

func put(t *testing.T, q *Queue, op uint16, f *os.File, b []byte, data uint64) {
	t.Helper()
	r := q.Next()
	if r == nil {
		t.Fatal("the queue is full")
	}
	r.Opcode, r.FD, r.Data = op, uint32(f.Fd()), data
	r.Buf, r.Bytes, r.Offset = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))), uint64(len(b)), int64(data)
}

// run submits what is filled in, and returns the results in the order of Data.
func run(t *testing.T, q *Queue, want int) map[uint64]int64 {
	t.Helper()
	n, errno := q.Submit(new(uint64))
	if n != want || errno != 0 {
		t.Fatalf("submitted %d, %v; want %d", n, errno, want)
	}
	results := map[uint64]int64{}
	for len(results) < want {
		n, errno := q.Wait(want-len(results), new(uint64))
		if errno != 0 {
			t.Fatal(errno)
		}
		for i := range n {
			e := q.Event(i)
			results[e.Data] = e.Res
		}
	}
	return results
}

// A file is read in parts, which are then written to another.
func TestReadThenWrite(t *testing.T) {
	const part, parts = 4096, 5
	dir := t.TempDir()
	want := bytes.Repeat([]byte("0123456789abcdef"), part*parts/16)[:part*parts-77]
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
	q, buf := setUp(t, parts), memory(t, part*parts)
	for i := range parts {
		put(t, q, OpRead, in, buf[i*part:(i+1)*part], uint64(i*part))
	}
	if q.Next() != nil {
		t.Error("a request beyond the depth")
	}
	total := int64(0)
	for at, n := range run(t, q, parts) {
		put(t, q, OpWrite, out, buf[at:at+uint64(n)], at)
		total += n
	}
	if total != int64(len(want)) {
		t.Errorf("read %d bytes, want %d", total, len(want))
	}
	for at, n := range run(t, q, parts) {
		if n != min(part, int64(len(want))-int64(at)) {
			t.Errorf("wrote %d bytes at %d", n, at)
		}
	}
	if got, err := os.ReadFile(out.Name()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived, %v; want %d", len(got), err, len(want))
	}
}

// What comes before a request that is refused is under way; the next batch is new.
func TestRefusedRequest(t *testing.T) {
	f, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	q, buf := setUp(t, 3), memory(t, 4096)
	for i, op := range []uint16{OpRead, 77, OpRead} {
		put(t, q, op, f, buf, uint64(i))
	}
	if n, errno := q.Submit(new(uint64)); n != 1 || errno != unix.EINVAL {
		t.Fatalf("submitted %d, %v; want 1 and EINVAL", n, errno)
	}
	if n, errno := q.Wait(1, new(uint64)); n != 1 || errno != 0 || q.Event(0).Res != 4096 {
		t.Errorf("%d results, %v: %+v", n, errno, q.Event(0))
	}
	put(t, q, OpRead, f, buf, 7)
	if got := run(t, q, 1); got[7] != 4096 {
		t.Errorf("the next batch: %v", got)
	}
}

func TestErrors(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/fs/aio-max-nr")
	if err != nil {
		t.Fatal(err)
	}
	most, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Setup(most + 1); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("a queue of %d, with fs.aio-max-nr %d: %v", most+1, most, err)
	}
}
