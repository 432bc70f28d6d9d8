//go:build linux

package tracer

import (
	"errors"
	"fmt"
	"os"
	"slices"
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

// Programs copies what was counted of programs. Each process that has ended is in one of the snapshots, whole, and in
// no later one: who adds those up has all.
func (t *Tracer) Programs() (*ledger.ProgramSnapshot, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return nil, fmt.Errorf("read the clock: %w", err)
	}
	s := &ledger.ProgramSnapshot{NowNS: uint64(now.Nano()), BlindUnknown: !t.watchesBlind}
	s.Alive, s.Ended = t.cells.copyAll(t.cells.copyAlive)
	s.Following = *t.cells.following
	for i := range t.hooks {
		h := &t.hooks[i]
		if h.prog == nil || h.kind == BreakpointHook || t.loaded(h.Replaces) {
			continue
		}
		skipped, err := h.skipped()
		if err != nil {
			return nil, err
		}
		s.Missed = append(s.Missed, ledger.Misses{Index: i, Hook: h.name(), Feeds: h.Feeds, Kind: h.misses(), Events: h.skips.note(skipped, false)})
	}
	var err error
	s.BreakpointMisses, s.UnwatchedCPUs, err = t.breakpointLosses(false)
	return s, err
}

// Ended takes what was counted of processes that have ended, as [Tracer.Programs] does, and nothing else: places become
// free for others. alive is how many processes there are besides.
func (t *Tracer) Ended() (ended []*ledger.Process, alive int) {
	known := t.cells.known()
	for i := range known {
		if atomic.LoadUint64(&known[i].State) == uint64(bpf.ObjectProcessStateALIVE) || i == 0 && atomic.LoadUint64(&known[i].Alive) > 0 {
			alive++
		}
	}
	return t.cells.takeEnded(), alive
}

func (p *programCells) known() []bpf.ObjectProcess {
	return p.processes[:min(uint64(len(p.processes)), atomic.LoadUint64(&p.following.Processes.Fresh))]
}

// copyAll copies those that live, at a moment at which no thread's sums are between it and its process, and takes those that have
// ended. Each try takes a while where many live: who ends meanwhile makes room for others.
func (p *programCells) copyAll(copyAlive func() []*ledger.Process) (alive, ended []*ledger.Process) {
	const tries = 100 // while threads end all the time
	for range tries {
		ended = append(ended, p.takeEnded()...)
		before := atomic.LoadUint64(&p.following.FoldsBegun)
		steady := before == atomic.LoadUint64(&p.following.FoldsEnded)
		alive = copyAlive()
		if steady && before == atomic.LoadUint64(&p.following.FoldsBegun) {
			break
		}
	}
	ended = append(ended, p.takeEnded()...)
	return slices.DeleteFunc(alive, func(q *ledger.Process) bool {
		return slices.ContainsFunc(ended, func(e *ledger.Process) bool { return e.ID == q.ID }) // which has ended since
	}), ended
}

// takeEnded takes the cells of processes that have ended, and gives their places back.
func (p *programCells) takeEnded() (ended []*ledger.Process) {
	known := p.known()
	for i := range known {
		c := &known[i]
		if atomic.LoadUint64(&c.State) != uint64(bpf.ObjectProcessStateENDED) {
			continue
		}
		ended = append(ended, ledger.NewProcess(c))
		*c = bpf.ObjectProcess{}
		for {
			head := atomic.LoadUint64(&p.following.Processes.Free)
			c.Next = head & 0xffffffff
			if atomic.CompareAndSwapUint64(&p.following.Processes.Free, head, (head>>32+1)<<32|uint64(i+1)) {
				break
			}
		}
	}
	return ended
}

// copyAlive copies the cells of processes that live, with those of their threads, and of those that share a place.
func (p *programCells) copyAlive() (alive []*ledger.Process) {
	known := p.known()
	of := make([]*ledger.Process, len(known))
	for i := range known {
		if i == 0 && p.following.NoProcess > 0 || known[i].State == uint64(bpf.ObjectProcessStateALIVE) {
			of[i] = ledger.NewProcess(&known[i])
			alive = append(alive, of[i])
		}
	}
	threads := p.threads[:min(uint64(len(p.threads)), atomic.LoadUint64(&p.following.Threads.Fresh))]
	for i := range threads {
		t := &threads[i]
		if n := t.Process; n > 0 && int(n) <= len(of) && of[n-1] != nil {
			of[n-1].AddThread(t)
		}
	}
	return alive
}
