//go:build linux

package session

import (
	"context"
	"os"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
)

// leftovers is how much of the run's files the page cache holds before and after.
type leftovers struct{ before, after *footprint }

// footprint is page cache in bytes, or why it is not known.
type footprint struct {
	bytes int64
	err   error
}

// footprint looks at source and sink. Neither is read by that.
func (s *session) footprint(ctx context.Context) *footprint {
	var f footprint
	if f.bytes, f.err = s.source.PageCache(ctx); f.err != nil {
		return &f
	}
	for _, sink := range s.sinks() {
		var n int64
		if n, f.err = sink.PageCache(ctx); f.err != nil {
			return &f
		}
		f.bytes += n
	}
	return &f
}

// bytes is what the run left behind; known only once it has ended.
func (l leftovers) bytes() ledger.Left {
	if l.after == nil {
		return ledger.Left{Reason: "looked up when the run ends"}
	}
	for _, f := range []*footprint{l.before, l.after} {
		if f.err != nil {
			return ledger.Left{Reason: f.err.Error()}
		}
	}
	return ledger.Left{
		// Less than before: the kernel wanted memory, and the run left nothing.
		Bytes:  trace.Known(max(0, l.after.bytes-l.before.bytes)),
		Reason: "pages of the source and of a file sink in the page cache at the end, less those before",
	}
}

// wholePages: every request for the source's data is for whole pages, but for
// its last page.
func (s *session) wholePages() bool {
	page := int64(os.Getpagesize())
	rest := s.cfg.Bytes
	if s.source.Bytes > 0 {
		rest %= s.source.Bytes
	}
	return s.cfg.Chunk%page == 0 && rest%page == 0
}
