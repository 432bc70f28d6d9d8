//go:build linux

package session

import (
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// layout is how the file system keeps a file, or why that is not known.
type layout struct {
	*workloads.Extents
	err error
}

func layoutOf(e *workloads.Extents, err error) layout { return layout{e, err} }

const whyUnwritten = "what is reserved (FIEMAP) may be written in the page cache, and not on the disk yet"

// describe is nil of what has not been looked up. dirty is whether what is reserved may have been written, in
// the page cache only: the file system says unwritten of that, too.
func (l layout) describe(dirty bool) *trace.Extents {
	switch e := l.Extents; {
	case l.err != nil:
		return &trace.Extents{Reason: l.err.Error()}
	case e == nil:
		return nil
	default:
		told := &trace.Extents{Bytes: trace.Known(e.Bytes), MappedBytes: trace.Known(e.Mapped), HoleBytes: trace.Known(e.Bytes - e.Mapped)}
		if e.HolesOnly {
			told.Reason = "the file system tells holes (SEEK_HOLE), and no extents (FIEMAP)"
			return told
		}
		told.UnwrittenBytes, told.EncodedBytes = trace.Known(e.Unwritten), trace.Known(e.Encoded)
		if dirty {
			told.UnwrittenBytes, told.Reason = trace.Int{}, whyUnwritten
		}
		told.InlineBytes, told.UnknownBytes = trace.Known(e.Inline), trace.Known(e.Unknown)
		told.SharedBytes = trace.Known(e.Shared)
		return told
	}
}

// describeExtents says how source and sinks are kept, as far as it has been looked up.
func (a *attempt) describeExtents(run *trace.Run) {
	if a.source.Kind != workloads.SourceZero {
		run.Source.Extents = a.extents.describe(a.dirty())
	}
	if a.said == nil {
		return
	}
	into := []*trace.Sink{&run.Sink, run.Sink2}
	for i, sink := range a.sinks() {
		if sink.Kind == workloads.SinkFile {
			written := a.said.written[i] // what is not shared it was written, and nobody waits for the disk
			into[i].Extents = written.describe(written.Extents != nil && written.Writing > 0)
		}
	}
}

// packed is whether the disk holds some of the source in another way than as it is.
func (a *attempt) packed() bool {
	e := a.extents.Extents
	return e != nil && e.Encoded+e.Inline > 0
}

// dirty is whether some of the source that is told to be unwritten may be in the page cache, written.
func (a *attempt) dirty() bool {
	return !a.clean && a.extents.Extents != nil && a.extents.Unwritten > 0 && (a.before.err != nil || a.before.source > 0)
}

// zeros are the source's bytes that no block of the disk holds because they are zeros.
func (a *attempt) zeros() trace.Int {
	e := a.extents.Extents
	if e == nil || e.HolesOnly || e.Unknown > 0 || a.dirty() {
		return trace.Int{}
	}
	return trace.Known(e.Bytes - e.Mapped + e.Unwritten)
}

// encoded is how much of the source direct I/O cannot read (fs/btrfs/direct-io.c:
// btrfs_dio_iomap_begin), in bytes; 0 where that is not known.
func (a *attempt) encoded() int64 {
	if a.extents.Extents == nil || !a.Strategy.Direct() || a.source.Filesystem != "btrfs" {
		return 0
	}
	return a.extents.Encoded + a.extents.Inline
}

// fellBack is whether all direct reads of the source were made through the page cache: of
// what is compressed or inline btrfs leaves no other way (btrfs_dio_iomap_begin: -ENOTBLK). That
// the pages are there proves nothing, for they may have been before; were they not, the rule would not hold.
func (a *attempt) fellBack() bool {
	n := a.encoded()
	return n > 0 && n == a.extents.Bytes && a.said != nil && a.said.after.err == nil && a.said.after.source >= n
}

// whyDirect says more of direct reads that may have been copied; "" if nothing more is known.
func (a *attempt) whyDirect() string {
	switch n := a.encoded(); {
	case n == 0:
		return ""
	case n < a.extents.Bytes:
		return "a part of the source is compressed or inline, of which direct reads fall back to copies; how much of a read that meets it is copied takes a hook on the copy functions"
	case a.said == nil:
		return "the source is compressed or inline, so that direct reads fall back to copies; known when the run ends, by the page cache"
	}
	return "the source is compressed or inline, so that direct reads should fall back to copies, but its pages are not in the page cache; that needs a hook on the copy functions"
}

// clones is how much of the sink's file shares blocks, for copy_file_range.
func (a *attempt) clones() ledger.Clones {
	switch {
	case !a.Strategy.Makes("copy_file_range"):
		return ledger.Clones{Reason: "no copy_file_range"}
	case a.said == nil:
		return ledger.Clones{Reason: "known when the run ends, by the sink's extents"}
	}
	written := a.said.written[0]
	switch e := written.Extents; {
	case written.err != nil:
		return ledger.Clones{Reason: written.err.Error()}
	case e.HolesOnly:
		return ledger.Clones{Reason: "the file system does not tell who shares a block"}
	case e.Inline > 0: // clone or copy, it is a copy in metadata
		return ledger.Clones{Reason: "the sink is so small that it is kept inline, which shares no block"}
	case e.Writing > 0:
		return ledger.Clones{Reason: "the sink is being written back, and what is copied looks like what is reserved meanwhile"}
	default: // nothing but a clone leaves a hole, or what another file shares
		return ledger.Clones{Bytes: e.Bytes, Cloned: e.Bytes - e.Mapped + e.Shared}
	}
}
