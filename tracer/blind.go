//go:build linux

package tracer

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
)

// progActive is the kernel's variable that is not 0 on a CPU where programs at perf's events, and at breakpoints,
// are skipped: kernel/bpf/syscall.c.
const progActive = "bpf_prog_active"

// watchBlind has sched_switch note the blind stints of traced threads (bpf/sched.bpf.h: note_blind), if that is
// wanted and the kernel lets it. It returns whether it does.
func watchBlind(spec *ebpf.CollectionSpec, wanted bool, kernel *btf.Spec) (watched bool, err error) {
	address := asm.LoadImm(asm.R1, 0, asm.DWord) // of a branch that is not taken
	if wanted {
		found, err := findProgActive(kernel)
		if err != nil {
			return false, fmt.Errorf("look for the kernel's variable %s: %w", progActive, err)
		}
		if found != nil {
			watched, address = true, *found
		}
	}
	if program := spec.Programs[bpf.ObjectProgSchedSwitch]; program != nil {
		for i, ins := range program.Instructions {
			if ins.Reference() == progActive {
				address.Dst = ins.Dst
				program.Instructions[i] = address
			}
		}
	}
	return watched, spec.Variables[bpf.ObjectVarWatchBlind].Set(watched)
}

// findProgActive is what loads the address of the variable; nil where programs find none: without CONFIG_KALLSYMS_ALL.
func findProgActive(kernel *btf.Spec) (*asm.Instruction, error) {
	return foundProgActive.get(func() (*asm.Instruction, error) { return tryVariable(progActive, kernel) })
}

var foundProgActive found[*asm.Instruction]

// tryVariable is what loads the address of a variable of the kernel; nil if programs do not find it. It is found
// out by loading one.
func tryVariable(name string, kernel *btf.Spec) (*asm.Instruction, error) {
	address, ok := addressOf(name, kernel)
	if !ok {
		return nil, nil
	}
	spec := &ebpf.ProgramSpec{
		Name: "zctrace_variable", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sched_switch", License: "GPL",
		Instructions: asm.Instructions{address, asm.Mov.Imm(asm.R0, 0), asm.Return()},
	}
	c, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{spec.Name: spec}},
		ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{KernelTypes: kernel}, Cache: kernelTypes})
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, nil
	case err != nil:
		return nil, err
	}
	c.Close()
	return &address, nil
}

// addressOf loads the address of a variable of the kernel, or of one that each CPU has, into R1; false where BTF does
// not have it.
func addressOf(name string, kernel *btf.Spec) (asm.Instruction, bool) {
	var v *btf.Var
	if kernel.TypeByName(name, &v) != nil {
		return asm.Instruction{}, false
	}
	id, err := kernel.TypeID(v)
	address := asm.LoadImm(asm.R1, int64(id), asm.DWord)
	address.Src = asm.R3 // BPF_PSEUDO_BTF_ID
	return address, err == nil
}
