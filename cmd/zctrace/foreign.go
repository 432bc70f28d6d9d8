package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// foreign are the flags of other tools (strace, perf, ltrace, bpftrace) that people try, and what
// does here what they want.
var foreign = []struct {
	flags  []string // short or long
	remedy string
}{
	{[]string{"c", "summary-only"}, "did you mean zctrace exec -- COMMAND [ARG...]? -c is something else in each tool: calls are counted without it, and a cgroup or container cannot be followed yet"},
	{[]string{"f", "F", "follow-forks"}, "leave it out: exec follows all that the command starts"},
	{[]string{"p", "pid", "attach", "t", "tid"}, "what runs already cannot be followed yet: start it by zctrace exec -- COMMAND [ARG...]"},
	{[]string{"a", "all-cpus", "C"}, "exec counts a command and all that it starts, on every CPU: zctrace exec -- COMMAND [ARG...]"},
	{[]string{"e", "event", "trace"}, "leave it out: all calls are counted; --expect 'PATH == NUMBER' asks for one number, --json FILE has all"},
	{[]string{"T", "r", "w", "syscall-times", "summary-wall-clock"}, "did you mean --latency on? It times the calls"},
	{[]string{"g", "k", "call-graph", "stack-traces"}, "leave it out: zctrace takes no stacks yet"},
	{[]string{"I", "interval-print"}, "did you mean --interval?"},
	{[]string{"q"}, "did you mean --quiet?"},
	{[]string{"j"}, "did you mean --json FILE?"},
	{[]string{"S", "sort", "summary-sort-by"}, "leave it out: what moved most bytes comes first; --json FILE has all, for jq"},
	{[]string{"u", "user", "uid"}, "the command runs as the user who called sudo: call it as that user"},
	{[]string{"E", "env"}, "zctrace exec -- env NAME=VALUE COMMAND [ARG...]"},
	{[]string{"o", "output"}, "did you mean --json FILE?"},
	{[]string{"s", "x", "y", "string-limit"}, "leave it out: zctrace counts bytes, and shows none"},
}

// unknownFlag says of a flag that is another tool's what there is instead, and of one that may be mistyped which was
// meant; any other error stays.
func unknownFlag(cmd *cobra.Command, err error) error {
	unknown, is := errors.AsType[*pflag.NotExistError](err)
	if !is {
		return err
	}
	for _, row := range foreign {
		if slices.Contains(row.flags, unknown.GetSpecifiedName()) {
			return fault.Errorf(fault.Usage, row.remedy, "%w", err)
		}
	}
	var there []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { there = append(there, f.Name) })
	if name := unknown.GetSpecifiedName(); len(name) > 1 {
		if meant := strings.TrimSpace(human.DidYouMean(name, there)); meant != "" {
			return fault.Errorf(fault.Usage, strings.Replace(meant, "mean ", "mean --", 1), "%w", err)
		}
	}
	return err
}
