//go:build linux

package tracer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

var errAbsent = errors.New("this kernel has no such")

// place is where a hook's program goes on this kernel.
type place struct {
	kind    HookKind
	program string // in bpf/
	target  string // of a [PerfEvent] with its group
	why     string // not at the tracepoint itself
}

func (p place) name() string { return string(p.kind) + "/" + p.target }

// find returns where on this kernel the hook's program goes, and which of them, or why nowhere.
func (h Hook) find(kernel *btf.Spec) (place, error) {
	target, err := h.findTarget(kernel)
	p := place{h.Kind, h.Program, target, ""}
	if err != nil || h.Perf.program == "" {
		return p, err
	}
	preempted, err := preemption(kernel)
	if err != nil {
		return p, err
	}
	if why := preempted.at(target); why != "" {
		p = place{PerfEvent, h.Perf.program, h.Perf.group + "/" + target, why}
		if _, err := eventNumber(p.target); errors.Is(err, errAbsent) {
			return p, err
		}
	}
	return p, nil
}

// findTarget returns which of the hook's targets this kernel has, or why none.
func (h Hook) findTarget(kernel *btf.Spec) (string, error) {
	if h.X86Only && runtime.GOARCH != "amd64" {
		return "", fmt.Errorf("%w %s: x86 only", errAbsent, h.Kind.noun())
	}
	for _, target := range h.targets() {
		var err error
		switch h.Kind {
		case Tracepoint:
			_, err = kernel.AnyTypeByName("btf_trace_" + target)
		case BreakpointHook:
			_, err = kernelSymbol([]string{target})
			if r, ok := errors.AsType[*refusal](err); ok && r.state == Absent {
				continue
			}
		default:
			err = h.findFunction(kernel, target)
		}
		if !errors.Is(err, btf.ErrNotFound) {
			return target, err
		}
	}
	switch {
	case h.Module != "":
		return "", h.whyNoModule()
	case h.New != "":
		return "", fmt.Errorf("%w %s: %s, %w", errAbsent, h.Kind.noun(), h.New, errNobody)
	case h.Kernels != "":
		return "", fmt.Errorf("%w %s: %s", errAbsent, h.Kind.noun(), h.Kernels)
	}
	return "", fmt.Errorf("%w %s", errAbsent, h.Kind.noun())
}

// errNobody: what is not there cannot be called either, so nothing is missed.
var errNobody = errors.New("so nobody can copy there")

func (h Hook) whyNoModule() error {
	if _, err := os.Stat("/sys/module/" + h.Module); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the kernel module %s is not loaded, %w", h.Module, errNobody)
	}
	return fmt.Errorf("the kernel module %s has no BTF", h.Module)
}

func (h Hook) findFunction(kernel *btf.Spec, name string) error {
	var f *btf.Func
	err := kernel.TypeByName(name, &f)
	if h.Module == "" || !errors.Is(err, btf.ErrNotFound) {
		return err
	}
	if missing, err := missingCapabilities([]capability{{"CAP_SYS_ADMIN", unix.CAP_SYS_ADMIN}}); err != nil || len(missing) > 0 {
		if _, err := os.Stat("/sys/module/" + h.Module); err != nil {
			return btf.ErrNotFound
		}
		return errors.New("hooks in a kernel module need CAP_SYS_ADMIN") // BPF_BTF_GET_FD_BY_ID
	}
	module, err := kernelTypes.Module(h.Module)
	if errors.Is(err, fs.ErrNotExist) {
		return btf.ErrNotFound
	}
	if err != nil {
		return err
	}
	return module.TypeByName(name, &f)
}

func (k HookKind) noun() string {
	if k == Tracepoint {
		return "tracepoint"
	}
	return "function"
}
