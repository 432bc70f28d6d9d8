package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/tracer/export"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui"
	"github.com/zctrace/zctrace/ui/report"
	"github.com/zctrace/zctrace/ui/term"
)

func newShow() *cobra.Command {
	var f form
	var plain bool
	cmd := &cobra.Command{
		Use:   "show FILE [FILE]",
		Short: "Show a saved trace or comparison, or two traces side by side; needs no root, nor Linux",
		Long: `show draws a saved trace on the dashboard: the arrow keys, home and end go through
the time of the run, space plays it, 1 to 5 choose the view. Elsewhere than on a
terminal, or with --plain, it prints what was printed at the end of the run, and so
it does with what compare and sweep saved, and with traces of programs. Of two traces of a kind
it shows what differs; x goes from the one to the other. A file called - is standard input.`,
		Example: `  sudo zctrace run sendfile --duration 5s --json trace.json
  zctrace show trace.json
  zctrace show read-write.json sendfile.json
  zctrace show --markdown comparison.json
  sudo zctrace run sendfile --quiet --json - | zctrace show -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			switch {
			case len(args) != 1 && len(args) != 2:
				return usageError("show takes one FILE, or two traces to compare, not %d", len(args))
			case len(args) == 2 && args[0] == fromStdin && args[1] == fromStdin:
				return usageError("standard input is one trace: name a file for the other")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: run(func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return showTwo(cmd, args, f, plain)
			}
			file, err := read(args[0])
			if err != nil {
				return err
			}
			return showOne(cmd, args[0], file, f, plain)
		}),
	}
	f.register(cmd, export.Formats)
	cmd.Flags().BoolVar(&plain, "plain", false, "plain text, also on a terminal")
	return cmd
}

// fromStdin stands for standard input, as it does for standard output after --json.
const fromStdin = "-"

func read(name string) (trace.File, error) {
	if name != fromStdin {
		return trace.ReadFile(name)
	}
	file, err := trace.Read(os.Stdin)
	if err != nil {
		err = fmt.Errorf("standard input: %w", err)
	}
	return file, err
}

// showOne shows what is in one file.
func showOne(cmd *cobra.Command, name string, file trace.File, f form, plain bool) error {
	format := f.chosen()
	switch {
	case file.Program != nil && format != nil:
		return usageError("%s is a trace of programs: there is no --%s of it", name, format.Name)
	case file.Program != nil:
		look, width := tableLook(cmd.OutOrStdout(), plain)
		return printOut(cmd, report.Program(file.Program, look, width))
	case file.Set != nil && format != nil && format.Set == nil:
		return usageError("%s is a comparison: --%s is for one trace", name, format.Name)
	case file.Set != nil:
		return printError(f.writeSet(cmd.OutOrStdout(), file.Set))
	case format != nil && format.Trace == nil:
		return usageError("%s is one trace: %s are for what compare wrote", name, forSets())
	case format != nil:
		return printError(format.Trace(cmd.OutOrStdout(), file.Trace))
	case !plain && canDraw():
		return replay(ui.RunOptions{Trace: file.Trace})
	}
	return printOut(cmd, report.Table(file.Trace, tableWidth))
}

func printOut(cmd *cobra.Command, text string) error {
	_, err := io.WriteString(cmd.OutOrStdout(), text)
	return printError(err)
}

// printError says of an error what failed.
func printError(err error) error {
	if err != nil {
		return fmt.Errorf("print it: %w", err)
	}
	return nil
}

// replay shows saved traces on the dashboard until the user leaves it.
func replay(o ui.RunOptions) error {
	o.Replay = true
	program := ui.NewDashboard(ui.Options{Terminal: term.DetectTerminal(os.Getenv)}, o)
	ctx, interrupt := context.WithCancelCause(context.Background())
	defer interrupt(nil)
	defer interruptOnSignal(interrupt, func() { _ = program.ReleaseTerminal() })()
	context.AfterFunc(ctx, program.Quit)
	if _, err := program.Run(); err != nil {
		return fmt.Errorf("draw the dashboard: %w", err)
	}
	return interrupted(ctx, nil)
}

// showTwo shows two traces side by side.
func showTwo(cmd *cobra.Command, files []string, f form, plain bool) error {
	if format := f.chosen(); format != nil && format.Trace != nil {
		return usageError("--%s is for one trace", format.Name)
	} else if format != nil {
		return usageError("%s are for what compare wrote", forSets())
	}
	var traces [2]trace.File
	for i, name := range files {
		file, err := read(name)
		if err != nil {
			return err
		}
		if file.Set != nil {
			return usageError("%s is a comparison of its own: zctrace show %s prints it", name, name)
		}
		traces[i] = file
	}
	for i, file := range traces {
		if file.Program != nil && traces[1-i].Program == nil {
			return usageError("%s is a trace of programs, and %s that of a run of zctrace's own: compare two of one kind", files[i], files[1-i])
		}
	}
	a, b := filepath.Base(files[0]), filepath.Base(files[1])
	if a == b {
		a, b = files[0], files[1]
	}
	if traces[0].Program != nil {
		return printOut(cmd, report.ProgramDifference(traces[0].Program, traces[1].Program, a, b, tableWidth))
	}
	if !plain && canDraw() {
		return replay(ui.RunOptions{Trace: traces[0].Trace, Other: traces[1].Trace, Names: [2]string{a, b}})
	}
	return printOut(cmd, report.Difference(traces[0].Trace, traces[1].Trace, a, b, tableWidth))
}
