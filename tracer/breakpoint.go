//go:build linux

package tracer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
)

// breakpoint is one function's breakpoints, on all CPUs.
type breakpoint struct {
	cell   bpf.ObjectBreakpoint
	events map[int]*breakpointEvent // by CPU
	links  []link.Link
}

type breakpointEvent struct {
	fd      int
	enabled uint64    // nanoseconds, when last read
	since   time.Time // when that was first read, or the event opened
	stands  int       // in how many readings it has been the same since then
}

// newBreakpointEvent is that of an event that has just been opened. The first reading may find that no time has passed yet.
func newBreakpointEvent(fd int) *breakpointEvent { return &breakpointEvent{fd: fd, since: time.Now()} }

// clockStops is longer than a CPU's clock stands still. Where the TSC is unstable, it waits for the next tick
// (kernel/sched/clock.c: sched_clock_local), which comes late in an emulated machine. Where the whole machine stood
// still for as long, the first reading may come before that tick.
const (
	clockStops    = time.Second
	clockReadings = 10
)

// lost is whether the event's CPU went offline, and doubtful whether that cannot be told yet.
func (e *breakpointEvent) lost() (lost, doubtful bool) {
	lost = e.stands >= clockReadings && time.Since(e.since) >= clockStops
	return lost, e.stands > 0 && !lost
}

var breakpointCells = map[string]bpf.ObjectBreakpoint{
	bpf.ObjectProgCopyToIter:       bpf.ObjectBreakpointCOPY_TO_ITER,
	bpf.ObjectProgCopyFromIter:     bpf.ObjectBreakpointCOPY_FROM_ITER,
	bpf.ObjectProgCopyPageFromIter: bpf.ObjectBreakpointCOPY_PAGE_FROM_ITER,
}

// setBreakpoint makes the program run whenever a CPU enters the first of the
// functions that the kernel has.
func setBreakpoint(prog *ebpf.Program, h Hook) (_ *breakpoint, err error) {
	cpus, err := OnlineCPUs()
	if err != nil {
		return nil, err
	}
	b := &breakpoint{cell: breakpointCells[h.Program], events: map[int]*breakpointEvent{}}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	for _, cpu := range cpus {
		fd, err := openBreakpoint(h.targets(), cpu)
		if err != nil {
			return nil, err
		}
		b.events[cpu] = newBreakpointEvent(fd)
		l, err := link.AttachRawLink(link.RawLinkOptions{Target: fd, Program: prog, Attach: ebpf.AttachPerfEvent})
		if err != nil {
			return nil, err
		}
		b.links = append(b.links, l)
		if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
			return nil, fmt.Errorf("enable the breakpoint on CPU %d: %w", cpu, err)
		}
	}
	return b, nil
}

// Close removes the breakpoints.
func (b *breakpoint) Close() error {
	for _, l := range b.links {
		l.Close()
	}
	for _, event := range b.events {
		unix.Close(event.fd)
	}
	return nil
}

// read returns how often CPUs ran into the breakpoint, and looks at how long its events are enabled: a CPU that
// goes offline loses its breakpoints, and does not get them back (kernel/events/core.c: perf_event_exit_cpu). The
// time of such an event stands still for good.
func (b *breakpoint) read() (hits uint64, err error) {
	for _, event := range b.events {
		var buf [16]byte // PERF_FORMAT_TOTAL_TIME_ENABLED: value, time enabled
		if _, err := unix.Read(event.fd, buf[:]); err != nil {
			return 0, fmt.Errorf("read a breakpoint: %w", err)
		}
		hits += binary.NativeEndian.Uint64(buf[:8])
		enabled := binary.NativeEndian.Uint64(buf[8:])
		if enabled == event.enabled {
			event.stands++
			continue
		}
		event.enabled, event.stands, event.since = enabled, 0, time.Now()
	}
	return hits, nil
}

// countUnwatched returns on how many of the CPUs that are online a breakpoint is missing, by at least so many
// readings of each, and by more while it is in doubt.
func countUnwatched(breakpoints []*breakpoint, online []int, readings int) (most int64, err error) {
	for doubts := true; doubts || readings > 0; readings-- {
		time.Sleep(time.Millisecond)
		doubts, most = false, 0
		for _, b := range breakpoints {
			if _, err := b.read(); err != nil {
				return 0, err
			}
			var n int64
			for _, cpu := range online {
				lost, doubtful := true, false
				if event := b.events[cpu]; event != nil {
					lost, doubtful = event.lost()
				}
				if lost {
					n++
				}
				doubts = doubts || doubtful
			}
			most = max(most, n)
		}
	}
	return most, nil
}

