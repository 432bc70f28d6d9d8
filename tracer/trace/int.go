package trace

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Int is a counted integer or, as its zero value, one that nobody counted,
// which is null in JSON.
type Int struct {
	value int64
	known bool
}

// Known is a number that was counted.
func Known(v int64) Int { return Int{value: v, known: true} }

// Get returns the number and whether it is known.
func (i Int) Get() (int64, bool) { return i.value, i.known }

// Known reports whether the number was counted.
func (i Int) Known() bool { return i.known }

// Or returns the number, or def when it is unknown.
func (i Int) Or(def int64) int64 {
	if i.known {
		return i.value
	}
	return def
}

// Add returns the sum. It is unknown as soon as one of the two is, and when it
// does not fit: a trace is untrusted input.
func (i Int) Add(j Int) Int {
	sum := i.value + j.value
	if !i.known || !j.known || (sum > i.value) != (j.value > 0) {
		return Int{}
	}
	return Known(sum)
}

// String is the decimal number, or "null".
func (i Int) String() string {
	if !i.known {
		return "null"
	}
	return strconv.FormatInt(i.value, 10)
}

// MarshalJSON writes the number or null.
func (i Int) MarshalJSON() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalJSON reads an integer or null.
func (i *Int) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*i = Int{}
		return nil
	}
	var v int64
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*i = Known(v)
	return nil
}
