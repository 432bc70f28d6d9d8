//go:build unix && !linux

package outfile

import (
	"os"
	"syscall"
)

func mayWrite(path string) error { return syscall.Access(path, writeOK) }

// openFlags says only whether the descriptor is open: no run, which would have to know
// more before its work, is made on these systems.
func openFlags(fd int) (int, error) {
	var st syscall.Stat_t
	return syscall.O_RDWR, syscall.Fstat(fd, &st)
}

func fileUID() uint32 { return uint32(os.Geteuid()) }
