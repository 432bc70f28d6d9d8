package ui

import (
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// number is a number of the trace, as panels write it.
type number struct{ trace.Value }

// numberIn is a number of a party that stands by itself.
func numberIn(c *trace.Counters, n trace.Number) number { return number{c.Value(n)} }

// mark is the one character behind a number that tells where it comes from.
func (n number) mark() string { return markOf(n.Origin.Kind) }

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
	v, known := n.Int.Get()
	if !known {
		return human.NotCounted
	}
	return format(v)
}

func (n number) nonzero() bool { return n.Int.Or(0) != 0 }

// classes are the ways in which bytes are handled, and measures the plain numbers
// that every party has.
var classes, measures = trace.OfKind(trace.Class), trace.OfKind(trace.Plain)

// isMoved is whether a class is of bytes that were handed on without a copy.
func isMoved(k trace.Number) bool { return k.Group() == trace.PageRefs.Group() }
