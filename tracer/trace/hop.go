package trace

// Hop is a step of the payload from one place to the next, as the strategy is made to
// take it. How many bytes really went that way, and how, the counters tell.
type Hop struct {
	From string `json:"from"` // source, or a place that an earlier hop leads to
	To   string `json:"to"`   // one of the places below
	By   string `json:"by"`   // one of the ways below
	// Calls are the system calls that do it, whichever fits the sink; none: the process
	// itself does it, in user space.
	Calls []string `json:"calls,omitempty"`
}

// The places that a path goes through. One that ends in 2 is that of a second sink.
const (
	PlaceSource           = "source"            // of the run; a file's page cache, or its disk
	PlaceBuffer           = "buffer"            // memory of the process
	PlaceRegisteredBuffer = "registered_buffer" // such memory that io_uring has pinned before
	PlaceMapping          = "mapping"           // of the source, in the process
	PlacePipe             = "pipe"              // of the strategy's own
	PlacePipe2            = "pipe2"
	PlaceSink             = "sink"
	PlaceSink2            = "sink2"
)

// The ways by which a hop is made to lead.
const (
	ByCopy      = "copy"
	ByReference = "reference" // pages are handed on
	ByMapping   = "mapping"   // pages are made visible
	ByDMA       = "dma"       // past the page cache, where there is one; elsewhere it is a copy
)

// Hops are what the payload goes through: the run's path or, for a trace that was
// written before traces had one, that of the strategy's name. There are none of a
// strategy of which nothing is known.
func (r *Run) Hops() []Hop {
	if len(r.Path) > 0 {
		return r.Path
	}
	return olderPaths[r.Strategy]
}

// olderPaths are those of the strategies that a trace without a path may name. No more
// will come: later traces have one.
var olderPaths = map[string][]Hop{
	"read-write":      throughMemory(PlaceBuffer, ByCopy, "read", ByCopy, "write"),
	"mmap-write":      throughMemory(PlaceMapping, ByMapping, "mmap", ByCopy, "write"),
	"sendfile":        {{PlaceSource, PlaceSink, ByReference, []string{"sendfile"}}},
	"splice":          throughPipe("splice"),
	"tee":             append(throughPipe("splice"), Hop{PlacePipe, PlacePipe2, ByReference, []string{"tee"}}, Hop{PlacePipe2, PlaceSink2, ByReference, []string{"splice"}}),
	"vmsplice":        {{PlaceSource, PlaceMapping, ByMapping, []string{"mmap"}}, {PlaceMapping, PlacePipe, ByReference, []string{"vmsplice"}}, {PlacePipe, PlaceSink, ByReference, []string{"splice"}}},
	"readv-writev":    throughMemory(PlaceBuffer, ByCopy, "readv", ByCopy, "writev"),
	"copy-file-range": {{PlaceSource, PlaceSink, ByCopy, []string{"copy_file_range"}}},
	"mmap-copy":       {{PlaceSource, PlaceMapping, ByMapping, []string{"mmap"}}, {PlaceMapping, PlaceSink, ByCopy, nil}},
	"direct-io":       {{PlaceSource, PlaceBuffer, ByDMA, []string{"read"}}, {PlaceBuffer, PlaceSink, ByDMA, []string{"write", "pwrite64"}}},
	"msg-zerocopy":    throughMemory(PlaceMapping, ByMapping, "mmap", ByReference, "sendto"),
	"aio":             {{PlaceSource, PlaceBuffer, ByDMA, []string{"io_submit"}}, {PlaceBuffer, PlaceSink, ByDMA, []string{"io_submit", "write", "pwrite64"}}},
	"io-uring":        throughMemory(PlaceBuffer, ByCopy, "io_uring_enter", ByCopy, "io_uring_enter"),
	"io-uring-fixed":  throughMemory(PlaceRegisteredBuffer, ByCopy, "io_uring_enter", ByCopy, "io_uring_enter"),
	"io-uring-zc":     throughMemory(PlaceMapping, ByMapping, "mmap", ByReference, "io_uring_enter"),
	"io-uring-splice": throughPipe("io_uring_enter"),
}

func throughMemory(place, byRead, read, byWrite, write string) []Hop {
	return []Hop{{PlaceSource, place, byRead, []string{read}}, {place, PlaceSink, byWrite, []string{write}}}
}

func throughPipe(call string) []Hop {
	return []Hop{{PlaceSource, PlacePipe, ByReference, []string{call}}, {PlacePipe, PlaceSink, ByReference, []string{call}}}
}
