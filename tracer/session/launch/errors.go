//go:build linux

package launch

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// Exit codes of zctrace exec where there was no command whose status it could pass on; env(1)
// and nice(1) have the same.
const (
	ExitUsage         = 2   // wrong usage
	ExitCannot        = 125 // zctrace cannot: rights, kernel
	ExitNotExecutable = 126 // the command was found, and cannot be executed
	ExitNotFound      = 127 // the command was not found
)

// Error is why there is no command.
type Error struct {
	Exit int // one of the codes above, or 128 + the signal that ended it before it began
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the exit code of zctrace exec for an error before the command has begun.
func ExitCode(err error) int {
	if known, is := errors.AsType[*Error](err); is {
		return known.Exit
	}
	if fault.KindOf(err) == fault.Usage {
		return ExitUsage
	}
	return ExitCannot
}

// checkArgv refuses what is no command.
func checkArgv(argv []string) error {
	if len(argv) == 0 {
		return &Error{ExitUsage, fault.Errorf(fault.Usage, "zctrace exec -- COMMAND [ARG...]", "exec takes a command")}
	}
	if argv[0] == "" {
		return &Error{ExitNotFound, fault.Errorf(fault.Usage, "is a variable empty? zctrace exec -- COMMAND [ARG...]", `the command's name is empty: ""`)}
	}
	return nil
}

// startError says what to do where this program cannot be started a second time.
func startError(err error) error {
	remedy := ""
	switch {
	case errors.Is(err, unix.ENOENT):
		err, remedy = fmt.Errorf("/proc is not mounted: %w", err), "mount -t proc proc /proc"
	case errors.Is(err, unix.EAGAIN):
		remedy = "let there be more processes: ulimit -u"
	}
	return &Error{ExitCannot, fault.Errorf(fault.Unsupported, remedy, "start a process for the command: %w", err)}
}

// reply waits for what the process says, and returns why there will be no command.
func (c *Command) reply() error {
	var r reply
	if err := c.replies.Decode(&r); err != nil {
		return err
	}
	if r.Errno == 0 {
		return nil
	}
	return c.refused(r)
}

// refused is the error of what the process could not do. Names are the user's, and may have line breaks in them.
func (c *Command) refused(r reply) error {
	if r.User {
		return &Error{ExitCannot, fault.Errorf(fault.Unsupported,
			"unset SUDO_UID to run it as root; or run zctrace by sudo itself, which leaves it CAP_SETUID and CAP_SETGID",
			"run the command as the user who called sudo, %d: %w", c.spec.User.UID, r.Errno)}
	}
	name, path := human.Sanitize(c.spec.Argv[0]), human.Sanitize(r.Path)
	switch {
	case r.Errno == unix.ENOENT && r.Why != "":
		return &Error{ExitNotFound, fault.Errorf(fault.Failed, "", "execute %s: %w: the file is there, but %s", path, r.Errno, human.Sanitize(r.Why))}
	case r.Errno == unix.ENOENT && strings.ContainsAny(c.spec.Argv[0], " \t\n|&;<>()$`"):
		return &Error{ExitNotFound, fault.Errorf(fault.Failed, "a command line is a shell's: zctrace exec -- sh -c 'COMMAND LINE'",
			"execute %s: there is no command of this name", name)}
	case r.Errno == unix.ENOENT && strings.HasPrefix(c.spec.Argv[0], "-"):
		return &Error{ExitNotFound, fault.Errorf(fault.Failed, "flags of exec stand before --: zctrace exec [FLAGS] -- COMMAND [ARG...]",
			"execute %s: there is no command of this name", name)}
	case r.Errno == unix.ENOENT && r.Path == c.spec.Argv[0]:
		return &Error{ExitNotFound, fault.Errorf(fault.Failed, "", "execute %s: %w", path, r.Errno)}
	case r.Errno == unix.ENOENT:
		return &Error{ExitNotFound, fault.Errorf(fault.Failed,
			`give its path, or pass your PATH on: sudo env PATH="$PATH" zctrace exec ...; what is a shell's own: zctrace exec -- bash -c '...'`,
			"execute %s: it is in no directory of PATH", name)}
	case r.Why != "":
		return &Error{ExitNotExecutable, fault.Errorf(fault.Failed, "name a file that can be executed", "execute %s: %w: %s", path, r.Errno, r.Why)}
	case r.Errno == unix.EACCES:
		return &Error{ExitNotExecutable, fault.Errorf(fault.Failed, "if it is a program: chmod a+rx "+path, "execute %s: %w", path, r.Errno)}
	case r.Errno == unix.ENOEXEC:
		return &Error{ExitNotExecutable, fault.Errorf(fault.Failed, "take one for this machine", "execute %s: %w: it is a program for another machine, or damaged", path, r.Errno)}
	}
	return &Error{ExitNotExecutable, fault.Errorf(fault.Failed, "", "execute %s: %w", path, r.Errno)}
}

// failed is why there is no command, once the process is gone.
func (c *Command) failed(err error) error {
	if _, known := errors.AsType[*Error](err); known {
		return err
	}
	exit, how := ExitCannot, fmt.Sprintf("with status %d", c.status.ExitCode())
	if c.status.Signaled() {
		exit, how = c.status.ExitCode(), "by "+unix.SignalName(c.status.Signal())
	}
	return &Error{exit, fmt.Errorf("the process of the command was ended before it began, %s", how)}
}
