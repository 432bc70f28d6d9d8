package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIRECTORY",
		Short: "Write the man pages into a directory",
		Example: `  zctrace man ~/.local/share/man/man1
  man zctrace-run`,
		Args: exactly("DIRECTORY"),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			header := &doc.GenManHeader{Section: "1", Source: "zctrace " + tool().Version, Manual: "zctrace manual"}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			return asUser(func() error {
				if err := os.MkdirAll(args[0], 0o755); err != nil {
					return fmt.Errorf("make the directory for the man pages: %w", err)
				}
				if err := doc.GenManTree(root, header, args[0]); err != nil {
					return fmt.Errorf("write the man pages: %w", err)
				}
				return nil
			})
		}),
	}
}
