package trace

import (
	"errors"
	"strings"
)

// Origin tells where the plain number at path comes from, e.g. "cpu.user_ns":
// what Provenance says of it, or of the nearest group above it ("cpu"), or else
// that it was observed. "*" stands for the name of any system call, as in
// "syscalls.by_name.*.time_ns", or of any kind of requests. Amounts carry their own provenance.
func (c *Counters) Origin(path string) Origin {
	for p := path; p != ""; p = parent(p) {
		if o, ok := c.Provenance[p]; ok {
			return o
		}
		if o, ok := c.Provenance[anyName(p)]; ok {
			return o
		}
	}
	return Origin{Provenance: Observed}
}

// origins are the paths that Provenance may tell of: those of plain numbers and of
// the groups above them.
var origins = func() map[string]bool {
	paths := map[string]bool{}
	for n := range Catalog() {
		for p := n.Path(); p != "" && n.Kind() != Class && n.Kind() != OfEngine; p = parent(p) {
			paths[p] = true
		}
	}
	return paths
}()

// checkOrigin says why Provenance cannot tell of a path: a misspelt one would let
// the number that is meant pass for observed.
func checkOrigin(path string) error {
	if origins[anyName(path)] {
		return nil
	}
	return errors.New("tells of no plain number and of no group of them")
}

const byNamePrefix = "syscalls.by_name."

// requestsPrefix is that of the paths of requests.
const requestsPrefix = "requests."

// anyName puts "*" in the place of the name of the system call, or the kind of requests.
func anyName(path string) string {
	for _, prefix := range []string{byNamePrefix, requestsPrefix} {
		rest, ok := strings.CutPrefix(path, prefix)
		if !ok {
			continue
		}
		_, field, ok := strings.Cut(rest, ".")
		if !ok {
			return prefix + anyKey
		}
		return prefix + anyKey + "." + field
	}
	return path
}

func parent(path string) string {
	return path[:max(0, strings.LastIndexByte(path, '.'))]
}
