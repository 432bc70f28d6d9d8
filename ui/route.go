package ui

import (
	"cmp"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
)

// place is a stop on the way of the data: a device, memory of the kernel or of
// a process.
type place struct {
	names  []string // the fullest first
	detail string   // what sort of place; shown where there is room
	idle   bool     // the strategy goes past it
}

// way is how bytes get from one place to the next.
type way int

const (
	byHandover way = iota // nothing is copied, and nobody counts it
	byDMA
	byCopy
	byReference
	byMapping
	byFill
	byClone
	ways
)

// words name a way, the fullest first.
var words = [ways][]string{
	byHandover:  {""},
	byDMA:       {"DMA"},
	byCopy:      {"copy"},
	byReference: {"page reference", "page ref", "ref"},
	byMapping:   {"mapping", "map"},
	byFill:      {"zero-fill", "zero"},
	byClone:     {"shared blocks", "clone"},
}

// stream is the bytes that went one way from one place to another.
type stream struct {
	way   way
	bytes number
	back  trace.Int // a while ago, from which the rate is counted
	// against says why a copy is not as in the textbook; surprise is set when it
	// is not.
	surprise bool
	against  string
}

// hop leads from one place to another; one that leads past places between them
// leaps over them.
type hop struct {
	from, to int
	streams  []stream  // what it may carry, what it is made for first
	payload  trace.Int // what its passes are counted over
	idle     string    // why it carries nothing, in a word or two
	together bool      // what it shows is of other hops, too
}

// main is the stream that is drawn: a copy that should not be there before what
// carries most, and what is not known before what is 0.
func (h hop) main() stream {
	if len(h.streams) == 0 {
		return stream{way: byHandover}
	}
	best := h.streams[0]
	for _, s := range h.streams[1:] {
		n, known := best.bytes.value.Get()
		switch {
		case best.surprise:
		case s.surprise, s.bytes.value.Or(0) > n, known && n == 0 && !s.bytes.value.Known():
			best = s
		}
	}
	return best
}

// route is the way of the data through a run.
type route struct {
	places []place
	hops   []hop
	// shared is the first place of the receiver's side, which is also the last
	// of the sender's; -1: there is no receiver.
	shared int
	branch *branch // to a second sink
}

