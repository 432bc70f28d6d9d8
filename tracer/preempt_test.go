//go:build linux

package tracer

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// What the preemption count says of this kernel, its types say, too: where these have another name, this fails.
func TestPreemptionIsFound(t *testing.T) {
	needTracing(t)
	kernel, err := kernelTypes.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	types := preemptionByTypes(kernel)
	found, err := preemptionByCount(kernel, types)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("system calls: %q; others: %q", found.calls, found.others)
	for name, pair := range map[string][2]string{"system calls": {found.calls, types.calls}, "others": {found.others, types.others}} {
		if (pair[0] == "") != (pair[1] == "") {
			t.Errorf("%s: found %q, and by its types %q", name, pair[0], pair[1])
		}
	}
	if read := countReader(kernel); read != nil {
		s, err := readCount("sched_switch", func() { _ = unix.Nanosleep(&unix.Timespec{Nsec: 1}, nil) }, read, kernel)
		switch {
		case errors.Is(err, unix.ENOENT):
			t.Log("the kernel hides its preemption count")
		case err != nil || s.Runs == 0 || s.Zero > 0 && found != (preemptible{}): // 0 there: this kernel does not count
			t.Errorf("the scheduler seems to run with preemption on: %+v, %v; found %+v", s, err, found)
		}
	}
}

// While it counts, nothing here makes a bpf(2) operation on a map: a process that is preempted in one keeps perf's
// events from all programs on its CPU.
func TestCountsWithoutMapOperations(t *testing.T) {
	for _, engine := range ledger.Engines {
		t.Run(string(engine), func(t *testing.T) {
			needEngine(t, engine)
			tr := start(t, Options{Copies: engine, Latency: true, Sockets: true, Uring: true, AIO: true})
			errs := make(chan error)
			go func() {
				runtime.LockOSThread() // and never unlocked: the filter stays on the thread
				if err := forbidMapOperations(); err != nil {
					errs <- err
					return
				}
				if _, _, err := syscall.RawSyscall(unix.SYS_BPF, unix.BPF_MAP_LOOKUP_ELEM, 0, 0); err != unix.EDEADLK {
					t.Errorf("a map operation: %v", err)
				}
				var open error
				window(-1, -1, func() { _, open = tr.Snapshot(false) })
				_, closed := tr.Snapshot(true)
				errs <- errors.Join(open, closed)
			}()
			if err := <-errs; err != nil {
				t.Error(err)
			}
		})
	}
}

// forbidMapOperations has bpf(2) return EDEADLK, on this thread, for all that the kernel does with instrumentation
// off (kernel/bpf/syscall.c: bpf_disable_instrumentation).
func forbidMapOperations() error {
	const number, firstArgument = 0, 16 // in struct seccomp_data, of a little-endian machine
	load, equal, ret := uint16(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS), uint16(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K), uint16(unix.BPF_RET|unix.BPF_K)
	forbidden := []uint32{
		unix.BPF_MAP_LOOKUP_ELEM, unix.BPF_MAP_UPDATE_ELEM, unix.BPF_MAP_DELETE_ELEM, unix.BPF_MAP_GET_NEXT_KEY,
		unix.BPF_MAP_LOOKUP_AND_DELETE_ELEM, unix.BPF_MAP_LOOKUP_BATCH, unix.BPF_MAP_LOOKUP_AND_DELETE_BATCH,
		unix.BPF_MAP_UPDATE_BATCH, unix.BPF_MAP_DELETE_BATCH,
	}
	n := uint8(len(forbidden))
	filter := []unix.SockFilter{{Code: load, K: number}, {Code: equal, K: unix.SYS_BPF, Jf: n + 1}, {Code: load, K: firstArgument}}
	for i, command := range forbidden {
		filter = append(filter, unix.SockFilter{Code: equal, K: command, Jt: n - uint8(i)})
	}
	filter = append(filter, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW}, unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EDEADLK)})
	return installFilter(filter)
}

// installFilter has seccomp decide which system calls this thread may make.
func installFilter(filter []unix.SockFilter) error {
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, err := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program))); err != 0 {
		return err
	}
	return nil
}

