//go:build linux

package tracer

import (
	"os"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
)

// hang is how long a test waits for what must happen. None waits that long unless it fails.
const hang = time.Minute

var testMarker = Marker{Nr: unix.SYS_CLOCK_GETTIME, Address: 0xffff_ffff_7a63_7472, Cookie: 0x1234_5678_9abc_def0}

// needTracing skips where eBPF cannot be used, which CI counts as a failure.
func needTracing(t *testing.T) {
	t.Helper()
	if err := Supported(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("cannot trace here: %v", err)
		}
		t.Skipf("cannot trace here: %v", err)
	}
}

// start attaches a tracer.
func start(t *testing.T, opts Options) *Tracer {
	t.Helper()
	needTracing(t)
	opts.Marker = testMarker
	tr, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	if _, err := tr.Attach(); err != nil {
		t.Fatal(err)
	}
	return tr
}

func mark(op uint64, role, source, sink int) {
	_, _, _ = unix.RawSyscall6(unix.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(testMarker.Address),
		uintptr(testMarker.Cookie), uintptr(op<<8|uint64(role)), uintptr(source), uintptr(sink))
}

// window runs f between two markers on one thread. The signals by which Go's runtime preempts, on a slow machine more
// often, would end what waits in f early, or cut it short.
func window(source, sink int, f func()) {
	undisturbed(func() {
		mark(1, ledger.Sender, source, sink)
		f()
		mark(2, ledger.Sender, source, sink)
	})
}

// unskipped attaches a tracer, and makes a run. One of which the kernel skipped events at functions, as it does now and
// then where programs there can be preempted, is made again: an engine that missed a copy does not know its numbers.
func unskipped(t *testing.T, opts Options, run func()) (*Tracer, *ledger.Snapshot) {
	t.Helper()
	for try := 1; ; try++ {
		tr := start(t, opts)
		run()
		s := snapshot(t, tr)
		if try == 5 || !slices.ContainsFunc(s.Missed, func(m ledger.Misses) bool { return m.Kind == ledger.Preempted && m.Events > 0 }) {
			return tr, s
		}
		t.Log("the kernel skipped events at functions: again")
		tr.Close()
	}
}

func rawRead(fd int, b []byte) {
	_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(fd), ptr(b), uintptr(len(b)))
}

func rawWrite(fd int, b []byte) {
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), ptr(b), uintptr(len(b)))
}

func openFile(t *testing.T, path string, flags int) int {
	t.Helper()
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func snapshot(t *testing.T, tr *Tracer) *ledger.Snapshot {
	t.Helper()
	s, err := tr.Snapshot(true)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// counted is what an engine counted for the sender.
func counted(tr *Tracer, s *ledger.Snapshot, e ledger.Engine, w ledger.Workload) trace.Counters {
	return ledger.Counters(&s.Slots[ledger.Sender], ledger.Party{Engines: []ledger.Engine{e}, Missing: tr.missing(), NoNIC: loopback, Workload: w})
}

// 23 reads and 7 writes give exactly 23 and 7, whatever else the process does.
func TestCountsExactly(t *testing.T) {
	tr := start(t, Options{Latency: true})
	zero := openFile(t, "/dev/zero", unix.O_RDONLY)
	file := openFile(t, t.TempDir()+"/f", unix.O_RDWR|unix.O_CREAT)
	buf := make([]byte, 1000)
	window(zero, file, func() {
		for range 23 {
			rawRead(zero, buf)
		}
		for range 7 {
			rawWrite(file, buf)
		}
		rawWrite(-1, buf)
	})
	rawRead(zero, buf) // outside of the window
	s := snapshot(t, tr)
	c := counted(tr, s, ledger.Derived, ledger.Workload{})
	for name, want := range map[string][3]int64{"read": {23, 0, 23000}, "write": {8, 1, 7000}} {
		got := c.Syscalls.ByName[name]
		if got.Calls != trace.Known(want[0]) || got.Errors != trace.Known(want[1]) || got.Bytes != trace.Known(want[2]) {
			t.Errorf("%s: %v calls, %v errors, %v bytes; want %v", name, got.Calls, got.Errors, got.Bytes, want)
		}
		if ns := got.TimeNS.Or(0); ns <= 0 || ns > s.WindowNS(ledger.Sender) {
			t.Errorf("%s took %d ns in a window of %d ns", name, ns, s.WindowNS(ledger.Sender))
		}
		var sum int64
		for _, n := range got.LatencyLog2 {
			sum += n
		}
		if sum != want[0] {
			t.Errorf("%s: the histogram has %d calls, want %d", name, sum, want[0])
		}
	}
	// Go's runtime may have made calls of its own on the thread; the workers'
	// loops leave it no occasion, and their tests count all.
	if calls := c.Syscalls.Calls.Or(0); calls < 31 || c.ModeSwitches != trace.Known(2*calls) {
		t.Errorf("%d calls, %v mode switches; want at least 31, and twice as many", calls, c.ModeSwitches)
	}
	if c.Copies.Fill.Bytes != trace.Known(23000) || c.Copies.FromUser.Bytes != trace.Known(7000) || c.Copies.ToUser.Bytes != trace.Known(0) {
		t.Errorf("fill %v, from_user %v, to_user %v; want 23000, 7000, 0", c.Copies.Fill.Bytes, c.Copies.FromUser.Bytes, c.Copies.ToUser.Bytes)
	}
	for cause, n := range ledger.Losses(s, ledger.Party{}, ledger.Party{}) {
		if n != 0 {
			t.Errorf("loss %s: %d", cause, n)
		}
	}
}

func ptr(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }
