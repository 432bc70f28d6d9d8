package ui

import (
	"cmp"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
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
	teed, onward hop
	ends         [2]place // of the two hops
}

// family is what the calls of strategies of one kind work on.
type family struct {
	user     []string // names of the memory of the process that the payload passes; nil: none
	mapped   bool     // that is a mapping of the source
	pipes    int
	direct   bool // past the page cache
	mapsSink bool // the process writes to a mapping of the sink
}

var (
	aBuffer     = []string{"user buffer", "buffer"}
	aRegistered = []string{"registered buffer", "buffer"}
	aMapping    = []string{"user mapping", "mapping"}
)

// families are those of the strategies that there are. A trace of another one
// is drawn by what it says itself: see guess.
var families = map[string]family{
	"read-write":      {user: aBuffer},
	"readv-writev":    {user: aBuffer},
	"mmap-write":      {user: aMapping, mapped: true},
	"sendfile":        {},
	"splice":          {pipes: 1},
	"vmsplice":        {user: aMapping, mapped: true, pipes: 1},
	"tee":             {pipes: 2},
	"copy-file-range": {},
	"mmap-copy":       {user: aMapping, mapped: true, mapsSink: true},
	"msg-zerocopy":    {user: aMapping, mapped: true},
	"direct-io":       {user: aBuffer, direct: true},
	"aio":             {user: aBuffer, direct: true},
	"io-uring":        {user: aBuffer},
	"io-uring-fixed":  {user: aRegistered},
	"io-uring-zc":     {user: aMapping, mapped: true},
	"io-uring-splice": {pipes: 1},
}

// familyOf is that of the run's strategy.
func familyOf(t *trace.Trace, c *trace.Counters) family {
	if f, known := families[t.Run.Strategy]; known {
		return f
	}
	return guess(t, c)
}

// guess tells a strategy that this program does not know by the calls that it
// made, by the textbook's row, and by what was counted.
func guess(t *trace.Trace, c *trace.Counters) family {
	called := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return c.Syscalls.ByName[name].Calls.Or(0) > 0 })
	}
	book := trace.Textbook{}
	if t.Textbook != nil {
		book = *t.Textbook
	}
	f := family{mapsSink: called("msync")}
	switch {
	case called("mmap", "vmsplice"), mapped.in(c).nonzero(), book.Copies.ToUser == 0 && book.Copies.FromUser > 0:
		f.user, f.mapped = aMapping, true
	case book.Copies.ToUser > 0, toUser.in(c).nonzero(), called("read", "pread64", "readv", "preadv", "recvfrom"):
		f.user = aBuffer
	}
	if called("splice", "vmsplice", "tee") || strings.Contains(t.Run.Strategy, "splice") {
		f.pipes = 1
	}
	return f
}

// surveyor builds a route place by place.
type surveyor struct {
	data
	family
	route
	run    trace.Run
	sender party
	book   map[string]comparison // the textbook's rows, by label
	late   bool                  // copies in the kernel were made on arrival
	fork   *fork                 // nil: the path does not fork, or its bytes cannot be told apart
}

// routeOf is the way of the data, as far as the trace tells it.
func routeOf(d data) route {
	s := surveyor{data: d, run: d.trace.Run, sender: d.parties()[0], book: map[string]comparison{}}
	s.shared = -1
	s.family = familyOf(d.trace, s.sender.now)
	s.late = s.sender.now.Zerocopy.Copied.Or(0) > 0
	for _, row := range compare(d.trace, s.sender.now, d.payload()).rows {
		s.book[row.label] = row
	}
	s.fork = s.forkOf()
	from := s.addSource()
	from = s.addMiddle(from)
	s.addSink(from)
	s.addReceiver()
	return s.route
}

// add puts a place at the end and returns its number.
func (s *surveyor) add(p place) int {
	s.places = append(s.places, p)
	return len(s.places) - 1
}

