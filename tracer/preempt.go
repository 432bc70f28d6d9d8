//go:build linux

package tracer

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// tracepointsEnv is for tests and measurements: "perf" takes perf's events also where no program at the
// tracepoint can be preempted, "tp_btf" the tracepoints also where programs can be, and lose events.
const tracepointsEnv = "ZCTRACE_TEST_TRACEPOINTS"

// preemptible says of the tracepoints of system calls, and of all others, why programs there can be preempted; ""
// if they cannot.
//
// While a thread is preempted inside a program, the kernel drops all events of that program on that CPU
// (kernel/bpf/trampoline.c: bpf_prog_get_recursion_context). Perf's handlers of the same events run with
// preemption off (include/trace/perf.h).
type preemptible struct{ calls, others string }

func (p preemptible) at(target string) string {
	if target == "sys_enter" || target == "sys_exit" {
		return p.calls
	}
	return p.others
}

// preemption finds out, once: it does not change while the kernel runs.
func preemption(kernel *btf.Spec) (preemptible, error) {
	const forced = tracepointsEnv + " asks for perf's event"
	switch how := os.Getenv(tracepointsEnv); how {
	case "perf":
		return preemptible{forced, forced}, nil
	case "tp_btf":
		return preemptible{}, nil
	case "":
	default:
		return preemptible{}, fmt.Errorf("%s is %q; it may be perf or tp_btf", tracepointsEnv, how)
	}
	return foundPreemption.get(func() (preemptible, error) { return findPreemption(kernel) })
}

var foundPreemption found[preemptible]

// found is what was found out of this kernel, once. An error is not kept: it may pass.
type found[T any] struct {
	mu    sync.Mutex
	known bool
	value T
}

func (f *found[T]) get(find func() (T, error)) (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known {
		return f.value, nil
	}
	value, err := find()
	f.value, f.known = value, err == nil
	return value, err
}

const (
	byCount = "at this kernel's tracepoint itself (tp_btf) a program can be preempted, which loses events: the preemption count there is 0"
	byTypes = "at this kernel's tracepoint itself (tp_btf) a program can be preempted, which loses events: its types say so"
)

// findPreemption asks the kernel's types. Where these let programs be preempted, it reads the preemption count
// at tracepoints that a thread passes at will, if the kernel does not hide it: at one of the scheduler,
// which has preemption off, at one of system calls, and at one of all others.
func findPreemption(kernel *btf.Spec) (preemptible, error) {
	types := preemptionByTypes(kernel)
	if types == (preemptible{}) {
		return types, nil // and no program need be loaded
	}
	return preemptionByCount(kernel, types)
}

// preemptionByCount is what the types say where the count cannot be read.
func preemptionByCount(kernel *btf.Spec, types preemptible) (p preemptible, err error) {
	read := countReader(kernel)
	if read == nil {
		return types, nil
	}
	var scheduler, call, other seen
	for _, at := range []struct {
		target string
		pass   func()
		seen   *seen
	}{
		{"sched_switch", func() { _ = unix.Nanosleep(&unix.Timespec{Nsec: 1}, nil) }, &scheduler},
		{"sys_exit", func() { unix.Getppid() }, &call},
		{"skb_copy_datagram_iovec", receiveByte, &other},
	} {
		*at.seen, err = readCount(at.target, at.pass, read, kernel)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, errNotPassed) { // without CONFIG_KALLSYMS_ALL programs find no variable
			return types, nil
		}
		if err != nil {
			return p, fmt.Errorf("read the preemption count at tp_btf/%s: %w", at.target, err)
		}
	}
	if scheduler.Zero > 0 { // it does not count, so this kernel has no preemption
		return p, nil
	}
	if call.Zero > 0 {
		p.calls = byCount
	}
	if other.Zero > 0 {
		p.others = byCount
	}
	return p, nil
}

