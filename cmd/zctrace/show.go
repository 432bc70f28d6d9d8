package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui"
)

func newShow() *cobra.Command {
	var f form
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Print a saved trace or comparison, as it was printed then; needs no root",
		Example: `  sudo zctrace run sendfile --duration 5s --json trace.json
  zctrace show trace.json
  zctrace show --markdown comparison.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return exactly("FILE")(cmd, args)
		},
		RunE: run(func(cmd *cobra.Command, args []string) error {
			t, set, err := trace.ReadFileOrSet(args[0])
			if err != nil {
				return err
			}
			text := ""
			switch {
			case set != nil:
				text = f.text(set)
			case f.markdown || f.csv:
				return usageError("%s is one trace: --markdown and --csv are for what compare wrote", args[0])
			default:
				text = ui.Table(t, tableWidth)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		}),
	}
	f.register(cmd)
	return cmd
}
