//go:build unix && !linux

package outfile

import (
	"os"
	"syscall"
)

func mayWrite(path string) error { return syscall.Access(path, writeOK) }

// openFlags does not tell here what may be written: no run ends in a trace.
func openFlags(fd int) (int, error) {
	var st syscall.Stat_t
	return syscall.O_RDWR, syscall.Fstat(fd, &st)
}

func fileUID() uint32 { return uint32(os.Geteuid()) }
