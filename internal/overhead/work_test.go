//go:build linux

package main

import (
	"testing"
	"time"
)

// The programs make the calls that they are there for, and count them: that many in each round, and
// the receiver one more for the end of file.
func TestWorks(t *testing.T) {
	exact := map[string][2]int64{
		"read+write 512 B, /dev/zero to /dev/null": {2, 0},
		"read+write 4 KiB, TCP":                    {2, 0},
		"read+write 64 KiB, TCP":                   {2, 0},
		"ping-pong 64 B, unix":                     {2, 2},
	}
	for _, w := range works {
		t.Run(w.name, func(t *testing.T) {
			d, err := w.run(0, 10*time.Millisecond, func() error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if d.Rounds < 1 {
				t.Fatal("not a single round")
			}
			each := exact[w.name]
			if n := each[0]; n != 0 && d.Calls[0] != n*d.Rounds {
				t.Errorf("%d calls of the sender in %d rounds, want %d in each", d.Calls[0], d.Rounds, n)
			}
			if n := each[1]; n != 0 && d.Calls[1] != n*d.Rounds+1 {
				t.Errorf("%d calls of the receiver in %d rounds, want %d in each and one more", d.Calls[1], d.Rounds, n)
			}
		})
	}
}
