package ui

import (
	"maps"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// counterPaths are all numbers of a party by their path in the trace, in the
// order of the final table.
func counterPaths(c *trace.Counters) []number {
	list := make([]number, 0, len(measures)+len(classes)+5*len(c.Syscalls.ByName))
	for _, m := range measures {
		list = append(list, m.in(c))
	}
	for _, k := range classes {
		list = append(list, k.in(c))
	}
	for _, s := range callsOf(c) {
		for _, n := range []number{s.calls, s.errors, s.bytes, s.time, s.blocked} {
			n.path = strings.Replace(n.path, "syscalls.", "syscalls.by_name."+s.name+".", 1)
			list = append(list, n)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Engines)) {
		e := c.Engines[name]
		if e == nil {
			continue
		}
		for _, a := range []struct {
			name   string
			amount trace.Amount
		}{{"to_user", e.ToUser}, {"from_user", e.FromUser}, {"in_kernel", e.InKernel}, {"page_refs", e.PageRefs}} {
			list = append(list, newNumber("engines."+name+"."+a.name, a.amount.Bytes, a.amount.Provenance, a.amount.Reason))
		}
	}
	return list
}

// countersPage lists every number of the moment under its path, as --expect and
// jq take it: of all parties if there is room, else of the one that is looked
// at, with the reason for what was not observed.
func countersPage(d data, width int) page {
	const value = 22
	parties := append(d.parties(), party{"kernel", &d.now.Kernel, &d.back.Kernel})
	path := 0
	for _, p := range parties {
		for _, n := range counterPaths(p.now) {
			path = max(path, min(term.Width(n.path), 44))
		}
	}
	all := path+len(parties)*value <= width
	if !all {
		parties = []party{d.looked()}
		path = max(min(path, width-value), 0)
	}
	pg := page{title: "COUNTERS"}
	if !all {
		pg.title = strings.ToUpper(parties[0].name) + "'S COUNTERS"
	}
	for i, p := range parties {
		pg.columns = append(pg.columns, term.Column{Name: p.name, End: path + (i+1)*value - 2})
	}
	rows, order := counterRows(parties)
	for _, name := range order {
		var l term.Line
		l.Left(d.Plain, term.FitEnd(d.Text(name), path, d.Ellipsis), path)
		reason := ""
		for i := range parties {
			n, there := rows[name][i]
			if !there {
				l.PadTo(l.End + value)
				continue
			}
			ink := d.Strong
			if !n.nonzero() {
				ink = d.Dim
			}
			l.Right(ink, n.text(human.Grouped), value-2).Put(d.Dim, " "+n.mark())
			reason = n.reason
		}
		if room := width - l.End - 2; !all && reason != "" && room >= 16 {
			l.Put(d.Dim, "  "+d.Fit(d.Text(reason), room))
		}
		pg.lines = append(pg.lines, l.String())
	}
	return pg
}

// counterRows are the numbers of the parties by path, and the paths in order.
func counterRows(parties []party) (rows map[string]map[int]number, order []string) {
	rows = map[string]map[int]number{}
	for i, p := range parties {
		for _, n := range counterPaths(p.now) {
			if rows[n.path] == nil {
				rows[n.path] = map[int]number{}
				order = append(order, n.path)
			}
			rows[n.path][i] = n
		}
	}
	return rows, order
}
