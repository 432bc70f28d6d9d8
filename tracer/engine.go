//go:build linux

package tracer

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer/ledger"
)

const (
	// Auto is [ledger.Fentry] where the kernel allows it, else [ledger.Derived].
	Auto ledger.Engine = "auto"
	// All are all that the kernel allows, side by side in one run.
	All ledger.Engine = "all"
)

// EngineChoices are what can be asked for.
var EngineChoices = []ledger.Engine{Auto, ledger.Fentry, ledger.Breakpoint, ledger.Derived, All}

// A refusal says why this kernel does not allow an engine. A kernel may do that, and the
// run goes on with another; any other error is a failure, and ends it.
type refusal struct {
	reason string
	remedy string
	state  State
}

func (e *refusal) Error() string { return e.reason }

const (
	useDerived = "boot a distribution's kernel; on this one copies are derived instead"
	useOther   = "none on this kernel; take another engine"
)

// choose returns the engines to load, the one whose numbers count first.
// refused says why the others are not among them.
func choose(asked ledger.Engine, kernel *btf.Spec) (engines []ledger.Engine, refused map[ledger.Engine]string, err error) {
	refused = map[ledger.Engine]string{}
	for _, e := range ledger.Engines {
		var wanted bool
		switch asked {
		case Auto, "":
			wanted = e == ledger.Fentry || e == ledger.Derived && len(engines) == 0
		case All:
			wanted = true
		default:
			wanted = e == asked
		}
		if !wanted {
			refused[e] = fmt.Sprintf("--copies %s does not use it", asked)
			continue
		}
		err := try(e, kernel)
		r, isRefusal := errors.AsType[*refusal](err)
		switch {
		case err == nil:
			engines = append(engines, e)
		case !isRefusal:
			return nil, nil, fmt.Errorf("engine %s: %w", e, err)
		case e == asked:
			return nil, nil, &fault.Error{Kind: fault.Unsupported, What: fmt.Sprintf("engine %s does not work here: %s", e, r.reason), Remedy: "take --copies auto; or " + r.remedy}
		default:
			refused[e] = r.reason
		}
	}
	if len(engines) == 0 {
		return nil, nil, fmt.Errorf("there is no engine %q", asked)
	}
	return engines, refused, nil
}

// try finds out whether the kernel allows the engine, with a [refusal] if not.
func try(e ledger.Engine, kernel *btf.Spec) error {
	switch e {
	case ledger.Fentry:
		return tryFentry(kernel)
	case ledger.Breakpoint:
		return tryBreakpoint()
	}
	return nil
}

const errNotSupp = syscall.Errno(524) // ENOTSUPP, which is the kernel's own

func tryFentry(kernel *btf.Spec) error {
	const name = "zctrace_try"
	spec := ebpf.ProgramSpec{
		Name: name, Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFExit, AttachTo: "filemap_read", License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	}
	// A collection, since only those share what is known of the kernel.
	collection, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{name: &spec}},
		ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{KernelTypes: kernel}, Cache: kernelTypes})
	if err == nil {
		defer collection.Close()
		var l link.Link
		if l, err = link.AttachTracing(link.TracingOptions{Program: collection.Programs[name]}); err == nil {
			return l.Close()
		}
	}
	switch {
	case errors.Is(err, unix.EPERM):
		return &refusal{state: Refused, remedy: useDerived,
			reason: "the kernel refuses to load fentry and fexit programs, also for root: it is hardened"}
	case errors.Is(err, errNotSupp), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, ebpf.ErrNotSupported):
		return &refusal{state: Absent, remedy: useDerived,
			reason: "the kernel has no fentry and fexit, which need CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"}
	}
	return err
}

// tryBreakpoint opens all breakpoints, on all CPUs.
func tryBreakpoint() error {
	if runtime.GOARCH != "amd64" {
		// Measured on 6.12: some hits count twice, when an interrupt comes between
		// the breakpoint and the single step over it.
		return &refusal{state: Absent, reason: "only on x86 is a hit of a breakpoint one call of the function", remedy: "take engine fentry"}
	}
	cpus, err := OnlineCPUs()
	if err != nil {
		return err
	}
	for _, cpu := range cpus {
		for _, h := range Hooks {
			if h.Kind != BreakpointHook {
				continue
			}
			event, err := openBreakpoint(h.targets(), cpu)
			if err != nil {
				return err
			}
			defer unix.Close(event)
		}
	}
	return nil
}
