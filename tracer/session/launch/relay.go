//go:build linux

package launch

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// patience is how long repeated signals count as one: timeout(1), for example, sends its
// signal to the process and then to its group.
const patience = time.Second

// relayed are the signals that are the command's business.
var relayed = []syscall.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM,
	syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTSTP, syscall.SIGCONT,
}

// Relay makes the signals that this process gets the command's, from [Prepare] on until stop:
//
//   - SIGINT, SIGQUIT and SIGTSTP that were typed the command has already, and it may go on;
//     where this process is not in the foreground of a terminal they are passed on, and
//     SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 always are;
//   - when the command is stopped, this process stops, and when this process is continued, it
//     continues the command: the shell sees one job;
//   - the second SIGTERM calls abandon, and so does any that asks to end once the command has
//     ended: who only waits for what the command left behind is free to go. Those within a second
//     of the first, or of the end, count as one with that.
//
// abandon is called once at most, and has to leave the command alone. What was ignored when
// this process started stays so. What is typed is the command's also after stop, and keeps
// nobody from telling what came of it; before [Prepare] has returned it ends both.
func (c *Command) Relay(abandon func(syscall.Signal)) (stop func()) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if !c.found.ignores(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	signals := make(chan os.Signal, 16)
	for _, s := range relayed {
		if !c.found.ignores(s) {
			signal.Notify(signals, s)
		}
	}
	done, idle := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(idle)
		r := relay{Command: c, abandon: abandon}
		for {
			select {
			case s := <-signals:
				r.take(s.(syscall.Signal))
			case <-c.stops:
				r.stopAlso()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
		<-idle
	}
}

// relay is the state of [Command.Relay].
type relay struct {
	*Command
	abandon    func(syscall.Signal)
	terminated time.Time // when the command was sent its first SIGTERM
}

func (r *relay) take(s syscall.Signal) {
	typed := inForeground()
	switch s {
	case syscall.SIGCONT:
		if r.isStopped() {
			_ = r.Forward(s)
		}
		return
	case syscall.SIGTSTP:
		if r.isStopped() { // by somebody else, and now the user wants the shell back
			r.stopAlso()
		} else if !typed {
			_ = r.Forward(s)
		}
		return
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP:
		if r.hasEnded() {
			if time.Since(r.endedAt) > patience { // else it may be the signal that ended the command, too
				r.abandonOnce(s)
			}
			return
		}
	}
	switch {
	case s == syscall.SIGTERM && r.terminated.IsZero():
		r.terminated = time.Now()
	case s == syscall.SIGTERM:
		if time.Since(r.terminated) > patience {
			r.abandonOnce(s)
		}
		return
	case typed && (s == syscall.SIGINT || s == syscall.SIGQUIT):
		return
	}
	_ = r.Forward(s)
}

func (r *relay) abandonOnce(s syscall.Signal) {
	if r.abandon != nil {
		r.abandon(s)
		r.abandon = nil
	}
}

func (c *Command) hasEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// isStopped reports whether it is stopped now; what wait was told may be over.
func (c *Command) isStopped() bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid))
	_, after, _ := bytes.Cut(text[max(0, bytes.LastIndexByte(text, ')')):], []byte(" "))
	return err == nil && len(after) > 0 && after[0] == 'T' && !c.hasEnded()
}

// stopAlso stops this process as SIGTSTP does by itself, if the command is stopped. Where no
// shell would notice, in an orphaned process group, the kernel does not stop it.
func (r *relay) stopAlso() {
	if r.found.ignores(syscall.SIGTSTP) || r.spec.Files[0] != nil {
		return
	}
	// Go's runtime keeps its handler for SIGTSTP even after signal.Reset.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ours := action(syscall.SIGTSTP, &sigaction{})
	defer action(syscall.SIGTSTP, &ours)
	before := mask(unix.SIG_BLOCK, bit(syscall.SIGTSTP))
	defer mask(unix.SIG_SETMASK, before)
	// It is pending before the command is looked at: should both be continued in between, as
	// after SIGTTIN, which stops both, SIGCONT takes it away.
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGTSTP)
	if r.isStopped() {
		mask(unix.SIG_UNBLOCK, bit(syscall.SIGTSTP)) // returns when continued
	}
	action(syscall.SIGTSTP, &sigaction{sigIgn}) // takes away what is still pending
}

// inForeground reports whether what is typed on the terminal comes to this process, and with
// that to the command, which began in the same process group.
func inForeground() bool {
	terminal, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer unix.Close(terminal)
	group, err := unix.IoctlGetInt(terminal, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// sigaction is the kernel's: the handler, flags, restorer and mask.
type sigaction [4]uint64

// action sets what the signal does, unless to is nil, and returns what it did.
func action(s syscall.Signal, to *sigaction) (before sigaction) {
	// That of SIGKILL and SIGSTOP cannot be set.
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(&before)), 8, 0, 0)
	return before
}

// mask changes this thread's signal mask, and returns what it was.
func mask(how uintptr, set uint64) (before uint64) {
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, how, uintptr(unsafe.Pointer(&set)), uintptr(unsafe.Pointer(&before)), 8, 0, 0)
	return before
}
