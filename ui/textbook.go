package ui

import (
	"fmt"
	"strings"

	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/ui/term"
)

// textbookPanel shows what was measured per transfer of one chunk next to what
// the textbook says. Each row ends in a sign: the same, different for a known
// reason, or different and worth a look.
func textbookPanel(d data, width int) string {
	v := d.Verdict()
	const label, measured, textbook = 14, 6, 7
	if d.rows > 0 && d.rows < 5 {
		return textbookSummary(d, v, width)
	}
	rows := []string{d.Heading("TEXTBOOK", width, term.Column{Name: "measured", End: label + measured}, term.Column{Name: "says", End: label + measured + textbook})}
	if len(v.Rows) == 0 {
		return crop(append(rows, d.Dim.Apply(d.Fit(v.String(), width))), d.rows)
	}
	withNotes := false
	for _, row := range v.Rows {
		if row.Subject == reading.CPUCopies && d.rows > 0 && d.rows < 1+len(v.Rows) {
			continue // the sum of the rows above it
		}
		sign, ink := agreementSign(d.Look, row.Agreement), d.Dim
		switch row.Agreement {
		case reading.Differs:
			ink = d.Warning
		case reading.Unmeasured:
			sign = " "
		}
		var l term.Line
		l.Left(d.Plain, row.Brief(), label)
		l.Right(d.Strong, row.MeasuredText(), measured).Put(d.Dim, " "+reading.Mark(row.Provenance))
		l.Right(d.Plain, fmt.Sprint(row.Textbook), textbook-2).Put(d.Plain, "  ").Put(ink, sign)
		room := width - l.End - 2
		if withNotes = room >= 16; withNotes && row.Agreement != reading.Same {
			note := d.Text(row.Why())
			if term.Width(note) > room {
				note, _, _ = strings.Cut(note, ":") // what follows only explains
			}
			l.Put(d.Dim, "  "+d.Fit(note, room))
		}
		rows = append(rows, l.String())
	}
	sentence := v.String()
	if withNotes {
		sentence = v.Brief() // the rest stands in the rows
	}
	for _, s := range term.Wrap(d.Text(sentence), width) {
		rows = append(rows, d.Dim.Apply(s))
	}
	return crop(rows, d.rows)
}

// textbookSummary is for where there is no room for the rows.
func textbookSummary(d data, v reading.Verdict, width int) string {
	rows := []string{d.Heading("TEXTBOOK", width)}
	var l term.Line
	for _, row := range v.Rows {
		if row.Subject == reading.TransferCalls || row.Subject == reading.ModeSwitches || row.Subject == reading.CPUCopies {
			l.Put(d.Dim, row.Brief()+" ").Put(d.Strong, row.MeasuredText()).Put(d.Dim, fmt.Sprintf("/%d   ", row.Textbook))
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

// agreementSign tells how a number stands to the textbook's.
func agreementSign(l *term.Look, a reading.Agreement) string {
	return map[reading.Agreement]string{reading.Unmeasured: l.Unknown, reading.Same: l.Same, reading.Explained: l.Explained, reading.Differs: l.Differs}[a]
}
