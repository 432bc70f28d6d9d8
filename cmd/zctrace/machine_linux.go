package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/workloads"
)

// machineCommands are those that need Linux.
func machineCommands() []*cobra.Command {
	return []*cobra.Command{newRun(runStrategy), newCompare(compareStrategies), newSweep(compareStrategies), newServe(), newList(), newDoctor()}
}

// worker plays a worker of a run, if that is what the arguments ask for.
func worker(args []string) (code int, is bool) {
	if len(args) == 0 || args[0] != workloads.Command {
		return 0, false
	}
	return workloads.Main(args[1:]), true
}

// checkStart says what would end the program before it could say anything.
func checkStart() error { return tracer.CheckStart() }

// machineExit is the exit code of an error of the workload or the tracer.
func machineExit(err error) (code int, is bool) {
	var work *workloads.Error
	var unsupported *tracer.UnsupportedError
	switch {
	case errors.As(err, &work):
		return work.Kind.ExitCode(), true
	case errors.As(err, &unsupported):
		return exitUnsupported, true
	}
	return 0, false
}

// asUser does it with the rights of the user who called sudo.
func asUser(f func() error) error {
	user, err := workloads.InvokingUser()
	if err != nil {
		return err
	}
	return workloads.AsUser(user, f)
}
