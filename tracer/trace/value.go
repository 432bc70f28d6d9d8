package trace

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// Value is a number as a party has it.
type Value struct {
	Number Number
	Key    string // the system call, request or engine that the path has a * for; of an errno, CALL.errnos.ERRNO
	Int    Int
	Origin Origin // unavailable if, and only if, Int is null
}

// Path leads to the value in the JSON of its party.
func (v Value) Path() string { return v.Number.pathOf(v.Key) }

// Per divides by a payload in bytes: how many passes the value's bytes are. It is not known
// where one of the two is not, and of no payload.
func (v Value) Per(payload Int) (float64, bool) {
	n, known := v.Int.Get()
	p, moved := payload.Get()
	if !known || !moved || p <= 0 {
		return 0, false
	}
	return float64(n) / float64(p), true
}

func (n Number) pathOf(key string) string {
	group, rest, _ := strings.Cut(n.Path(), anyKey)
	if strings.HasSuffix(rest, anyKey) {
		return group + key
	}
	return group + key + rest
}

// The key of an errno's number is "CALL.errnos.ERRNO".
const ofErrno = ".errnos."

func cutErrno(key string) (call, errno string) {
	at := max(strings.LastIndex(key, ofErrno), 0) // validateErrnos sees to it that no errno has dots
	return key[:at], strings.TrimPrefix(key[at:], ofErrno)
}

// Int is a number that stands by itself, without where it comes from.
func (c *Counters) Int(n Number) Int {
	number, _ := catalog[n].find(c, "")
	return number
}

// Value is a number that stands by itself; see [Counters.ValueOf] for the others.
func (c *Counters) Value(n Number) Value { return c.ValueOf(n, "") }

// ValueOf is a number of a system call, a kind of requests or an engine. What a trace from elsewhere
// leaves open is settled: null is unavailable whatever is said of it, and what is
// known was observed unless it is said to be derived or estimated.
func (c *Counters) ValueOf(n Number, key string) Value {
	v := Value{Number: n, Key: key}
	var amount *Amount
	if v.Int, amount = catalog[n].find(c, key); amount != nil {
		v.Origin = Origin{amount.Provenance, amount.Reason}
	} else {
		v.Origin = c.Origin(v.Path())
	}
	switch {
	case !v.Int.Known():
		v.Origin.Provenance = Unavailable
	case v.Origin.Provenance != Derived && v.Origin.Provenance != Estimated:
		v.Origin.Provenance = Observed
	}
	return v
}

// ErrnoOf is how many calls of a name failed with an errno.
func (c *Counters) ErrnoOf(call, errno string) Value { return c.ValueOf(CallErrno, call+ofErrno+errno) }

// RequestErrnoOf is how many requests of a kind failed with an errno.
func (c *Counters) RequestErrnoOf(request, errno string) Value {
	return c.ValueOf(RequestErrno, request+ofErrno+errno)
}

// All are the numbers of a party, in the order of the catalog, for each system call,
// engine and kind of requests.
func (c *Counters) All() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for n, key := range c.places() {
			if !yield(c.ValueOf(n, key)) {
				return
			}
		}
	}
}

// places are the catalog's numbers, those of a kind with every key that stands for
// the * of their paths.
func (c *Counters) places() iter.Seq2[Number, string] {
	return func(yield func(Number, string) bool) {
		engines := slices.DeleteFunc(slices.Sorted(maps.Keys(c.Engines)), func(name string) bool { return c.Engines[name] == nil })
		calls := slices.Sorted(maps.Keys(c.Syscalls.ByName))
		requests := slices.Sorted(maps.Keys(c.Requests))
		errnos := keysOfErrnos(calls, func(name string) map[string]Int { return c.Syscalls.ByName[name].Errnos })
		failed := keysOfErrnos(requests, func(name string) map[string]Int { return c.Requests[name].Errnos })
		for kind, keys := range [...][]string{Plain: {""}, Class: {""}, OfCall: calls, OfEngine: engines, OfErrno: errnos, OfRequest: requests, OfRequestErrno: failed} {
			for _, key := range keys {
				for _, n := range byKind[kind] {
					if !yield(n, key) {
						return
					}
				}
			}
		}
	}
}

func keysOfErrnos(names []string, errnos func(name string) map[string]Int) (keys []string) {
	for _, name := range names {
		for _, errno := range slices.Sorted(maps.Keys(errnos(name))) {
			keys = append(keys, name+ofErrno+errno)
		}
	}
	return keys
}

// whole are the numbers with all that is known of each, by their path: of a plain
// number no more than Bytes.
func (c *Counters) whole() map[string]Amount {
	numbers := map[string]Amount{}
	for n, key := range c.places() {
		numbers[n.pathOf(key)] = c.wholeOf(n, key)
	}
	return numbers
}

func (c *Counters) wholeOf(n Number, key string) Amount {
	number, amount := catalog[n].find(c, key)
	if amount == nil {
		return Amount{Bytes: number}
	}
	return *amount
}

// Uncounted are counters of which nobody knows any, for one reason.
func Uncounted(reason string) Counters {
	c := Counters{Provenance: map[string]Origin{}}
	for n := range Catalog() {
		switch n.Kind() {
		case Plain:
			c.Provenance[n.Group()] = Origin{Unavailable, reason}
		case Class:
			_, amount := catalog[n].find(&c, "")
			*amount = Amount{Provenance: Unavailable, Reason: reason}
		}
	}
	return c
}
