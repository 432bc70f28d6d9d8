package report

import (
	"cmp"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// pointSection is what the table comes to: how the run ended, how fast it was, how often the CPU copied
// each byte, how that stands to the textbook, and whether it may be believed.
func (d document) pointSection(width int) []string {
	r := d.Trace.Run
	title := "zctrace " + cmp.Or(r.Strategy, "trace") + ", " + endedText(r)
	if r.Error != "" {
		title += ": " + r.Error
	}
	lines := term.Wrap(d.Text(title), width)
	if v := d.Verdict(); len(v.Rows) > 0 {
		speed := d.RateText(d.Payload(), human.Rate)
		lines = append(lines, term.Wrap(d.Text(strings.Join([]string{speed, copiesInAll(v), v.Point()}, ", ")), width)...)
	}
	return append(lines, d.alerts(width)...)
}

// copiesInAll is how often the CPU copied each byte, and whether somebody saw it.
func copiesInAll(v reading.Verdict) string {
	row := v.Row(reading.CPUCopies)
	if !row.Known {
		return "CPU copies were not counted"
	}
	text := human.Passes(row.Measured) + " CPU copies of each byte"
	if row.Provenance != trace.Observed {
		text += " (" + string(row.Provenance) + ")"
	}
	return text
}

// alerts are why a run may not be believed.
func (d document) alerts(width int) (lines []string) {
	if lost := reading.LossesText(d.Trace); lost != "" {
		lines = term.Wrap(d.Text("!! EVENTS WERE LOST, DO NOT BELIEVE THIS RUN: "+lost), width)
	}
	if v := d.Trace.Run.Verified; v != nil && !*v {
		lines = append(lines, "!! NOT VERIFIED: the sink did not receive the bytes of the source")
	}
	return lines
}