// receiveByte takes a byte out of a socket.
func receiveByte() {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return // then nothing is seen there
	}
	_, _ = unix.Write(ends[0], []byte{0})
	_, _ = unix.Read(ends[1], make([]byte, 1))
	_, _ = unix.Close(ends[0]), unix.Close(ends[1])
}

// countReader leaves the preemption count in R0; nil where nothing is known of where that is.
func countReader(kernel *btf.Spec) asm.Instructions {
	if runtime.GOARCH == "arm64" {
		var task *btf.Struct
		if kernel.TypeByName("task_struct", &task) != nil {
			return nil
		}
		if offset, ok := offsetOf(task, "thread_info", "preempt_count"); ok {
			return asm.Instructions{
				asm.FnGetCurrentTaskBtf.Call(),
				asm.LoadMem(asm.R0, asm.R0, int16(offset), asm.Word), // above it is need_resched
			}
		}
		return nil
	}
	address, ok := addressOf("__preempt_count", kernel)
	if !ok {
		return nil
	}
	return asm.Instructions{
		address,
		asm.FnThisCpuPtr.Call(),
		asm.LoadMem(asm.R0, asm.R0, 0, asm.Word),
		asm.And.Imm(asm.R0, 0x7fffffff), // without PREEMPT_NEED_RESCHED
	}
}

// offsetOf is where in a structure a member of a member is, in bytes.
func offsetOf(t btf.Type, path ...string) (uint32, bool) {
	if len(path) == 0 {
		return 0, true
	}
	var members []btf.Member
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		rest := path
		if m.Name == path[0] {
			rest = path[1:]
		} else if m.Name != "" {
			continue
		}
		if offset, ok := offsetOf(m.Type, rest...); ok {
			return m.Offset.Bytes() + offset, true
		}
	}
	return 0, false
}

// seen is what the program that reads the count leaves.
type seen struct {
	Runs uint32 // not 0: it ran to its end
	Zero uint32 // not 0: and the count was 0
}

// readCount passes a tracepoint, and returns what the preemption count is there.
func readCount(target string, pass func(), read asm.Instructions, kernel *btf.Spec) (s seen, err error) {
	const name = "zctrace_count"
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: name, Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return s, err
	}
	defer m.Close()
	spec := &ebpf.ProgramSpec{
		Name: name, Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: target, License: "GPL",
		Instructions: append(append(asm.Instructions{}, read...),
			asm.LoadMapValue(asm.R1, m.FD(), 0),
			asm.JNE.Imm(asm.R0, 0, "out"),
			asm.StoreImm(asm.R1, 4, 1, asm.Word),
			asm.StoreImm(asm.R1, 0, 1, asm.Word).WithSymbol("out"), // last: another thread may be preempted before
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		),
	}
	c, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{name: spec}},
		ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{KernelTypes: kernel}, Cache: kernelTypes})
	if err != nil {
		return s, err
	}
	defer c.Close()
	l, err := link.AttachTracing(link.TracingOptions{Program: c.Programs[name], AttachType: ebpf.AttachTraceRawTp})
	if err != nil {
		return s, err
	}
	defer l.Close()
	// An event may be lost here, too.
	for range 1000 {
		pass()
		if err := m.Lookup(uint32(0), &s); err != nil || s.Runs > 0 {
			return s, err
		}
	}
	return s, errNotPassed
}

// errNotPassed: no socket can be made here, say.
var errNotPassed = errors.New("no program ran there")

// preemptionByTypes goes by what the kernels that are known to have preemption on there have.
func preemptionByTypes(kernel *btf.Spec) (p preemptible) {
	var f *btf.Func
	if kernel.TypeByName("trace_call_bpf_faultable", &f) == nil { // "tracing: call BPF programs of syscalls with faults"
		p.calls = byTypes
	}
	var guard *btf.Typedef
	if kernel.TypeByName("class_srcu_fast_notrace_t", &guard) == nil { // what guards them instead of preempt_disable
		p.others = byTypes
	}
	return p
}
