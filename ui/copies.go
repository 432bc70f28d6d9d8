package ui

import (
	"slices"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// copiesPanel shows the bytes of each class and how many passes over the
// payload they are: what the CPU copied in solid bars, what moved without a
// copy in shaded ones.
func copiesPanel(d data, width int) string {
	parties := d.Processes()
	kernel := d.Kernel()
	if slices.ContainsFunc(trace.OfKind(trace.Class), func(k trace.Number) bool { return kernel.Now.Int(k).Or(0) != 0 }) {
		parties = append(parties, kernel)
	}
	col := amountColumnsFor(width, len(parties))

	var heads []term.Column
	for i, p := range parties {
		at := col.label + i*col.party
		heads = append(heads, term.Column{Name: p.Name, End: at + col.bytes}, term.Column{Name: "passes", End: at + col.bytes + col.passes})
	}
	title := "COPIES & MOVES"
	if heads[0].End-term.Width(heads[0].Name) <= term.Width(title) {
		title = "COPIES"
	}
	rows := []string{d.Heading(title, width, heads...)}
	shown := chooseClasses(parties, d.rows-1)
	if d.rows > 1+len(trace.OfKind(trace.Class)) {
		rows = append(rows, d.payloadRow(parties, col))
	}
	full := fullBar(parties, shown)
	for _, k := range shown {
		rows = append(rows, d.amountRow(k, parties, full, col))
	}
	return crop(rows, d.rows)
}

// amountColumns are the widths of a party's figures.
type amountColumns struct{ label, party, bytes, passes, bar int }

func amountColumnsFor(width, parties int) amountColumns {
	const mark, gap, shortestBar, longestBar = 2, 1, 4, 40
	roomy := amountColumns{label: 13, bytes: 15, passes: 7}
	roomy.party = (width - roomy.label) / parties
	if roomy.bar = roomy.party - roomy.bytes - roomy.passes - mark - 2*gap; roomy.bar >= shortestBar {
		roomy.bar = min(roomy.bar, longestBar)
		return roomy
	}
	exact := amountColumns{label: 12, bytes: 15, passes: 5, party: (width - 12) / parties}
	people := amountColumns{label: 12, bytes: 9, passes: 5, party: exact.party}
	tight := amountColumns{label: 10, bytes: 8, passes: 5, party: (width - 10) / parties}
	for _, c := range []amountColumns{exact, people} {
		spare := c.party - c.bytes - c.passes - mark - gap
		if spare-gap >= shortestBar {
			c.bar = min(spare-gap, longestBar)
		}
		if spare >= 0 {
			return c
		}
	}
	return tight
}

// chooseClasses picks the classes to show, all if there is room. What is not
// zero comes first, then the textbook's three and one way to move; the others
// only fill rows that nobody needs.
func chooseClasses(parties []reading.Party, rows int) []trace.Number {
	if rows >= len(trace.OfKind(trace.Class)) {
		return trace.OfKind(trace.Class)
	}
	weight := map[string]int{}
	moves, move := 0, trace.PageRefs
	for _, k := range trace.OfKind(trace.Class) {
		if k.Moved() && !parties[0].Now.Int(k).Known() && parties[0].Now.Int(move).Known() {
			move = k // that it is not known says more than that another is 0
		}
		for _, p := range parties {
			if p.Now.Int(k).Or(0) != 0 {
				weight[k.Name()] = 3
				if k.Moved() {
					moves++
				}
				break
			}
		}
	}
	for _, k := range []trace.Number{trace.ToUser, trace.FromUser, trace.InKernel} {
		weight[k.Name()] = max(weight[k.Name()], 2)
	}
	if moves == 0 {
		weight[move.Name()] = 1
	}
	room, least := rows, 0
	if rows <= 0 {
		room, least = len(trace.OfKind(trace.Class)), 1
	}
	chosen := map[string]bool{}
	for w := 3; w >= least; w-- {
		for _, k := range trace.OfKind(trace.Class) {
			if weight[k.Name()] == w && len(chosen) < room {
				chosen[k.Name()] = true
			}
		}
	}
	var list []trace.Number
	for _, k := range trace.OfKind(trace.Class) {
		if chosen[k.Name()] {
			list = append(list, k)
		}
	}
	return list
}

// fullBar is how many passes a whole bar stands for.
func fullBar(parties []reading.Party, shown []trace.Number) float64 {
	full := 1.0
	for _, p := range parties {
		for _, k := range shown {
			if v, ok := p.Now.Value(k).Per(p.Payload()); ok {
				full = max(full, v)
			}
		}
	}
	return full
}

func (d data) amountRow(k trace.Number, parties []reading.Party, full float64, col amountColumns) string {
	ink, parts := d.Copied, d.CopyBar
	if k.Moved() {
		ink, parts = d.Moved, d.MoveBar
	}
	var l term.Line
	name := d.Dim
	for _, p := range parties {
		if p.Now.Int(k).Or(0) != 0 {
			name = d.Plain
		}
	}
	l.Put(name, d.Fit(k.Name(), col.label))
	for i, p := range parties {
		l.PadTo(col.label + i*col.party)
		n := p.Now.Value(k)
		figure := d.Strong
		if n.Int.Or(0) == 0 {
			figure = d.Dim
		}
		l.Right(figure, reading.Text(n.Int, func(v int64) string { return human.ExactBytes(v, col.bytes-1) }), col.bytes)
		share, ok := n.Per(p.Payload())
		times := human.NotCounted
		if ok {
			times = human.Passes(share)
		}
		if !n.Int.Known() {
			times = ""
		}
		l.Right(figure, times, col.passes).Put(d.Dim, " "+reading.Mark(n.Origin.Provenance))
		if col.bar > 0 {
			l.Put(d.Plain, " ").Put(ink, term.Bar(share/full, col.bar, parts))
		}
	}
	return l.String()
}

// payloadRow is what the passes are counted over.
func (d data) payloadRow(parties []reading.Party, col amountColumns) string {
	var l term.Line
	l.Put(d.Dim, "payload")
	for i, p := range parties {
		l.PadTo(col.label + i*col.party)
		n := p.Payload()
		l.Right(d.Dim, reading.Text(n, func(v int64) string { return human.ExactBytes(v, col.bytes-1) }), col.bytes)
	}
	return l.String()
}
