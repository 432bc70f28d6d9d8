package reading

import (
	"slices"
	"strings"

	"github.com/zctrace/zctrace/tracer/trace"
)

// keeper is who keeps the data below a file system, in the words of [trace.Layer]; "" where the trace does not
// tell.
func keeper(below []trace.Layer) string {
	if len(below) == 0 {
		return ""
	}
	return below[len(below)-1].Kind
}

// memoryOnly is whether a source's page cache is all there is of it.
func memoryOnly(s trace.Source) bool { return keeper(s.Below) == "memory" || s.Filesystem == "tmpfs" }

// onDisk is whether who keeps the data is a block device of this machine, or may be.
func onDisk(below []trace.Layer) bool { return slices.Contains([]string{"", "disk"}, keeper(below)) }

// mayBeCached is whether the source was read through the page cache, for all that is known. Of what others keep than
// a disk it is known only where something of it was seen there.
func (j judge) mayBeCached() bool {
	return onDisk(j.tr.Run.Source.Below) || j.party.Int(trace.CacheHitBytes).Or(0) > 0
}

// imitated is the block device that the kernel makes of a file, "" if there is none.
func imitated(below []trace.Layer) string {
	if i := slices.IndexFunc(below, func(l trace.Layer) bool { return l.Kind == "file" }); i > 0 {
		return below[i-1].Name
	}
	return ""
}

// Store says where a file's data is kept: its file system, and what is below. The names are the trace's: not to be
// drawn unsanitized.
func Store(filesystem string, below []trace.Layer) string {
	if filesystem == "" {
		return ""
	}
	var s strings.Builder
	s.WriteString(filesystem)
	for _, l := range below {
		switch {
		case l.Kind == "file":
			s.WriteString(", a file")
		case l.Name != "":
			s.WriteString(" on " + l.Name)
		case keepers[l.Kind].by != "":
			s.WriteString(", kept " + keepers[l.Kind].by)
		}
	}
	return s.String()
}

// Filesystems are the file system with those that it gets its files from, without the devices below. The
// names are the trace's: not to be drawn unsanitized.
func Filesystems(filesystem string, below []trace.Layer) string {
	for _, l := range below {
		if l.Kind != "filesystem" {
			break
		}
		filesystem += " on " + l.Name
	}
	return filesystem
}

// working is the file system that does the work, the last of them: there is no room for all in a picture.
func working(filesystem string, below []trace.Layer) string {
	for _, l := range below {
		if l.Kind != "filesystem" {
			break
		}
		filesystem = l.Name
	}
	return filesystem
}

// keeperNamed are the words for one; a trace from elsewhere may have others.
func keeperNamed(kind string) words {
	if w, known := keepers[kind]; known {
		return w
	}
	return keepers["unknown"]
}

// words are those for a keeper: as a place, and who has what is read or written.
type words struct{ place, by, from, has string }

// keepers are the words for those that are no disk of this machine, nor its memory.
var keepers = map[string]words{
	"daemon":  {"daemon", "by a daemon", "from the file system's daemon", "the file system's daemon has them"},
	"host":    {"host", "by the host", "from the host", "the host has them"},
	"server":  {"server", "by a server", "from the file server", "the file server has them"},
	"kernel":  {"kernel", "by the kernel", "made up by the kernel", "the kernel has them"},
	"unknown": {"storage", "where is not known", "what is below the file system is not known", "what is below the file system is not known"},
}

// fromDisk is how the data gets here; nobody counts what a daemon, the host or a server brings.
func (s *surveyor) fromDisk() []Stream {
	if !onDisk(s.run.Source.Below) {
		return nil
	}
	return []Stream{s.streamOf(s.sender, ByDMA, trace.DiskReadBytes)}
}
