package ui

import (
	"strings"

	"github.com/zctrace/zctrace/ui/term"
)

// textbookPanel shows what was measured per transfer of one chunk next to what
// the textbook says. Each row ends in a sign: the same, different for a reason
// that the trace gives, or different without one.
func textbookPanel(d data, width int) string {
	v := d.compare()
	const label, measured, textbook = 14, 6, 7
	if d.rows > 0 && d.rows < 5 {
		return textbookSummary(d, v, width)
	}
	rows := []string{d.Heading("TEXTBOOK", width, term.Column{Name: "measured", End: label + measured}, term.Column{Name: "says", End: label + measured + textbook})}
	if len(v.rows) == 0 {
		return crop(append(rows, d.Dim.Apply(d.Fit(v.String(), width))), d.rows)
	}
	withNotes := false
	for _, row := range v.rows {
		if row.label == cpuCopies && d.rows > 0 && d.rows < 1+len(v.rows) {
			continue // the sum of the rows above it
		}
		sign, ink := d.Same, d.Dim
		switch row.agreement {
		case explained:
			sign = d.Explained
		case differs:
			sign, ink = d.Differs, d.Warning
		case unmeasured:
			sign = " "
		}
		var l term.Line
		l.Left(d.Plain, row.brief, label)
		l.Right(d.Strong, row.measured, measured).Put(d.Dim, " "+row.mark)
		l.Right(d.Plain, row.textbook, textbook-2).Put(d.Plain, "  ").Put(ink, sign)
		room := width - l.End - 2
		if withNotes = room >= 16; withNotes && (row.agreement == explained || row.agreement == differs) {
			note := d.Text(row.note)
			if term.Width(note) > room {
				note, _, _ = strings.Cut(note, ":") // what follows only explains
			}
			l.Put(d.Dim, "  "+d.Fit(note, room))
		}
		rows = append(rows, l.String())
	}
	sentence := v.String()
	if withNotes {
		sentence = v.brief() // the rest stands in the rows
	}
	for _, s := range term.Wrap(d.Text(sentence), width) {
		rows = append(rows, d.Dim.Apply(s))
	}
	return crop(rows, d.rows)
}

// textbookSummary is for where there is no room for the rows.
func textbookSummary(d data, v verdict, width int) string {
	rows := []string{d.Heading("TEXTBOOK", width)}
	var l term.Line
	for _, row := range v.rows {
		if row.brief == "calls" || row.brief == "mode switches" || row.brief == "CPU copies" {
			l.Put(d.Dim, row.brief+" ").Put(d.Strong, row.measured).Put(d.Dim, "/"+row.textbook+"   ")
		}
	}
	if l.End > 0 {
		rows = append(rows, d.Fit(l.String(), width))
	}
	for _, s := range term.Wrap(d.Text(v.String()), width) {
		rows = append(rows, d.Dim.Apply(s))
	}
	return crop(rows, d.rows)
}
