// Package syscalls knows the names of Linux's system calls, on any system.
package syscalls

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
)

//go:generate go run ./generate

// call is a system call with its numbers; the table of them is sorted by name.
type call struct {
	name         string
	amd64, arm64 int16
}

// none is the number of a system call that the architecture does not have.
const none = -1

// byNumber are the names on this architecture.
var byNumber = sync.OnceValue(func() map[uint32]string {
	names := map[uint32]string{}
	for _, c := range table {
		nr := int16(none)
		switch runtime.GOARCH {
		case "amd64":
			nr = c.amd64
		case "arm64":
			nr = c.arm64
		}
		if nr != none {
			names[uint32(nr)] = c.name
		}
	}
	return names
})

// numbered begins the name of a system call that the table does not have.
const numbered = "syscall_"

// Name is that of a system call on this architecture, as in syscalls(2) and strace(1);
// of one that the table does not have, "syscall_" and its number.
func Name(nr uint32) string {
	if name, ok := byNumber()[nr]; ok {
		return name
	}
	return fmt.Sprintf("%s%d", numbered, nr)
}

// IsName is whether [Name] may have given that name on any architecture, with an older or a
// newer table, too.
func IsName(name string) bool {
	_, found := slices.BinarySearchFunc(table[:], name, func(c call, name string) int { return strings.Compare(c.name, name) })
	return found || strings.HasPrefix(name, numbered)
}

// Names are those of all architectures, sorted.
func Names() []string {
	names := make([]string, len(table))
	for i, c := range table {
		names[i] = c.name
	}
	return names
}
