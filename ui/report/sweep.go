package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// sweepSections are the table of a set with several chunk sizes.
func (r ranking) sweepSections(width int) [][]string {
	sayings := r.sayingLines(width)
	sections := [][]string{r.titleSection(width), sayings}
	sections = append(sections, r.bySize("MiB/s", width, func(row *trace.Ranked) (string, string) {
		v, known := row.Throughput.Median.Get()
		if !known {
			return human.NotCounted, ""
		}
		mark := ""
		if r.ClearlyFirst(row) {
			mark = FirstMark
		}
		return PerMiBText(v), mark
	})...)
	cpu := reading.Columns[1]
	sections = append(sections, r.bySize(cpu.Name, width, func(row *trace.Ranked) (string, string) { return cpu.Text(row), cpu.Marks(row) })...)
	legend := term.Wrap("Medians over the rounds, of the sender. "+FirstMark+" its slowest round was faster than every round of the others.", width)
	return append(sections, r.textbookBySize(width), legend, r.trustSection(width), sayings)
}

// FirstMark marks a strategy all of whose rounds were faster than all of the others'.
const FirstMark = "+"

// PerMiBText is bytes per second in MiB/s, so that a column can be compared.
func PerMiBText(v float64) string {
	if v /= 1 << 20; v < 99.95 {
		return human.ThreeDigits(v)
	}
	return human.Whole(v)
}

// bySize has a row for each size and a column for each strategy, in as many grids
// as the width asks for.
func (r ranking) bySize(title string, width int, cell func(*trace.Ranked) (text, mark string)) [][]string {
	grid := func(strategies []string) *term.Grid {
		g := &term.Grid{Align: "r" + strings.Repeat("rm", len(strategies))}
		head := []string{title}
		for _, s := range strategies {
			head = append(head, human.Sanitize(s), "")
		}
		g.Add(head...)
		for _, chunk := range r.Sizes() {
			line := []string{human.FormatBytes(chunk)}
			for _, s := range strategies {
				text, mark := "-", ""
				if row := r.Row(s, chunk); row != nil {
					text, mark = cell(row)
				}
				line = append(line, text, mark)
			}
			g.Add(line...)
		}
		return g
	}
	var sections [][]string
	var together []string
	for _, s := range r.Strategies() {
		if g := grid(append(together[:len(together):len(together)], s)); g.Total(g.Widths()) > width && len(together) > 0 {
			sections = append(sections, grid(together).Lines(width))
			together = nil
		}
		together = append(together, s)
	}
	return append(sections, grid(together).Lines(width))
}

// textbookBySize puts each strategy next to the textbook, and names the sizes at
// which it is another.
func (r ranking) textbookBySize(width int) []string {
	g := term.Grid{Align: "lw"}
	for _, s := range r.Strategies() {
		var differ []string
		sentence, compared, far := "", 0, ""
		for _, chunk := range r.Sizes() {
			row := r.Row(s, chunk)
			if row == nil || row.Rounds == 0 {
				continue
			}
			v, known := r.Verdict(row)
			if !known {
				continue
			}
			compared++
			if !v.Complete() {
				far = reading.AsFarAsCounted
			}
			if len(v.Differing()) > 0 {
				differ = append(differ, human.FormatBytes(chunk))
				sentence = cmp.Or(sentence, human.Sanitize(v.String()))
			}
		}
		switch {
		case compared == 0:
		case len(differ) == 0:
			g.Add("  "+human.Sanitize(s), "as in the textbook at all sizes"+far+", apart from what each run's trace explains")
		default:
			g.Add("  "+human.Sanitize(s), fmt.Sprintf("at %s %s", strings.Join(differ, ", "), sentence))
		}
	}
	if len(g.Rows) == 0 {
		return nil
	}
	return append([]string{"Measured next to the textbook"}, g.Lines(width)...)
}
