package ui

import (
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// counterPaths are all numbers of a party by their path in the trace, in the
// order of the final table.
func counterPaths(c *trace.Counters) []trace.Value {
	var list, engines []trace.Value
	for v := range c.All() {
		switch v.Number.Kind() {
		case trace.OfCall, trace.OfErrno, trace.OfRequest, trace.OfRequestErrno:
		case trace.OfEngine:
			engines = append(engines, v)
		default:
			list = append(list, v)
		}
	}
	for _, s := range reading.Calls(c) { // in an order that tells more than that of names
		list = append(list, s.Count, s.Errors)
		for _, e := range s.Errnos {
			if e.Name != reading.OtherErrnos {
				list = append(list, e.Count)
			}
		}
		list = append(list, s.Bytes, s.Time, s.Blocked)
	}
	for _, r := range reading.Requests(c) {
		list = append(list, r.Count, r.Errors)
		for _, e := range r.Errnos {
			if e.Name != reading.OtherErrnos {
				list = append(list, e.Count)
			}
		}
		list = append(list, r.Bytes)
	}
	return append(list, engines...)
}

// countersPage lists every number of the moment under its path, as --expect and
// jq take it: of all parties if there is room, else of the one that is looked
// at, with the reason for what was not observed.
func countersPage(d data, width int) page {
	const value = 22
	parties := append(d.Processes(), d.Kernel())
	path := 0
	for _, p := range parties {
		for _, n := range counterPaths(p.Now) {
			path = max(path, min(term.Width(n.Path()), 44))
		}
	}
	all := path+len(parties)*value <= width
	if !all {
		parties = []reading.Party{d.looked()}
		path = max(min(path, width-value), 0)
	}
	pg := page{title: "COUNTERS"}
	if !all {
		pg.title = strings.ToUpper(parties[0].Name) + "'S COUNTERS"
	}
	for i, p := range parties {
		pg.columns = append(pg.columns, term.Column{Name: p.Name, End: path + (i+1)*value - 2})
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
			if n.Int.Or(0) == 0 {
				ink = d.Dim
			}
			l.Right(ink, reading.Text(n.Int, human.Grouped), value-2).Put(d.Dim, " "+reading.Mark(n.Origin.Provenance))
			reason = n.Origin.Reason
		}
		if room := width - l.End - 2; !all && reason != "" && room >= 16 {
			l.Put(d.Dim, "  "+d.Fit(d.Text(reason), room))
		}
		pg.lines = append(pg.lines, l.String())
	}
	return pg
}

// counterRows are the numbers of the parties by path, and the paths in order.
func counterRows(parties []reading.Party) (rows map[string]map[int]trace.Value, order []string) {
	rows = map[string]map[int]trace.Value{}
	for i, p := range parties {
		for _, n := range counterPaths(p.Now) {
			if rows[n.Path()] == nil {
				rows[n.Path()] = map[int]trace.Value{}
				order = append(order, n.Path())
			}
			rows[n.Path()][i] = n
		}
	}
	return rows, order
}