func (s *surveyor) join(from, to int, idle string, streams ...stream) {
	s.hops = append(s.hops, hop{from: from, to: to, streams: streams, payload: s.sender.payload(s.data), idle: idle})
}

// of is a stream of one class of the sender's bytes.
func (s *surveyor) of(w way, k class) stream {
	return s.ofParty(s.sender, w, k)
}

func (s *surveyor) ofParty(p party, w way, k class) stream {
	now := k.in(p.now)
	st := stream{way: w, bytes: now, back: k.of(p.back).Bytes}
	if row := s.book["copies "+k.name]; p.name == "sender" && w == byCopy && row.agreement == differs && now.nonzero() {
		st.surprise, st.against = true, row.note
	}
	return st
}

func (s *surveyor) ofMeasure(p party, m measure) stream {
	return stream{way: byDMA, bytes: m.in(p.now), back: m.of(p.back)}
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
		cache := s.add(place{names: []string{"page cache", "cache"}, detail: s.cacheState(), idle: s.direct})
		if !s.direct {
			s.join(disk, cache, s.unused(), s.ofMeasure(s.sender, diskRead))
		}
		return cache
	}
}

// cacheState is how the page cache was found; direct I/O does not look.
func (s *surveyor) cacheState() string {
	if s.direct {
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

// addMiddle adds what lies between source and sink.
func (s *surveyor) addMiddle(source int) int {
	at := source
	switch {
	case s.user != nil:
		detail := human.FormatBytes(s.run.ChunkBytes)
		if s.mapped {
			detail = ""
		}
		at = s.add(place{names: s.user, detail: detail})
		s.join(source, at, "", s.intoUser()...)
		if s.direct && s.places[source].idle {
			s.join(source-1, at, "", s.ofMeasure(s.sender, diskRead))
		}
	case s.pipes == 0: // past the process; the sink's hop leaps over it
		user := s.add(place{names: aBuffer, idle: true})
		s.join(source, user, "", s.of(byCopy, toUser))
		return source
	}
	if s.pipes == 0 {
		return at
	}
	name := []string{"pipe"}
	if s.pipes > 1 && s.fork == nil {
		name = []string{"pipes"}
	}
	pipe := s.add(place{names: name})
	s.addBranch(pipe)
	into, _ := s.references()
	streams := []stream{into}
	if at == source {
		streams = append(streams, s.of(byCopy, toUser))
	} else {
		streams = append(streams, s.of(byCopy, fromUser))
	}
	s.join(at, pipe, "", streams...)
	s.hops[len(s.hops)-1].together = s.pipes > 1 && s.fork == nil
	return pipe
}

// intoUser is how the payload gets to the process.
func (s *surveyor) intoUser() []stream {
	copied, visible := s.of(byCopy, toUser), s.of(byMapping, mapped)
	zeros := s.of(byFill, fill)
	switch {
	case s.mapped:
		return []stream{visible, zeros, copied}
	case s.run.Source.Kind == "zero":
		return []stream{zeros, copied, visible}
	}
	return []stream{copied, zeros, visible}
}

// references shares the page references of a path through a pipe between the
// way in and the way out: what reached the sink and was not copied there left
// the pipe by reference. Two pipes share their pages, and nobody can tell.
func (s *surveyor) references() (in, out stream) {
	all := s.of(byReference, pageRefs)
	switch {
	case s.fork != nil:
		return s.forked(all, func(f forked) trace.Int { return f.in }), s.forked(all, func(f forked) trace.Int { return f.taken })
	case s.pipes > 1:
		return all, all
	}
	part := func(c *trace.Counters, payload trace.Int) (in, out trace.Int) {
		n, known := pageRefs.of(c).Bytes.Get()
		copied, counted := inKernel.of(c).Bytes.Get()
		p, have := payload.Get()
		if !known || !counted || !have {
			return trace.Int{}, trace.Int{}
		}
		left := min(max(p-copied, 0), n)
		return trace.Known(n - left), trace.Known(left)
	}
	in, out = all, all
	in.bytes.value, out.bytes.value = part(s.sender.now, s.sender.payload(s.data))
	in.back, out.back = part(s.sender.back, s.sender.back.PayloadBytes)
	if all.bytes.from == trace.Observed {
		in.bytes.from, out.bytes.from = trace.Derived, trace.Derived
	}
	return in, out
}

// addSink adds where the payload goes, down to the device.
func (s *surveyor) addSink(from int) {
	sink := s.run.Sink
	p := s.sinkPlace(sink)
	direct := s.direct && sink.Kind == "file" && sink.Device.Kind == "disk"
	p.idle = direct
	at := s.add(p)
	s.join(from, at, s.unread(), s.intoSink()...)
	if s.pipes == 0 && s.user == nil { // the other half of what it leaps over
		s.join(from+1, at, "", s.of(byCopy, fromUser))
	}
	s.shared = at
	s.addDevice(from, at, direct)
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
func (s *surveyor) intoSink() []stream {
	copied, taken := s.of(byCopy, fromUser), s.of(byReference, pageRefs)
	var inside []stream
	if !s.late {
		inside = []stream{s.of(byCopy, inKernel)}
	}
	switch {
	case s.fork != nil:
		return s.outOfFork(s.run.Sink)
	case s.pipes > 0:
		_, out := s.references()
		return append([]stream{out}, inside...)
	case s.user == nil:
		return append([]stream{taken, s.of(byClone, cloned)}, inside...)
	case s.mapsSink:
		return append([]stream{s.of(byCopy, userSpace), copied}, inside...)
	case s.direct: // the pages that it refers to are the devices' matter
		return append([]stream{copied}, inside...)
	case s.trace.Textbook != nil && s.trace.Textbook.Copies.FromUser == 0:
		return append([]stream{taken, copied}, inside...)
	}
	return append([]stream{copied, taken}, inside...)
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
		written := s.ofMeasure(s.sender, diskWritten)
		if later := s.now.Kernel.Disk.WriteBytes; later.Known() {
			written.bytes.value = written.bytes.value.Add(later)
			written.back = written.back.Add(trace.Known(s.back.Kernel.Disk.WriteBytes.Or(0)))
		}
		if direct {
			at = from
		}
		s.join(at, disk, "later", written)
		s.shareBlocks(disk)
	case "nic":
		nic := s.add(place{names: []string{"NIC"}, detail: s.Text(device.Name)})
		s.join(at, nic, "", s.ofMeasure(s.sender, nicSent))
		s.shared = nic
	case "", "none", "memory":
	default: // loopback and what else the kernel imitates
		name := s.Text(device.Kind)
		end := s.add(place{names: []string{name, cmp.Or(s.Text(device.Name), name)}})
		var streams []stream
		if s.late {
			streams = append(streams, s.of(byCopy, inKernel))
		}
		if by := (party{"kernel", &s.now.Kernel, &s.back.Kernel}); inKernel.in(by.now).nonzero() {
			copied := s.ofParty(by, byCopy, inKernel)
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
	if s.now.Receiver == nil || s.shared < 0 {
		s.shared = -1
		return
	}
	receiver := s.parties()[1]
	at := s.shared
	if s.run.Sink.Kind == "tcp" {
		at = s.add(place{names: []string{"socket buffer", "socket"}, detail: "tcp"})
		s.join(s.shared, at, "")
	}
	join := func(names []string, idle string, streams ...stream) {
		to := s.add(place{names: names})
		s.hops = append(s.hops, hop{from: at, to: to, streams: streams, payload: receiver.payload(s.data), idle: idle})
		at = to
	}
	copied, visible := s.ofParty(receiver, byCopy, toUser), s.ofParty(receiver, byMapping, mapped)
	taken := s.ofParty(receiver, byReference, pageRefs)
	switch s.run.Receiver {
	case "splice":
		join([]string{"pipe"}, "", taken, copied)
		join([]string{"file"}, "", s.ofParty(receiver, byCopy, inKernel))
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
