package ui

import "strings"

// textbookPanel shows what was measured per transfer of one chunk next to what
// the textbook says. Each row ends in a sign: the same, different for a reason
// that the trace gives, or different without one.
func textbookPanel(d data, width int) string {
	v := compare(d.trace, &d.now.Sender, d.payload())
	const label, measured, textbook = 14, 6, 7
	if d.rows > 0 && d.rows < 5 {
		return textbookSummary(d, v, width)
	}
	rows := []string{d.heading("TEXTBOOK", width, column{"measured", label + measured}, column{"says", label + measured + textbook})}
	if len(v.rows) == 0 {
		return crop(append(rows, d.dim.of(d.fit(v.String(), width))), d.rows)
	}
	withNotes := false
	for _, row := range v.rows {
		if row.label == cpuCopies && d.rows > 0 && d.rows < 1+len(v.rows) {
			continue // the sum of the rows above it
		}
		sign, ink := d.same, d.dim
		switch row.agreement {
		case explained:
			sign = d.explained
		case differs:
			sign, ink = d.differs, d.warning
		case unmeasured:
			sign = " "
		}
		var l line
		l.left(d.plain, row.brief, label)
		l.right(d.strong, row.measured, measured).put(d.dim, " "+row.mark)
		l.right(d.plain, row.textbook, textbook-2).put(d.plain, "  ").put(ink, sign)
		room := width - l.end - 2
		if withNotes = room >= 16; withNotes && (row.agreement == explained || row.agreement == differs) {
			note := d.text(row.note)
			if cells(note) > room {
				note, _, _ = strings.Cut(note, ":") // what follows only explains
			}
			l.put(d.dim, "  "+d.fit(note, room))
		}
		rows = append(rows, l.String())
	}
	sentence := v.String()
	if withNotes {
		sentence = v.brief() // the rest stands in the rows
	}
	for _, s := range wrap(d.text(sentence), width) {
		rows = append(rows, d.dim.of(s))
	}
	return crop(rows, d.rows)
}

// textbookSummary is for where there is no room for the rows.
func textbookSummary(d data, v verdict, width int) string {
	rows := []string{d.heading("TEXTBOOK", width)}
	var l line
	for _, row := range v.rows {
		if row.brief == "calls" || row.brief == "mode switches" || row.brief == "CPU copies" {
			l.put(d.dim, row.brief+" ").put(d.strong, row.measured).put(d.dim, "/"+row.textbook+"   ")
		}
	}
	if l.end > 0 {
		rows = append(rows, d.fit(l.String(), width))
	}
	for _, s := range wrap(d.text(v.String()), width) {
		rows = append(rows, d.dim.of(s))
	}
	return crop(rows, d.rows)
}
