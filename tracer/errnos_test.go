//go:build linux

package tracer

import (
	"maps"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
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
