//go:build unix && !linux

package trace

import (
	"os"
	"syscall"
)

func mayWrite(path string) error { return syscall.Access(path, writeOK) }

func fileUID() uint32 { return uint32(os.Geteuid()) }
