package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIRECTORY",
		Short: "Write the man pages into a directory",
		Example: `  zctrace man ~/.local/share/man/man1
  man zctrace-run`,
		Args: exactly("DIRECTORY"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: run(func(cmd *cobra.Command, args []string) error {
			return asUser(func() error {
				if err := os.MkdirAll(args[0], 0o755); err != nil {
					return fmt.Errorf("make the directory for the man pages: %w", err)
				}
				for _, c := range append(cmd.Root().Commands(), cmd.Root()) {
					if c != cmd.Root() && !c.IsAvailableCommand() {
						continue
					}
					if err := os.WriteFile(filepath.Join(args[0], pageName(c)+".1"), manPage(c), 0o644); err != nil {
						return fmt.Errorf("write the man page: %w", err)
					}
				}
				return nil
			})
		}),
	}
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage is the page of a command as man(7) wants it.
func manPage(cmd *cobra.Command) []byte {
	var b bytes.Buffer
	section := func(name string) { fmt.Fprintf(&b, ".SH %s\n", name) }
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"zctrace %s\" \"zctrace manual\"\n", roff(strings.ToUpper(pageName(cmd))), roff(tool().Version))
	section("NAME")
	fmt.Fprintf(&b, "%s \\- %s\n", roff(pageName(cmd)), roff(cmd.Short))
	section("SYNOPSIS")
	fmt.Fprintf(&b, ".B %s\n", roff(cmd.UseLine()))
	section("DESCRIPTION")
	for _, paragraph := range strings.Split(description(cmd), "\n\n") {
		fmt.Fprintf(&b, ".PP\n%s\n", roff(paragraph))
	}
	section("OPTIONS")
	cmd.InitDefaultHelpFlag()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		fmt.Fprintf(&b, ".TP\n.B %s\n%s%s\n", roff(strings.TrimSpace(name+" "+value)), roff(usage), roff(defaultOf(f)))
	})
	section("EXIT STATUS")
	for _, e := range exitTable {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", e.written(), roff(e.meaning))
	}
	if cmd.HasExample() {
		section("EXAMPLES")
		fmt.Fprintf(&b, ".nf\n%s\n.fi\n", roff(cmd.Example))
	}
	section("SEE ALSO")
	var others []string
	for _, c := range append([]*cobra.Command{cmd.Root()}, cmd.Root().Commands()...) {
		if c != cmd && (c == cmd.Root() || c.IsAvailableCommand()) {
			others = append(others, fmt.Sprintf(".BR %s (1)", roff(pageName(c))))
		}
	}
	b.WriteString(strings.Join(others, ",\n") + "\n")
	return b.Bytes()
}

func description(cmd *cobra.Command) string {
	if cmd.Long == "" {
		return cmd.Short + "."
	}
	return cmd.Long
}

// defaultOf is the value of a flag that is not given, in words: "" if that is none.
func defaultOf(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "false", "[]":
		return ""
	}
	return " (default " + f.DefValue + ")"
}

// roff is text as roff(7) takes it: nothing in it is a command.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`).Replace(text)
	return strings.ReplaceAll(text, "\n.", "\n\\&.")
}
