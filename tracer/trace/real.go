package trace

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Real is a ratio of counted numbers or, as its zero value, one that cannot be
// told because a number in it was not counted; that is null in JSON.
type Real struct {
	value float64
	known bool
}

// KnownReal is a ratio of numbers that were counted.
func KnownReal(v float64) Real { return Real{value: v, known: true} }

// Get returns the ratio and whether it is known.
func (r Real) Get() (float64, bool) { return r.value, r.known }

// Known reports whether the numbers in it were counted.
func (r Real) Known() bool { return r.known }

// Or returns the ratio, or def when it is unknown.
func (r Real) Or(def float64) float64 {
	if r.known {
		return r.value
	}
	return def
}

// String is the shortest decimal number that reads back as the same, or "null".
func (r Real) String() string {
	if !r.known {
		return "null"
	}
	return strconv.FormatFloat(r.value, 'f', -1, 64)
}

// MarshalJSON writes the number or null.
func (r Real) MarshalJSON() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalJSON reads a number or null.
func (r *Real) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*r = Real{}
		return nil
	}
	var v float64
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*r = KnownReal(v)
	return nil
}
