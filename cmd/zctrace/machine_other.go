//go:build !linux

package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/fault"
)

// machineCommands say of those that need Linux that they do.
func machineCommands() []*cobra.Command {
	var commands []*cobra.Command
	for _, name := range []string{"exec", "run", "compare", "sweep", "serve", "list", "doctor"} {
		commands = append(commands, &cobra.Command{
			Use: name, Short: "On Linux only", DisableFlagParsing: true,
			RunE: run(func(*cobra.Command, []string) error {
				return fault.Errorf(fault.Unsupported, "zctrace show works here, with a trace that was saved there", "zctrace %s needs Linux, and this is %s", name, runtime.GOOS)
			}),
		})
	}
	return commands
}

func worker([]string) (code int, is bool) { return 0, false }

func checkStart() error { return nil }

// stdoutClosed cannot be told here from a standard output that was opened for nothing.
func stdoutClosed() bool { return false }

// asUser does it: there is no run here that sudo is for.
func asUser(f func() error) error { return f() }
