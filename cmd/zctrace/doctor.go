//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/tracer/trace"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Show what can be counted on this machine, and why not the rest",
		Long: `doctor loads and attaches every hook, one by one, removes it again and says what
worked, what did not, why, and what to do about it. It exits with 3 if the main
job cannot be done here.`,
		Args: nothing,

		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			host, report := session.Host(), tracer.Probe()
			if err := printReport(cmd.OutOrStdout(), host, report, asJSON); err != nil {
				return err
			}
			if !report.OK() {
				return &fault.Error{Kind: fault.Unsupported} // the report says it
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func printReport(w io.Writer, host trace.Host, report *tracer.Report, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(struct {
			OK   bool       `json:"ok"`
			Host trace.Host `json:"host"`
			*tracer.Report
		}{report.OK(), host, report})
	}
	summary := "zctrace works here.\n"
	if blocking := report.InTheWay(); len(blocking) > 0 {
		summary = "zctrace does not work here.\n" + reasons(blocking)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nLinux %s, %s, %s, virtualization %s\n\n", summary, host.Kernel, host.Arch, cmp.Or(reading.CPUsText(host), "CPUs unknown"), host.Virtualization)
	for _, group := range []struct {
		title  string
		checks []tracer.Check
	}{
		{"SYSTEM", report.System},
		{"HOOK", report.Hooks},
		{"ENGINE", report.Engines},
	} {
		b.WriteString(checksText(group.title, group.checks) + "\n")
	}
	_, err := io.WriteString(w, b.String()+summary)
	return err
}

// checksText is a line for each check, but one for all if none was tried, and below them why some failed.
func checksText(title string, checks []tracer.Check) string {
	if !slices.ContainsFunc(checks, func(c tracer.Check) bool { return c.State != tracer.NotTried }) {
		return fmt.Sprintf("%sS: %d, not tried\n", title, len(checks))
	}
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if title == "HOOK" {
		fmt.Fprintf(t, "%s\tENGINE\tSTATE\tFOR\n", title)
	} else {
		fmt.Fprintf(t, "%s\tSTATE\tFOR\n", title)
	}
	for _, c := range checks {
		needed := ""
		if c.Needed {
			needed = " (needed)"
		}
		engine := ""
		if title == "HOOK" {
			engine = "\t" + cmp.Or(string(c.Engine), "all")
		}
		fmt.Fprintf(t, "%s%s\t%s\t%s%s\n", c.Name, engine, c.State, c.For, needed)
	}
	t.Flush() // into memory, which does not fail
	return b.String() + reasons(checks)
}

// reasons are why checks failed, and what to do about it. What fails for one reason is told once.
func reasons(checks []tracer.Check) string {
	var order []tracer.Check
	names := map[[2]string][]string{}
	for _, c := range checks {
		if c.Reason == "" {
			continue
		}
		why := [2]string{c.Reason, c.Remedy}
		if names[why] == nil {
			order = append(order, c)
		}
		names[why] = append(names[why], c.Name)
	}
	var b strings.Builder
	for _, c := range order {
		same := names[[2]string{c.Reason, c.Remedy}]
		name := same[0]
		if n := len(same) - 1; n > 0 {
			name += fmt.Sprintf(" and %d more", n)
		}
		fmt.Fprintf(&b, "  %s: %s\n", name, c.Reason)
		if c.Remedy != "" {
			fmt.Fprintf(&b, "    remedy: %s\n", c.Remedy)
		}
	}
	return b.String()
}
