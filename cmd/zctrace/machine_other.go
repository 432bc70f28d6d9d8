//go:build !linux

package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// machineCommands say of those that need Linux that they do.
func machineCommands() []*cobra.Command {
	var commands []*cobra.Command
	for _, name := range []string{"run", "compare", "sweep", "serve", "list", "doctor"} {
		commands = append(commands, &cobra.Command{
			Use: name, Short: "On Linux only", DisableFlagParsing: true,
			RunE: run(func(*cobra.Command, []string) error {
				return &exitError{exitUnsupported, fmt.Errorf("zctrace %s needs Linux, and this is %s\nzctrace show works here, with a trace that was saved there", name, runtime.GOOS)}
			}),
		})
	}
	return commands
}

func worker([]string) (code int, is bool) { return 0, false }

func checkStart() error { return nil }

func machineExit(error) (code int, is bool) { return 0, false }

// asUser does it: there is no run here that sudo is for.
func asUser(f func() error) error { return f() }
