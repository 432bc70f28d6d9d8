package trace

import (
	"iter"
	"slices"
	"strings"
)

// Unit is what a number counts.
type Unit int

// The units.
const (
	Count Unit = iota
	Bytes
	Nanoseconds
)

// Kind is where a number stands in the counters.
type Kind int

// The kinds.
const (
	Plain          Kind = iota // by itself; Counters.Provenance says where it comes from
	Class                      // an Amount of bytes copied or moved, with its own provenance
	OfCall                     // of every system call, by its name
	OfEngine                   // an Amount of every engine, by its name; with --copies all
	OfErrno                    // of every errno of every system call, by both names
	OfRequest                  // of every kind of asynchronous requests, by its name
	OfRequestErrno             // of every errno of these, by both names
)

// entry is a row of the catalog.
type entry struct {
	path    string // in the JSON of a party, dotted; * for the name of a system call, request or engine
	name    string // short
	unit    Unit
	meaning string // and where it comes from, in a sentence
	kind    Kind
	find    func(c *Counters, key string) (Int, *Amount) // nil: it is none
}

func plain(path, name string, unit Unit, get func(*Counters) Int, meaning string) entry {
	return entry{path, name, unit, meaning, Plain, func(c *Counters, _ string) (Int, *Amount) { return get(c), nil }}
}

func class(path string, get func(*Counters) *Amount, meaning string) entry {
	name := path[strings.LastIndexByte(path, '.')+1:]
	return entry{path, name, Bytes, meaning, Class, func(c *Counters, _ string) (Int, *Amount) { a := get(c); return a.Bytes, a }}
}

func ofCall(field, name string, unit Unit, get func(Syscall) Int, meaning string) entry {
	return entry{"syscalls.by_name.*." + field, name, unit, meaning, OfCall, func(c *Counters, key string) (Int, *Amount) {
		return get(c.Syscalls.ByName[key]), nil
	}}
}

func ofRequest(field, name string, unit Unit, get func(Request) Int, meaning string) entry {
	return entry{"requests.*." + field, name, unit, meaning, OfRequest, func(c *Counters, key string) (Int, *Amount) {
		return get(c.Requests[key]), nil
	}}
}

func ofEngine(field, name string, get func(*EngineCounters) *Amount, meaning string) entry {
	return entry{"engines.*." + field, name, Bytes, meaning, OfEngine, func(c *Counters, key string) (Int, *Amount) {
		e := c.Engines[key]
		if e == nil {
			return Int{}, nil
		}
		a := get(e)
		return a.Bytes, a
	}}
}

// Catalog is every number that there is, in the order in which they are shown.
func Catalog() iter.Seq[Number] {
	return func(yield func(Number) bool) {
		for n := range numbers {
			if !yield(n) {
				return
			}
		}
	}
}

// byKind are the catalog's numbers of each kind.
var byKind = func() (list [OfRequestErrno + 1][]Number) {
	for n := range Catalog() {
		list[n.Kind()] = append(list[n.Kind()], n)
	}
	return list
}()

// OfKind are the catalog's numbers of a kind, in order.
func OfKind(kind Kind) []Number { return slices.Clone(byKind[kind]) }

// Path leads to the number in the JSON of a party: its keys, dotted, such as
// "cpu.user_ns". A * stands for the name of any system call, request, errno or engine.
func (n Number) Path() string { return catalog[n].path }

// Group is the path of the group that the number belongs to, such as "cpu", or
// its own if it stands alone.
func (n Number) Group() string {
	group, _, _ := strings.Cut(n.Path(), ".")
	return group
}

// Name is a short one, such as "CPU time in user mode".
func (n Number) Name() string { return catalog[n].name }

// Moved is whether the number is of bytes that were handed on without a copy.
func (n Number) Moved() bool { return n.Group() == PageRefs.Group() }

// Unit is what the number counts.
func (n Number) Unit() Unit { return catalog[n].unit }

// Kind is where the number stands.
func (n Number) Kind() Kind { return catalog[n].kind }

// Meaning says in a sentence what the number is and where it comes from.
func (n Number) Meaning() string { return catalog[n].meaning }

// String is the number's path.
func (n Number) String() string { return n.Path() }
