package tracer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Tracer holds the loaded programs. Its zero value is not usable; see [Open].
type Tracer struct {
	hooks      []loadedHook
	unwanted   []Hook // the run has no use for them
	collection *ebpf.Collection
}

type loadedHook struct {
	Hook
	prog *ebpf.Program // nil: not loaded, because of err
	link link.Link     // nil: not attached
	err  error
}

// An UnsupportedError says that this machine, or the caller's rights, do not
// allow tracing, and what would.
type UnsupportedError struct {
	What   string // and why
	Remedy string
}

func (e *UnsupportedError) Error() string { return e.What + "\n" + e.Remedy }

// Open loads the programs that the options ask for; [Tracer.Attach] makes them
// count. A hook that this kernel lacks costs only its own counter; an
// [UnsupportedError] says that the main job cannot be done.
func Open(opts Options) (*Tracer, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	return open(Hooks, opts)
}

// Supported says, with an [UnsupportedError], whether this kernel and the caller's
// rights allow tracing at all.
func Supported() error {
	if err := checkBTF(); err != nil {
		return err
	}
	return checkCapabilities()
}

func open(hooks []Hook, opts Options) (*Tracer, error) {
	spec, err := bpf.LoadObject()
	if err != nil {
		return nil, fmt.Errorf("read the embedded eBPF object: %w", err)
	}
	if err := fillConstants(spec, opts); err != nil {
		return nil, err
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("read the kernel's BTF: %w", err)
	}
	t := &Tracer{}
	programs := map[string]*ebpf.ProgramSpec{}
	for _, h := range hooks {
		if h.wanted != nil && !h.wanted(opts) {
			t.unwanted = append(t.unwanted, h)
			continue
		}
		absent := h.absent(kernel)
		if absent == nil {
			programs[h.Program] = spec.Programs[h.Program]
		} else if h.Required {
			return nil, fmt.Errorf("load %s: %w", h.Name(), absent)
		}
		t.hooks = append(t.hooks, loadedHook{Hook: h, err: absent})
	}
	spec.Programs = programs
	if t.collection, err = ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		Programs: ebpf.ProgramOptions{KernelTypes: kernel},
	}); err != nil {
		return nil, fmt.Errorf("load the eBPF programs: %w", err)
	}
	for i := range t.hooks {
		t.hooks[i].prog = t.collection.Programs[t.hooks[i].Program]
	}
	return t, nil
}

var errAbsent = errors.New("this kernel has no such tracepoint")

// absent says why the kernel has no such hook; nil when it has it.
func (h Hook) absent(kernel *btf.Spec) error {
	if _, err := kernel.AnyTypeByName("btf_trace_" + h.Program); !errors.Is(err, btf.ErrNotFound) {
		return err
	}
	if h.X86Only && runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: x86 only", errAbsent)
	}
	return errAbsent
}

func fillConstants(spec *ebpf.CollectionSpec, opts Options) error {
	var table [512]bpf.ObjectCall // CALLS in bpf/cells.h; Set checks the size
	for _, c := range calls {
		table[c.nr] = c.ObjectCall
	}
	for name, value := range map[string]any{
		bpf.ObjectVarCalls:    table,
		bpf.ObjectVarPageSize: uint64(os.Getpagesize()),
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

// Attach attaches what was loaded. On an error nothing stays attached.
func (t *Tracer) Attach() error {
	for i := range t.hooks {
		h := &t.hooks[i]
		if h.prog == nil {
			continue
		}
		l, err := link.AttachTracing(link.TracingOptions{Program: h.prog, AttachType: ebpf.AttachTraceRawTp})
		if err != nil {
			t.Detach()
			return fmt.Errorf("attach %s: %w", h.Name(), err)
		}
		h.link = l
	}
	return nil
}

// Detach stops counting. The cells keep what they hold.
func (t *Tracer) Detach() {
	for i := range t.hooks {
		if h := &t.hooks[i]; h.link != nil {
			h.link.Close()
			h.link = nil
		}
	}
}

// Close detaches and unloads everything.
func (t *Tracer) Close() {
	t.Detach()
	t.collection.Close()
}

// Hooks says what is attached and why not, as the trace has it.
func (t *Tracer) Hooks() []trace.Hook {
	var out []trace.Hook
	for _, h := range t.hooks {
		th := trace.Hook{Name: h.Name(), Counter: h.Counter, Attached: h.link != nil, Provenance: h.Provenance}
		if h.err != nil {
			th.Provenance = trace.Unavailable
			th.Reason = h.err.Error()
		}
		out = append(out, th)
	}
	for _, h := range t.unwanted {
		out = append(out, trace.Hook{Name: h.Name(), Counter: h.Counter, Provenance: trace.Unavailable, Reason: "not needed for this run"})
	}
	return out
}

// Missing says which counters have no hook.
func (t *Tracer) Missing() Missing {
	why := map[string]string{}
	for _, h := range Hooks {
		why[h.Program] = h.Name() + " was not asked for"
	}
	for _, h := range t.hooks {
		why[h.Program] = ""
		if h.err != nil {
			why[h.Program] = h.Name() + ": " + h.err.Error()
		}
	}
	return Missing{
		Latency:         why[bpf.ObjectProgSysEnter],
		ContextSwitches: why[bpf.ObjectProgSchedSwitch],
		UserFaults:      why[bpf.ObjectProgPageFaultUser],
		SocketCopies:    why[bpf.ObjectProgSkbCopyDatagramIovec],
		PageCache:       why[bpf.ObjectProgMmFilemapAddToPageCache],
		Disk:            why[bpf.ObjectProgBlockBioQueue],
	}
}

// recursionMisses are events that the kernel dropped because the same program
// was already running on that CPU.
func (t *Tracer) recursionMisses() (int64, error) {
	var sum int64
	for _, h := range t.hooks {
		if h.prog == nil {
			continue
		}
		stats, err := h.prog.Stats()
		if err != nil {
			return 0, fmt.Errorf("read the misses of %s: %w", h.Name(), err)
		}
		sum += int64(stats.RecursionMisses)
	}
	return sum, nil
}

const btfPath = "/sys/kernel/btf/vmlinux"

func checkBTF() error {
	if _, err := os.Stat(btfPath); errors.Is(err, fs.ErrNotExist) {
		return &UnsupportedError{
			What:   "this kernel has no BTF (" + btfPath + "), which zctrace needs to know its data structures",
			Remedy: "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y; every current distribution kernel is",
		}
	}
	return nil
}

// checkCapabilities says what is missing before the kernel says EPERM.
func checkCapabilities() error {
	missing, err := missingCapabilities()
	if err == nil && len(missing) > 0 {
		err = &UnsupportedError{
			What:   "no permission to load eBPF programs: " + strings.Join(missing, " and ") + " missing",
			Remedy: "run it with sudo",
		}
	}
	return err
}

var neededCapabilities = []struct {
	name string
	bit  uint
}{
	{"CAP_BPF", unix.CAP_BPF},
	{"CAP_PERFMON", unix.CAP_PERFMON},
}

// missingCapabilities lists those of the needed ones that are not effective;
// CAP_SYS_ADMIN stands for both (capabilities(7)).
func missingCapabilities() ([]string, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil, fmt.Errorf("read this process's capabilities: %w", err)
	}
	has := func(bit uint) bool { return data[bit/32].Effective>>(bit%32)&1 == 1 }
	if has(unix.CAP_SYS_ADMIN) {
		return nil, nil
	}
	var missing []string
	for _, c := range neededCapabilities {
		if !has(c.bit) {
			missing = append(missing, c.name)
		}
	}
	return missing, nil
}
