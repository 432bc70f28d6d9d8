package tracer

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// State is what a probe found.
type State string

const (
	Works    State = "ok"
	Absent   State = "absent"    // this kernel does not have it
	Refused  State = "refused"   // the kernel has it and does not allow it
	Unused   State = "unused"    // the kernel would allow it, zctrace does without
	NotTried State = "not tried" // because of what is wrong with the system
)

// Check is one finding: what was tried, what it is for, and if it does not
// work, why and what to do about it.
type Check struct {
	Name   string `json:"name"`
	For    string `json:"for"` // the counters that need it
	State  State  `json:"state"`
	Needed bool   `json:"needed"` // the main job does not work without it
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
}

// Report is everything that decides what can be counted on this machine.
type Report struct {
	System  []Check `json:"system"`
	Hooks   []Check `json:"hooks"`
	Engines []Check `json:"engines"`
}

// OK reports whether the main job can be done here.
func (r *Report) OK() bool {
	for _, group := range [][]Check{r.System, r.Hooks, r.Engines} {
		for _, c := range group {
			if c.Needed && c.State != Works {
				return false
			}
		}
	}
	// A run does not do silently without a hook that the kernel has.
	for _, c := range r.Hooks {
		if c.State == Refused {
			return false
		}
	}
	return true
}

// Probe tries out what this kernel and the caller's rights allow, by doing it:
// every program is loaded and attached, and removed again.
func Probe() *Report {
	r := &Report{System: []Check{probeBTF(), probeRights()}}
	usable := r.System[0].State == Works && r.System[1].State == Works
	r.Hooks = probeHooks(usable)
	r.Engines = []Check{
		derivedEngine(r.Hooks),
		fentryEngine(usable),
		breakpointEngine(usable),
	}
	return r
}

func probeBTF() Check {
	c := Check{Name: "kernel BTF", For: "everything", Needed: true, State: Works}
	if err := checkBTF(); err != nil {
		c.fail(Absent, err)
	}
	return c
}

func probeRights() Check {
	c := Check{Name: "CAP_BPF, CAP_PERFMON", For: "everything", Needed: true, State: Works}
	if err := checkCapabilities(); err != nil {
		c.fail(Refused, err)
	}
	return c
}

func (c *Check) fail(state State, err error) {
	c.State, c.Reason = state, err.Error()
	var unsupported *UnsupportedError
	if errors.As(err, &unsupported) {
		c.Reason, c.Remedy = unsupported.What, unsupported.Remedy
	}
}

func probeHooks(usable bool) []Check {
	var checks []Check
	for _, h := range Hooks {
		checks = append(checks, Check{Name: h.Name(), For: h.Counter, Needed: h.Required, State: NotTried})
	}
	if !usable {
		return checks
	}
	kernel, err := btf.LoadKernelSpec()
	for i, h := range Hooks {
		c := &checks[i]
		if err != nil {
			c.fail(Refused, fmt.Errorf("read the kernel's BTF: %w", err))
		} else if absent := h.absent(kernel); absent != nil {
			c.fail(Absent, absent)
			c.Remedy = "none needed: only this counter is missing"
		} else if err := tryHook(h); err != nil {
			c.fail(Refused, err)
			c.Remedy = "see the kernel log; if this is a distribution's kernel, report it"
		} else {
			c.State = Works
		}
	}
	return checks
}

// tryHook loads and attaches the one hook.
func tryHook(h Hook) error {
	t, err := open([]Hook{h}, Options{Latency: true, Sockets: true})
	if err != nil {
		return err
	}
	defer t.Close()
	return t.Attach()
}

func derivedEngine(hooks []Check) Check {
	c := Check{Name: "derived", For: "copies, from system calls and their results", Needed: true, State: Works}
	for _, h := range hooks {
		if h.Needed && h.State != Works {
			c.State = h.State // for the same reason
		}
	}
	return c
}

const useDerived = "none on this kernel: copies are derived instead; to see them happen, boot a distribution's kernel"

func fentryEngine(usable bool) Check {
	c := Check{Name: "fentry", For: "copies, seen in the functions that make them", State: NotTried}
	if !usable {
		return c
	}
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFExit, AttachTo: "filemap_read", License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		c.fail(Refused, err)
		c.Remedy = useDerived
		if errors.Is(err, unix.EPERM) {
			c.Reason = "the kernel refuses to load fentry and fexit programs, also for root: it is hardened"
		}
		return c
	}
	prog.Close()
	c.fail(Unused, errors.New("the kernel would allow it; this version of zctrace does not use it yet"))
	return c
}

func breakpointEngine(usable bool) Check {
	c := Check{Name: "breakpoint", For: "copies, seen in the copy instructions themselves", State: NotTried}
	if !usable {
		return c
	}
	fd, err := openBreakpoint("_copy_to_iter")
	switch {
	case errors.Is(err, unix.EINVAL):
		c.fail(Refused, errors.New("the kernel refuses hardware breakpoints on its own code, as it does when built without CONFIG_KPROBES"))
		c.Remedy = useDerived
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOENT):
		c.fail(Absent, fmt.Errorf("this machine has no hardware breakpoints: %w", err))
		c.Remedy = useDerived
	case err != nil:
		c.fail(Refused, err)
		c.Remedy = useDerived
	default:
		unix.Close(fd)
		c.fail(Unused, errors.New("the kernel would allow it; this version of zctrace does not use it yet"))
	}
	return c
}

const hwBreakpointX = 4 // HW_BREAKPOINT_X in linux/hw_breakpoint.h

// openBreakpoint sets a hardware execution breakpoint on a kernel function, on
// CPU 0 (perf_event_open(2), PERF_TYPE_BREAKPOINT).
func openBreakpoint(function string) (int, error) {
	address, err := kernelSymbol(function)
	if err != nil {
		return -1, err
	}
	attr := unix.PerfEventAttr{
		Type:    unix.PERF_TYPE_BREAKPOINT,
		Size:    unix.PERF_ATTR_SIZE_VER5,
		Bp_type: hwBreakpointX,
		Ext1:    address, // bp_addr
		Ext2:    8,       // bp_len: sizeof(long) for execution
	}
	return unix.PerfEventOpen(&attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
}

// kernelSymbol is the address of a kernel function.
func kernelSymbol(name string) (uint64, error) {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 || fields[2] != name {
			continue
		}
		address, err := strconv.ParseUint(fields[0], 16, 64)
		if err == nil && address == 0 {
			err = errors.New("kernel addresses are hidden (sysctl kernel.kptr_restrict)")
		}
		return address, err
	}
	return 0, fmt.Errorf("the kernel has no function %s", name)
}
