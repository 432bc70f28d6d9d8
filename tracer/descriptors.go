//go:build linux

package tracer

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// spareDescriptors are for what a run opens besides programs, links and maps: BTF,
// probes, the source, the sink, and for each worker its pipes, a socket and a page.
const spareDescriptors = 32

// CheckStart finds out whether there are some descriptors at all. Go's runtime dies
// where it gets none for its poller, which it makes at the first timer or file; so this
// is for a program's start, and uses neither.
func CheckStart() error {
	const some = 8
	for range some {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
		switch {
		case err == nil:
			defer unix.Close(fd)
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.EINVAL): // EINVAL: none are allowed
			var limit unix.Rlimit
			_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
			return tooFew(fmt.Sprintf("not even %d can be opened", some), limit.Cur, 2*len(Hooks)+spareDescriptors)
		}
	}
	return nil
}

// checkDescriptors finds out before the kernel says EMFILE, which in the middle of a
// load looks to the eBPF library like a kernel that lacks a feature.
func checkDescriptors(needed int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil // then the kernel says it
	}
	open, _ := os.ReadDir("/proc/self/fd") // which may be one too many already
	if needed += spareDescriptors + len(open); uint64(needed) > limit.Cur {
		return tooFew(fmt.Sprintf("some %d are needed", needed), limit.Cur, needed)
	}
	return nil
}

func tooFew(what string, limit uint64, enough int) error {
	return &fault.Error{
		Kind:   fault.Unsupported,
		What:   fmt.Sprintf("too few open files are allowed: %s, and the limit is %d", what, limit),
		Remedy: fmt.Sprintf("raise it: ulimit -n %d", enough),
	}
}

// outOfDescriptors says so if that is what the error is. How many a run takes is not known
// yet, so it says how many all the hooks would.
func outOfDescriptors(err error) error {
	if !errors.Is(err, unix.EMFILE) {
		return nil
	}
	return checkDescriptors(2 * len(Hooks))
}

// descriptors are what the programs, their links and the maps take.
func (t *Tracer) descriptors(programs, maps int) int {
	n := 2*programs + maps
	cpus, err := OnlineCPUs()
	for _, h := range t.hooks {
		if h.Kind == BreakpointHook && h.target != "" && err == nil {
			n += 2 * len(cpus) // an event and a link on each
		}
	}
	return n
}
