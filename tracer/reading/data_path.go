package reading

import (
	"cmp"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Place is a stop on the way of the data: a device, memory of the kernel or of a process. Its words may
// be the trace's: they are not to be drawn unsanitized.
type Place struct {
	Names  []string // the fullest first
	Detail string   // what sort of place
	Idle   bool     // the strategy goes past it
}

// Way is how bytes get from one place to the next.
type Way int

// The ways.
const (
	ByHandover Way = iota // nothing is copied, and nobody counts it
	ByDMA
	ByCopy
	ByReference
	ByMapping
	ByFill
	ByClone
	Ways // how many there are
)

// Names are those of the way, the fullest first.
func (w Way) Names() []string { return wayNames[w] }

var wayNames = [Ways][]string{
	ByHandover:  {""},
	ByDMA:       {"DMA"},
	ByCopy:      {"copy"},
	ByReference: {"page reference", "page ref", "ref"},
	ByMapping:   {"mapping", "map"},
	ByFill:      {"zero-fill", "zero"},
	ByClone:     {"shared blocks", "clone"},
}

// Stream is the bytes that went one way from one place to another.
type Stream struct {
	Way      Way
	Bytes    trace.Value
	Back     trace.Int // at the moment before, from which the rate is counted
	Surprise bool      // it is a copy that is not as in the textbook,
	Against  Cause     // for this reason, if the trace has one
}

// Idleness is why a hop carries nothing, in a word or two; "" where there is no reason.
type Idleness string

// The reasons.
const (
	InCache    Idleness = "cached"
	Discarded  Idleness = "unread"
	Later      Idleness = "later"     // the kernel writes it back
	NoDMA      Idleness = "no DMA"    // the kernel imitates the device
	NoBlocks   Idleness = "no blocks" // of the disk hold it: holes, say
	SameBlocks Idleness = "shared"    // with the source
)

// Hop leads from one place to another; one that leads past places between them leaps over them.
type Hop struct {
	From, To int       // in the places of the data path
	Streams  []Stream  // what it may carry, what it is made for first
	Payload  trace.Int // what its passes are counted over
	Idle     Idleness
	Together bool // what it shows is of other hops, too
}

// Main is the stream that tells most: a copy that should not be there before what carries most, and
// what is not known before what is 0.
func (h Hop) Main() Stream {
	if len(h.Streams) == 0 {
		return Stream{Way: ByHandover}
	}
	best := h.Streams[0]
	for _, s := range h.Streams[1:] {
		n, known := best.Bytes.Int.Get()
		switch {
		case best.Surprise:
		case s.Surprise, s.Bytes.Int.Or(0) > n, known && n == 0 && !s.Bytes.Int.Known():
			best = s
		}
	}
	return best
}

// DataPath is the way of the data through a run.
type DataPath struct {
	Places []Place
	Hops   []Hop
	// Shared is the first place of the receiver's side, which is also the last of the sender's; -1:
	// there is no receiver.
	Shared int
	Branch *Branch // to a second sink
}

// Branch leads from a pipe to a second one, and from there to a sink of its own.
type Branch struct {
	From         int    // in the places of the data path
	Call         string // that doubles the payload; as the trace has it
	Teed, Onward Hop
	Ends         [2]Place // of the two hops
}

// placeNames are those of memory of the process.
var placeNames = map[string][]string{
	trace.PlaceBuffer:           aBuffer,
	trace.PlaceRegisteredBuffer: {"registered buffer", "buffer"},
	trace.PlaceMapping:          aMapping,
}

var (
	aBuffer  = []string{"user buffer", "buffer"}
	aMapping = []string{"user mapping", "mapping"}
)

// surveyor builds a data path place by place.
type surveyor struct {
	Moment
	path
	DataPath
	run    trace.Run
	sender Party
	book   Verdict
	late   bool  // copies in the kernel were made on arrival
	fork   *fork // nil: the path does not fork, or its bytes cannot be told apart
}

// DataPath is the way of the data, as far as the trace tells it.
func (m Moment) DataPath() DataPath {
	s := surveyor{Moment: m, run: m.Trace.Run, sender: m.Processes()[0], book: m.Verdict()}
	s.Shared = -1
	s.path = pathOf(m.Trace, s.sender.Now)
	s.late = s.sender.Now.Zerocopy.Copied.Or(0) > 0
	s.fork = s.forkOf()
	at := s.addSource()
	for _, h := range s.main {
		switch h.To {
		case trace.PlaceSink:
			s.addSink(at, h)
		case trace.PlacePipe:
			at = s.addPipe(at, h)
		default:
			at = s.addMemory(at, h)
		}
	}
	s.addReceiver()
	return s.DataPath
}

// add puts a place at the end and returns its number.
func (s *surveyor) add(p Place) int {
	s.Places = append(s.Places, p)
	return len(s.Places) - 1
}

func (s *surveyor) join(from, to int, idle Idleness, streams ...Stream) {
	s.Hops = append(s.Hops, Hop{From: from, To: to, Streams: streams, Payload: s.sender.Payload(), Idle: idle})
}

// stream is one of the sender's bytes.
func (s *surveyor) stream(w Way, k trace.Number) Stream {
	return s.streamOf(s.sender, w, k)
}

// copySubjects are the classes that the textbook tells of.
var copySubjects = map[trace.Number]Subject{
	trace.ToUser: CopiesToUser, trace.FromUser: CopiesFromUser, trace.InKernel: CopiesInKernel,
}

func (s *surveyor) streamOf(p Party, w Way, k trace.Number) Stream {
	now := p.Now.Value(k)
	st := Stream{Way: w, Bytes: now, Back: p.Back.Int(k)}
	if subject, told := copySubjects[k]; told && p.Name == s.sender.Name && w == ByCopy && now.Int.Or(0) != 0 {
		if row := s.book.Row(subject); row.Agreement == Differs {
			st.Surprise, st.Against = true, row.Cause
		}
	}
	return st
}

// addSource adds where the payload comes from, up to what the calls read.
func (s *surveyor) addSource() int {
	switch src := s.run.Source; {
	case src.Kind == "zero":
		return s.add(Place{Names: []string{"/dev/zero", "zero"}})
	case memoryOnly(src):
		return s.add(Place{Names: []string{"page cache", "cache"}, Detail: working(src.Filesystem, src.Below)})
	default:
		disk := s.add(Place{Names: []string{cmp.Or(keepers[keeper(src.Below)].place, "disk")}, Detail: working(src.Filesystem, src.Below)})
		cache := s.add(Place{Names: []string{"page cache", "cache"}, Detail: s.cacheState(), Idle: s.past()})
		if !s.past() {
			s.join(disk, cache, s.unused(), s.fromDisk()...)
		}
		return cache
	}
}

// past is whether the source was read past the page cache, and not all of it through it after all.
func (s *surveyor) past() bool {
	return s.direct() && !throughCache(s.sender.Now.Int, max(s.sender.Payload().Or(0), 1))
}

// cacheState is how the page cache was found; direct I/O does not look.
func (s *surveyor) cacheState() string {
	if s.past() {
		return ""
	}
	return s.run.Cache
}

// unused says why nothing was read from the disk.
func (s *surveyor) unused() Idleness {
	switch cause := s.book.Row(DMAIn).Cause; {
	case cause.Kind == NotInBlocks:
		return NoBlocks
	case cause.Kind == BlocksShared:
		return SameBlocks
	case s.run.Cache == "warm":
		return InCache
	}
	return ""
}

// addMemory adds memory of the process that a hop leads to from the place at.
func (s *surveyor) addMemory(at int, h trace.Hop) int {
	names, known := placeNames[h.To]
	if !known {
		names = []string{h.To}
	}
	detail := human.FormatBytes(s.run.ChunkBytes)
	if h.To == trace.PlaceMapping {
		detail = ""
	}
	memory := s.add(Place{Names: names, Detail: detail})
	s.join(at, memory, "", s.intoMemory(h)...)
	if s.Places[at].Idle { // the disk's hop leaps over it
		s.join(at-1, memory, "", s.fromDisk()...)
	}
	return memory
}

// intoMemory is how the payload gets to the process.
func (s *surveyor) intoMemory(h trace.Hop) []Stream {
	copied, visible := s.stream(ByCopy, trace.ToUser), s.stream(ByMapping, trace.Mapped)
	zeros := s.stream(ByFill, trace.Fill)
	switch {
	case h.To == trace.PlaceMapping:
		return []Stream{visible, zeros, copied}
	case s.run.Source.Kind == "zero":
		return []Stream{zeros, copied, visible}
	}
	return []Stream{copied, zeros, visible}
}

// addPipe adds a pipe of the strategy's own, with what branches off there.
func (s *surveyor) addPipe(at int, h trace.Hop) int {
	together := len(s.side) > 0 && s.fork == nil
	name := []string{"pipe"}
	if together {
		name = []string{"pipes"}
	}
	pipe := s.add(Place{Names: name})
	s.addBranch(pipe)
	into, _ := s.references()
	copied := s.stream(ByCopy, trace.FromUser)
	if h.From == trace.PlaceSource {
		copied = s.stream(ByCopy, trace.ToUser)
	}
	s.join(at, pipe, "", into, copied)
	s.Hops[len(s.Hops)-1].Together = together
	return pipe
}

// addSink adds where the payload goes from the place at, down to the device.
func (s *surveyor) addSink(at int, h trace.Hop) {
	past := h.From == trace.PlaceSource // the process: the hop leaps over it
	if past {
		memory := s.add(Place{Names: aBuffer, Idle: true})
		s.join(at, memory, "", s.stream(ByCopy, trace.ToUser))
	}
	device := s.run.Sink.Device
	direct := h.By == trace.ByDMA && s.run.Sink.Kind == "file" && device.Kind == "disk"
	p := s.sinkPlace(s.run.Sink)
	p.Idle = direct
	sink := s.add(p)
	s.join(at, sink, s.unread(), s.intoSink(h)...)
	if past {
		s.join(at+1, sink, "", s.stream(ByCopy, trace.FromUser))
	}
	s.Shared = sink
	s.addDevice(at, sink, direct)
}

// sinkPlace is what the last call puts the payload into.
func (s *surveyor) sinkPlace(sink trace.Sink) Place {
	names, detail := []string{"socket buffer", "socket"}, sink.Kind
	switch sink.Kind {
	case "tcp":
	case "unix":
		names, detail = []string{"unix socket", "socket"}, ""
	case "pipe":
		names, detail = []string{"sink's pipe", "pipe"}, ""
	case "file":
		names, detail = []string{"page cache", "cache"}, "sink's"
		if sink.Device.Kind == "memory" {
			detail = cmp.Or(working(sink.Filesystem, sink.Below), "tmpfs")
		}
	case "null":
		names, detail = []string{"/dev/null", "null"}, ""
	default:
		names, detail = []string{cmp.Or(sink.Kind, "sink")}, ""
	}
	return Place{Names: names, Detail: detail}
}

// unread says why nothing is copied into a sink that takes all.
func (s *surveyor) unread() Idleness {
	if s.run.Sink.Kind == "null" {
		return Discarded
	}
	return ""
}

// intoSink is how the payload gets there.
func (s *surveyor) intoSink(h trace.Hop) []Stream {
	copied, taken := s.stream(ByCopy, trace.FromUser), s.stream(ByReference, trace.PageRefs)
	var streams []Stream
	switch {
	case s.fork != nil:
		return s.outOfFork(s.run.Sink)
	case h.From == trace.PlacePipe:
		_, out := s.references()
		streams = []Stream{out}
	case h.From == trace.PlaceSource:
		streams = []Stream{taken, s.stream(ByClone, trace.Cloned)}
	case len(h.Calls) == 0:
		streams = []Stream{s.stream(ByCopy, trace.UserSpace), copied}
	case h.By == trace.ByDMA: // the pages that it refers to are the devices' matter
		streams = []Stream{copied}
	case h.By == trace.ByReference:
		streams = []Stream{taken, copied}
	default:
		streams = []Stream{copied, taken}
	}
	if !s.late {
		streams = append(streams, s.stream(ByCopy, trace.InKernel))
	}
	return streams
}
