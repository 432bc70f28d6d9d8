package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// newCompletion is cobra's own, but that it refuses a shell that it does not know.
func newCompletion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion " + strings.Join(shells, "|"),
		Short: "Print a script that completes commands, strategies and flags in a shell",
		Example: `  source <(zctrace completion bash)     # in this shell; needs the package bash-completion
  zctrace completion zsh > "${fpath[1]}/_zctrace"
  zctrace completion fish > ~/.config/fish/completions/zctrace.fish`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) != 1:
				return usageError("completion takes one shell: %s", strings.Join(shells, ", "))
			case !slices.Contains(shells, args[0]):
				return usageError("unknown shell %q: %stake %s", args[0], human.DidYouMean(args[0], shells), strings.Join(shells, " or "))
			}
			return nil
		},
		ValidArgsFunction: once(shells...),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return printError(root.GenBashCompletionV2(out, true))
			case "zsh":
				return printError(root.GenZshCompletion(out))
			case "fish":
				return printError(root.GenFishCompletion(out, true))
			}
			return printError(root.GenPowerShellCompletionWithDesc(out))
		}),
	}
}

// newHelp is cobra's own, but that it refuses a command that there is not.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Print the help of a command",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			if len(args) == 0 {
				for _, c := range cmd.Root().Commands() {
					if c.IsAvailableCommand() {
						names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: run(func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return fault.Errorf(fault.Usage, "take one that zctrace --help lists", "there is no command %s", strings.Join(args, " "))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		}),
	}
}

// completer is cobra's type of what completes arguments.
type completer = func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective)

// once completes the first argument with one of the values, and no other.
func once(values ...string) completer {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return values, cobra.ShellCompDirectiveNoFileComp
	}
}

// each completes every argument with one of the values that is not there yet.
func each(values ...string) completer {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		left := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return slices.Contains(args, v) })
		return left, cobra.ShellCompDirectiveNoFileComp
	}
}
