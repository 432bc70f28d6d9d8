package main

import (
	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui"
)

const tableWidth = 80 // fits a mail

// form is how the ranking is printed.
type form struct{ markdown, csv bool }

func (f *form) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.markdown, "markdown", false, "print the ranking as a Markdown table")
	cmd.Flags().BoolVar(&f.csv, "csv", false, "print the ranking as CSV")
}

func (f *form) check() error {
	if f.markdown && f.csv {
		return usageError("--markdown and --csv are two forms of one table: take one")
	}
	return nil
}

func (f *form) text(s *trace.Set) string {
	switch {
	case f.markdown:
		return ui.RankingMarkdown(s)
	case f.csv:
		return ui.RankingCSV(s)
	}
	return ui.Ranking(s, tableWidth)
}

func (f *form) given() bool { return f.markdown || f.csv }
