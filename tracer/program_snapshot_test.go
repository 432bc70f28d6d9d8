//go:build linux

package tracer

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/tracer/ledger"
)

const endingThreads = 1000 // of takeEnds

// takeEnds has threads end all the time, some at once, each after some of the plain calls.
func takeEnds() {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range endingThreads / 4 {
				done := make(chan bool)
				go func() {
					runtime.LockOSThread() // for ever: the thread ends with this
					for _, nr := range plain[:8] {
						_, _, _ = unix.RawSyscall(uintptr(nr), 0, 0, 0)
					}
					close(done)
				}()
				<-done
			}
		})
	}
	all.Wait()
}

// While threads end all the time nothing is in a snapshot twice, nor is it missing: no number of a process falls from one to the
// next, and in the end each is what the program has made.
func TestSnapshotsWhileThreadsEnd(t *testing.T) {
	oncePerMachine(t)
	t.Setenv(asProgram, "ends")
	tr, cmd := followed(t, Options{Programs: &DefaultPrograms, Copies: ledger.Derived}, os.Args[0])
	before, snapshots, unsteady := map[bpf.ObjectCellKey]bpf.ObjectSum{}, 0, int64(0)
	byComm, s := gatherEach(t, tr, cmd, 0, func(s *ledger.ProgramSnapshot) {
		for _, p := range append(s.Ended, s.Alive...) {
			for key, had := range before {
				if has := p.Calls[key]; has.Calls < had.Calls || has.Errors < had.Errors || has.Restarted < had.Restarted {
					t.Fatalf("%s: %d calls and %d errors became %d and %d, in snapshot %d", syscalls.Name(key.Nr), had.Calls, had.Errors, has.Calls, has.Errors, snapshots)
				}
			}
			before = p.Calls
		}
		snapshots++
		unsteady += s.Unsteady
	})
	checkBalance(t, byComm, s)
	t.Logf("%d snapshots, %d threads", snapshots, s.Following.ThreadsEnded)
	if unsteady > 0 {
		t.Errorf("%d of them are not of one moment", unsteady)
	}
	for _, nr := range plain[:8] {
		var made uint64
		for key, c := range before {
			if key.Nr == nr {
				made += c.Calls
			}
		}
		if made != endingThreads {
			t.Errorf("%d calls of %s, want %d", made, syscalls.Name(nr), endingThreads)
		}
	}
}

// A snapshot of many processes does not have to wait for a moment at which none of all ends.
func TestSnapshotsBesideForks(t *testing.T) {
	oncePerMachine(t)
	const sleepers = 200
	const script = "pids=; for i in $(seq 200); do sleep 600 & pids=\"$pids $!\"; done; for i in 1 2; do (while :; do /bin/true; done) & pids=\"$pids $!\"; done; echo ready; read go; kill $pids"
	tr := start(t, Options{Programs: &DefaultPrograms, Copies: ledger.Derived})
	told(t, tr, func() {
		const snapshots = 20
		all := 0
		for range snapshots {
			begin, tries, again := time.Now(), 1, within(lastPatience)
			alive, _, unsteady := tr.cells.copyAll(func() bool { tries++; return again() })
			t.Logf("%d tries in %v of %d processes", tries, time.Since(begin), len(alive))
			if unsteady > 0 || len(alive) < sleepers {
				t.Errorf("%d of %d processes are not told as of one moment", unsteady, len(alive))
			}
			all += tries
		}
		if all > 3*snapshots {
			t.Errorf("%d tries", all)
		}
	}, "sh", "-c", script)
}
