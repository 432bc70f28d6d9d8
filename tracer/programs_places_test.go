//go:build linux

package tracer

import (
	"testing"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// While threads end all the time a snapshot is tried again and again, and takes long where many processes live. Those that end
// meanwhile make room for others, each is told once, and as what it is in the end.
func TestEndedMakeRoomMeanwhile(t *testing.T) {
	oncePerMachine(t)
	p := &programCells{processes: make([]bpf.ObjectProcess, 2), following: &bpf.ObjectFollowing{FoldsBegun: 1}} // one is under way
	p.following.Processes.Fresh = 2
	place, ids := &p.processes[1], uint64(0)
	alive, ended := p.copyAll(func() []*ledger.Process {
		if place.State != uint64(bpf.ObjectProcessStateNO_PROCESS) {
			t.Fatalf("process %d has ended and no other one finds a place", place.Id)
		}
		ids++
		*place = bpf.ObjectProcess{State: uint64(bpf.ObjectProcessStateALIVE), Id: ids}
		list := p.copyAlive()
		place.State = uint64(bpf.ObjectProcessStateENDED)
		return list
	})
	if len(alive) != 0 || ids < 2 || uint64(len(ended)) != ids {
		t.Errorf("%d live and %d of %d have ended", len(alive), len(ended), ids)
	}
	for i, e := range ended {
		if e.ID != uint64(i+1) {
			t.Errorf("process %d is told in place of %d", e.ID, i+1)
		}
	}
}
