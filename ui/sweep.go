package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// sizes are the chunk sizes of a set, the smallest first.
func (r ranking) sizes() []int64 {
	var list []int64
	for i := range r.rows {
		if !slices.Contains(list, r.rows[i].ChunkBytes) {
			list = append(list, r.rows[i].ChunkBytes)
		}
	}
	slices.Sort(list)
	return list
}

// strategies are those of a set, in the order in which they first ran.
func (r ranking) strategies() []string {
	var list []string
	add := func(name string) {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	for _, t := range r.set.Traces {
		add(t.Run.Strategy)
	}
	for i := range r.rows { // those without a trace
		add(r.rows[i].Strategy)
	}
	return list
}

// at is the row of a strategy with a chunk size; nil if there is none.
func (r ranking) at(strategy string, chunk int64) *trace.Ranked {
	for i := range r.rows {
		if row := &r.rows[i]; row.Strategy == strategy && row.ChunkBytes == chunk {
			return row
		}
	}
	return nil
}

// sweepSections are the table of a set with several chunk sizes.
func (r ranking) sweepSections(width int) [][]string {
	sections := [][]string{r.titleSection(width)}
	sections = append(sections, r.bySize("MiB/s", width, func(row *trace.Ranked) (string, string) {
		v, known := row.Throughput.Median.Get()
		if !known {
			return human.NotCounted, ""
		}
		mark := ""
		if r.clearlyFirst(row) {
			mark = first
		}
		return perMiBText(v), mark
	})...)
	cpu := rankColumns[1]
	sections = append(sections, r.bySize(cpu.name, width, func(row *trace.Ranked) (string, string) { return cpu.text(row), cpu.mark(row) })...)
	var crossings []string
	for _, sentence := range r.doubts() {
		crossings = append(crossings, term.Wrap(sentence, width)...)
	}
	legend := term.Wrap("Medians over the rounds, of the sender. "+first+" its slowest round was faster than every round of the others.", width)
	return append(sections, crossings, r.textbookBySize(width), r.trustSection(width), legend)
}

// first marks a strategy all of whose rounds were faster than all of the others'.
const first = "+"

// repeated: one round does not tell a difference from chance.
func repeated(row *trace.Ranked) bool { return row != nil && row.Rounds > 1 }

func (r ranking) clearlyFirst(row *trace.Ranked) bool {
	if row.Rank != trace.Known(1) || !repeated(row) {
		return false
	}
	others := 0
	for i := range r.rows {
		other := &r.rows[i]
		if other.ChunkBytes == row.ChunkBytes && other.Strategy != row.Strategy && other.Throughput.Median.Known() {
			others++
			if !repeated(other) || row.Throughput.Overlaps(other.Throughput) {
				return false
			}
		}
	}
	return others > 0
}

// perMiBText is bytes per second in MiB/s, so that a column can be compared.
func perMiBText(v float64) string {
	if v /= 1 << 20; v < 100 {
		return human.ThreeDigits(v)
	}
	return human.Grouped(int64(v + 0.5))
}

// bySize has a row for each size and a column for each strategy, in as many grids
// as the width asks for.
func (r ranking) bySize(title string, width int, cell func(*trace.Ranked) (text, mark string)) [][]string {
	grid := func(strategies []string) *term.Grid {
		g := &term.Grid{Align: "r" + strings.Repeat("rm", len(strategies))}
		head := []string{title}
		for _, s := range strategies {
			head = append(head, term.Sanitize(s), "")
		}
		g.Add(head...)
		for _, chunk := range r.sizes() {
			line := []string{human.FormatBytes(chunk)}
			for _, s := range strategies {
				text, mark := "-", ""
				if row := r.at(s, chunk); row != nil {
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
	for _, s := range r.strategies() {
		if g := grid(append(together[:len(together):len(together)], s)); g.Total(g.Widths()) > width && len(together) > 0 {
			sections = append(sections, grid(together).Lines(width))
			together = nil
		}
		together = append(together, s)
	}
	return append(sections, grid(together).Lines(width))
}

// fewPairs is how many strategies may be there for those that never overtake each
// other to be told of, too.
const fewPairs = 4

// crossings say where one strategy overtakes another. Only sizes count at which
// all rounds of one, at least two, were faster than all rounds of the other.
func (r ranking) crossings() []string {
	var crossed, others []string
	strategies := r.strategies()
	for i, a := range strategies {
		for _, b := range strategies[i+1:] {
			sentences, crosses := r.between(a, b)
			if crosses {
				crossed = append(crossed, sentences...)
			} else {
				others = append(others, sentences...)
			}
		}
	}
	if len(strategies) > fewPairs {
		if len(crossed) == 0 {
			return []string{"No strategy overtakes another at any size at which their throughputs do not overlap."}
		}
		return crossed
	}
	return append(crossed, others...)
}

// between is what can be said of two strategies.
func (r ranking) between(a, b string) (sentences []string, crosses bool) {
	faster, since := "", int64(0) // at the last size that told, which is since
	both := 0
	var told []string
	nameA, nameB := term.Sanitize(a), term.Sanitize(b)
	for _, chunk := range r.sizes() {
		rowA, rowB := r.at(a, chunk), r.at(b, chunk)
		if !repeated(rowA) || !repeated(rowB) {
			continue
		}
		both++
		if rowA.Throughput.Overlaps(rowB.Throughput) {
			continue
		}
		told = append(told, human.FormatBytes(chunk))
		now, then := nameA, nameB
		if rowA.Throughput.Median.Or(0) < rowB.Throughput.Median.Or(0) {
			now, then = nameB, nameA
		}
		if faster != "" && faster != now {
			crosses = true
			sentences = append(sentences, fmt.Sprintf("%s overtakes %s between %s and %s.", now, then, human.FormatBytes(since), human.FormatBytes(chunk)))
		}
		faster, since = now, chunk
	}
	every, rest := "every size", "the other sizes"
	if both < len(r.sizes()) { // one cannot do some, or failed
		every, rest = "every size that both did", "the other sizes that both did"
	}
	slower := nameB
	if faster == nameB {
		slower = nameA
	}
	switch {
	case crosses || both == 0:
	case len(told) == 0:
		sentences = append(sentences, fmt.Sprintf("%s and %s: their throughputs overlap at %s.", nameA, nameB, every))
	case len(told) == both:
		sentences = append(sentences, fmt.Sprintf("%s is faster than %s at %s.", faster, slower, every))
	case len(told) <= 3:
		sentences = append(sentences, fmt.Sprintf("%s is faster than %s at %s; at %s their throughputs overlap.", faster, slower, strings.Join(told, ", "), rest))
	default:
		sentences = append(sentences, fmt.Sprintf("%s is faster than %s at %d of %d sizes; at the others their throughputs overlap.", faster, slower, len(told), both))
	}
	return sentences, crosses
}

// textbookBySize puts each strategy next to the textbook, and names the sizes at
// which it is another.
func (r ranking) textbookBySize(width int) []string {
	g := term.Grid{Align: "lw"}
	for _, s := range r.strategies() {
		var differ []string
		sentence, compared, far := "", 0, ""
		for _, chunk := range r.sizes() {
			row := r.at(s, chunk)
			if row == nil || row.Rounds == 0 {
				continue
			}
			verdict := r.textbook(row)
			if verdict == "" {
				continue
			}
			compared++
			if strings.Contains(verdict, notCountedRows) {
				far = asFarAsCounted
			}
			if strings.HasPrefix(verdict, "not as in") {
				differ = append(differ, human.FormatBytes(chunk))
				if sentence == "" {
					sentence = verdict
				}
			}
		}
		switch {
		case compared == 0:
		case len(differ) == 0:
			g.Add("  "+term.Sanitize(s), "as in the textbook at all sizes"+far+", apart from what each run's trace explains")
		default:
			g.Add("  "+term.Sanitize(s), fmt.Sprintf("at %s %s", strings.Join(differ, ", "), sentence))
		}
	}
	if len(g.Rows) == 0 {
		return nil
	}
	return append([]string{"Measured next to the textbook"}, g.Lines(width)...)
}
