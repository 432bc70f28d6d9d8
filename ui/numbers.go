package ui

import (
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// number is a number of the trace with where it comes from.
type number struct {
	path   string // in the counters of a party
	value  trace.Int
	from   trace.Provenance
	reason string
}

func newNumber(v trace.Value) number {
	return number{v.Path(), v.Int, v.Origin.Kind, v.Origin.Reason}
}

// numberIn is a number of a party that stands by itself.
func numberIn(c *trace.Counters, n trace.Number) number { return newNumber(c.Value(n)) }

// mark is the one character behind a number that tells where it comes from.
func (n number) mark() string { return markOf(n.from) }

// markOf marks what is not observed. n/a says itself that it is not.
func markOf(from trace.Provenance) string {
	switch from {
	case trace.Derived:
		return "d"
	case trace.Estimated:
		return "~"
	}
	return " "
}

// text is the number as format writes it, or n/a.
func (n number) text(format func(int64) string) string {
	v, known := n.value.Get()
	if !known {
		return human.NotCounted
	}
	return format(v)
}

func (n number) nonzero() bool { return n.value.Or(0) != 0 }

// per divides by the payload: how many passes these bytes were.
func (n number) per(payload trace.Int) (float64, bool) {
	v, known := n.value.Get()
	p, have := payload.Get()
	if !known || !have || p <= 0 {
		return 0, false
	}
	return float64(v) / float64(p), true
}

// classes are the ways in which bytes are handled, and measures the plain numbers
// that every party has.
var classes, measures = trace.OfKind(trace.Class), trace.OfKind(trace.Plain)

// isMoved is whether a class is of bytes that were handed on without a copy.
func isMoved(k trace.Number) bool { return k.Group() == trace.PageRefs.Group() }
