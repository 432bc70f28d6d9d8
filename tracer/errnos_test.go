//go:build linux

package tracer

import (
	"maps"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads/aio"
	"github.com/zctrace/zctrace/workloads/uring"
)

// failure is how a call fails, and how often the test makes it.
type failure struct {
	errno string
	times int
	call  [7]uintptr
}

// Calls that fail are counted by their errno, each exactly, and those that find no room for one more errno
// as many as there are. What did not fail has none.
func TestErrnosExactly(t *testing.T) {
	tr := start(t, Options{})
	file, pipe := openFile(t, t.TempDir()+"/f", unix.O_RDWR|unix.O_CREAT), make([]int, 2)
	writeOnly := openFile(t, t.TempDir()+"/w", unix.O_WRONLY|unix.O_CREAT)
	broken, buf := make([]int, 2), make([]byte, 4096)
	for _, p := range [][]int{pipe, broken} {
		if err := unix.Pipe2(p, unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(p[1]) })
	}
	t.Cleanup(func() { unix.Close(pipe[0]) })
	unix.Close(broken[0])
	const private, nowhere = unix.MAP_PRIVATE, ^uintptr(0)
	mmap := func(length, protection, flags, fd, offset uintptr) [7]uintptr {
		return [7]uintptr{unix.SYS_MMAP, 0, length, protection, flags, fd, offset}
	}
	write := func(fd uintptr) [7]uintptr { return [7]uintptr{unix.SYS_WRITE, fd, ptr(buf), uintptr(len(buf))} }
	failures := map[string][]failure{
		"write": {{"EBADF", 3, write(nowhere)}, {"EPIPE", 2, write(uintptr(broken[1]))}, {"EAGAIN", 7, write(uintptr(pipe[1]))}},
		"read":  {{"EBADF", 1, [7]uintptr{unix.SYS_READ, uintptr(writeOnly), ptr(buf), 1}}},
		"mmap": { // all in one cell, for which descriptors do not matter
			{"EINVAL", 1, mmap(0, 0, private|unix.MAP_ANONYMOUS, nowhere, 0)},
			{"EBADF", 2, mmap(4096, 0, private, nowhere, 0)},
			{"ENODEV", 3, mmap(4096, 0, private, uintptr(pipe[0]), 0)},
			{"EACCES", 4, mmap(4096, unix.PROT_READ, private, uintptr(writeOnly), 0)},
			{"", 5, mmap(1<<60, 0, private|unix.MAP_ANONYMOUS, nowhere, 0)},    // ENOMEM
			{"", 6, mmap(4096, unix.PROT_READ, private, uintptr(file), 1<<63)}, // EOVERFLOW
		},
	}
	for free := true; free; { // until it is full
		_, err := unix.Write(pipe[1], buf)
		free = err == nil
	}
	window(file, file, func() {
		rawWrite(file, buf)
		for round := range 7 { // by turns
			for _, name := range []string{"write", "read", "mmap"} {
				for _, f := range failures[name] {
					if round < f.times {
						c := &f.call
						_, _, _ = unix.RawSyscall6(c[0], c[1], c[2], c[3], c[4], c[5], c[6])
					}
				}
			}
		}
	})
	s := snapshot(t, tr)
	c := counted(tr, s, ledger.Derived, ledger.Workload{})
	for name, list := range failures {
		errors, others, want := 0, 0, map[string]trace.Int{}
		for _, f := range list {
			errors += f.times
			if want[f.errno] = trace.Known(int64(f.times)); f.errno == "" {
				delete(want, "")
				others += f.times
			}
		}
		got := c.Syscalls.ByName[name]
		if got.Errors != trace.Known(int64(errors)) || !maps.Equal(got.Errnos, want) || got.OtherErrors() != trace.Known(int64(others)) {
			t.Errorf("%s: %v errors, %v and %v others; want %d, %v and %d", name, got.Errors, got.Errnos, got.OtherErrors(), errors, want, others)
		}
	}
	if n := ledger.Losses(s, ledger.Party{}, ledger.Party{})["errnos"]; n != 0 {
		t.Errorf("losses: errnos is %d", n)
	}
}

