package reading

import (
	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Mark is the character behind a number that tells where it comes from: d for derived, ~ for estimated,
// else a space. n/a says itself that it was not observed.
func Mark(from trace.Provenance) string {
	switch from {
	case trace.Derived:
		return "d"
	case trace.Estimated:
		return "~"
	}
	return " "
}

// Text is a number as format writes it, or n/a.
func Text(n trace.Int, format func(int64) string) string {
	if v, known := n.Get(); known {
		return format(v)
	}
	return human.NotCounted
}
