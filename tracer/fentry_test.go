//go:build linux

package tracer

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
)

// enginesEnv names the engines that must work here, as a guest's do.
const (
	enginesEnv = "ZCTRACE_TEST_ENGINES"
	partEnv    = "ZCTRACE_TEST_PART" // a number where only a part of each test's rows is to run
)

// needEngine skips where the kernel refuses the engine. That is no skip that counts
// as a pass: the guests, which run the same test, must have it.
func needEngine(t *testing.T, e ledger.Engine) {
	t.Helper()
	needTracing(t)
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	if err := try(e, kernel); err != nil {
		if slices.Contains(strings.Fields(os.Getenv(enginesEnv)), string(e)) {
			t.Fatalf("engine %s: %v", e, err)
		}
		t.Skipf("engine %s: %v; it is tested in the guests", e, err)
	}
}

// The first write to each page of a private mapping copies the page.
func TestFentrySeesCopyOnWrite(t *testing.T) {
	needEngine(t, ledger.Fentry)
	const pages = 64
	size := pages * os.Getpagesize()
	path := t.TempDir() + "/f"
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	fd := openFile(t, path, unix.O_RDONLY)
	tr, s := unskipped(t, Options{Copies: ledger.Fentry}, func() {
		m, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Munmap(m) }()
		window(fd, -1, func() {
			for i := 0; i < size; i += os.Getpagesize() {
				m[i] = 1
			}
		})
	})
	if runtime.GOARCH != "amd64" { // there, not all of it can be seen
		if why := tr.missing()[ledger.COW]; why == "" {
			t.Error("copy-on-write counts as seen")
		}
		return
	}
	c := counted(tr, s, ledger.Fentry, ledger.Workload{})
	if got := c.Copies.COW; got.Bytes != trace.Known(int64(size)) || got.Provenance != trace.Observed {
		t.Errorf("copy-on-write is %+v, want %d bytes observed", got, size)
	}
	if got := c.Moved.Mapped.Bytes; got != trace.Known(0) {
		t.Errorf("mapped is %v bytes, want 0: copies were mapped", got)
	}
}

// With all debug registers taken, the engine says so and what to do.
func TestBreakpointWithoutFreeRegister(t *testing.T) {
	needEngine(t, ledger.Breakpoint)
	var taken []int
	defer func() {
		for _, fd := range taken {
			unix.Close(fd)
		}
	}()
	for range 4 {
		fd, err := openBreakpoint([]string{"_copy_to_iter"}, 0)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	_, err := Open(Options{Marker: testMarker, Copies: ledger.Breakpoint})
	if err == nil || !strings.Contains(err.Error(), "no free debug register on CPU 0") {
		t.Errorf("with %d registers taken: %v", len(taken), err)
	}
}

// A CPU that went away and came back has no breakpoints any more: what it copied
// was not seen, and the run may not be believed.
func TestBreakpointsOfACPUThatCameBack(t *testing.T) {
	needEngine(t, ledger.Breakpoint)
	const online = "/sys/devices/system/cpu/cpu1/online"
	if os.Getenv(enginesEnv) == "" {
		t.Skip("it takes a CPU offline, which only a guest's tests do")
	}
	tr := start(t, Options{Copies: ledger.Breakpoint})
	snapshot(t, tr)
	if s := snapshot(t, tr); s.UnwatchedCPUs != 0 || s.BreakpointMisses != 0 {
		t.Fatalf("%d CPUs unwatched, %d hits missed before anything happened", s.UnwatchedCPUs, s.BreakpointMisses)
	}
	defer func() { _ = os.WriteFile(online, []byte("1"), 0) }()
	if err := os.WriteFile(online, []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	if s := snapshot(t, tr); s.UnwatchedCPUs != 0 {
		t.Errorf("%d CPUs unwatched while one is offline: nothing runs there", s.UnwatchedCPUs)
	}
	if err := os.WriteFile(online, []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	snapshot(t, tr)
	if s := snapshot(t, tr); s.UnwatchedCPUs != 1 {
		t.Errorf("%d CPUs unwatched, want 1", s.UnwatchedCPUs)
	}
}
