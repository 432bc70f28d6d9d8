//go:build linux

package tracer

import (
	"encoding/binary"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A CPU whose clock stands still for a moment is no CPU that lost its breakpoints; one whose clock never
// goes on is. The test's own clock is made up: a machine that is busy elsewhere for a second is neither.
func TestClockThatStops(t *testing.T) { synctest.Test(t, testClockThatStops) }

func testClockThatStops(t *testing.T) {
	event := func(times ...uint64) *breakpointEvent {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		for _, enabled := range times {
			_ = binary.Write(w, binary.NativeEndian, [2]uint64{0, enabled})
		}
		w.Close()
		return newBreakpointEvent(int(r.Fd()))
	}
	for _, test := range []struct {
		name  string
		event *breakpointEvent
		want  int64
	}{
		{"it goes on", event(1, 2), 0},
		{"it has not begun yet", event(0, 0, 1), 0},
		{"it stops for a moment", event(1, 1, 1, 1, 2), 0},
		{"it stops for good", event(slices.Repeat([]uint64{1}, 3000)...), 1}, // more than readings in a second
		{"there is none", nil, 1},
	} {
		b := &breakpoint{events: map[int]*breakpointEvent{}}
		if test.event != nil {
			b.events[0] = test.event
		}
		if got, err := countUnwatched([]*breakpoint{b}, []int{0}, 2); err != nil || got != test.want {
			t.Errorf("%s: %d CPUs unwatched, %v; want %d", test.name, got, err, test.want)
		}
	}
}

// Nor is one of a machine that stood still as a whole, when it is first looked at again.
func TestClockOfAMachineThatStops(t *testing.T) {
	oncePerMachine(t)
	e := &breakpointEvent{since: time.Now().Add(-2 * clockStops), stands: 1}
	if lost, doubtful := e.lost(); lost || !doubtful {
		t.Errorf("lost %v, doubtful %v; want false, true", lost, doubtful)
	}
}

func TestParseCPUList(t *testing.T) {
	for text, want := range map[string]int{"0": 1, "0-3": 4, "0-1,4,6-7": 5} {
		if got, err := parseCPUList(text); err != nil || len(got) != want {
			t.Errorf("%q: %v, %v; want %d CPUs", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "0-", "1,,2"} {
		if got, err := parseCPUList(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}