// Requests that fail are counted by their errno, too, as their results tell: those that io_uring's workers complete on
// several CPUs at once, one after the other with more errnos than there is room for, and those of Linux AIO.
func TestErrnosOfRequests(t *testing.T) {
	tr := start(t, everyEngine(Options{Uring: true, AIO: true}))
	broken := make([]int, 2)
	if err := unix.Pipe2(broken, unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(broken[1]) })
	unix.Close(broken[0])
	file, readOnly := openFile(t, diskFile(t), unix.O_RDWR), openFile(t, diskFile(t), unix.O_RDONLY)
	buf := make([]byte, 4096)
	path := func(s string) uint64 { return uint64(ptr(append([]byte(s), 0))) }
	openat := func(path uint64, flags uint32) sqe {
		return sqe{opcode: 18, fd: unix.AT_FDCWD, addr: path, opFlags: flags | unix.O_CLOEXEC}
	}
	opens := []sqe{openat(path("/nowhere/at/all"), 0), openat(path("/dev/null/x"), 0), openat(path("/"), unix.O_WRONLY),
		openat(path("/dev/null"), unix.O_CREAT|unix.O_EXCL), openat(8, 0), openat(path("/proc/self/exe"), unix.O_NOFOLLOW)}
	write := func(fd int, flags uint8, memory uintptr) sqe {
		return sqe{opcode: uring.OpWrite, flags: flags, fd: int32(fd), addr: uint64(memory), len: uint32(len(buf))}
	}
	// All to one file, and so in one cell, by workers.
	writes := []sqe{write(readOnly, asyncRequest, ptr(buf)), write(file, asyncRequest, 8), write(readOnly, asyncRequest, ptr(buf)), write(file, asyncRequest, 8)}
	want := map[string]map[string]int64{"IORING_OP_OPENAT": {}, "IORING_OP_WRITE": {}, "IOCB_CMD_PREAD": {}}
	failed := func(name string, result int64) {
		if result < 0 {
			want[name][syscalls.Errno(uint32(-result))]++
		}
	}
	r := newRing(t, 0)
	window(file, file, func() {
		for range 3 {
			for _, e := range opens {
				r.submit(t, e)
				res, _ := r.result(t)
				failed("IORING_OP_OPENAT", int64(res))
			}
		}
		r.submit(t, write(broken[1], 0, ptr(buf)))
		res, _ := r.result(t)
		failed("IORING_OP_WRITE", int64(res))
		r.do(t, write(file, 0, ptr(buf)))
		for range 100 {
			for _, e := range writes {
				r.submit(t, e)
			}
			for range writes {
				res, _ := r.result(t)
				failed("IORING_OP_WRITE", int64(res))
			}
		}
		for _, res := range failingReads(t, file, 5) {
			failed("IOCB_CMD_PREAD", res)
		}
	})
	s := snapshot(t, tr)
	c := counted(tr, s, ledger.Derived, ledger.Workload{})
	for name, errnos := range want {
		got, sum, named := c.Requests[name], int64(0), int64(0)
		for errno, n := range errnos {
			sum += n
			if told := got.Errnos[errno]; told.Known() {
				named += n
				if told != trace.Known(n) {
					t.Errorf("%s: %v with %s, want %d", name, told, errno, n)
				}
			}
		}
		if got.Errors != trace.Known(sum) || len(got.Errnos) != min(len(errnos), 4) || got.OtherErrors() != trace.Known(sum-named) {
			t.Errorf("%s: %v errors, %v and %v others; want %d, of %v", name, got.Errors, got.Errnos, got.OtherErrors(), sum, errnos)
		}
	}
	for name, n := range map[string]int64{"IORING_OP_OPENAT": 3 * 6, "IORING_OP_WRITE": 1 + 1 + 100*4, "IOCB_CMD_PREAD": 5} {
		if got := c.Requests[name].Completed; got != trace.Known(n) {
			t.Errorf("%s: %v completed, want %d", name, got, n)
		}
	}
	if len(want["IORING_OP_OPENAT"]) != 6 || want["IORING_OP_WRITE"]["EBADF"] == 0 || want["IOCB_CMD_PREAD"]["EFAULT"] != 5 {
		t.Errorf("they failed with %v", want)
	}
	noLosses(t, s, tr.missing())
}

// failingReads makes so many reads by Linux AIO into memory that is not there, and returns their results.
func failingReads(t *testing.T, fd, n int) (results []int64) {
	var context uint64
	if _, _, errno := unix.RawSyscall(unix.SYS_IO_SETUP, uintptr(n), uintptr(unsafe.Pointer(&context)), 0); errno != 0 {
		t.Errorf("io_setup: %v", errno)
		return nil
	}
	defer func() { _, _, _ = unix.RawSyscall(unix.SYS_IO_DESTROY, uintptr(context), 0, 0) }()
	blocks, pointers, events := make([]iocb, n), make([]*iocb, n), make([][4]uint64, n)
	for i := range blocks {
		blocks[i] = iocb{opcode: aio.OpRead, fd: uint32(fd), buf: 8, len: 4096}
		pointers[i] = &blocks[i]
	}
	if taken, _, errno := unix.RawSyscall(unix.SYS_IO_SUBMIT, uintptr(context), uintptr(n), uintptr(unsafe.Pointer(&pointers[0]))); int(taken) != n {
		t.Errorf("io_submit took %d of %d: %v", taken, n, errno)
		return nil
	}
	done, _, errno := unix.RawSyscall6(unix.SYS_IO_GETEVENTS, uintptr(context), uintptr(n), uintptr(n), uintptr(unsafe.Pointer(&events[0])), 0, 0)
	if int(done) != n {
		t.Errorf("io_getevents gave %d of %d: %v", done, n, errno)
	}
	for _, e := range events {
		results = append(results, int64(e[2]))
	}
	return results
}
