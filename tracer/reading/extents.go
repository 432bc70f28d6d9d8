package reading

import (
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// block is what disks are read and written in; some file systems have larger ones.
const block = 4096

// direct is whether the strategy reads its source past the page cache.
func (j judge) direct() bool {
	hops := j.tr.Run.Hops()
	return len(hops) > 0 && hops[0].By == trace.ByDMA
}

// mapped is whether pages of the source come when they are touched.
func (j judge) mapped() bool {
	hops := j.tr.Run.Hops()
	return len(hops) > 0 && hops[0].By == trace.ByMapping
}

// fellBack is whether reads that were to go past the page cache were made through it.
func (j judge) fellBack() bool { return j.direct() && throughCache(j.party.Int, j.payload) }

// throughCache is whether so many bytes passed the page cache on their way to the user, and were not copied out
// of other pages of the kernel's: then the disk brings each, and the cache has none of them.
func throughCache(number func(trace.Number) trace.Int, n int64) bool {
	bounced := number(trace.DiskReadBytes).Or(0) >= n && number(trace.CacheLeftBytes).Or(n) < n
	return number(trace.ToUser).Or(0) >= n && !bounced
}

// passes are those over what was looked up of the source, the last one perhaps not whole.
func (j judge) passes() int64 {
	if n := j.tr.Run.Source.Extents.OffDisk(); n > 0 {
		return (j.payload-1)/max(j.tr.Run.Source.Extents.Bytes.Or(1), 1) + 1
	}
	return 1
}

// shared are the bytes that were not moved at all, for the file system shares their blocks.
func (j judge) shared() int64 { return j.party.Int(trace.Cloned).Or(0) }

// whyRead says why another number of bytes came from the disk than the payload's.
func (j judge) whyRead(read, want int64) Cause {
	run, missing := &j.tr.Run, want-read
	off := run.Source.Extents.OffDisk()
	switch {
	case missing <= 0:
		return j.whyMore(read, want)
	case run.Source.Kind == "zero":
		return Cause{Kind: SourceHasNoDisk}
	case memoryOnly(run.Source):
		return Cause{Kind: MemoryHasNoDisk, Name: Filesystems(run.Source.Filesystem, run.Source.Below)}
	case run.Sink.Kind == "null" && j.mapped() && j.party.Int(trace.FromUser) == trace.Known(0):
		return Cause{Kind: Unread} // and so nothing touched the mapping
	case missing <= j.shared():
		return Cause{Kind: BlocksShared, Count: j.shared()}
	case run.Cache == "warm" && (!j.direct() || j.fellBack()) && j.mayBeCached():
		return Cause{Kind: CacheWarm}
	case off > 0 && float64(missing) <= float64(off)*float64(j.passes()):
		return Cause{Kind: NotInBlocks, Extents: *run.Source.Extents}
	case !onDisk(run.Source.Below):
		return Cause{Kind: FromElsewhere, Name: keeper(run.Source.Below)}
	}
	return Cause{}
}

// whyMore says why more was read than the payload. What was read and is of none of the
// source's pages can only be the file system's own.
func (j judge) whyMore(read, want int64) Cause {
	pages := max(j.party.Int(trace.CacheMissBytes).Or(0), want+j.roundedUp())
	switch {
	case read > pages:
		return Cause{Kind: MetadataRead, Count: read - pages}
	case j.direct():
		return Cause{Kind: InBlocks, Count: read - want}
	}
	return Cause{Kind: ReadAhead, Count: read - want}
}

// roundedUp is how much more than the payload the blocks are that hold it: each pass ends with a whole
// one, which only direct I/O reads again each time.
func (j judge) roundedUp() int64 {
	missing := func(n int64) int64 { return (block - n%block) % block }
	size := j.tr.Run.Source.Bytes.Or(0)
	if size <= 0 || !j.direct() {
		return missing(j.payload)
	}
	return j.payload/size*missing(size) + missing(j.payload%size)
}

// decompressed is how many bytes the CPU made out of others when pages were read from the
// disk. No hook counts that: the pages that were added are as many at most.
func (j judge) decompressed() int64 {
	added := j.party.Int(trace.CacheMissBytes)
	e := j.tr.Run.Source.Extents
	switch {
	case e == nil:
		return 0
	case !added.Known() && j.tr.Run.Cache == "warm":
		return 0
	}
	return min(e.EncodedBytes.Or(0), added.Or(e.EncodedBytes.Or(0)))
}

// tail is how much of the payload ends the source within a block, which direct I/O leaves to
// the page cache of a file.
func (j judge) tail() int64 {
	size := j.tr.Run.Source.Bytes.Or(0)
	if size <= 0 {
		return 0
	}
	return j.payload/size*(size%block) + j.payload%size%block
}

// notInBlocks says how what no block of the disk holds as it is is kept instead.
func (c Cause) notInBlocks() string {
	var names, parts []string
	for _, kind := range []struct {
		name, where string
		bytes       trace.Int
	}{
		{"holes", "in no block", c.Extents.HoleBytes},
		{"unwritten", "in blocks never written", c.Extents.UnwrittenBytes},
		{"compressed", "as fewer on the disk", c.Extents.EncodedBytes},
		{"inline", "among metadata", c.Extents.InlineBytes},
	} {
		if n := kind.bytes.Or(0); n > 0 {
			names, parts = append(names, kind.name), append(parts, human.Plural(n, "byte")+" "+kind.where)
		}
	}
	return strings.Join(names, ", ") + ": " + strings.Join(parts, ", ")
}
