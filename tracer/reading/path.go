package reading

import (
	"cmp"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/tracer/trace"
)

// path is what the payload goes through from the source to the sink, as the trace
// says, and beside that to a second sink.
type path struct {
	main, side []trace.Hop
}

// pathOf is the run's, or a guess where the trace has none that can be drawn.
func pathOf(t *trace.Trace, c *trace.Counters) path {
	if p, ok := newPath(t.Run.Hops()); ok {
		return p
	}
	p, _ := newPath(guess(t, c))
	return p
}

// mostHops is more than there is room for on any terminal.
const mostHops = 8

// newPath follows the hops, which may come from anywhere.
func newPath(hops []trace.Hop) (p path, ok bool) {
	if len(hops) > mostHops {
		return path{}, false
	}
	p.main = along(hops, trace.PlaceSource)
	if len(p.main) == 0 || p.main[len(p.main)-1].To != trace.PlaceSink {
		return path{}, false
	}
	rest := slices.DeleteFunc(slices.Clone(hops), func(h trace.Hop) bool {
		return slices.ContainsFunc(p.main, func(m trace.Hop) bool { return m.From == h.From && m.To == h.To })
	})
	for _, h := range p.main {
		p.side = append(p.side, along(rest, h.From)...)
	}
	return p, true
}

// along are the hops that lead on from a place, one after the other: the first that
// there is from each.
func along(hops []trace.Hop, place string) (list []trace.Hop) {
	for range hops { // which may go round
		i := slices.IndexFunc(hops, func(h trace.Hop) bool { return h.From == place })
		if i < 0 {
			break
		}
		list, place = append(list, hops[i]), hops[i].To
	}
	return list
}

// direct is whether it leads past the page cache.
func (p path) direct() bool {
	return slices.ContainsFunc(p.main, func(h trace.Hop) bool { return h.By == trace.ByDMA })
}

// guess tells the path of a strategy that this program does not know by the calls that
// it made, by the textbook's row, and by what was counted.
func guess(t *trace.Trace, c *trace.Counters) (hops []trace.Hop) {
	called := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return c.Syscalls.ByName[name].Calls.Or(0) > 0 })
	}
	at := trace.PlaceSource
	lead := func(to, by string, calls ...string) {
		hops = append(hops, trace.Hop{From: at, To: to, By: by, Calls: calls})
		at = to
	}
	book := cmp.Or(t.Textbook, &trace.Textbook{})
	switch {
	case called("mmap", "vmsplice"), c.Int(trace.Mapped).Or(0) != 0, book.Copies.ToUser == 0 && book.Copies.FromUser > 0:
		lead(trace.PlaceMapping, trace.ByMapping, "mmap")
	case book.Copies.ToUser > 0, c.Int(trace.ToUser).Or(0) != 0, called("read", "pread64", "readv", "preadv", "recvfrom"):
		lead(trace.PlaceBuffer, trace.ByCopy, "read")
	}
	if called("splice", "vmsplice", "tee") || strings.Contains(t.Run.Strategy, "splice") {
		lead(trace.PlacePipe, trace.ByReference, "splice")
	}
	switch {
	case called("msync"):
		lead(trace.PlaceSink, trace.ByCopy)
	case t.Textbook != nil && book.Copies.FromUser == 0:
		lead(trace.PlaceSink, trace.ByReference, "write")
	default:
		lead(trace.PlaceSink, trace.ByCopy, "write")
	}
	return hops
}
