// Package export writes what was measured in the formats of other programs: one file for each format,
// and one list of them all.
package export

import (
	"io"
	"slices"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Format is a way to write a comparison, a run, or both. What it has no form for is nil.
type Format struct {
	Name      string // of its flag
	Help      string // of its flag
	Extension string // of its files, without a dot
	Set       func(io.Writer, *trace.Set) error
	Trace     func(io.Writer, *trace.Trace) error
}

// Formats are all that there are, in the order in which they are named.
var Formats = []*Format{&markdownFormat, &csvFormat}

// OfSets are those that have a form for a comparison.
func OfSets() []*Format {
	return slices.DeleteFunc(slices.Clone(Formats), func(f *Format) bool { return f.Set == nil })
}
