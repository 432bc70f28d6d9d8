package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Set by the linker; see the Makefile. A build without it is asked what it
// knows itself.
var version, commit = "dev", ""

// tool names this build: the version and the commit that it was built from, as
// far as the Go tool knew it.
func tool() trace.Tool {
	t := trace.Tool{Version: version, Commit: commit}
	info, ok := debug.ReadBuildInfo()
	if !ok || commit != "" {
		return t
	}
	if v := info.Main.Version; version == "dev" && v != "" && v != "(devel)" {
		t.Version = v
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			t.Commit = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified && t.Commit != "" {
		t.Commit += "-dirty"
	}
	return t
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  nothing,

		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionLine())
			return err
		}),
	}
}

func versionLine() string {
	t := tool()
	return fmt.Sprintf("zctrace %s (%s, %s %s/%s)", t.Version, cmp.Or(t.Commit, "unknown commit"), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
