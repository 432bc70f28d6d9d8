package ui

import (
	"encoding/csv"
	"fmt"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// RankingMarkdown is the table of a comparison for a page of text.
func RankingMarkdown(s *trace.Set) string {
	r := newRanking(s)
	cell := func(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
	var b strings.Builder
	head, rule := []string{"rank", "strategy", "min..max"}, []string{"--:", "---", "---"}
	for _, c := range rankColumns {
		head, rule = append(head, c.fullName()), append(rule, "--:")
	}
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	swap := func(cells []string) []string { cells[2], cells[3] = cells[3], cells[2]; return cells } // the spread after the median
	line(swap(append(head, "rounds")))
	line(swap(append(rule, "--:")))
	for i := range r.Rows {
		row := &r.Rows[i]
		cells := []string{r.place(row), cell(r.labels[i]), fromTo(row.Throughput)}
		for _, c := range rankColumns {
			text := c.text(row)
			if mark := c.mark(row); mark != "" {
				text += " " + strings.ReplaceAll(mark, varied, `\*`)
			}
			cells = append(cells, text)
		}
		line(swap(append(cells, human.Grouped(row.Rounds))))
	}
	b.WriteString("\n")
	for i := range r.Rows {
		if v, known := r.Verdict(&r.Rows[i]); known {
			fmt.Fprintf(&b, "- **%s**: %s\n", r.labels[i], human.Sanitize(v.String()))
		}
	}
	for _, text := range r.sentences() {
		fmt.Fprintf(&b, "- %s\n", text)
	}
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Failed > 0 {
			fmt.Fprintf(&b, "- **%s**: %s failed, not counted: %s\n", r.labels[i], human.Plural(row.Failed, "run"), whyFailed(row))
		}
	}
	for _, entry := range r.legend() {
		mark := strings.ReplaceAll(entry[0], varied, `\*`)
		if mark != "" {
			mark += ": "
		}
		fmt.Fprintf(&b, "- %s%s\n", mark, entry[1])
	}
	return b.String()
}

// RankingCSV is the table of a comparison for a spreadsheet: numbers in base
// units, n/a where nobody counted. What is not observed, or not the same in every
// round, is named in columns of its own.
func RankingCSV(s *trace.Set) string {
	r := newRanking(s)
	var b strings.Builder
	w := csv.NewWriter(&b)
	number := func(v trace.Real) string {
		if !v.Known() {
			return human.NotCounted
		}
		return v.String()
	}
	head := []string{"rank", "strategy", "chunk_bytes", "rounds", "failed", "throughput", "throughput_min", "throughput_max"}
	for _, c := range rankColumns[1:] {
		head = append(head, c.key)
	}
	_ = w.Write(append(head, "derived", "estimated", "varies", "textbook")) // to memory
	for i := range r.Rows {
		row := &r.Rows[i]
		rank := human.NotCounted
		if row.Rank.Known() {
			rank = row.Rank.String()
		}
		cells := []string{rank, human.Sanitize(row.Strategy), fmt.Sprint(row.ChunkBytes), fmt.Sprint(row.Rounds), fmt.Sprint(row.Failed),
			number(row.Throughput.Median), number(row.Throughput.Min), number(row.Throughput.Max)}
		named := map[string][]string{}
		for _, c := range rankColumns[1:] {
			cells = append(cells, number(c.spread(row).Median))
			for _, mark := range strings.Split(c.mark(row), "") {
				named[mark] = append(named[mark], c.key)
			}
		}
		for _, mark := range []string{"d", "~", varied} {
			cells = append(cells, strings.Join(named[mark], " "))
		}
		verdict := ""
		if v, known := r.Verdict(row); known {
			verdict = human.Sanitize(v.String())
		}
		_ = w.Write(append(cells, verdict))
	}
	w.Flush()
	return b.String()
}
