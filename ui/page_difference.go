package ui

import (
	"strings"

	"github.com/zctrace/zctrace/ui/report"
)

// differencePage is the same as a view: what differs stands out.
func differencePage(d data, width int) page {
	pg := page{title: "DIFFERENCE"}
	text := report.Difference(d.pair.traces[0], d.pair.traces[1], d.pair.names[0], d.pair.names[1], width)
	for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		ink := d.Dim
		switch {
		case strings.HasPrefix(l, "  !="):
			ink = d.Strong
		case l != "" && !strings.HasPrefix(l, "  "):
			ink = d.Plain
		}
		pg.lines = append(pg.lines, ink.Apply(d.Fit(l, width)))
	}
	return pg
}
