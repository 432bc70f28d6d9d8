//go:build linux

package tracer

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// rareEvent is one of perf's that is on every kernel, and comes when the kernel runs out of memory.
const rareEvent = "oom/mark_victim"

// oncePerMachine is for tests that are the same on every kernel, and slow in an emulated one.
func oncePerMachine(t *testing.T) {
	t.Helper()
	if os.Getenv(enginesEnv) != "" {
		t.Skip("needs no guest") // which internal/guests looks for
	}
}

// Who forbids perf's events is named, and what to do about it: only where CAP_SYS_ADMIN lacks it may be the sysctl.
func TestEventForbidden(t *testing.T) {
	oncePerMachine(t)
	const sysctl, filter, module = "kernel.perf_event_paranoid", "a seccomp filter", "also with the capabilities for it"
	for _, test := range []struct {
		err  error
		here eventRights
		want string
	}{
		{nil, eventRights{filtered: true, paranoid: 3}, ""},
		{unix.EACCES, eventRights{paranoid: 3}, sysctl},
		{unix.EACCES, eventRights{paranoid: 4, filtered: true}, sysctl},
		{unix.EACCES, eventRights{paranoid: 2}, module},
		{unix.EACCES, eventRights{paranoid: 3, admin: true}, module},
		{unix.EACCES, eventRights{paranoid: 3, admin: true, filtered: true}, filter},
		{unix.EPERM, eventRights{paranoid: 3}, module},
		{unix.EPERM, eventRights{paranoid: 3, filtered: true}, filter},
		{unix.ENOSYS, eventRights{filtered: true}, filter},
		{unix.ENOSYS, eventRights{}, ""},
		{unix.EMFILE, eventRights{paranoid: 3, filtered: true}, ""},
	} {
		got := eventForbidden(test.err, test.here)
		if (got == nil) != (test.want == "") || got != nil && (!strings.Contains(got.reason, test.want) || got.remedy == "") {
			t.Errorf("%v, %+v: %+v, want %q", test.err, test.here, got, test.want)
		}
	}
}

// A seccomp filter that forbids perf's events is told as that, whatever it returns, and not as a sysctl.
func TestEventForbiddenBySeccomp(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	for _, errno := range []syscall.Errno{unix.EPERM, unix.EACCES, unix.ENOSYS} {
		errs := make(chan [2]error)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends, and the filter with it
			err := installFilter([]unix.SockFilter{
				{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number, in struct seccomp_data
				{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_PERF_EVENT_OPEN, Jf: 1},
				{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
				{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
			})
			if err != nil {
				errs <- [2]error{err, err}
				return
			}
			_, event := attachToPerfEvent(nil, rareEvent)
			_, breakpoint := openBreakpoint([]string{"_copy_to_iter"}, 0)
			errs <- [2]error{event, breakpoint}
		}()
		for i, err := range <-errs {
			r, ok := errors.AsType[*refusal](err)
			if hidden := i == 1 && ok && strings.Contains(r.reason, "hides its addresses"); !hidden && (!ok || !strings.Contains(r.reason, "a seccomp filter")) {
				t.Errorf("%v: %v", errno, err)
			}
		}
	}
}

// The kernel allows 64 programs at one event of perf's. Whoever comes after them is told that, and may come when one has gone.
func TestAsManyProgramsAsAnEventTakes(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	const most = 64 // kernel/trace/bpf_trace.c: BPF_TRACE_MAX_PROGS
	attach := func() (func(), error) {
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: "zctrace_test", Type: ebpf.TracePoint, License: "GPL",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		held, err := attachToPerfEvent(p, rareEvent)
		if err != nil {
			return nil, err
		}
		var closed bool
		closeOnce := func() {
			if !closed {
				closed = true
				if err := held.Close(); err != nil {
					t.Error(err)
				}
			}
		}
		t.Cleanup(closeOnce)
		return closeOnce, nil
	}
	var last func()
	for i := range most {
		var err error
		if last, err = attach(); err != nil {
			t.Fatalf("program %d: %v", i+1, err)
		}
	}
	_, err := attach()
	if r, ok := errors.AsType[*refusal](err); !ok || r.state != Refused || !strings.Contains(r.reason, "as many programs") || !strings.Contains(r.remedy, "end some") {
		t.Errorf("one more: %v", err)
	}
	last()
	if _, err := attach(); err != nil {
		t.Errorf("after one has gone: %v", err)
	}
}
