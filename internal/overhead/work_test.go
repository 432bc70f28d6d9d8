//go:build linux

package main

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The programs make the calls that they are there for, and count them: that many in each round, and one
// for the answer of a batch; and in all pieces but the first the one that began it.
func TestWorks(t *testing.T) {
	exact := map[string][2]int64{
		"read+write 512 B, /dev/zero to /dev/null": {2 * batch, 0},
		"read+write 4 KiB, TCP":                    {2*batch + 1, 0},
		"read+write 64 KiB, TCP":                   {2*batch + 1, 0},
		"ping-pong 64 B, unix":                     {2 * batch, 2 * batch},
	}
	for _, w := range works {
		t.Run(w.name, func(t *testing.T) {
			// Nor do signals preempt it where it is traced (see start in peer.go): one would cut a write short.
			p, err := w.start(func() error {
				return unix.PthreadSigmask(unix.SIG_BLOCK, &unix.Sigset_t{Val: [16]uint64{1 << (unix.SIGURG - 1)}}, nil)
			})
			if err != nil {
				t.Fatal(err)
			}
			defer p.close()
			for piecesBefore := range int64(2) {
				d, err := p.do(piece{Cookie: 1, NS: (5 * time.Millisecond).Nanoseconds()})
				if err != nil {
					t.Fatal(err)
				}
				batches := int64(len(d.BatchNS))
				if batches < 1 {
					t.Fatal("not a single batch")
				}
				for role, n := range exact[w.name] {
					if n != 0 && d.Calls[role] != n*batches+piecesBefore {
						t.Errorf("%d calls of thread %d in %d batches, want %d in each", d.Calls[role], role, batches, n)
					}
				}
				for _, ns := range d.BatchNS {
					if ns <= 0 {
						t.Errorf("a batch took %d ns", ns)
					}
				}
			}
		})
	}
}

func TestQuiet(t *testing.T) {
	var took []float64
	for i := range 200 {
		took = append(took, float64(200-i))
	}
	if q := quiet(took); q != 11 {
		t.Errorf("the 5 %% quantile of 1 to 200 is %v, want the first above 10", q)
	}
	if q := quiet(nil); q != 0 {
		t.Errorf("nothing was measured: %v", q)
	}
}
