//go:build linux

package tracer

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Tracer holds the loaded programs. Its zero value is not usable; see [Open].
type Tracer struct {
	engines                   []ledger.Engine          // whose hooks are loaded; the first one's numbers count
	refused                   map[ledger.Engine]string // why not the others
	hooks                     []loadedHook
	unwanted                  []Hook // the run has no use for them
	breakpoints               []*breakpoint
	watchesBlind              bool // the blind stints of traced threads are noted
	settled                   bool // the breakpoints are disabled, and their losses known
	missedHits, unwatchedCPUs int64
	states                    [len(bpf.ObjectSlotArray{})]bpf.ObjectSlotState // in the last snapshot
	collection                *ebpf.Collection
	cells                     *programCells // of programs; nil: none are followed
}

type loadedHook struct {
	Hook
	place
	prog  *ebpf.Program // nil: not loaded, because of err
	held  io.Closer     // what keeps it attached; nil: it is not
	skips missCount
	err   error
}

func (h *loadedHook) name() string {
	if h.target == "" {
		return h.Name()
	}
	return h.place.name()
}

// kernelTypes decodes the kernel's BTF, megabytes of it, once for all who ask.
var kernelTypes = btf.NewCache()

// Open loads the programs that the options ask for; [Tracer.Attach] makes them
// count. A hook that this kernel lacks costs only its own counter, and an engine that it
// refuses is left out, unless it was asked for by its name. An error of the kind
// [fault.Unsupported] says that the main job cannot be done.
func Open(opts Options) (*Tracer, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	kernel, err := kernelTypes.Kernel()
	if err != nil {
		return nil, cmp.Or(outOfDescriptors(err), fmt.Errorf("read the kernel's BTF: %w", err))
	}
	var t *Tracer
	undisturbed(func() {
		var engines []ledger.Engine
		var refused map[ledger.Engine]string
		if engines, refused, err = choose(opts.Copies, kernel); err != nil {
			return
		}
		if t, err = open(Hooks, opts, engines, kernel); err == nil {
			t.refused = refused
		}
	})
	if err != nil {
		return nil, cmp.Or(outOfDescriptors(err), forbidden(err), err)
	}
	return t, nil
}

// Supported says, with an error of the kind [fault.Unsupported], whether this kernel and the caller's
// rights allow tracing at all.
func Supported() error {
	if err := checkFiles(); err != nil {
		return err
	}
	return checkRights()
}

func open(hooks []Hook, opts Options, engines []ledger.Engine, kernel *btf.Spec) (*Tracer, error) {
	spec, err := bpf.LoadObject()
	if err != nil {
		return nil, fmt.Errorf("read the embedded eBPF object: %w", err)
	}
	t := &Tracer{engines: engines}
	programs := map[string]*ebpf.ProgramSpec{}
	for _, h := range hooks {
		if h.Engine != "" && !hasEngine(engines, h.Engine) || h.wanted != nil && !h.wanted(opts) {
			t.unwanted = append(t.unwanted, h)
			continue
		}
		place, absent := h.find(kernel)
		if absent == nil {
			programs[place.program] = spec.Programs[place.program]
			if place.kind != BreakpointHook {
				programs[place.program].AttachTo = place.target
			}
		} else if h.required() {
			return nil, fmt.Errorf("load %s: %w", h.Name(), absent)
		}
		t.hooks = append(t.hooks, loadedHook{Hook: h, place: place, err: absent})
	}
	spec.Programs = programs
	if t.hasPerfEvents() {
		if _, err := eventNumber("raw_syscalls/sys_exit"); err != nil {
			return nil, err
		}
	}
	sizeMaps(spec, opts.Programs)
	if err := fillConstants(spec, opts, engines, kernel, t.hasPerfEvents(ledger.PageCache, ledger.ReadAhead)); err != nil {
		return nil, err
	}
	if t.watchesBlind, err = watchBlind(spec, t.hasPerfEvents(), kernel); err != nil {
		return nil, err
	}
	if err := checkDescriptors(t.descriptors(len(programs), len(spec.Maps))); err != nil {
		return nil, err
	}
	if err := t.load(spec, kernel); err != nil {
		return nil, fmt.Errorf("load the eBPF programs: %w", err)
	}
	for i := range t.hooks {
		t.hooks[i].prog = t.collection.Programs[t.hooks[i].program]
	}
	if opts.Programs != nil {
		if why := t.missing()[ledger.ThreadExits]; why != "" { // nobody would know whose stack, and which place, becomes another's
			t.collection.Close()
			return nil, fmt.Errorf("load the eBPF programs: %s", why)
		}
		if t.cells, err = mapCells(t.collection); err != nil {
			t.collection.Close()
			return nil, err
		}
	}
	return t, nil
}

