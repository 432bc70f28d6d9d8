//go:build linux

package ledger

import "fmt"

//go:generate go run ../internal/gensyscalls

// syscallName is the name as in syscalls(2) and strace(1).
func syscallName(nr uint32) string {
	if name, ok := syscallNames[nr]; ok {
		return name
	}
	return fmt.Sprintf("syscall_%d", nr)
}