// branch leads from a pipe to a second one, and from there to a sink of its own.
type branch struct {
	from         int
	call         string // that doubles the payload
	teed, onward hop
	ends         [2]place // of the two hops
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

// surveyor builds a route place by place.
type surveyor struct {
	data
	path
	route
	run    trace.Run
	sender reading.Party
	book   reading.Verdict
	late   bool  // copies in the kernel were made on arrival
	fork   *fork // nil: the path does not fork, or its bytes cannot be told apart
}

// routeOf is the way of the data, as far as the trace tells it.
func routeOf(d data) route {
	s := surveyor{data: d, run: d.Trace.Run, sender: d.Processes()[0], book: d.Verdict()}
	s.shared = -1
	s.path = pathOf(d.Trace, s.sender.Now)
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
	return s.route
}

// add puts a place at the end and returns its number.
func (s *surveyor) add(p place) int {
	s.places = append(s.places, p)
	return len(s.places) - 1
}

func (s *surveyor) join(from, to int, idle string, streams ...stream) {
	s.hops = append(s.hops, hop{from: from, to: to, streams: streams, payload: s.sender.Payload(), idle: idle})
}

// stream is one of the sender's bytes.
func (s *surveyor) stream(w way, k trace.Number) stream {
	return s.streamOf(s.sender, w, k)
}

// copySubjects are the classes that the textbook tells of.
var copySubjects = map[trace.Number]reading.Subject{
	trace.ToUser: reading.CopiesToUser, trace.FromUser: reading.CopiesFromUser, trace.InKernel: reading.CopiesInKernel,
}

func (s *surveyor) streamOf(p reading.Party, w way, k trace.Number) stream {
	now := numberIn(p.Now, k)
	st := stream{way: w, bytes: now, back: p.Back.Value(k).Int}
	if subject, told := copySubjects[k]; told && p.Name == s.sender.Name && w == byCopy && now.nonzero() {
		if row := s.book.Row(subject); row.Agreement == reading.Differs {
			st.surprise, st.against = true, s.Text(row.Cause.String())
		}
	}
	return st
}

// addSource adds where the payload comes from, up to what the calls read.
func (s *surveyor) addSource() int {
	switch src := s.run.Source; {
	case src.Kind == "zero":
		return s.add(place{names: []string{"/dev/zero", "zero"}})
	case src.Filesystem == "tmpfs":
		return s.add(place{names: []string{"page cache", "cache"}, detail: "tmpfs"})
	default:
		disk := s.add(place{names: []string{"disk"}, detail: s.Text(src.Filesystem)})
		cache := s.add(place{names: []string{"page cache", "cache"}, detail: s.cacheState(), idle: s.direct()})
		if !s.direct() {
			s.join(disk, cache, s.unused(), s.streamOf(s.sender, byDMA, trace.DiskReadBytes))
		}
		return cache
	}
}

// cacheState is how the page cache was found; direct I/O does not look.
func (s *surveyor) cacheState() string {
	if s.direct() {
		return ""
	}
	return s.Text(s.run.Cache)
}

// unused says why nothing was read from the disk.
func (s *surveyor) unused() string {
	if s.run.Cache == "warm" {
		return "cached"
	}
	return ""
}

// addMemory adds memory of the process that a hop leads to from the place at.
func (s *surveyor) addMemory(at int, h trace.Hop) int {
	names, known := placeNames[h.To]
	if !known {
		names = []string{s.Text(h.To)}
	}
	detail := human.FormatBytes(s.run.ChunkBytes)
	if h.To == trace.PlaceMapping {
		detail = ""
	}
	memory := s.add(place{names: names, detail: detail})
	s.join(at, memory, "", s.intoMemory(h)...)
	if s.places[at].idle { // the disk's hop leaps over it
		s.join(at-1, memory, "", s.streamOf(s.sender, byDMA, trace.DiskReadBytes))
	}
	return memory
}

// intoMemory is how the payload gets to the process.
func (s *surveyor) intoMemory(h trace.Hop) []stream {
	copied, visible := s.stream(byCopy, trace.ToUser), s.stream(byMapping, trace.Mapped)
	zeros := s.stream(byFill, trace.Fill)
	switch {
	case h.To == trace.PlaceMapping:
		return []stream{visible, zeros, copied}
	case s.run.Source.Kind == "zero":
		return []stream{zeros, copied, visible}
	}
	return []stream{copied, zeros, visible}
}

// addPipe adds a pipe of the strategy's own, with what branches off there.
func (s *surveyor) addPipe(at int, h trace.Hop) int {
	together := len(s.side) > 0 && s.fork == nil
	name := []string{"pipe"}
	if together {
		name = []string{"pipes"}
	}
	pipe := s.add(place{names: name})
	s.addBranch(pipe)
	into, _ := s.references()
	copied := s.stream(byCopy, trace.FromUser)
	if h.From == trace.PlaceSource {
		copied = s.stream(byCopy, trace.ToUser)
	}
	s.join(at, pipe, "", into, copied)
	s.hops[len(s.hops)-1].together = together
	return pipe
}

// addSink adds where the payload goes from the place at, down to the device.
func (s *surveyor) addSink(at int, h trace.Hop) {
	past := h.From == trace.PlaceSource // the process: the hop leaps over it
	if past {
		memory := s.add(place{names: aBuffer, idle: true})
		s.join(at, memory, "", s.stream(byCopy, trace.ToUser))
	}
	device := s.run.Sink.Device
	direct := h.By == trace.ByDMA && s.run.Sink.Kind == "file" && device.Kind == "disk"
	p := s.sinkPlace(s.run.Sink)
	p.idle = direct
	sink := s.add(p)
	s.join(at, sink, s.unread(), s.intoSink(h)...)
	if past {
		s.join(at+1, sink, "", s.stream(byCopy, trace.FromUser))
	}
	s.shared = sink
	s.addDevice(at, sink, direct)
}

// sinkPlace is what the last call puts the payload into.
func (s *surveyor) sinkPlace(sink trace.Sink) place {
	names, detail := []string{"socket buffer", "socket"}, s.Text(sink.Kind)
	switch sink.Kind {
	case "tcp":
	case "unix":
		names, detail = []string{"unix socket", "socket"}, ""
	case "pipe":
		names, detail = []string{"sink's pipe", "pipe"}, ""
	case "file":
		names, detail = []string{"page cache", "cache"}, "sink's"
		if sink.Device.Kind == "memory" {
			detail = "tmpfs"
		}
	case "null":
		names, detail = []string{"/dev/null", "null"}, ""
	default:
		names, detail = []string{cmp.Or(s.Text(sink.Kind), "sink")}, ""
	}
	return place{names: names, detail: detail}
}

// unread says why nothing is copied into a sink that takes all.
func (s *surveyor) unread() string {
	if s.run.Sink.Kind == "null" {
		return "unread"
	}
	return ""
}

// intoSink is how the payload gets there.
func (s *surveyor) intoSink(h trace.Hop) []stream {
	copied, taken := s.stream(byCopy, trace.FromUser), s.stream(byReference, trace.PageRefs)
	var streams []stream
	switch {
	case s.fork != nil:
		return s.outOfFork(s.run.Sink)
	case h.From == trace.PlacePipe:
		_, out := s.references()
		streams = []stream{out}
	case h.From == trace.PlaceSource:
		streams = []stream{taken, s.stream(byClone, trace.Cloned)}
	case len(h.Calls) == 0:
		streams = []stream{s.stream(byCopy, trace.UserSpace), copied}
	case h.By == trace.ByDMA: // the pages that it refers to are the devices' matter
		streams = []stream{copied}
	case h.By == trace.ByReference:
		streams = []stream{taken, copied}
	default:
		streams = []stream{copied, taken}
	}
	if !s.late {
		streams = append(streams, s.stream(byCopy, trace.InKernel))
	}
	return streams
}

// noDMAHere stands at a device that the kernel imitates.
const noDMAHere = "no DMA"

// addDevice adds what carries the payload away from the place at, or for direct
// I/O past it.
func (s *surveyor) addDevice(from, at int, direct bool) {
	device := s.run.Sink.Device
	switch device.Kind {
	case "disk":
		disk := s.add(place{names: []string{"disk"}, detail: s.Text(device.Name)})
		written := s.streamOf(s.sender, byDMA, trace.DiskWriteBytes)
		if later := s.Now.Kernel.Disk.WriteBytes; later.Known() {
			written.bytes.value = written.bytes.value.Add(later)
			written.back = written.back.Add(trace.Known(s.Back.Kernel.Disk.WriteBytes.Or(0)))
		}
		if direct {
			at = from
		}
		s.join(at, disk, "later", written)
		s.shareBlocks(disk)
	case "nic":
		nic := s.add(place{names: []string{"NIC"}, detail: s.Text(device.Name)})
		s.join(at, nic, "", s.streamOf(s.sender, byDMA, trace.NICTxBytes))
		s.shared = nic
	case "", "none", "memory":
	default: // loopback and what else the kernel imitates
		name := s.Text(device.Kind)
		end := s.add(place{names: []string{name, cmp.Or(s.Text(device.Name), name)}})
		var streams []stream
		if s.late {
			streams = append(streams, s.stream(byCopy, trace.InKernel))
		}
		if by := s.Kernel(); numberIn(by.Now, trace.InKernel).nonzero() {
			copied := s.streamOf(by, byCopy, trace.InKernel)
			copied.surprise, copied.against = true, "copied on arrival, by the kernel on its own"
			streams = append(streams, copied)
		}
		s.join(at, end, noDMAHere, streams...)
		s.shared = end
	}
}

// shareBlocks lets blocks that a file system shares lead from disk to disk: they
// are in no page cache.
func (s *surveyor) shareBlocks(disk int) {
	for i, h := range s.hops {
		m := h.main()
		if m.way == byClone && m.bytes.nonzero() && s.places[0].names[0] == "disk" {
			s.hops[i].from, s.hops[i].to = 0, disk
		}
	}
}

// addReceiver adds the other side, if its counters are there.
func (s *surveyor) addReceiver() {
	parties := s.Processes()
	if len(parties) < 2 || s.shared < 0 {
		s.shared = -1
		return
	}
	receiver := parties[1]
	at := s.shared
	if s.run.Sink.Kind == "tcp" {
		at = s.add(place{names: []string{"socket buffer", "socket"}, detail: "tcp"})
		s.join(s.shared, at, "")
	}
	join := func(names []string, idle string, streams ...stream) {
		to := s.add(place{names: names})
		s.hops = append(s.hops, hop{from: at, to: to, streams: streams, payload: receiver.Payload(), idle: idle})
		at = to
	}
	copied, visible := s.streamOf(receiver, byCopy, trace.ToUser), s.streamOf(receiver, byMapping, trace.Mapped)
	taken := s.streamOf(receiver, byReference, trace.PageRefs)
	switch s.run.Receiver {
	case "splice":
		join([]string{"pipe"}, "", taken, copied)
		join([]string{"file"}, "", s.streamOf(receiver, byCopy, trace.InKernel))
	case "zerocopy":
		if copied.bytes.value.Or(0) > visible.bytes.value.Or(0) {
			copied.surprise, copied.against = true, "it asked to have them mapped"
		}
		join(aMapping, "", visible, copied)
	case "trunc":
		join([]string{"discarded"}, "unread", copied)
	default:
		join(aBuffer, "", copied, visible, taken)
	}
}