// layerTypes are the types by which the programs see through overlays and FUSE, where these are modules.
// Without their BTF the programs take such a file for one of which nothing is certain.
func layerTypes() (types []*btf.Spec) {
	for _, module := range []string{"overlay", "fuse"} {
		if spec, err := kernelTypes.Module(module); err == nil {
			types = append(types, spec)
		}
	}
	return types
}

// hasEngine is whether these engines take that one's hooks: the breakpoints rely on the
// derived engine's tracepoints for copies that none of their functions makes.
func hasEngine(engines []ledger.Engine, e ledger.Engine) bool {
	return slices.Contains(engines, e) || e == ledger.Derived && slices.Contains(engines, ledger.Breakpoint)
}

// hasPerfEvents is whether some of the hooks are at perf's events: of those that feed this, or of all.
func (t *Tracer) hasPerfEvents(feeds ...ledger.Feed) bool {
	return slices.ContainsFunc(t.hooks, func(h loadedHook) bool {
		return h.kind == PerfEvent && (len(feeds) == 0 || slices.Contains(feeds, h.Feeds))
	})
}

func fillConstants(spec *ebpf.CollectionSpec, opts Options, engines []ledger.Engine, kernel *btf.Spec, byNumber bool) error {
	var mask uint32
	for _, e := range ledger.Engines {
		if hasEngine(engines, e) {
			mask |= 1 << e.Cells()
		}
	}
	for name, value := range map[string]any{
		bpf.ObjectVarCalls:    ledger.CallTable(),
		bpf.ObjectVarEngines:  mask,
		bpf.ObjectVarPageSize: uint64(os.Getpagesize()),
		bpf.ObjectVarRequests: opts.Uring || opts.AIO,
		bpf.ObjectVarByNumber: byNumber,
		bpf.ObjectVarBounces:  bounces(kernel),
		bpf.ObjectVarFollows:  opts.Programs != nil,

		bpf.ObjectVarMaxThreads:   spec.Maps[bpf.ObjectMapThreads].MaxEntries,
		bpf.ObjectVarMaxProcesses: spec.Maps[bpf.ObjectMapProcesses].MaxEntries,

		bpf.ObjectVarUringOps: ledger.UringTable(),
		bpf.ObjectVarAioOps:   ledger.AIOTable(),

		bpf.ObjectVarCompleteHasCqe: completeHasCQE(kernel),
		bpf.ObjectVarMarkCall: bpf.ObjectMarker{
			Nr: opts.Marker.Nr, Address: opts.Marker.Address, Cookie: opts.Marker.Cookie,
		},
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s in the eBPF object: %w", name, err)
		}
	}
	return nil
}

// bounces is whether this kernel copies direct I/O to and from files that must not change meanwhile.
func bounces(kernel *btf.Spec) bool {
	var f *btf.Func
	return kernel.TypeByName("bio_iov_iter_bounce", &f) == nil
}

// completeHasCQE is whether this kernel's tracepoint io_uring_complete has the
// completion itself as its last argument, as in 6.18, and not its members.
func completeHasCQE(kernel *btf.Spec) bool {
	const members = 7 // ctx, req, user_data, res, flags, and two more
	var t *btf.Typedef
	if kernel.TypeByName("btf_trace_io_uring_complete", &t) != nil {
		return false
	}
	if p, ok := t.Type.(*btf.Pointer); ok {
		if f, ok := p.Target.(*btf.FuncProto); ok {
			return len(f.Params) < 1+members // the first one is the probe's own
		}
	}
	return false
}

// Attached is what is known of the hooks once they are attached.
type Attached struct {
	Hooks   []trace.Hook    // what is attached, and why not what is not
	Engines []ledger.Engine // that count; the first one's numbers are the trace's
	Missing ledger.Missing
	Unheld  string // why what no hook saw copied may have been copied all the same; "" if it was not
}

// Attach attaches what was loaded. On an error nothing stays attached.
func (t *Tracer) Attach() (*Attached, error) {
	for i := range t.hooks {
		h := &t.hooks[i]
		if h.prog == nil {
			continue
		}
		var err error
		if h.held, err = t.attach(h); err != nil {
			h.held = nil
			t.Detach()
			if r, ok := errors.AsType[*refusal](err); ok {
				return nil, &fault.Error{Kind: fault.Unsupported, What: fmt.Sprintf("attach %s: %s", h.name(), r.reason), Remedy: r.remedy}
			}
			return nil, fmt.Errorf("attach %s: %w", h.name(), err)
		}
		skipped, err := h.skipped()
		if err != nil {
			t.Detach()
			return nil, err
		}
		h.skips = missCount{before: skipped}
	}
	return &Attached{Hooks: t.describe(), Engines: t.engines, Missing: t.missing(), Unheld: unheldHere(t.engines)}, nil
}

