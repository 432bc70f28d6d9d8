package ui

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// ranking is a set as its table sees it.
type ranking struct {
	set    *trace.Set
	rows   []trace.Ranked
	labels []string
	first  data // of the first trace: what all have in common
}

func newRanking(s *trace.Set) ranking {
	r := ranking{set: s, rows: s.Ranking}
	withChunk := chunksDiffer(s.Ranking)
	for i := range s.Ranking {
		r.labels = append(r.labels, rankLabel(&s.Ranking[i], withChunk))
	}
	common := &trace.Trace{}
	if len(s.Traces) > 0 {
		t := *s.Traces[0]
		common = &t
		common.Run = unaddressed(t.Run)
	}
	r.first = newData(plainLook, common, ended)
	return r
}

// unaddressed is what the sinks of many runs have in common: not their addresses.
func unaddressed(r trace.Run) trace.Run {
	forget := func(s *trace.Sink) {
		switch s.Kind {
		case "null":
		case "file":
			s.Address = "file"
		default:
			s.Address = ""
		}
	}
	forget(&r.Sink)
	if r.Sink2 != nil {
		second := *r.Sink2
		forget(&second)
		r.Sink2 = &second
	}
	return r
}

// Ranking is the table of a comparison as plain text: which strategy was how
// fast, what each cost, and how that stands to the textbook. As [Table], it is
// the same bytes for the same set; lines are at most width cells.
func Ranking(s *trace.Set, width int) string {
	r := newRanking(s)
	width = max(width, tableWidth)
	sections := [][]string{r.titleSection(width), r.speedSection(width)}
	sections = append(sections, r.blockSections(width)...)
	sections = append(sections, r.textbookSection(width), r.trustSection(width), r.legendSection(width))
	if chunksDiffer(s.Ranking) {
		sections = r.sweepSections(width)
	}
	return joined(sections, width)
}

// titleSection says what ran.
func (r ranking) titleSection(width int) []string {
	lines := term.Wrap("zctrace "+r.title(), width)
	if len(r.set.Traces) == 0 {
		return lines
	}
	g := term.Grid{Align: "lw"}
	add := r.first.adder(&g)
	r.first.addSetting(func(name string, parts ...string) {
		if name != "chunk" || !chunksDiffer(r.rows) {
			add(name, parts...)
		}
	})
	add("payload", r.work())
	r.first.addStart(add)
	return append(lines, g.Lines(width)...)
}

// title is how many of what ran, and whether that was all.
func (r ranking) title() string {
	least, most := int64(math.MaxInt64), int64(0)
	names := map[string]bool{}
	for _, row := range r.rows {
		least, most = min(least, row.Rounds), max(most, row.Rounds)
		names[row.Strategy] = true
	}
	strategies := human.Plural(int64(len(names)), "strategy")
	if len(names) != 1 {
		strategies = fmt.Sprintf("%d strategies", len(names))
	}
	rounds := human.Plural(most, "round")
	if least < most {
		rounds = fmt.Sprintf("%d to %s", least, rounds)
	}
	interrupted := ""
	if slices.ContainsFunc(r.set.Traces, func(t *trace.Trace) bool { return t.Run.Ended == trace.Interrupted }) {
		interrupted = ", interrupted"
	}
	if n := len(r.sizes()); n > 1 {
		return fmt.Sprintf("swept %s over %d chunk sizes in %s%s", strategies, n, rounds, interrupted)
	}
	return fmt.Sprintf("compared %s in %s%s", strategies, rounds, interrupted)
}

// work is what each run did.
func (r ranking) work() string {
	run := r.first.trace.Run
	var parts []string
	if n, ok := run.LimitBytes.Get(); ok {
		parts = append(parts, sized(n))
	}
	if ns, ok := run.LimitDurationNS.Get(); ok {
		parts = append(parts, human.Seconds(ns))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, " or ") + " in each run"
}

// speedSection is the ranking itself, with the CPU time beside it if there is
// room, and below it otherwise.
func (r ranking) speedSection(width int) []string {
	var cpu []rankColumn
	for _, c := range rankColumns[1:] {
		if c.block == speedBlock {
			cpu = append(cpu, c)
		}
	}
	g := r.speedGrid(cpu)
	beside := g.Total(g.Widths()) <= width
	if !beside {
		g = r.speedGrid(nil)
	}
	lines := g.UnlessEmpty(width)
	for _, doubt := range r.doubts() {
		lines = append(lines, term.Wrap(doubt, width)...)
	}
	if !beside {
		lines = append(append(lines, ""), r.grid(speedBlock, cpu).UnlessEmpty(width)...)
	}
	return lines
}

func (r ranking) speedGrid(columns []rankColumn) *term.Grid {
	g := &term.Grid{Align: "rlrl" + strings.Repeat("rm", len(columns))}
	head := []string{"Rank", "strategy", "throughput", "min..max"}
	for _, c := range columns {
		head = append(head, c.name, "")
	}
	rounds := slices.ContainsFunc(r.rows, func(row trace.Ranked) bool { return row.Rounds != r.rows[0].Rounds })
	if rounds { // else the title says it
		g.Align += "r"
		head = append(head, "rounds")
	}
	g.Add(head...)
	for i := range r.rows {
		row := &r.rows[i]
		line := []string{r.place(row), r.labels[i], rankColumns[0].text(row), fromTo(row.Throughput)}
		for _, c := range columns {
			line = append(line, c.text(row), c.mark(row))
		}
		if rounds {
			line = append(line, human.Grouped(row.Rounds))
		}
		g.Add(line...)
	}
	return g
}

