//go:build linux

package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/workloads"
)

func newList() *cobra.Command {
	var textbook bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the strategies and whether this machine supports them; needs no root",
		Args:  nothing,

		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			if textbook {
				return printTextbook(cmd.OutOrStdout(), textbookRows())
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "STRATEGY\tHERE\tSYSTEM CALLS\tWHAT IT DOES")
			for _, s := range workloads.Strategies {
				here, why := sinksHere(s)
				fmt.Fprintf(w, "%s\t%s\t%s\t%s%s\n", s.Name, here, strings.Join(s.Syscalls, ", "), s.Summary, why)
			}
			return w.Flush()
		}),
	}
	cmd.Flags().BoolVar(&textbook, "textbook", false, "print what the textbook says of each strategy, and where it says so")
	return cmd
}

// sinksHere says to which sinks a strategy can move a file here, and if to none,
// why.
func sinksHere(s *workloads.Strategy) (here, why string) {
	var sinks []string
	for _, kind := range workloads.SinkKinds {
		err := workloads.Support(s, nil, kind)
		if err == nil {
			sinks = append(sinks, string(kind))
		} else if why == "" {
			why = human.FirstLine(err.Error())
		}
	}
	switch len(sinks) {
	case 0:
		return "no", " (" + why + ")"
	case len(workloads.SinkKinds):
		return "yes", ""
	}
	return "to " + strings.Join(sinks, ", "), ""
}
