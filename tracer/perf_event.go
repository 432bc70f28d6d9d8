//go:build linux

package tracer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// perfEvent is one that is open, with a program at it.
type perfEvent struct {
	link  *link.RawLink
	event int
}

// attachToPerfEvent has a program run at perf's event of a tracepoint, "group/name", whatever CPU that comes on
// (kernel/trace/bpf_trace.c: perf_event_attach_bpf_prog puts it at the tracepoint). The event itself
// stays disabled, and so perf makes no sample of it.
func attachToPerfEvent(prog *ebpf.Program, target string) (io.Closer, error) {
	id, err := eventNumber(target)
	if err != nil {
		return nil, err
	}
	cpus, err := OnlineCPUs()
	if err != nil {
		return nil, err
	}
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Size: unix.PERF_ATTR_SIZE_VER5, Config: id, Bits: unix.PerfBitDisabled}
	event, err := unix.PerfEventOpen(&attr, -1, cpus[0], -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		if forbidden := eventForbidden(err, rightsHere()); forbidden != nil {
			return nil, forbidden
		}
		return nil, fmt.Errorf("open perf's event %s: %w", target, err)
	}
	l, err := link.AttachRawLink(link.RawLinkOptions{Target: event, Program: prog, Attach: ebpf.AttachPerfEvent})
	if err != nil {
		unix.Close(event)
		if errors.Is(err, unix.E2BIG) { // kernel/trace/bpf_trace.c: BPF_TRACE_MAX_PROGS
			err = &refusal{state: Refused, reason: "as many programs are there as the kernel allows", remedy: "end some other runs or tracers first"}
		}
		return nil, err
	}
	return &perfEvent{l, event}, nil
}

// eventRights are what decides who may open an event of perf's, besides CAP_PERFMON.
type eventRights struct {
	admin    bool // CAP_SYS_ADMIN is in effect
	filtered bool // by seccomp
	paranoid int  // kernel.perf_event_paranoid
}

func rightsHere() eventRights {
	has, err := capabilities()
	here := eventRights{admin: err == nil && has(unix.CAP_SYS_ADMIN), filtered: underSeccomp()}
	if text, err := os.ReadFile("/proc/sys/kernel/perf_event_paranoid"); err == nil {
		here.paranoid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	return here
}

// eventForbidden says who forbids perf_event_open(2), if that is what its error is, to who has the capabilities
// for it; else nil.
func eventForbidden(err error, here eventRights) *refusal {
	forbidden := errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)
	switch {
	case errors.Is(err, unix.EACCES) && !here.admin && here.paranoid > 2: // the kernels of Debian and Ubuntu
		return &refusal{state: Refused, reason: "kernel.perf_event_paranoid keeps perf's events from who lacks CAP_SYS_ADMIN",
			remedy: "run it with sudo; or sysctl kernel.perf_event_paranoid=2"}
	case here.filtered && (forbidden || errors.Is(err, unix.ENOSYS)):
		return &refusal{state: Refused, reason: "a seccomp filter, as containers have, forbids perf_event_open(2)",
			remedy: "run it outside, or with a filter that allows perf_event_open(2), as docker run --privileged does"}
	case forbidden:
		return &refusal{state: Refused, reason: fmt.Sprintf("the kernel refuses to open perf's events, also with the capabilities for it: %v", err),
			remedy: "a security module may forbid them, as SELinux does: the kernel log and its audit messages tell"}
	}
	return nil
}

// Close takes the program away.
func (p *perfEvent) Close() error {
	return errors.Join(p.link.Close(), unix.Close(p.event))
}

// eventNumber is what perf calls an event by. An error of the kind [fault.Unsupported] says that it cannot be known,
// and errAbsent that this kernel has no such event.
func eventNumber(event string) (uint64, error) {
	const tracefs = "/sys/kernel/tracing"
	for _, dir := range []string{tracefs, "/sys/kernel/debug/tracing"} {
		number, err := os.ReadFile(dir + "/events/" + event + "/id")
		if err == nil {
			return strconv.ParseUint(strings.TrimSpace(string(number)), 10, 64)
		}
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
			return 0, &fault.Error{Kind: fault.Unsupported, What: "no permission to read " + dir + ", where the numbers of the events are", Remedy: "run it with sudo, or with CAP_DAC_READ_SEARCH besides the other capabilities"}
		}
		if _, err := os.Stat(dir + "/events"); err == nil {
			return 0, fmt.Errorf("%w event of perf's: %s", errAbsent, event)
		}
	}
	return 0, &fault.Error{
		Kind:   fault.Unsupported,
		What:   "tracefs is not mounted at " + tracefs + ", and on this kernel programs must be at perf's events, whose numbers stand there: at its tracepoints they can be preempted, and lose events",
		Remedy: "mount -t tracefs tracefs " + tracefs,
	}
}
