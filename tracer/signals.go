//go:build linux

package tracer

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// undisturbed calls f on a thread without the signals that come by themselves.
// The kernel's verifier gives up at each of them (kernel/bpf/verifier.c:
// do_check, EAGAIN), and the program is loaded again from its beginning. Under
// load that may never end: since Go 1.26 sysmon sends SIGURG also to threads that
// are in a system call for 10 ms, and a terminal that is being resized sends a
// SIGWINCH every few.
func undisturbed(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var mask, before unix.Sigset_t
	mask.Val[0] = 1<<(unix.SIGURG-1) | 1<<(unix.SIGWINCH-1)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &mask, &before) == nil {
		defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil) }()
	}
	f()
}
