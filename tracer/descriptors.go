//go:build linux

package tracer

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// spareDescriptors are for what a run opens besides programs, links and maps: BTF,
// probes, the source, the sink, and for each worker pipes, a socket and a page.
const spareDescriptors = 32

// checkDescriptors finds out before the kernel says EMFILE: in the middle of a load
// that looks to the eBPF library like a kernel that lacks a feature.
func checkDescriptors(needed int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil // then the kernel says it
	}
	open, _ := os.ReadDir("/proc/self/fd") // which may be one too many already
	if needed += spareDescriptors + len(open); uint64(needed) > limit.Cur {
		return &UnsupportedError{
			What:   fmt.Sprintf("too few open files are allowed: some %d are needed, and the limit is %d", needed, limit.Cur),
			Remedy: fmt.Sprintf("raise it: ulimit -n %d", needed),
		}
	}
	return nil
}

// outOfDescriptors says so if that is what the error is, before it is known how many
// it takes: that is what all the hooks would.
func outOfDescriptors(err error) error {
	if !errors.Is(err, unix.EMFILE) {
		return nil
	}
	return checkDescriptors(2 * len(Hooks))
}

// descriptors are what the programs, their links and the maps take.
func (t *Tracer) descriptors(programs, maps int) int {
	n := 2*programs + maps
	cpus, err := onlineCPUs()
	for _, h := range t.hooks {
		if h.Kind == BreakpointHook && h.target != "" && err == nil {
			n += 2 * len(cpus) // an event and a link on each
		}
	}
	return n
}
