package main

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zctrace/zctrace/internal/fault"
)

// foreign are the flags of other tools (strace, perf, ltrace, bpftrace) that people try, and what
// does here what they want.
var foreign = []struct {
	flags  []string // short or long
	remedy string
}{
	{[]string{"c", "summary-only"}, "did you mean exec -- COMMAND, --cgroup or --container? -c is something else in each tool"},
	{[]string{"f", "F", "follow-forks"}, "leave it out: exec follows all that the command starts"},
	{[]string{"p", "pid", "attach", "t", "tid"}, "exec starts what it counts: zctrace exec -- COMMAND [ARG...]"},
	{[]string{"a", "all-cpus", "C"}, "exec counts a command and all that it starts, on every CPU: zctrace exec -- COMMAND [ARG...]"},
	{[]string{"e", "event", "trace"}, "leave it out: all calls are counted; --expect 'PATH == NUMBER' asks for one number, --json FILE has all"},
	{[]string{"T", "r", "w", "syscall-times", "summary-wall-clock"}, "did you mean --latency on? It times the calls"},
	{[]string{"g", "k", "call-graph", "stack-traces"}, "leave it out: zctrace takes no stacks yet"},
	{[]string{"I", "interval-print"}, "did you mean --interval?"},
	{[]string{"u", "user", "uid"}, "the command runs as the user who called sudo: call it as that user"},
	{[]string{"E", "env"}, "zctrace exec -- env NAME=VALUE COMMAND [ARG...]"},
	{[]string{"o", "output"}, "did you mean --json FILE?"},
	{[]string{"s", "x", "y", "string-limit"}, "leave it out: zctrace counts bytes, and shows none"},
}

// foreignFlag says of a flag that is another tool's what there is instead; any other error stays.
func foreignFlag(_ *cobra.Command, err error) error {
	unknown, is := errors.AsType[*pflag.NotExistError](err)
	if !is {
		return err
	}
	for _, row := range foreign {
		if slices.Contains(row.flags, unknown.GetSpecifiedName()) {
			return fault.Errorf(fault.Usage, row.remedy, "%w", err)
		}
	}
	return err
}
