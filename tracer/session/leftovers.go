//go:build linux

package session

import (
	"context"
	"slices"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// footprint is page cache in bytes, or why it is not known.
type footprint struct {
	bytes  int64
	source int64 // of these
	err    error
}

// footprint looks at source and sink. Neither is read by that.
func (w *workload) footprint(ctx context.Context) *footprint {
	var f footprint
	if f.source, f.err = w.source.PageCache(ctx); f.err != nil {
		return &f
	}
	f.bytes = f.source
	for _, sink := range w.sinks() {
		var n int64
		if n, f.err = sink.PageCache(ctx); f.err != nil {
			return &f
		}
		f.bytes += n
	}
	return &f
}

// left is what the run left behind; known only once it has ended.
func (a *attempt) left() ledger.Left {
	if a.said == nil {
		return ledger.Left{Reason: "looked up when the run ends"}
	}
	if a.overlayInMemory() { // first: that it is one is known only since the window was open
		return ledger.Left{Reason: "below the overlay is a file system in memory, where the page cache is the file itself"}
	}
	for _, f := range []*footprint{a.before, a.said.after} {
		if f.err != nil {
			return ledger.Left{Reason: f.err.Error()}
		}
	}
	return ledger.Left{
		// Less than before: the kernel wanted memory, and the run left nothing.
		Bytes:  trace.Known(max(0, a.said.after.bytes-a.before.bytes)),
		Reason: "pages of the source and of a file sink in the page cache at the end, less those before",
	}
}

// overlayInMemory is whether an overlay has the source's data, or a sink's, from a file system in memory. That
// is known once the window was open.
func (w *workload) overlayInMemory() bool {
	return workloads.IsOverlay(w.source.Filesystem) && w.source.InMemory() || slices.ContainsFunc(w.sinks(), func(s *workloads.Sink) bool {
		return workloads.IsOverlay(s.Filesystem) && s.InMemory()
	})
}
