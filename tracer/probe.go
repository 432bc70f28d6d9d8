//go:build linux

package tracer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// State is what a probe found.
type State string

const (
	Works    State = "ok"
	Absent   State = "absent"    // this kernel does not have it
	Refused  State = "refused"   // the kernel has it and does not allow it
	NotTried State = "not tried" // because of what is wrong with the system
)

// Check is one finding: what was tried, what it is for, and if it does not
// work, why and what to do about it.
type Check struct {
	Name   string        `json:"name"`
	For    string        `json:"for"` // the counters that need it
	State  State         `json:"state"`
	Needed bool          `json:"needed"` // the main job does not work without it
	Reason string        `json:"reason"` // or, if it works, what is to be known of it
	Remedy string        `json:"remedy"`
	Engine ledger.Engine `json:"engine"` // that it belongs to; "" for all

	// Optional is what a kernel may refuse: a run does without it, and says so.
	Optional bool `json:"-"`
}

// Report is everything that decides what can be counted on this machine.
type Report struct {
	System  []Check `json:"system"`
	Hooks   []Check `json:"hooks"`
	Engines []Check `json:"engines"`
}

// OK reports whether the main job can be done here.
func (r *Report) OK() bool { return len(r.InTheWay()) == 0 }

// InTheWay are the checks without which the main job cannot be done here. Those that could not be tried
// have no reason of their own.
func (r *Report) InTheWay() (list []Check) {
	for _, c := range slices.Concat(r.System, r.Hooks, r.Engines) {
		// A hook that the kernel has and refuses ends a run, rather than being left out in silence.
		if c.Needed && c.State != Works || c.State == Refused && !c.Optional {
			list = append(list, c)
		}
	}
	return list
}

// Probe tries out what this kernel and the caller's rights allow, by doing it:
// every program is loaded and attached, and removed again.
func Probe() (r *Report) {
	undisturbed(func() { r = probe() })
	return r
}

func probe() *Report {
	r := &Report{System: []Check{probeBTF(), probeRights()}}
	usable := r.System[0].State == Works && r.System[1].State == Works
	r.Hooks = probeHooks(usable)
	r.Engines = []Check{
		derivedEngine(r.Hooks),
		engineCheck(ledger.Fentry, "copies, seen in the functions that make them", usable),
		engineCheck(ledger.Breakpoint, "copies, seen at the copy instructions themselves", usable),
	}
	return r
}

func probeBTF() Check {
	c := Check{Name: "kernel BTF, /proc", For: "everything", Needed: true, State: Works}
	if err := checkFiles(); err != nil {
		c.fail(Absent, err)
	}
	return c
}

func probeRights() Check {
	c := Check{Name: "CAP_BPF, CAP_PERFMON", For: "everything", Needed: true, State: Works}
	if err := checkRights(); err != nil {
		c.fail(Refused, err)
	}
	return c
}

func (c *Check) fail(state State, err error) {
	c.State, c.Reason = state, err.Error()
	if known, ok := errors.AsType[*fault.Error](err); ok {
		c.Reason, c.Remedy = known.What, known.Remedy
	}
}

func probeHooks(usable bool) []Check {
	var checks []Check
	for _, h := range Hooks {
		checks = append(checks, Check{Name: h.Name(), For: h.Counter, Engine: h.Engine, Needed: h.required(), State: NotTried})
	}
	if !usable {
		return checks
	}
	kernel, err := kernelTypes.Kernel()
	if err != nil {
		err = fmt.Errorf("read the kernel's BTF: %w", err)
	} else {
		_, err = preemption(kernel)
	}
	refused := map[ledger.Engine]error{}
	for _, e := range ledger.Engines {
		if err == nil {
			refused[e] = try(e, kernel)
		}
	}
	for i, h := range Hooks {
		c := &checks[i]
		switch {
		case err != nil:
			c.fail(Refused, err)
		case refused[h.Engine] != nil:
			c.refuse(refused[h.Engine])
		default:
			probeHook(c, h, kernel)
		}
	}
	return checks
}

// refuse notes why an engine, or a hook of it, does not work.
func (c *Check) refuse(err error) {
	if r, ok := errors.AsType[*refusal](err); ok {
		c.State, c.Reason, c.Remedy, c.Optional = r.state, r.reason, r.remedy, true
		return
	}
	c.fail(Refused, err)
	c.Remedy = "this kernel should allow it: see the kernel log, and report it"
}

func probeHook(c *Check, h Hook, kernel *btf.Spec) {
	place, absent := h.find(kernel)
	if absent != nil {
		c.fail(Absent, absent)
		switch {
		case h.Kernels != "" || errors.Is(absent, errNobody):
			c.Remedy = "none needed"
		case h.copies():
			c.Remedy = "none; what engine " + string(h.Engine) + " did not see is derived, or null where that is not certain"
		default:
			c.Remedy = "none needed: only this counter is missing"
		}
		return
	}
	c.Name = place.name()
	if err := tryHook(h, kernel); err != nil {
		c.Remedy = "see the kernel log; if this is a distribution's kernel, report it"
		c.fail(Refused, err)
		return
	}
	c.State, c.Reason = Works, place.why
}

// tryHook loads and attaches the one hook, whatever run would want it.
func tryHook(h Hook, kernel *btf.Spec) error {
	h.wanted = nil
	t, err := open([]Hook{h}, Options{Uring: true, AIO: true}, ledger.Engines, kernel)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.hooks[0].err; err != nil {
		return err
	}
	_, err = t.Attach()
	return err
}

func derivedEngine(hooks []Check) Check {
	c := Check{Name: string(ledger.Derived), Engine: ledger.Derived, For: "copies, from system calls and their results", Needed: true, State: Works}
	for _, h := range hooks {
		if h.Needed && h.State != Works {
			c.State = h.State // for the same reason
		}
	}
	return c
}

// engineCheck says whether an engine that watches the copies works here.
func engineCheck(e ledger.Engine, what string, usable bool) Check {
	c := Check{Name: string(e), For: what, Engine: e, State: NotTried}
	if !usable {
		return c
	}
	kernel, err := kernelTypes.Kernel()
	if err == nil {
		err = try(e, kernel)
	}
	if c.State = Works; err != nil {
		c.refuse(err)
	} else {
		c.Reason = unheldHere([]ledger.Engine{e})
	}
	return c
}
