package main

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/session/launch"
	"github.com/zctrace/zctrace/workloads"
)

// machineCommands are those that need Linux.
func machineCommands() []*cobra.Command {
	return []*cobra.Command{newExec(), newRun(runStrategy), newCompare(compareStrategies), newSweep(compareStrategies), newServe(), newList(), newDoctor()}
}

// worker plays a worker of a run, or the process that becomes exec's command, if that is
// what the arguments ask for.
func worker(args []string) (code int, is bool) {
	switch {
	case len(args) > 0 && args[0] == launch.Stub:
		return launch.Main(args[1:]), true
	case len(args) == 0 || args[0] != workloads.Command:
		return 0, false
	}
	if err := workloads.Main(args[1:]); err != nil { // which it has told its parent
		return exitCodes[fault.KindOf(err)], true
	}
	return exitDone, true
}

// checkStart says what would end the program before it could say anything.
func checkStart() error { return tracer.CheckStart() }

// asUser does it with the rights of the user who called sudo.
func asUser(f func() error) error {
	user, err := workloads.InvokingUser()
	if err != nil {
		return err
	}
	return workloads.AsUser(user, f)
}

// stdoutClosed finds a standard output that was closed when the program started:
// Go's runtime has then put /dev/null in its place, open for reading too, which
// the shell's >/dev/null is not (runtime/fds_unix.go: checkfds).
func stdoutClosed() bool {
	var null, out unix.Stat_t
	flags, err := unix.FcntlInt(os.Stdout.Fd(), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR &&
		unix.Fstat(int(os.Stdout.Fd()), &out) == nil && unix.Stat(os.DevNull, &null) == nil &&
		out.Mode&unix.S_IFMT == unix.S_IFCHR && out.Rdev == null.Rdev
}
