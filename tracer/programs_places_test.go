//go:build linux

package tracer

import (
	"maps"
	"testing"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// cells are those of so many processes that live, each with a place and one call, and of as many threads as are given.
func cells(processes int, threads ...bpf.ObjectThread) *programCells {
	p := &programCells{processes: make([]bpf.ObjectProcess, 1+processes), threads: threads, following: &bpf.ObjectFollowing{}}
	p.following.Processes.Fresh, p.following.Threads.Fresh = uint64(len(p.processes)), uint64(len(threads))
	for i := range processes {
		p.processes[1+i] = bpf.ObjectProcess{State: uint64(bpf.ObjectProcessStateALIVE), Id: uint64(1 + i)}
		p.processes[1+i].Calls[0] = called(1)
	}
	return p
}

func called(times uint64) bpf.ObjectSum {
	return bpf.ObjectSum{State: uint64(bpf.ObjectClaimREADY), Calls: times}
}

// calls are how often they were called, by the processes' IDs.
func calls(alive []*ledger.Process) map[uint64]uint64 {
	n := map[uint64]uint64{}
	for _, p := range alive {
		n[p.ID] = 0
		for _, c := range p.Calls {
			n[p.ID] += c.Calls
		}
	}
	return n
}

// While a process never holds still it is tried again and again, which takes long. Those that end meanwhile make room for others, each is told
// once, and as what it is in the end.
func TestEndedMakeRoomMeanwhile(t *testing.T) {
	oncePerMachine(t)
	p := cells(2)
	p.processes[1].UpdatesBegun = 1 // one is under way
	place, tries, last := &p.processes[2], 0, uint64(2)
	alive, ended, unsteady := p.copyAll(func() bool {
		if tries++; tries == 1 {
			place.State = uint64(bpf.ObjectProcessStateENDED) // which lived at the first try
			return true
		}
		if place.State != uint64(bpf.ObjectProcessStateNO_PROCESS) {
			t.Fatalf("process %d has ended and no other one finds a place", place.Id)
		}
		if tries == 5 {
			return false
		}
		last++
		*place = bpf.ObjectProcess{State: uint64(bpf.ObjectProcessStateENDED), Id: last}
		return true
	})
	if len(alive) != 0 || unsteady != 1 || uint64(len(ended)) != last-1 {
		t.Errorf("%d live, %d are unsteady, and %d of %d have ended", len(alive), unsteady, len(ended), last-1)
	}
	for i, e := range ended {
		if e.ID != uint64(2+i) {
			t.Errorf("process %d is told in place of %d", e.ID, 2+i)
		}
	}
}

// A process is copied when no sum is between one of its threads and it, else as it was before, and not at all if it was not yet
// copied. Nobody waits for it to copy the others.
func TestCopiedAtOneMoment(t *testing.T) {
	oncePerMachine(t)
	thread := bpf.ObjectThread{Process: 2} // of process 1
	thread.Calls[3] = called(10)
	p := cells(2, thread)
	never := func() bool { return false }
	check := func(when string, again func() bool, want map[uint64]uint64, wantUnsteady int64) {
		t.Helper()
		alive, _, unsteady := p.copyAll(again)
		if got := calls(alive); !maps.Equal(got, want) || unsteady != wantUnsteady {
			t.Errorf("%s: calls %v and %d unsteady, want %v and %d", when, got, unsteady, want, wantUnsteady)
		}
	}
	one, two := &p.processes[1], &p.processes[2]
	two.UpdatesBegun = 1
	check("before anything is known of the second", never, map[uint64]uint64{1: 11}, 1)
	two.UpdatesEnded = 1
	check("when nothing changes", never, map[uint64]uint64{1: 11, 2: 1}, 0)
	one.UpdatesBegun++
	one.Calls[0].Calls += 10 // and so in both
	two.Calls[0].Calls++
	check("while the thread ends", never, map[uint64]uint64{1: 11, 2: 2}, 1)
	tries := 0
	check("until it has ended", func() bool {
		if tries++; tries == 2 {
			p.threads[0] = bpf.ObjectThread{}
			one.UpdatesEnded++
		}
		two.Calls[0].Calls++ // which was copied
		return true
	}, map[uint64]uint64{1: 11, 2: 2}, 0)
	check("after that", never, map[uint64]uint64{1: 11, 2: 4}, 0)
}

// Whoever makes another one begins it before it ends itself, so that there is no moment at which none lives, and none is overlooked
// that gets its place meanwhile.
func TestAliveBetweenPlaces(t *testing.T) {
	oncePerMachine(t)
	tr := &Tracer{cells: cells(1)}
	tr.cells.processes[1].State = uint64(bpf.ObjectProcessStateENDED)
	tr.cells.following.ThreadsBegun, tr.cells.following.ThreadsEnded = 2, 1
	if ended, alive := tr.Ended(); len(ended) != 1 || !alive {
		t.Errorf("%d have ended, others live: %v", len(ended), alive)
	}
	tr.cells.following.ThreadsEnded = 2
	if ended, alive := tr.Ended(); len(ended) != 0 || alive {
		t.Errorf("%d have ended, others live: %v", len(ended), alive)
	}
}
