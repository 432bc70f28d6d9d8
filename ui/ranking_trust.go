package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// trustSection says how far the numbers can be believed.
func (r ranking) trustSection(width int) []string {
	var lines []string
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Failed > 0 {
			lines = append(lines, term.Wrap(fmt.Sprintf("!! %s: %s FAILED, NOT COUNTED: %s", r.labels[i], human.Plural(row.Failed, "run"), whyFailed(row)), width)...)
		}
	}
	lossy, verified, wrong, asked := 0, 0, 0, false
	for _, t := range r.Set.Traces {
		if len(losses(t)) > 0 {
			lossy++
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
	if lossy == 0 {
		lines = append(lines, "losses: none in any run")
	} else {
		lines = append(lines, fmt.Sprintf("!! EVENTS WERE LOST in %s", human.Plural(int64(lossy), "run")))
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

// whyFailed is the error without what to do about it.
func whyFailed(row *trace.Ranked) string {
	why, _, _ := strings.Cut(row.Error, "\n")
	return human.Sanitize(cmp.Or(why, "no reason is given"))
}

// legendSection explains the words and marks that were used.
func (r ranking) legendSection(width int) []string {
	if len(r.Rows) == 0 {
		return nil
	}
	lines := term.Wrap("Medians over the rounds, of the sender; passes are bytes by payload.", width)
	g := term.Grid{Align: "lw"}
	for _, entry := range r.legend() {
		g.Add(entry[0], entry[1])
	}
	return append(lines, g.Lines(width)...)
}

// legend is each mark that was used with what it means.
func (r ranking) legend() [][2]string {
	var list [][2]string
	used := map[trace.Provenance]bool{}
	reasons := map[trace.Provenance]map[string][]string{trace.Estimated: {}, trace.Unavailable: {}}
	varies := false
	var without []string
	for i := range r.Rows {
		if r.Rows[i].Rounds == 0 {
			without = append(without, r.labels[i])
		}
	}
	for _, c := range rankColumns {
		for i := range r.Rows {
			if r.Rows[i].Rounds == 0 {
				continue
			}
			s := c.spread(&r.Rows[i])
			varies = varies || strings.Contains(c.mark(&r.Rows[i]), varied)
			used[s.Provenance] = true
			if by := reasons[s.Provenance]; by != nil && s.Reason != "" && !slices.Contains(by[s.Reason], c.key) {
				by[s.Reason] = append(by[s.Reason], c.key)
			}
		}
	}
	explain := func(mark string, by map[string][]string) {
		var texts []string
		for reason, keys := range by {
			texts = append(texts, human.Sanitize(strings.Join(keys, ", ")+": "+reason))
		}
		slices.Sort(texts)
		for _, text := range texts {
			list = append(list, [2]string{mark, text})
			mark = ""
		}
	}
	if used[trace.Derived] {
		list = append(list, [2]string{"d", "derived: certain from the system call, its files and its result"})
	}
	if used[trace.Estimated] {
		list = append(list, [2]string{"~", "estimated, not exact"})
		explain("", reasons[trace.Estimated])
	}
	if varies {
		list = append(list, [2]string{varied, "not the same in every round; the JSON has the least and the most"})
	}
	if len(without) > 0 {
		reasons[trace.Unavailable]["no run counts"] = without
	}
	explain(human.NotCounted, reasons[trace.Unavailable])
	return list
}
