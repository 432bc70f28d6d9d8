//go:build linux

package tracer

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// Programs says how many of a program's threads and processes get cells of their own. Beyond that totals stay exact,
// and what is split among threads and processes does not.
type Programs struct {
	Threads   uint32 // that are alive at once
	Processes uint32 // that are alive at once, or have ended and were not read yet
}

// DefaultPrograms take some 40 MiB.
var DefaultPrograms = Programs{Threads: 4096, Processes: 1024}

// sizeMaps makes room for programs, if any are to be followed.
func sizeMaps(spec *ebpf.CollectionSpec, p *Programs) {
	if p == nil {
		return
	}
	spec.Maps[bpf.ObjectMapThreads].MaxEntries = max(1, p.Threads)
	spec.Maps[bpf.ObjectMapProcesses].MaxEntries = 1 + p.Processes // the first is shared by those that find no other
}

// programCells are the cells of programs, in memory that the eBPF programs write.
type programCells struct {
	threads   []bpf.ObjectThread
	processes []bpf.ObjectProcess
	following *bpf.ObjectFollowing
	mapped    [][]byte
	copies    map[uint64]*ledger.Process // those that lived at the last snapshot, by their IDs
}

func mapCells(c *ebpf.Collection) (*programCells, error) {
	p := &programCells{}
	add := func(name string) (unsafe.Pointer, int, error) {
		m := c.Maps[name]
		size := int(m.ValueSize()) * int(m.MaxEntries())
		page := os.Getpagesize()
		memory, err := unix.Mmap(m.FD(), 0, (size+page-1)/page*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return nil, 0, fmt.Errorf("map the cells of %s: %w", name, err)
		}
		p.mapped = append(p.mapped, memory)
		return unsafe.Pointer(&memory[0]), int(m.MaxEntries()), nil
	}
	threads, nThreads, err1 := add(bpf.ObjectMapThreads)
	processes, nProcesses, err2 := add(bpf.ObjectMapProcesses)
	following, _, err3 := add(bpf.ObjectMapTree)
	if err := errors.Join(err1, err2, err3); err != nil {
		p.unmap()
		return nil, err
	}
	p.threads = unsafe.Slice((*bpf.ObjectThread)(threads), nThreads)
	p.processes = unsafe.Slice((*bpf.ObjectProcess)(processes), nProcesses)
	p.following = (*bpf.ObjectFollowing)(following)
	p.following.Processes.Fresh = 1 // see sizeMaps
	return p, nil
}

func (p *programCells) unmap() {
	if p == nil {
		return
	}
	for _, memory := range p.mapped {
		_ = unix.Munmap(memory)
	}
	p.mapped = nil
}

// Follow has the process count from its next execve on that succeeds, with all that it starts. The number is that of
// this process's pid namespace.
func (t *Tracer) Follow(pid int) error {
	var namespace unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &namespace); err != nil {
		return fmt.Errorf("look up the pid namespace: %w", err)
	}
	atomic.StoreUint64(&t.cells.following.Namespace, namespace.Ino)
	atomic.StoreUint64(&t.cells.following.Target, uint64(pid))
	return nil
}
