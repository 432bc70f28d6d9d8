package outfile

import (
	"syscall"
	"unsafe"
)

// A root process may take on another user's rights to files for one thread, by
// setfsuid(2). access(2) asks for the real user's rights, and geteuid(2) stays
// 0: neither says what that thread may do.

// mayWrite asks for the rights that open(2) would go by.
func mayWrite(path string) error {
	const (
		faccessat2 = 439   // as on all machines but alpha and mips, which say ENOSYS
		cwd        = -100  // AT_FDCWD
		effective  = 0x200 // AT_EACCESS
	)
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	at := cwd
	_, _, errno := syscall.Syscall6(faccessat2, uintptr(at), uintptr(unsafe.Pointer(name)), writeOK, effective, 0, 0)
	switch errno {
	case 0:
		return nil
	case syscall.ENOSYS: // before Linux 5.8
		return syscall.Access(path, writeOK)
	}
	return errno
}

// openFlags are those that the descriptor was opened with.
func openFlags(fd int) (int, error) {
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(flags), nil
}

// fileUID is the user whose rights to files this thread has. An id that is none
// changes nothing, and setfsuid returns the one that there was.
func fileUID() uint32 {
	uid, _, _ := syscall.RawSyscall(syscall.SYS_SETFSUID, ^uintptr(0), 0, 0)
	return uint32(uid)
}
