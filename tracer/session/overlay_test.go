//go:build linux

package session

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/workloads"
)

// What is below an overlay is looked up once, and again only if another store is there.
func TestLookBelowOnce(t *testing.T) {
	w := &workload{source: &workloads.Source{Kind: workloads.SourceFile, Filesystem: "overlay"}, sink: &workloads.Sink{Kind: workloads.SinkNull}}
	snapshot := &ledger.Snapshot{}
	for i, step := range []struct {
		name string // of the store
		want string // "": not looked up
	}{{"", ""}, {"tmpfs", "tmpfs"}, {"tmpfs", ""}, {"ramfs", "ramfs"}} {
		w.source.Below = nil
		for k, c := range []byte(step.name) {
			snapshot.Slots[ledger.Sender].SourceStore.Filesystem[k] = int8(c)
		}
		w.lookBelow(snapshot)
		if found := slices.ContainsFunc(w.source.Below, func(l workloads.Layer) bool { return l.Name == step.want }); found != (step.want != "") {
			t.Errorf("step %d: below is %v, want %q", i, w.source.Below, step.want)
		}
	}
}

// Over memory the page cache is the file, whatever was found out before that was known.
func TestNothingIsLeftInMemoryBelowAnOverlay(t *testing.T) {
	a := &attempt{workload: &workload{source: &workloads.Source{Kind: workloads.SourceFile, Filesystem: "overlay"}, sink: &workloads.Sink{Kind: workloads.SinkNull}}}
	a.source.Over("tmpfs", 0)
	for _, err := range []error{nil, errors.New("the source is on overlay")} {
		a.before, a.said = &footprint{}, &said{after: &footprint{err: err}}
		if left := a.left(); left.Bytes.Known() || !strings.HasPrefix(left.Reason, "below the overlay is a file system in memory") {
			t.Errorf("after %v: %+v", err, left)
		}
	}
	a.source = &workloads.Source{Kind: workloads.SourceFile, Filesystem: "tmpfs"}
	if a.overlayInMemory() {
		t.Error("tmpfs is below an overlay")
	}
}
