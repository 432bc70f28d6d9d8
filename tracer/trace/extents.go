package trace

import (
	"fmt"
	"maps"
	"slices"
)

// Extents are how a file system keeps the first bytes of a file, in the words of FIEMAP
// (Documentation/filesystems/fiemap.rst). Of the mapped bytes each is in at most one of
// unwritten, encoded, inline and unknown; if in none, a block of the disk holds it as it is.
type Extents struct {
	Bytes          Int    `json:"bytes"`           // that were looked at
	MappedBytes    Int    `json:"mapped_bytes"`    // in extents
	HoleBytes      Int    `json:"hole_bytes"`      // in none
	UnwrittenBytes Int    `json:"unwritten_bytes"` // reserved, and never written: they read as zeros. Null if the page cache may have other bytes
	EncodedBytes   Int    `json:"encoded_bytes"`   // compressed or encrypted
	InlineBytes    Int    `json:"inline_bytes"`    // among the file system's own data
	UnknownBytes   Int    `json:"unknown_bytes"`   // in no place of the disk yet
	SharedBytes    Int    `json:"shared_bytes"`    // with another file, whatever else they are
	Reason         string `json:"reason"`          // why what is null is not known
}

// OffDisk are bytes that no block of the disk holds as they are, as far as is known.
func (e *Extents) OffDisk() int64 {
	if e == nil {
		return 0
	}
	return e.HoleBytes.Or(0) + e.UnwrittenBytes.Or(0) + e.EncodedBytes.Or(0) + e.InlineBytes.Or(0)
}

// validate checks that the parts are parts. path is that of the extents in the trace.
func (e *Extents) validate(path string) error {
	if e == nil {
		return nil
	}
	numbers := map[string]Int{
		"bytes": e.Bytes, "mapped_bytes": e.MappedBytes, "hole_bytes": e.HoleBytes, "unwritten_bytes": e.UnwrittenBytes,
		"encoded_bytes": e.EncodedBytes, "inline_bytes": e.InlineBytes, "unknown_bytes": e.UnknownBytes, "shared_bytes": e.SharedBytes,
	}
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		n, known := numbers[name].Get()
		switch {
		case n < 0:
			return negative(path+"."+name, n)
		case !known && e.Reason == "":
			return fmt.Errorf("%s.%s is null without a reason", path, name)
		}
	}
	if sum := e.MappedBytes.Add(e.HoleBytes); e.Bytes.Known() && sum.Known() && sum != e.Bytes {
		return fmt.Errorf("%s has %s bytes mapped and in holes, want %s", path, sum, e.Bytes)
	}
	parts := e.UnwrittenBytes.Add(e.EncodedBytes).Add(e.InlineBytes).Add(e.UnknownBytes)
	if mapped, known := e.MappedBytes.Get(); known && max(parts.Or(0), e.SharedBytes.Or(0)) > mapped {
		return fmt.Errorf("%s has %s bytes of a kind and %s shared of %d mapped", path, parts, e.SharedBytes, mapped)
	}
	return nil
}
