//go:build linux

package tracer

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// kernelSymbol is the address of the first of the kernel functions that exists;
// they are among the breakpoints' targets.
func kernelSymbol(names []string) (uint64, error) {
	addresses, err := foundAddresses.get(breakpointAddresses)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		switch address, ok := addresses[name]; {
		case ok && address == 0:
			return 0, hiddenAddresses()
		case ok:
			return address, nil
		}
	}
	return 0, &refusal{state: Absent, reason: "the kernel has no function " + strings.Join(names, " or "), remedy: useOther}
}

// hiddenAddresses: kptr_restrict hides them from root too, and the lack of CAP_SYSLOG
// mostly without it, for which CAP_SYS_ADMIN is no substitute (kernel/ksyms_common.c:
// kallsyms_show_value).
func hiddenAddresses() *refusal {
	if has, err := capabilities(); err == nil && !has(unix.CAP_SYSLOG) {
		return &refusal{state: Refused, reason: "the kernel hides its addresses from who lacks CAP_SYSLOG", remedy: "run it with sudo"}
	}
	return &refusal{state: Refused, reason: "the kernel hides its addresses", remedy: "sysctl kernel.kptr_restrict=0"}
}

var foundAddresses found[map[string]uint64]

// breakpointAddresses are those of all functions that breakpoints may be set on; 0 where the kernel hides it. A program
// looks them up: to read /proc/kallsyms takes as long as all else that is done before and after a run.
func breakpointAddresses() (map[string]uint64, error) {
	var wanted []string
	for _, h := range Hooks {
		if h.Kind == BreakpointHook {
			wanted = append(wanted, h.targets()...)
		}
	}
	answers, err := lookUp(wanted)
	if err != nil {
		return nil, fmt.Errorf("look up the addresses of kernel functions: %w", err)
	}
	addresses := map[string]uint64{}
	for i, name := range wanted {
		switch err := unix.Errno(-answers[i].Result); err {
		case 0, unix.EPERM:
			addresses[name] = answers[i].Address
		case unix.ENOENT:
		default:
			return nil, fmt.Errorf("look up the address of the kernel function %s: %w", name, err)
		}
	}
	return addresses, nil
}

// answer is bpf_kallsyms_lookup_name's.
type answer struct {
	Result  int64 // 0, or a negative errno
	Address uint64
}

// lookUp has a program of type syscall, which bpf(2) runs, look up each of the names.
func lookUp(names []string) ([]answer, error) {
	const address = -8 // on the stack; above it the name
	code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	for i, name := range names {
		text := append([]byte(name), make([]byte, 4-len(name)%4)...)
		start := int16(address - (len(text)+7)/8*8)
		for at := 0; at < len(text); at += 4 {
			code = append(code, asm.StoreImm(asm.R10, start+int16(at), int64(int32(binary.NativeEndian.Uint32(text[at:]))), asm.Word))
		}
		code = append(code,
			asm.Mov.Reg(asm.R1, asm.R10), asm.Add.Imm(asm.R1, int32(start)),
			asm.Mov.Imm(asm.R2, int32(len(name)+1)),
			asm.Mov.Imm(asm.R3, 0),
			asm.StoreMem(asm.R10, address, asm.R3, asm.DWord),
			asm.Mov.Reg(asm.R4, asm.R10), asm.Add.Imm(asm.R4, address),
			asm.FnKallsymsLookupName.Call(),
			asm.StoreMem(asm.R6, int16(16*i), asm.R0, asm.DWord),
			asm.LoadMem(asm.R1, asm.R10, address, asm.DWord),
			asm.StoreMem(asm.R6, int16(16*i+8), asm.R1, asm.DWord),
		)
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "zctrace_symbols", Type: ebpf.Syscall, Flags: unix.BPF_F_SLEEPABLE, License: "GPL",
		Instructions: append(code, asm.Mov.Imm(asm.R0, 0), asm.Return()),
	})
	if err != nil {
		return nil, err
	}
	defer program.Close()
	answers := make([]answer, len(names))
	_, err = program.Run(&ebpf.RunOptions{Context: answers, ContextOut: answers})
	return answers, err
}
