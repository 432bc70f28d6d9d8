//go:build linux

package workloads

import "slices"

// Hop is a step of the payload from one place to the next, as a strategy's calls are
// made to take it. The words are those of the trace format (trace.Hop).
type Hop struct {
	From, To string   // PlaceSource to PlaceSink2
	By       string   // ByCopy to ByDMA
	Calls    []string // system calls that do it, whichever fits the sink; none: the loop itself
}

// The places that the payload goes through.
const (
	PlaceSource           = "source"
	PlaceBuffer           = "buffer"
	PlaceRegisteredBuffer = "registered_buffer" // of io_uring
	PlaceMapping          = "mapping"           // of the source
	PlacePipe             = "pipe"              // of the strategy's own, which --pipe-size is about
	PlacePipe2            = "pipe2"
	PlaceSink             = "sink"
	PlaceSink2            = "sink2" // where --sink is given twice
)

// How it gets from one to the next.
const (
	ByCopy      = "copy"
	ByReference = "reference" // pages are handed on
	ByMapping   = "mapping"   // pages are made visible
	ByDMA       = "dma"       // past the page cache; where there is none, a copy
)

// calls are what makes a hop.
func calls(names ...string) []string { return names }

// pathThrough leads through one place.
func pathThrough(place, in, read, out string, writes ...string) []Hop {
	return []Hop{{PlaceSource, place, in, calls(read)}, {place, PlaceSink, out, writes}}
}

func (s *Strategy) leadsTo(place string) bool {
	return slices.ContainsFunc(s.Path, func(h Hop) bool { return h.To == place })
}

// Piped is whether it goes through a pipe of its own, which --pipe-size is about.
func (s *Strategy) Piped() bool { return s.leadsTo(PlacePipe) }

// Mapped is whether it maps the source, which --populate and --advise are about.
func (s *Strategy) Mapped() bool { return s.leadsTo(PlaceMapping) }

// TwoSinks is whether it takes two sinks, and only two.
func (s *Strategy) TwoSinks() bool { return s.leadsTo(PlaceSink2) }

// Direct is whether it goes past the page cache.
func (s *Strategy) Direct() bool {
	return slices.ContainsFunc(s.Path, func(h Hop) bool { return h.By == ByDMA })
}

// Makes is whether it makes that system call.
func (s *Strategy) Makes(call string) bool { return slices.Contains(s.Syscalls, call) }

// Ring is whether it goes through io_uring, which --sqpoll is about.
func (s *Strategy) Ring() bool { return s.Makes("io_uring_enter") }