// What was found out is not asked again; an error is not kept.
func TestFound(t *testing.T) {
	var f found[int]
	asked, fail := 0, errors.New("out of descriptors")
	find := func() (int, error) { asked++; return asked, fail }
	if _, err := f.get(find); !errors.Is(err, fail) {
		t.Errorf("error %v", err)
	}
	fail = nil
	for range 2 {
		if got, err := f.get(find); got != 2 || err != nil {
			t.Errorf("%d, %v; want 2", got, err)
		}
	}
}

// A tracepoint without an event of perf's costs what it feeds, and no run.
func TestAbsentPerfEvent(t *testing.T) {
	needTracing(t)
	t.Setenv(tracepointsEnv, "perf")
	h := Hooks[slices.IndexFunc(Hooks, func(h Hook) bool { return h.Program == bpf.ObjectProgMmFilemapAddToPageCache })]
	h.Perf.group = "no_such_group"
	kernel, err := kernelTypes.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.find(kernel); !errors.Is(err, errAbsent) {
		t.Errorf("found with the error %v", err)
	}
}

// Who else counts an event of perf's goes on counting it while a program of ours is there.
func TestPerfEventsAreSharedWithOthers(t *testing.T) {
	needTracing(t)
	number, err := eventNumber("raw_syscalls/sys_exit")
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Size: unix.PERF_ATTR_SIZE_VER5, Config: number}
	event, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC) // of this thread
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(event)
	counted := func() uint64 {
		var buf [8]byte
		if _, _, err := syscall.RawSyscall(unix.SYS_READ, uintptr(event), uintptr(unsafe.Pointer(&buf)), 8); err != 0 {
			t.Fatal(err)
		}
		return binary.NativeEndian.Uint64(buf[:])
	}
	// Go's own signals, which a slow machine gets in between, would end in a call each.
	mask, was := unix.Sigset_t{Val: [16]uint64{1 << (unix.SIGURG - 1)}}, unix.Sigset_t{}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &mask, &was); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &was, nil) }()
	calls := func() uint64 { // the least of some tries: Go's scheduler makes calls, too
		least := uint64(1 << 32)
		for range 10 {
			before := counted()
			for range 1000 {
				_, _, _ = syscall.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
			}
			least = min(least, counted()-before)
		}
		return least
	}
	without := calls()
	t.Setenv(tracepointsEnv, "perf")
	tr := start(t, Options{Latency: true, Uring: true, AIO: true})
	if with := calls(); with != without || with != 1001 {
		t.Errorf("of 1,001 calls another event counts %d, and %d without a program of ours", with, without)
	}
	tr.Detach()
}

// Where programs are at perf's events, doctor and the trace say so, and why.
func TestProbeTellsOfPerfEvents(t *testing.T) {
	needTracing(t)
	t.Setenv(tracepointsEnv, "perf")
	const want = tracepointsEnv + " asks for perf's event"
	kernel, err := kernelTypes.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	var c Check
	if probeHook(&c, Hooks[0], kernel); c.Name != "tp/raw_syscalls/sys_exit" || c.State != Works || c.Reason != want {
		t.Errorf("doctor says %+v", c)
	}
	for _, h := range start(t, Options{}).describe() {
		if h.Name == "tp/raw_syscalls/sys_exit" && h.Attached && h.Reason == want {
			return
		}
	}
	t.Error("the trace does not say that system calls are counted at perf's event, and why")
}

// At perf's events a marker can be missed, so the worker can see which one was not; at tracepoints none can.
func TestMarkersSeen(t *testing.T) {
	t.Setenv(tracepointsEnv, "tp_btf")
	if f, err := start(t, Options{}).MarkersSeen(); f != nil || err != nil {
		t.Errorf("at tracepoints: %v, %v", f, err)
	}
	t.Setenv(tracepointsEnv, "perf")
	f, err := start(t, Options{}).MarkersSeen()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	memory, err := unix.Mmap(int(f.Fd()), 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(memory) }()
	seen := func() uint32 { return binary.NativeEndian.Uint32(memory[4*ledger.Sender:]) }
	if seen() != 0 {
		t.Errorf("marker %d was seen before any was made", seen())
	}
	window(-1, -1, func() {
		if seen() != 1 {
			t.Errorf("marker %d was seen last, want 1", seen())
		}
	})
	if seen() != 2 {
		t.Errorf("marker %d was seen last, want 2", seen())
	}
}
