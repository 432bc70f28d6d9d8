package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/tracer/export"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/report"
)

const tableWidth = 80 // fits a mail

// form is how a result is printed: in a format of package export, or as text.
type form struct{ asked map[*export.Format]*bool }

// register makes a flag of each format.
func (f *form) register(cmd *cobra.Command, formats []*export.Format) {
	f.asked = map[*export.Format]*bool{}
	for _, format := range formats {
		f.asked[format] = cmd.Flags().Bool(format.Name, false, format.Help)
	}
}

// given are the formats that were asked for, of which check allows one.
func (f *form) given() (list []*export.Format) {
	for _, format := range export.Formats {
		if asked := f.asked[format]; asked != nil && *asked {
			list = append(list, format)
		}
	}
	return list
}

func (f *form) check() error {
	if list := f.given(); len(list) > 1 {
		return usageError("--%s and --%s are two forms of one table: take one", list[0].Name, list[1].Name)
	}
	return nil
}

// chosen is the format that was asked for; nil: none, which means text.
func (f *form) chosen() *export.Format {
	for _, format := range f.given() {
		return format
	}
	return nil
}

// writeSet writes a comparison in the form that was asked for, which can.
func (f *form) writeSet(w io.Writer, s *trace.Set) error {
	if format := f.chosen(); format != nil {
		return format.Set(w, s)
	}
	_, err := io.WriteString(w, report.Ranking(s, tableWidth))
	return err
}

// forSets are the flags of the formats that are for comparisons alone.
func forSets() string {
	var flags []string
	for _, f := range export.Formats {
		if f.Trace == nil {
			flags = append(flags, "--"+f.Name)
		}
	}
	return strings.Join(flags, " and ")
}
