//go:build linux

package ledger

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Which file below an overlay was read is known only of a window that ended, or runs, with the one it began with.
func TestUnknownSource(t *testing.T) {
	known := bpf.ObjectStore{}
	known.Filesystem[0] = 'x'
	for _, test := range []struct {
		name  string
		state bpf.ObjectSlotState
		inode uint64
		store bpf.ObjectStore
		want  string // in the reason; "": it is known
	}{
		{"open", bpf.ObjectSlotStateOPEN, 1, known, ""},
		{"closed", bpf.ObjectSlotStateCLOSED, 1, known, ""},
		{"died", bpf.ObjectSlotStateDIED, 1, known, "the worker died"},
		{"copied up", bpf.ObjectSlotStateCLOSED, 0, known, "copied the source up while it was read"},
		{"died, and never known", bpf.ObjectSlotStateDIED, 0, bpf.ObjectStore{}, "without BTF of the module overlay"},
		{"never known", bpf.ObjectSlotStateCLOSED, 0, bpf.ObjectStore{}, "without BTF of the module overlay, or if it was copied up after it was opened"},
	} {
		s := &Snapshot{}
		s.Slots[Sender].State, s.Slots[Sender].SourceInode, s.Slots[Sender].SourceStore = test.state, test.inode, test.store
		if why := s.UnknownSource(); !strings.Contains(why, test.want) || (why == "") != (test.want == "") {
			t.Errorf("%s: %q, want %q in it", test.name, why, test.want)
		}
	}
}

// A source that the hooks know by its number is known whatever that is, 0 too, but for a sink with the same.
func TestDoubledSource(t *testing.T) {
	for doubled, want := range map[uint64]string{0: "", 1: "and the sink has the same"} {
		s := &Snapshot{}
		s.Slots[Sender].SourceInode, s.Slots[Sender].SourceDoubled = 1, doubled
		if why := s.DoubledSource(); !strings.HasSuffix(why, want) || (why == "") != (want == "") {
			t.Errorf("%q, want %q at its end", why, want)
		}
	}
}

// Of a source that was two files no rule tells how its bytes were moved; what hooks saw stays.
func TestTallyOfTwoFiles(t *testing.T) {
	c := cell(unix.SYS_READ, ext4, none, 1, 1000, 0)
	for seen, want := range map[uint64]trace.Amount{1000: hooked(1000, ""), 0: unavailable("two files"), 400: unavailable("two files")} {
		c.Seen[bpf.ObjectEngineFENTRY].ToUser = seen
		ta := newTally(slot(c), Fentry, &Party{Workload: Workload{TwoFiles: "two files"}})
		if got := ta.amount(toUser); got != want {
			t.Errorf("%d seen: %+v, want %+v", seen, got, want)
		}
		if got := ta.amount(pageRefs); got != unavailable("two files") {
			t.Errorf("%d seen: by reference %+v", seen, got)
		}
	}
}

// What was in the cache is as certain as what was cloned, which it is without.
func TestHitsLessWhatIsCloned(t *testing.T) {
	for _, test := range []struct {
		clones Clones
		want   trace.Provenance
		reason string
	}{
		{Clones{Bytes: 8192}, trace.Derived, "all was there"},
		{Clones{Bytes: 8192, Cloned: 4096}, trace.Derived, "less what is cloned"},
		{Clones{Bytes: 4096, Cloned: 2048}, trace.Estimated, "estimated from the sink's extents"}, // written over
	} {
		c := Counters(slot(cell(unix.SYS_COPY_FILE_RANGE, xfs, xfs, 2, 8192, 0)), Party{Workload: Workload{Payload: trace.Known(8192), Cached: true, Clones: test.clones}})
		if o := c.Origin("page_cache.hit_bytes"); o.Provenance != test.want || !strings.Contains(o.Reason, test.reason) {
			t.Errorf("%+v: %+v, want %s, and %q in the reason", test.clones, o, test.want, test.reason)
		}
	}
}
