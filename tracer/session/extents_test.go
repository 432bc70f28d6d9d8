//go:build linux

package session

import (
	"errors"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// What is reserved reads as zeros only where the page cache cannot hold what was written meanwhile.
func TestUnwrittenOrInTheCache(t *testing.T) {
	const n, reserved = 8192, 4096
	for _, test := range []struct {
		name   string
		clean  bool // written back, or taken out of the cache
		before footprint
		bytes  int64 // unwritten
		known  bool
	}{
		{"nothing cached", false, footprint{}, reserved, true},
		{"cached, and perhaps dirty", false, footprint{source: 1}, reserved, false},
		{"nobody may look", false, footprint{err: errors.New("of another user")}, reserved, false},
		{"cached, and written back", true, footprint{source: n}, reserved, true},
		{"cached, and nothing unwritten", false, footprint{source: n}, 0, true},
	} {
		a := attempt{workload: &workload{}, clean: test.clean, before: &test.before}
		a.extents.Extents = &workloads.Extents{Bytes: n, Mapped: n, Unwritten: test.bytes}
		want := trace.Int{}
		if test.known {
			want = trace.Known(test.bytes)
		}
		told := a.extents.describe(a.dirty())
		if told.UnwrittenBytes != want || a.zeros() != want || (told.Reason == "") != test.known {
			t.Errorf("%s: %v unwritten (%q), %v zeros; want %v", test.name, told.UnwrittenBytes, told.Reason, a.zeros(), want)
		}
	}
}
