//go:build linux

package tracer

import (
	"fmt"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
)

// A thread is found wherever its two addresses came to lie, in its system calls and in its
// context switches. Whichever places they hash to, in one of the four crowds each finds its own one free.
func TestSubjectsInACrowd(t *testing.T) {
	for crowd := range 4 {
		t.Run(fmt.Sprint(crowd), func(t *testing.T) {
			tr, s := readInACrowd(t, func(place int) bool { return (place/2+crowd)%4 != 0 })
			if losses := ledger.Losses(s, ledger.Party{}, ledger.Party{}); losses["context_switches"] != 0 {
				t.Errorf("%d context switches more or less than the kernel counted", losses["context_switches"])
			}
			c := counted(tr, s, ledger.Derived, ledger.Workload{})
			if n := c.ContextSwitches.Voluntary.Or(0); n == 0 {
				t.Error("no context switch was seen")
			}
			if n := c.Syscalls.ByName["read"].Calls; n != trace.Known(23) {
				t.Errorf("%v reads were counted, want 23", n)
			}
		})
	}
}

// Without a place for it a thread's window does not open.
func TestNoPlaceForASubject(t *testing.T) {
	tr, s := readInACrowd(t, func(int) bool { return true })
	if n := counted(tr, s, ledger.Derived, ledger.Workload{}).Syscalls.Calls; n.Known() {
		t.Errorf("%v system calls were counted", n)
	}
}

// readInACrowd reads 23 times, and sleeps, where some places of the table are taken by others.
func readInACrowd(t *testing.T, taken func(place int) bool) (*Tracer, *ledger.Snapshot) {
	t.Helper()
	tr := start(t, Options{})
	table := tr.collection.Variables[bpf.ObjectVarSubjects]
	subjects := make([]bpf.ObjectSubject, uintptr(table.Size())/unsafe.Sizeof(bpf.ObjectSubject{}))
	for place := range subjects {
		if taken(place) {
			subjects[place] = bpf.ObjectSubject{Address: 2, More: 1}
		}
	}
	if err := table.Set(subjects); err != nil {
		t.Fatal(err)
	}
	zero := openFile(t, "/dev/zero", unix.O_RDONLY)
	buf := make([]byte, 1)
	window(zero, zero, func() {
		for range 23 {
			rawRead(zero, buf)
		}
		for before := switches(t); switches(t) == before; {
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil) // on a busy machine it may be over before the thread gives up its CPU
		}
	})
	return tr, snapshot(t, tr)
}

// switches is how often this thread has given up its CPU by itself.
func switches(t *testing.T) int64 {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Nvcsw
}
