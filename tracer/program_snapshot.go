//go:build linux

package tracer

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// How long a process is tried again that changes whenever it is read, as when threads of its end all the time, or one is switched
// out while it does. What the last snapshot does not have nobody will.
const (
	livePatience = 10 * time.Millisecond
	lastPatience = time.Second
)

// Programs copies what was counted of programs. Each process that has ended is in one of the snapshots, whole, and in
// no later one: who adds those up has all. One that lives is told as it was at one moment; if that could not be had, which the last
// snapshot waits longer for, as it was in the one before.
func (t *Tracer) Programs(last bool) (*ledger.ProgramSnapshot, error) {
	patience := livePatience
	if last {
		patience = lastPatience
	}
	s := &ledger.ProgramSnapshot{BlindUnknown: !t.watchesBlind}
	s.Alive, s.Ended, s.Unsteady = t.cells.copyAll(within(patience))
	s.Following = *t.cells.following
	var now unix.Timespec // when all that was copied had begun
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return nil, fmt.Errorf("read the clock: %w", err)
	}
	s.NowNS = uint64(now.Nano())
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
// free for others. Unless any process lives besides, these were the last ones.
func (t *Tracer) Ended() (ended []*ledger.Process, alive bool) {
	f := t.cells.following
	over := atomic.LoadUint64(&f.ThreadsEnded) // first: a thread that is made has begun before its maker ends
	alive = atomic.LoadUint64(&f.ThreadsBegun) != over
	return t.cells.takeEnded(), alive
}

func (p *programCells) known() []bpf.ObjectProcess {
	return p.processes[:min(uint64(len(p.processes)), atomic.LoadUint64(&p.following.Processes.Fresh))]
}

// within waits a little, and says whether some time is left.
func within(d time.Duration) (again func() bool) {
	end := time.Now().Add(d)
	return func() bool {
		time.Sleep(50 * time.Microsecond)
		return time.Now().Before(end)
	}
}

// processAt is where the cells of a process are that lives.
type processAt struct {
	index int
	id    uint64
}

// copyAll copies those that live, each at one moment, and takes those that have ended. A process that changes while it is copied is
// tried again, and no other one, as long as again says so; who ends meanwhile makes room for others. For those that never held still, which
// unsteady counts, stands what was copied of them before, if anything was.
func (p *programCells) copyAll(again func() bool) (alive, ended []*ledger.Process, unsteady int64) {
	places := p.living()
	copies := make(map[uint64]*ledger.Process, len(places))
	for left := slices.Clone(places); ; {
		left = p.copySteady(left, copies)
		now := p.takeEnded()
		ended = append(ended, now...)
		over := func(at processAt) bool { // maybe after it was copied
			return slices.ContainsFunc(now, func(e *ledger.Process) bool { return e.ID == at.id })
		}
		places, left = slices.DeleteFunc(places, over), slices.DeleteFunc(left, over)
		if len(left) == 0 || !again() {
			unsteady = int64(len(left))
			break
		}
	}
	before := p.copies
	p.copies = make(map[uint64]*ledger.Process, len(places))
	for _, at := range places {
		q := copies[at.id]
		if q == nil {
			q = before[at.id]
		}
		if q != nil {
			alive = append(alive, q)
			p.copies[at.id] = q
		}
	}
	return alive, ended, unsteady
}

// living are those that live, and those that share a place.
func (p *programCells) living() (places []processAt) {
	known := p.known()
	for i := range known {
		if i == 0 && atomic.LoadUint64(&p.following.NoProcess) > 0 || atomic.LoadUint64(&known[i].State) == uint64(bpf.ObjectProcessStateALIVE) {
			places = append(places, processAt{i, known[i].Id})
		}
	}
	return places
}

// copySteady copies the cells of these, with those of their threads, and returns the places of those that changed meanwhile.
func (p *programCells) copySteady(places []processAt, copies map[uint64]*ledger.Process) (left []processAt) {
	threads := make([][]*bpf.ObjectThread, len(p.processes))
	used := p.threads[:min(uint64(len(p.threads)), atomic.LoadUint64(&p.following.Threads.Fresh))]
	for i := range used {
		if n := atomic.LoadUint64(&used[i].Process); n > 0 {
			threads[n-1] = append(threads[n-1], &used[i])
		}
	}
	for _, at := range places {
		if q := p.copyOne(at, threads[at.index]); q != nil {
			copies[at.id] = q
		} else {
			left = append(left, at)
		}
	}
	return left
}

// copyOne copies one of these; nil if it changed meanwhile: see begin_update in bpf/threads.bpf.h.
func (p *programCells) copyOne(at processAt, threads []*bpf.ObjectThread) *ledger.Process {
	c := &p.processes[at.index]
	begun := atomic.LoadUint64(&c.UpdatesBegun)
	if atomic.LoadUint64(&c.UpdatesEnded) != begun {
		return nil
	}
	q := ledger.NewProcess(c)
	for _, t := range threads {
		if atomic.LoadUint64(&t.Process) == uint64(at.index+1) {
			q.AddThread(t)
		}
	}
	// By an addition, for where memory is weakly ordered a mere load may be done before those above.
	if atomic.AddUint64(&c.UpdatesBegun, 0) != begun || q.EndedNS != 0 {
		return nil
	}
	return q
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