func (r ranking) place(row *trace.Ranked) string {
	if n, ok := row.Rank.Get(); ok {
		return human.Grouped(n)
	}
	return "-"
}

// doubts are those about the order.
func (r ranking) doubts() []string {
	var list []string
	once, more := false, false
	for i := range r.rows {
		once, more = once || r.rows[i].Rounds == 1, more || repeated(&r.rows[i])
	}
	if once {
		list = append(list, "One round does not tell a difference from chance: see --rounds.")
	}
	if !more {
		return list
	}
	if chunksDiffer(r.rows) {
		return append(list, r.crossings()...)
	}
	for i := 0; i < len(r.rows); {
		k := i + 1
		for k < len(r.rows) && r.rows[k].ChunkBytes == r.rows[i].ChunkBytes && r.rows[k-1].Throughput.Overlaps(r.rows[k].Throughput) {
			k++
		}
		if k > i+1 {
			last := k - 1
			list = append(list, fmt.Sprintf("The order of %s and %s may be chance: their throughputs overlap.", strings.Join(r.labels[i:last], ", "), r.labels[last]))
		}
		i = k
	}
	return list
}

// blockSections are the other numbers, in as many grids as the width asks for.
func (r ranking) blockSections(width int) [][]string {
	var sections [][]string
	var zero []string
	for block := eventBlock; block <= passBlock; block++ {
		var columns []rankColumn
		flush := func() {
			if lines := r.grid(block, columns).UnlessEmpty(width); lines != nil && len(columns) > 0 {
				sections = append(sections, lines)
			}
			columns = nil
		}
		for _, c := range rankColumns {
			if c.block != block {
				continue
			}
			if c.rare && c.zeroForAll(r.rows) {
				zero = append(zero, c.name)
				continue
			}
			g := r.grid(block, append(columns, c))
			if g.Total(g.Widths()) > width && len(columns) > 0 {
				flush()
			}
			columns = append(columns, c)
		}
		flush()
	}
	if n := len(sections); n > 0 && len(zero) > 0 && len(r.rows) > 0 {
		sections[n-1] = append(sections[n-1], term.Wrap("0.00 for all: "+strings.Join(zero, ", "), width)...)
	}
	return sections
}

func (r ranking) grid(block rankBlock, columns []rankColumn) *term.Grid {
	g := &term.Grid{Align: "l" + strings.Repeat("rm", len(columns))}
	head := []string{rankBlocks[block]}
	for _, c := range columns {
		head = append(head, c.name, "")
	}
	g.Add(head...)
	for i := range r.rows {
		row := []string{"  " + r.labels[i]}
		for _, c := range columns {
			row = append(row, c.text(&r.rows[i]), c.mark(&r.rows[i]))
		}
		g.Add(row...)
	}
	return g
}

// textbookSection puts each strategy next to the textbook.
func (r ranking) textbookSection(width int) []string {
	g := term.Grid{Align: "lw"}
	for i := range r.rows {
		if sentence := r.textbook(&r.rows[i]); sentence != "" {
			g.Add("  "+r.labels[i], sentence)
		}
	}
	if len(g.Rows) == 0 {
		return nil
	}
	lines := append([]string{"Measured next to the textbook"}, g.Lines(width)...)
	for _, note := range r.kernelNotes() {
		lines = append(lines, term.Wrap(note, width)...)
	}
	return lines
}

// kernelNotes tell of payload that was copied behind everybody's back, so that no
// row has it.
func (r ranking) kernelNotes() []string {
	var list []string
	for i := range r.rows {
		most := map[string]float64{}
		for _, t := range r.set.Of(&r.rows[i]) {
			for _, k := range []trace.Number{trace.ToUser, trace.FromUser, trace.InKernel} {
				if v, ok := numberIn(&t.Total.Kernel, k).per(t.Run.PayloadBytes); ok {
					most[k.Name()] = max(most[k.Name()], v)
				}
			}
		}
		for _, k := range []trace.Number{trace.ToUser, trace.FromUser, trace.InKernel} {
			if most[k.Name()] > 0 {
				list = append(list, fmt.Sprintf("!! %s: the kernel on its own copied up to %s passes %s, which are in no row above", r.labels[i], human.Passes(most[k.Name()]), k.Name()))
			}
		}
	}
	return list
}

// textbook is the verdict on the run in the middle, and in how many rounds it was
// the same. It is empty without a run that counts.
func (r ranking) textbook(row *trace.Ranked) string {
	verdicts, middle, least := map[string]int64{}, "", math.Inf(1)
	for _, t := range r.set.Of(row) {
		if !t.Counts() {
			continue
		}
		v := term.Sanitize(compare(t, t.Total.Main(), t.Run.PayloadBytes).String())
		verdicts[v]++
		if off := math.Abs(t.Throughput() - row.Throughput.Median.Or(0)); off < least {
			middle, least = v, off
		}
	}
	if n := verdicts[middle]; len(verdicts) > 1 {
		middle += fmt.Sprintf(" (so in %d of %d rounds)", n, row.Rounds)
	}
	return middle
}
