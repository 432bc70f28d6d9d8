package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// ranking is a set as its table sees it.
type ranking struct {
	reading.Ranking
	labels []string // of the rows, safe to draw
	first  document // of the first trace: what all have in common
}

func newRanking(s *trace.Set) ranking {
	r := ranking{Ranking: reading.NewRanking(s)}
	for i := range r.Rows {
		r.labels = append(r.labels, human.Sanitize(r.Name(&r.Rows[i])))
	}
	common := &trace.Trace{}
	if len(s.Traces) > 0 {
		t := *s.Traces[0]
		common = &t
		common.Run = Unaddressed(t.Run)
	}
	r.first = newDocument(common)
	return r
}

// Unaddressed is what the sinks of many runs have in common: not their addresses.
func Unaddressed(r trace.Run) trace.Run {
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
	sections = append(sections, r.textbookSection(width), r.legendSection(width), r.trustSection(width), r.pointSection(width))
	if r.Sweeps() {
		sections = r.sweepSections(width)
	}
	return joined(sections, width)
}

// pointSection is what a comparison comes to, where a terminal is when all is printed.
func (r ranking) pointSection(width int) (lines []string) {
	var order []string
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Throughput.Median.Known() {
			order = append(order, r.labels[i]+" "+reading.Columns[0].Text(row))
		}
	}
	if len(order) > 1 {
		lines = term.Wrap("The fastest first: "+strings.Join(order, ", "), width)
	}
	return append(lines, r.sayingLines(width)...)
}

// sayingLines are what can be said of the order.
func (r ranking) sayingLines(width int) (lines []string) {
	for _, saying := range r.Sayings() {
		lines = append(lines, term.Wrap(human.Sanitize(saying.String()), width)...)
	}
	return lines
}

// titleSection says what ran.
func (r ranking) titleSection(width int) []string {
	lines := term.Wrap("zctrace "+r.title(), width)
	if len(r.Set.Traces) == 0 {
		return lines
	}
	g := term.Grid{Align: "lw"}
	add := adder(r.first.Look, &g)
	r.first.addSetting(func(name string, parts ...string) {
		if name != "chunk" || !r.Sweeps() {
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
	for _, row := range r.Rows {
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
	if slices.ContainsFunc(r.Set.Traces, func(t *trace.Trace) bool { return t.Run.Ended == trace.Interrupted }) {
		interrupted = ", interrupted"
	}
	// One that was ended within its first size has that only.
	asked := slices.ContainsFunc(r.Set.Traces, func(t *trace.Trace) bool { return len(t.Run.Command) > 1 && t.Run.Command[1] == "sweep" })
	if n := len(r.Sizes()); n > 1 || asked {
		return fmt.Sprintf("swept %s over %s in %s%s", strategies, human.Plural(int64(n), "chunk size"), rounds, interrupted)
	}
	return fmt.Sprintf("compared %s in %s%s", strategies, rounds, interrupted)
}

// work is what each run did.
func (r ranking) work() string {
	run := r.first.Trace.Run
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
	var cpu []reading.Column
	for _, c := range reading.Columns[1:] {
		if c.Block == reading.SpeedBlock {
			cpu = append(cpu, c)
		}
	}
	g := r.speedGrid(cpu)
	beside := g.Total(g.Widths()) <= width
	if !beside {
		g = r.speedGrid(nil)
	}
	lines := g.UnlessEmpty(width)
	lines = append(lines, r.sayingLines(width)...)
	if !beside {
		lines = append(append(lines, ""), r.grid(reading.SpeedBlock, cpu).UnlessEmpty(width)...)
	}
	return lines
}

func (r ranking) speedGrid(columns []reading.Column) *term.Grid {
	g := &term.Grid{Align: "rlrl" + strings.Repeat("rm", len(columns))}
	head := []string{"Rank", "strategy", "throughput", "min..max"}
	for _, c := range columns {
		head = append(head, c.Name, "")
	}
	rounds := slices.ContainsFunc(r.Rows, func(row trace.Ranked) bool { return row.Rounds != r.Rows[0].Rounds })
	if rounds { // else the title says it
		g.Align += "r"
		head = append(head, "rounds")
	}
	g.Add(head...)
	for i := range r.Rows {
		row := &r.Rows[i]
		line := []string{reading.RankText(row), r.labels[i], reading.Columns[0].Text(row), reading.Range(row.Throughput)}
		for _, c := range columns {
			line = append(line, c.Text(row), c.Marks(row))
		}
		if rounds {
			line = append(line, human.Grouped(row.Rounds))
		}
		g.Add(line...)
	}
	return g
}

// blockSections are the other numbers, in as many grids as the width asks for.
func (r ranking) blockSections(width int) [][]string {
	var sections [][]string
	var zero []string
	for block := reading.EventBlock; block <= reading.PassBlock; block++ {
		var columns []reading.Column
		flush := func() {
			if lines := r.grid(block, columns).UnlessEmpty(width); lines != nil && len(columns) > 0 {
				sections = append(sections, lines)
			}
			columns = nil
		}
		for _, c := range reading.Columns {
			if c.Block != block {
				continue
			}
			if c.Rare && c.ZeroForAll(r.Rows) {
				zero = append(zero, c.Name)
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
	if n := len(sections); n > 0 && len(zero) > 0 && len(r.Rows) > 0 {
		sections[n-1] = append(sections[n-1], term.Wrap("0.00 for all: "+strings.Join(zero, ", "), width)...)
	}
	return sections
}

func (r ranking) grid(block reading.Block, columns []reading.Column) *term.Grid {
	g := &term.Grid{Align: "l" + strings.Repeat("rm", len(columns))}
	head := []string{block.String()}
	for _, c := range columns {
		head = append(head, c.Name, "")
	}
	g.Add(head...)
	for i := range r.Rows {
		row := []string{"  " + r.labels[i]}
		for _, c := range columns {
			row = append(row, c.Text(&r.Rows[i]), c.Marks(&r.Rows[i]))
		}
		g.Add(row...)
	}
	return g
}

// textbookSection puts each strategy next to the textbook.
func (r ranking) textbookSection(width int) []string {
	g := term.Grid{Align: "lw"}
	for i := range r.Rows {
		if v, known := r.Verdict(&r.Rows[i]); known {
			g.Add("  "+r.labels[i], human.Sanitize(v.String()))
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
	for i := range r.Rows {
		most := r.KernelCopies(&r.Rows[i])
		for _, n := range slices.Sorted(maps.Keys(most)) {
			list = append(list, fmt.Sprintf("!! %s: the kernel on its own copied up to %s passes %s, which are in no row above", r.labels[i], human.Passes(most[n]), n.Name()))
		}
	}
	return list
}
