package export

import (
	"fmt"
	"io"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
)

// markdownFormat is the table of a comparison for a page of text.
var markdownFormat = Format{Name: "markdown", Help: "print the ranking as a Markdown table", Extension: "md", Set: writeMarkdown}

func writeMarkdown(w io.Writer, s *trace.Set) error {
	r := reading.NewRanking(s)
	var b strings.Builder
	line := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	first, others := reading.Columns[0], reading.Columns[1:]
	head := []string{"rank", "strategy", first.FullName(), "min..max"}
	rule := []string{"--:", "---", "--:", "---"}
	for _, c := range others {
		head, rule = append(head, c.FullName()), append(rule, "--:")
	}
	line(append(head, "rounds")...)
	line(append(rule, "--:")...)
	for i := range r.Rows {
		row := &r.Rows[i]
		cells := []string{reading.RankText(row), strings.ReplaceAll(human.Sanitize(r.Name(row)), "|", `\|`), marked(first, row), reading.Range(row.Throughput)}
		for _, c := range others {
			cells = append(cells, marked(c, row))
		}
		line(append(cells, human.Grouped(row.Rounds))...)
	}
	b.WriteString("\n")
	for _, text := range remarks(r) {
		fmt.Fprintf(&b, "- %s\n", text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// marked is a column's number with its marks.
func marked(c reading.Column, row *trace.Ranked) string {
	if marks := c.Marks(row); marks != "" {
		return c.Text(row) + " " + asText(marks)
	}
	return c.Text(row)
}

// asText keeps a mark from beginning an emphasis.
func asText(mark string) string { return strings.ReplaceAll(mark, "*", `\*`) }

// remarks are what is said below the table.
func remarks(r reading.Ranking) []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, human.Sanitize(fmt.Sprintf(format, args...))) }
	for i := range r.Rows {
		if v, known := r.Verdict(&r.Rows[i]); known {
			add("**%s**: %s", r.Name(&r.Rows[i]), v)
		}
	}
	for _, saying := range r.Sayings() {
		add("%s", saying)
	}
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Failed > 0 {
			add("**%s**: %s failed, not counted: %s", r.Name(row), human.Plural(row.Failed, "run"), reading.WhyFailed(row))
		}
	}
	for _, e := range r.Legend() {
		mark := asText(e.Mark)
		if mark != "" {
			mark += ": "
		}
		add("%s%s", mark, e.Text)
	}
	return list
}
