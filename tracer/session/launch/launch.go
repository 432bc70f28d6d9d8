//go:build linux

// Package launch starts the command of zctrace exec as if zctrace were not there: with the
// rights of the user who called sudo, its own terminal, the limits, signals and descriptors
// that zctrace found. It waits until it is released, so that whoever counts has begun before.
//
// The process is zctrace itself at first (see [Main]), because Go cannot fork without exec:
// it gives up rights, waits, and becomes the command by execve, with the same process id.
// Nothing of zctrace's is left in it then, and nothing ties it to zctrace: who kills that
// leaves the command as it is.
package launch

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/workloads"
)

// Spec is what to start.
type Spec struct {
	Argv []string        // the command, searched for in PATH as execvp(3) does, and its arguments
	User *workloads.User // whose rights and HOME it gets; nil: this process's
	// Files are its standard input, output and error where these are not this process's, which are nil here. Where it
	// has another input the terminal is this process's alone: should the command be stopped, this process is not.
	Files [3]*os.File
}

// Command is a process that waits to become the command, is it, or was it.
type Command struct {
	spec    Spec
	found   signals // of this process, and so the command's
	pid     int
	control *os.File // our end; nil once released or canceled
	replies *gob.Decoder
	ended   chan struct{}
	stops   chan struct{} // it was stopped

	mu      sync.Mutex
	reaped  bool // and its process id may be another's
	status  Status
	endedAt time.Time
}

// Status is how the command ended.
type Status struct {
	syscall.WaitStatus
	Usage syscall.Rusage // of it and of its children that it waited for, as wait4(2) says
}

// ExitCode is the command's own exit status, or 128 + the signal that killed it.
func (s Status) ExitCode() int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

// Prepare starts the process that will become the command, and returns once it has the
// user's rights and has found the command. An [Error] says why there will be none: not
// found, not executable. It needs no rights but those to become the user.
//
// It calls nothing of the command's yet: that is [Command.Release]. Until then the process
// exits by itself if this one dies.
func Prepare(spec Spec) (*Command, error) {
	if err := checkArgv(spec.Argv); err != nil {
		return nil, err
	}
	ours, theirs, err := newControl()
	if err != nil {
		return nil, err
	}
	pid, err := fork(theirs, spec.Files)
	_ = theirs.Close() // at once: that the process is gone is told by the end of what only it can write
	if err != nil {
		ours.Close()
		return nil, startError(err)
	}
	c := &Command{
		spec: spec, pid: pid, control: ours, replies: gob.NewDecoder(ours),
		ended: make(chan struct{}), stops: make(chan struct{}, 1),
	}
	go c.wait()
	job := spec.job()
	c.found = job.Signals
	err = gob.NewEncoder(ours).Encode(job)
	if err == nil {
		err = c.reply()
	}
	if err != nil {
		c.Cancel()
		return nil, c.failed(err)
	}
	return c, nil
}

// newControl connects the process with its parent.
func newControl() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fds[0], true)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the command: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "command's control"), nil
}

// fork starts this program again. It has all descriptors that this process inherited, under
// their numbers, but for those given for the first ones, and one more: its end of the control,
// under a number that was free.
func fork(control *os.File, standard [3]*os.File) (pid int, err error) {
	end := int(control.Fd())
	files := make([]uintptr, end+1)
	for fd := range files {
		files[fd] = ^uintptr(0) // closed
		// What was inherited is not closed on exec, or it would not be here; what is
		// zctrace's own is.
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 || fd == end {
			files[fd] = uintptr(fd)
		}
	}
	for fd, file := range standard {
		if file != nil {
			files[fd] = file.Fd()
		}
	}
	return syscall.ForkExec("/proc/self/exe", []string{"zctrace", Stub, strconv.Itoa(end)}, &syscall.ProcAttr{Files: files, Env: stubEnv})
}

// stubEnv keeps the runtime's signals and threads few until the command has the process.
var stubEnv = []string{"GOGC=off", "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1"}

// PID is the process's id, from the start to the end, in this process's pid namespace.
func (c *Command) PID() int { return c.pid }

// Release lets the process become the command, and returns when it has: its first
// instruction is next. An [Error] says why it could not; nothing of the command has run then.
func (c *Command) Release() error {
	_, err := c.control.Write([]byte{1})
	if err == nil {
		err = c.reply()
	}
	c.close()
	if errors.Is(err, io.EOF) { // execve has closed the other end, or a signal ended the process
		return nil
	}
	<-c.ended
	return c.failed(err)
}

// Cancel ends a process that was not released, and waits until it is gone. After a release
// it does nothing.
func (c *Command) Cancel() {
	if c.control != nil {
		c.close()
		<-c.ended
	}
}

func (c *Command) close() {
	_ = c.control.Close()
	c.control = nil
}

// Ended is closed when the process has ended and [Command.Status] is known. Its children may
// live on.
func (c *Command) Ended() <-chan struct{} { return c.ended }

// Status is how it ended. Only after [Command.Ended].
func (c *Command) Status() Status { return c.status }

// wait reaps it, and tells when it was stopped.
func (c *Command) wait() {
	defer close(c.ended)
	for {
		// It stays a zombie, and its process id its own, until no signal is being sent to it.
		err := unix.Waitid(unix.P_PID, c.pid, nil, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		var status Status
		c.mu.Lock()
		found, err := syscall.Wait4(c.pid, &status.WaitStatus, syscall.WUNTRACED|syscall.WNOHANG, &status.Usage)
		c.reaped = err != nil || found != 0 && !status.Stopped()
		c.mu.Unlock()
		switch {
		case c.reaped:
			c.status, c.endedAt = status, time.Now()
			return
		case found != 0: // else it has been continued meanwhile
			select {
			case c.stops <- struct{}{}:
			default:
			}
		}
	}
}

// Forward sends the signal to the command, unless it has ended.
func (c *Command) Forward(s syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped {
		return nil
	}
	if err := syscall.Kill(c.pid, s); err != nil {
		return fmt.Errorf("pass %v on to the command: %w", s, err)
	}
	return nil
}
