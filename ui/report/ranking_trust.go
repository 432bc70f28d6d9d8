package report

import (
	"fmt"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/ui/term"
)

// trustSection says how far the numbers can be believed.
func (r ranking) trustSection(width int) []string {
	var lines []string
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Failed > 0 {
			lines = append(lines, term.Wrap(fmt.Sprintf("!! %s: %s FAILED, NOT COUNTED: %s", r.labels[i], human.Plural(row.Failed, "run"), human.Sanitize(reading.WhyFailed(row))), width)...)
		}
	}
	lossy, unknown, verified, wrong, asked := 0, 0, 0, 0, false
	for _, t := range r.Set.Traces {
		if len(reading.Losses(t)) > 0 {
			lossy++
		}
		if !reading.LossesKnown(t) {
			unknown++
		}
		if v := t.Run.Verified; v != nil {
			asked = true
			if *v {
				verified++
			} else {
				wrong++
			}
		}
	}
	if len(r.Set.Traces) == 0 {
		return lines
	}
	switch {
	case lossy > 0:
		lines = append(lines, fmt.Sprintf("!! EVENTS WERE LOST in %s", human.Plural(int64(lossy), "run")))
	case unknown > 0:
		lines = append(lines, fmt.Sprintf("losses: not recorded in %s", human.Plural(int64(unknown), "run")))
	default:
		lines = append(lines, "losses: none in any run")
	}
	switch {
	case wrong > 0:
		lines = append(lines, fmt.Sprintf("!! NOT VERIFIED in %s: the sink did not receive the bytes of the source", human.Plural(int64(wrong), "run")))
	case asked:
		lines = append(lines, fmt.Sprintf("verified: yes, in %s", human.Plural(int64(verified), "run")))
	default:
		lines = append(lines, "verified: not asked for")
	}
	return lines
}

// legendSection explains the words and marks that were used.
func (r ranking) legendSection(width int) []string {
	if len(r.Rows) == 0 {
		return nil
	}
	lines := term.Wrap("Medians over the rounds, of the sender; passes are bytes by payload.", width)
	g := term.Grid{Align: "lw"}
	for _, entry := range r.Legend() {
		g.Add(entry.Mark, human.Sanitize(entry.Text))
	}
	return append(lines, g.Lines(width)...)
}
