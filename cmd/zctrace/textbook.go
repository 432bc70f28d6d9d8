//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/charmbracelet/x/ansi"

	"github.com/zctrace/zctrace/workloads"
)

// textbookRow is what articles and manuals say of a strategy, or of it to a file.
type textbookRow struct {
	name string
	workloads.Textbook
}

func textbookRows() (rows []textbookRow) {
	for _, s := range workloads.Strategies {
		rows = append(rows, textbookRow{s.Name, s.Textbook})
		if to := s.TextbookTo(workloads.SinkFile); to != s.Textbook {
			rows = append(rows, textbookRow{s.Name + " to file", to})
		}
	}
	return rows
}

// printTextbook prints the numbers, and below them where they are from.
func printTextbook(out io.Writer, rows []textbookRow) error {
	fmt.Fprint(out, "What the textbook says that the transfer of one chunk costs; copies and DMA in\n",
		"passes: 1 is the whole chunk once. zctrace run and compare show it next to what\nthey measure.\n\n")
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "\tSYSTEM\tMODE\tCOPIES\tCOPIES\tCOPIES\tCOPIES IN\tDMA\tDMA")
	fmt.Fprintln(w, "STRATEGY\tCALLS\tSWITCHES\tTO USER\tFROM USER\tIN KERNEL\tUSER SPACE\tIN\tOUT")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", r.name,
			r.TransferCalls, r.ModeSwitches, r.ToUser, r.FromUser, r.InKernel, r.UserSpace, r.DMAIn, r.DMAOut)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	name := 0
	for _, r := range rows {
		name = max(name, len(r.name))
	}
	fmt.Fprintln(out, "\nSOURCES")
	for _, r := range rows {
		label := r.name
		for _, line := range strings.Split(ansi.Wrap(r.Source, tableWidth-name-1, ""), "\n") {
			if _, err := fmt.Fprintf(out, "%-*s %s\n", name, label, line); err != nil {
				return err
			}
			label = ""
		}
	}
	return nil
}
