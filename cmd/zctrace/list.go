package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/workloads"
)

func newList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the strategies and whether this machine supports them; needs no root",
		Args:  cobra.NoArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "STRATEGY\tHERE\tSYSTEM CALLS\tWHAT IT DOES")
			for _, s := range workloads.Strategies {
				here, why := "yes", ""
				if err := workloads.Support(s, nil, workloads.SinkTCP); err != nil {
					here, _, _ = strings.Cut(err.Error(), "\n")
					here, why = "no", " ("+here+")"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s%s\n", s.Name, here, strings.Join(s.Syscalls, ", "), s.Summary, why)
			}
			return w.Flush()
		}),
	}
}
