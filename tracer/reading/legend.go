package reading

import (
	"cmp"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// VariesMark stands beside a count that should be the same in every round, and was not.
const VariesMark = "*"

// LegendEntry is a mark that the table of a ranking uses, and what it means.
type LegendEntry struct {
	Mark string // "" goes on with the one above
	Text string // with reasons as the trace has them: not to be drawn unsanitized
}

// Legend is each mark that the table of a ranking uses.
func (r Ranking) Legend() []LegendEntry {
	var list []LegendEntry
	used := map[trace.Provenance]bool{}
	reasons := map[trace.Provenance]map[string][]string{trace.Estimated: {}, trace.Unavailable: {}}
	varies := false
	var without []string
	for i := range r.Rows {
		if r.Rows[i].Rounds == 0 {
			without = append(without, r.Name(&r.Rows[i]))
		}
	}
	for _, c := range Columns {
		for i := range r.Rows {
			if r.Rows[i].Rounds == 0 {
				continue
			}
			s := c.Spread(&r.Rows[i])
			varies = varies || c.Varies(&r.Rows[i])
			used[s.Provenance] = true
			if paths := reasons[s.Provenance]; paths != nil && s.Reason != "" && !slices.Contains(paths[s.Reason], c.Path) {
				paths[s.Reason] = append(paths[s.Reason], c.Path)
			}
		}
	}
	explain := func(mark string, concerned map[string][]string) {
		var texts []string
		for reason, names := range concerned {
			texts = append(texts, strings.Join(names, ", ")+": "+reason)
		}
		slices.Sort(texts)
		for _, text := range texts {
			list = append(list, LegendEntry{mark, text})
			mark = ""
		}
	}
	if used[trace.Derived] {
		list = append(list, LegendEntry{Mark(trace.Derived), "derived: certain from the system call, its files and its result"})
	}
	if used[trace.Estimated] {
		list = append(list, LegendEntry{Mark(trace.Estimated), "estimated, not exact"})
		explain("", reasons[trace.Estimated])
	}
	if varies {
		list = append(list, LegendEntry{VariesMark, "not the same in every round; the JSON has the least and the most"})
	}
	if len(without) > 0 {
		reasons[trace.Unavailable]["no run counts"] = without
	}
	explain(human.NotCounted, reasons[trace.Unavailable])
	return list
}

// RankText is a row's in the ranking, or a dash.
func RankText(row *trace.Ranked) string {
	if n, ok := row.Rank.Get(); ok {
		return human.Grouped(n)
	}
	return "-"
}

// WhyFailed is the error of a row without what to do about it, as the trace has it: not to be drawn
// unsanitized.
func WhyFailed(row *trace.Ranked) string {
	return cmp.Or(human.FirstLine(row.Error), "no reason is given")
}
