package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// engineColumns are the classes that engines are compared in.
var engineColumns = trace.OfKind(trace.OfEngine)

// enginesSection sets the engines of --copies all side by side, and names where
// they differ, and why one is missing.
func (d document) enginesSection(width int) []string {
	lines, notes := d.engineTable(width)
	switch r := d.Trace.Run; {
	case len(lines) > 0 && len(notes) == 0:
		notes = []string{"the engines agree to the byte"}
	case len(lines) > 0:
	case r.Engine != "" && asksForAll(r.Command):
		lines = []string{fmt.Sprintf("Engines: 1 of %d works here, %s: nothing to compare", len(trace.Engines), d.Text(r.Engine))}
	default:
		return nil
	}
	for _, name := range trace.Engines {
		counted := name == d.Trace.Run.Engine || d.Now.Main().Engines[name] != nil
		if why := engineRefused(d.Trace, name); why != "" && !counted {
			notes = append(notes, "not "+name+": "+d.Text(why))
		}
	}
	for _, note := range notes {
		for _, l := range term.Wrap(note, width-2) {
			lines = append(lines, "  "+l)
		}
	}
	return lines
}

// asksForAll is whether arguments are --copies all.
func asksForAll(command []string) bool {
	return slices.Contains(command, "--copies=all") || strings.Contains(strings.Join(command, "\x00")+"\x00", "\x00--copies\x00all\x00")
}

// engineRefused is why the kernel does not allow an engine; "" if it was not asked.
func engineRefused(t *trace.Trace, engine string) string {
	for _, h := range t.Hooks {
		kind, _, _ := strings.Cut(h.Name, "/")
		if kind == "fexit" {
			kind = "fentry"
		}
		if kind == engine && !h.Attached && h.Reason != "" {
			return h.Reason
		}
	}
	return ""
}

// engineTable is a line for each engine, and where they differ.
func (d document) engineTable(width int) (lines, notes []string) {
	g := term.Grid{Align: "l" + strings.Repeat("r", len(engineColumns))}
	head := []string{"Engines, bytes"}
	for _, c := range engineColumns {
		head = append(head, c.Name())
	}
	g.Add(head...)
	for _, p := range d.Processes() {
		engines := p.Now.Engines
		if len(engines) == 0 {
			continue
		}
		g.Add("  " + p.Name)
		for _, name := range trace.Engines {
			if engines[name] == nil {
				continue
			}
			row := []string{"    " + name}
			for _, c := range engineColumns {
				row = append(row, reading.Text(p.Now.ValueOf(c, name).Int, human.Grouped))
			}
			g.Add(row...)
		}
		notes = append(notes, d.engineDifferences(p)...)
	}
	return g.UnlessEmpty(width), notes
}

// knowsNothing is why an engine knows none of its numbers of a party; "" if it knows one, or did not count.
func knowsNothing(c *trace.Counters, engine string) (why string) {
	if c.Engines[engine] == nil {
		return ""
	}
	for _, n := range engineColumns {
		v := c.ValueOf(n, engine)
		if v.Int.Known() || why != "" && v.Origin.Reason != why {
			return ""
		}
		why = v.Origin.Reason
	}
	return why
}

// engineDifferences names each class that engines do not agree on, and the engines that know none.
func (d document) engineDifferences(p reading.Party) []string {
	var notes, engines []string
	for _, name := range trace.Engines {
		switch why := knowsNothing(p.Now, name); {
		case why != "":
			notes = append(notes, fmt.Sprintf("!! %s: %s knows nothing: %s", p.Name, name, d.Text(why)))
		case p.Now.Engines[name] != nil:
			engines = append(engines, name)
		}
	}
	for _, c := range engineColumns {
		var values []trace.Int
		var told []string
		for _, name := range engines {
			n := p.Now.ValueOf(c, name)
			values = append(values, n.Int)
			text := name + " " + reading.Text(n.Int, human.Grouped)
			if !n.Int.Known() {
				text += " (" + d.Text(n.Origin.Reason) + ")"
			}
			told = append(told, text)
		}
		switch {
		case len(values) > 0 && !slices.ContainsFunc(values, trace.Int.Known):
			notes = append(notes, fmt.Sprintf("%s, %s: no engine knows", p.Name, c.Name()))
		case slices.ContainsFunc(values, func(n trace.Int) bool { return n != values[0] }):
			notes = append(notes, fmt.Sprintf("!! %s, %s: %s", p.Name, c.Name(), strings.Join(told, ", ")))
		}
	}
	return notes
}