// breakpointLosses returns on how many CPUs breakpoints are missing and, once the
// windows are closed for good, for how many of their hits no program was run. The breakpoints are
// disabled then, so that no CPU runs into one between reading the events' counts and
// reading the programs'.
func (t *Tracer) breakpointLosses(closed bool) (missed, unwatched int64, err error) {
	if len(t.breakpoints) == 0 || t.settled {
		return t.missedHits, t.unwatchedCPUs, nil
	}
	online, err := OnlineCPUs()
	if err != nil {
		return 0, 0, err
	}
	readings := 1
	if closed {
		readings = 2 // the last one before may be no time ago
	}
	missing, err := countUnwatched(t.breakpoints, online, readings)
	if err != nil {
		return 0, 0, err
	}
	if t.unwatchedCPUs = max(t.unwatchedCPUs, missing); !closed {
		return t.missedHits, t.unwatchedCPUs, nil
	}
	hits := make([]uint64, len(t.breakpoints))
	for i, b := range t.breakpoints {
		if err := b.disable(); err != nil {
			return 0, 0, err
		}
		if hits[i], err = b.read(); err != nil {
			return 0, 0, err
		}
	}
	var cells bpf.ObjectBreakpointCells
	if err := t.collection.Variables[bpf.ObjectVarBreakpoints].Get(&cells); err != nil {
		return 0, 0, fmt.Errorf("read the breakpoints' cells: %w", err)
	}
	for i, b := range t.breakpoints {
		t.missedHits += int64(hits[i] - cells.Hits[b.cell])
	}
	t.settled = true
	return t.missedHits, t.unwatchedCPUs, nil
}

func (b *breakpoint) disable() error {
	for cpu, event := range b.events {
		if err := unix.IoctlSetInt(event.fd, unix.PERF_EVENT_IOC_DISABLE, 0); err != nil {
			return fmt.Errorf("disable the breakpoint on CPU %d: %w", cpu, err)
		}
	}
	return nil
}

const hwBreakpointX = 4 // HW_BREAKPOINT_X in linux/hw_breakpoint.h

// openBreakpoint sets a hardware execution breakpoint on the first of the kernel
// functions that exists (perf_event_open(2), PERF_TYPE_BREAKPOINT); disabled yet.
func openBreakpoint(functions []string, cpu int) (int, error) {
	address, err := kernelSymbol(functions)
	if err != nil {
		return -1, err
	}
	attr := unix.PerfEventAttr{
		Type:        unix.PERF_TYPE_BREAKPOINT,
		Size:        unix.PERF_ATTR_SIZE_VER5,
		Bits:        unix.PerfBitDisabled,
		Sample:      1, // run the program at each hit
		Read_format: unix.PERF_FORMAT_TOTAL_TIME_ENABLED,
		Bp_type:     hwBreakpointX,
		Ext1:        address, // bp_addr
		Ext2:        8,       // bp_len: sizeof(long) for execution
	}
	event, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err == nil {
		return event, nil
	}
	here := rightsHere()
	forbidden := eventForbidden(err, here)
	switch {
	case forbidden != nil && (here.admin || here.filtered):
		return -1, forbidden
	case errors.Is(err, unix.ENOSPC):
		return -1, &refusal{state: Refused,
			reason: fmt.Sprintf("no free debug register on CPU %d: perf, a debugger or another zctrace uses them", cpu),
			remedy: "end what uses hardware breakpoints (perf record -e mem:..., gdb's watch)"}
	case errors.Is(err, unix.EINVAL):
		return -1, &refusal{state: Refused, remedy: useOther,
			reason: "the kernel refuses hardware breakpoints on its own code, as it does when built without CONFIG_KPROBES"}
	case forbidden != nil:
		return -1, &refusal{state: Refused, reason: "breakpoints on the kernel's code need CAP_SYS_ADMIN", remedy: "run it with sudo"}
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOENT):
		return -1, &refusal{state: Absent, reason: fmt.Sprintf("this machine has no hardware breakpoints: %v", err), remedy: useOther}
	}
	return -1, fmt.Errorf("set a breakpoint on CPU %d: %w", cpu, err)
}

// kernelSymbol is the address of the first of the kernel functions that exists;
// they are among the breakpoints' targets.
func kernelSymbol(names []string) (uint64, error) {
	addresses, err := breakpointAddresses()
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

// breakpointAddresses are those of all functions that breakpoints may be set on.
var breakpointAddresses = sync.OnceValues(func() (map[string]uint64, error) {
	var wanted []string
	for _, h := range Hooks {
		if h.Kind == BreakpointHook {
			wanted = append(wanted, h.targets()...)
		}
	}
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("read the kernel's symbols: %w", err)
	}
	defer f.Close()
	addresses := map[string]uint64{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && slices.Contains(wanted, fields[2]) { // a module's has its name besides
			if addresses[fields[2]], err = strconv.ParseUint(fields[0], 16, 64); err != nil {
				return nil, fmt.Errorf("read the kernel's symbols: %w", err)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the kernel's symbols: %w", err)
	}
	return addresses, nil
})

// OnlineCPUs are the numbers of the CPUs that are online, whether or not this process may
// run on them.
func OnlineCPUs() ([]int, error) {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, fmt.Errorf("read which CPUs are online: %w", err)
	}
	return parseCPUList(strings.TrimSpace(string(text)))
}

// parseCPUList reads a list as the kernel writes it, like 0-2,5.
func parseCPUList(text string) ([]int, error) {
	var cpus []int
	for _, part := range strings.Split(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		last := first
		if err == nil && isRange {
			last, err = strconv.Atoi(to)
		}
		if err != nil {
			return nil, fmt.Errorf("not a list of CPUs: %q", text)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}
