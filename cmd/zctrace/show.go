package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui"
)

func newShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE",
		Short: "Print a saved trace, as its run did; needs no root",
		Example: `  sudo zctrace run sendfile --duration 5s --json trace.json
  zctrace show trace.json`,
		Args: exactly("FILE"),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			t, err := trace.ReadFile(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), ui.Table(t, tableWidth))
			return err
		}),
	}
}
