//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
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
		Args: cobra.NoArgs,

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
	fmt.Fprintf(w, "Linux %s, %s, %s, virtualization %s\n", host.Kernel, host.Arch, cmp.Or(reading.CPUsText(host), "CPUs unknown"), host.Virtualization)
	for _, group := range []struct {
		title  string
		checks []tracer.Check
	}{
		{"SYSTEM", report.System},
		{"HOOK", report.Hooks},
		{"ENGINE", report.Engines},
	} {
		fmt.Fprintln(w)
		if err := printChecks(w, group.title, group.checks); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	summary := "zctrace works here."
	if !report.OK() {
		summary = "zctrace does not work here: see the lines that are refused, or needed and not ok."
	}
	_, err := fmt.Fprintln(w, summary)
	return err
}

func printChecks(w io.Writer, title string, checks []tracer.Check) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
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
	if err := t.Flush(); err != nil {
		return err
	}
	// What fails for one reason is told once.
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
	for _, c := range order {
		same := names[[2]string{c.Reason, c.Remedy}]
		name := same[0]
		if n := len(same) - 1; n > 0 {
			name += fmt.Sprintf(" and %d more", n)
		}
		fmt.Fprintf(w, "  %s: %s\n", name, c.Reason)
		if c.Remedy != "" {
			fmt.Fprintf(w, "    remedy: %s\n", c.Remedy)
		}
	}
	return nil
}
