//go:build linux

package session

import (
	"context"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
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
