//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// holding is what a process holds, to attach and detach it.
type holding struct {
	Copies  ledger.Engine
	Latency bool
	Sockets bool
	Follows bool   // it follows programs, as exec does
	Empty   bool   // programs that do nothing, on the tracepoints that zctrace uses with Derived
	Perf    bool   // at perf's events, also where the tracepoints would do
	Other   bool   // it counts for a program that is not there
	Cookie  uint64 // of the program that it counts for
}

// command is a request to a process that holds programs: the first one says which.
type command struct {
	Hold   *holding `json:",omitempty"`
	Attach bool     // or detach
	Follow int      // the number of a process to follow from its next execve on
}

// counted answers it.
type counted struct {
	Calls [2]int64 // of sender and receiver, or of both
}

// holder is what such a process has.
type holder struct {
	holding
	mu     sync.Mutex // its cells are read all the time
	tracer *tracer.Tracer
	empty  []empty // instead
	links  []io.Closer
}

// empty is a program that does nothing, at a tracepoint or at perf's event.
type empty struct {
	prog   *ebpf.Program
	target string
}

func (e empty) attach() (io.Closer, error) {
	if group, event, isPerf := strings.Cut(e.target, "/"); isPerf {
		return link.Tracepoint(group, event, e.prog, nil)
	}
	return link.AttachTracing(link.TracingOptions{Program: e.prog, AttachType: ebpf.AttachTraceRawTp})
}

// holdMain is the whole life of such a process.
func holdMain(path string) error {
	var h *holder
	return serve(path, func(c command) (counted, error) {
		if c.Hold != nil {
			var err error
			h, err = open(*c.Hold)
			return counted{}, err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if err := h.attach(c.Attach); err != nil {
			return counted{}, err
		}
		if c.Follow != 0 {
			return counted{}, h.tracer.Follow(c.Follow)
		}
		return h.counted()
	})
}

// open loads the programs. Their cells are read ten times a second, as the dashboard does.
func open(o holding) (*holder, error) {
	if o.Empty {
		o.Copies = ledger.Derived
	}
	if o.Perf {
		if err := os.Setenv("ZCTRACE_TEST_TRACEPOINTS", "perf"); err != nil {
			return nil, err
		}
	}
	options := tracer.Options{
		Copies: o.Copies, Latency: o.Latency, Sockets: o.Sockets,
		Marker: tracer.Marker{Nr: workloads.MarkerNr, Address: workloads.MarkerAddress, Cookie: o.Cookie},
	}
	if o.Follows {
		options = tracer.Options{Copies: o.Copies, Latency: o.Latency, Sockets: true, Programs: &tracer.DefaultPrograms} // see session.Exec
	}
	t, err := tracer.Open(options)
	if err != nil {
		return nil, err
	}
	h := &holder{holding: o, tracer: t}
	if o.Empty {
		return h, h.hollow()
	}
	go func() {
		for range time.Tick(100 * time.Millisecond) {
			h.mu.Lock()
			_, _ = h.counted() // if it fails, so does that for the next request
			h.mu.Unlock()
		}
	}()
	return h, nil
}

// hollow puts programs that do nothing in the place of zctrace's.
func (h *holder) hollow() error {
	attached, err := h.tracer.Attach()
	if err != nil {
		return err
	}
	h.tracer.Close()
	h.tracer = nil
	for _, hook := range attached.Hooks {
		if !hook.Attached {
			continue
		}
		kind, target, _ := strings.Cut(hook.Name, "/")
		spec := &ebpf.ProgramSpec{License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}}
		switch tracer.HookKind(kind) {
		case tracer.Tracepoint:
			spec.Type, spec.AttachType, spec.AttachTo = ebpf.Tracing, ebpf.AttachTraceRawTp, target
		case tracer.PerfEvent:
			spec.Type = ebpf.TracePoint
		default:
			return fmt.Errorf("%s is not a tracepoint", hook.Name)
		}
		prog, err := ebpf.NewProgram(spec)
		if err != nil {
			return err
		}
		h.empty = append(h.empty, empty{prog, target})
	}
	return nil
}

func (h *holder) attach(attach bool) error {
	switch {
	case h.tracer != nil && attach:
		_, err := h.tracer.Attach()
		return err
	case h.tracer != nil:
		h.tracer.Detach()
		return nil
	case attach:
		for _, e := range h.empty {
			l, err := e.attach()
			if err != nil {
				return err
			}
			h.links = append(h.links, l)
		}
		return nil
	}
	var err error
	for _, l := range h.links {
		err = errors.Join(err, l.Close())
	}
	h.links = nil
	return err
}

// counted are the system calls in the cells.
func (h *holder) counted() (c counted, err error) {
	switch {
	case h.tracer == nil:
		return c, nil
	case h.Follows:
		return h.countedOfPrograms()
	}
	s, err := h.tracer.Snapshot(false)
	if err != nil {
		return c, err
	}
	for role := range s.Slots {
		for i := range s.Slots[role].Cells {
			c.Calls[role] += int64(s.Slots[role].Cells[i].Calls)
		}
	}
	return c, nil
}

// countedOfPrograms are the calls that a program has made on devices. Nothing else of what it does is its work.
func (h *holder) countedOfPrograms() (c counted, err error) {
	s, err := h.tracer.Programs(false)
	if err != nil {
		return c, err
	}
	for _, p := range s.Alive {
		for key, sum := range p.Calls {
			if from, to := ledger.Path(key); from == trace.EndDevice || to == trace.EndDevice {
				c.Calls[0] += int64(sum.Calls)
			}
		}
	}
	return c, nil
}