func (t *Tracer) attach(h *loadedHook) (io.Closer, error) {
	switch h.kind {
	case PerfEvent:
		return attachToPerfEvent(h.prog, h.target)
	case Tracepoint:
		return link.AttachTracing(link.TracingOptions{Program: h.prog, AttachType: ebpf.AttachTraceRawTp})
	case BreakpointHook:
		b, err := setBreakpoint(h.prog, h.Hook)
		if err != nil {
			return nil, err
		}
		t.breakpoints = append(t.breakpoints, b)
		return b, nil
	}
	return link.AttachTracing(link.TracingOptions{Program: h.prog})
}

// Detach stops counting. The cells keep what they hold.
func (t *Tracer) Detach() {
	for i := range t.hooks {
		if h := &t.hooks[i]; h.held != nil {
			h.held.Close()
			h.held = nil
		}
	}
	t.breakpoints, t.settled, t.missedHits, t.unwatchedCPUs = nil, false, 0, 0
	clear(t.states[:])
}

// Close detaches and unloads everything.
func (t *Tracer) Close() {
	t.Detach()
	t.cells.unmap()
	t.collection.Close()
}

// MarkersSeen is memory, for a worker to map, that has for each slot a uint32 with the last marker that was seen. It is
// nil where none can be missed: programs at perf's events are skipped while a process is preempted in an operation
// of bpf(2) on a map on the same CPU (kernel/trace/bpf_trace.c: trace_call_bpf).
func (t *Tracer) MarkersSeen() (*os.File, error) {
	if !t.hasPerfEvents(ledger.Syscalls) {
		return nil, nil
	}
	fd, err := unix.FcntlInt(uintptr(t.collection.Maps[".data.seen"].FD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the map of markers: %w", err)
	}
	return os.NewFile(uintptr(fd), "markers seen"), nil
}

// describe says what is attached and why not, as the trace has it.
func (t *Tracer) describe() []trace.Hook {
	var out []trace.Hook
	for i := range t.hooks {
		h := &t.hooks[i]
		th := trace.Hook{Name: h.name(), Counter: h.Counter, Attached: h.held != nil, Provenance: trace.Observed, Reason: h.why}
		if h.err != nil {
			th.Provenance = trace.Unavailable
			th.Reason = h.err.Error()
		}
		out = append(out, th)
	}
	for _, h := range t.unwanted {
		reason := "not needed for this run"
		if why, ok := t.refused[h.Engine]; ok {
			reason = why
		}
		out = append(out, trace.Hook{Name: h.Name(), Counter: h.Counter, Provenance: trace.Unavailable, Reason: reason})
	}
	return out
}

// missing is what the ledger goes without.
func (t *Tracer) missing() ledger.Missing {
	why := map[string]string{} // by program
	for _, h := range t.unwanted {
		switch refused, ok := t.refused[h.Engine]; {
		case h.copies(): // nobody can copy there in this run, or its engine does not count
		case ok:
			why[h.Program] = "it needs engine " + string(h.Engine) + ": " + refused
		default:
			why[h.Program] = h.Name() + " was not asked for"
		}
	}
	for i := range t.hooks {
		if h := &t.hooks[i]; h.err != nil && !errors.Is(h.err, errNobody) {
			why[h.Program] = h.name() + ": " + h.err.Error()
		}
	}
	return lacking(Hooks, why)
}

const btfPath = "/sys/kernel/btf/vmlinux"

// checkFiles looks for what the kernel tells of itself in files.
func checkFiles() error {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		return &fault.Error{Kind: fault.Unsupported, What: "/proc is not mounted, where the kernel tells about processes and their files", Remedy: "mount -t proc proc /proc"}
	}
	if _, err := os.Stat("/sys/kernel"); errors.Is(err, fs.ErrNotExist) {
		return &fault.Error{Kind: fault.Unsupported, What: "/sys is not mounted, where the kernel tells about its data structures (" + btfPath + ") and devices", Remedy: "mount -t sysfs sysfs /sys"}
	}
	if _, err := os.Stat(btfPath); errors.Is(err, fs.ErrNotExist) {
		return &fault.Error{
			Kind:   fault.Unsupported,
			What:   "this kernel has no BTF (" + btfPath + "), which zctrace needs to know its data structures",
			Remedy: "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y; every current distribution kernel is",
		}
	}
	return nil
}
