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
// they differ.
func (d document) enginesSection(width int) []string {
	g := term.Grid{Align: "l" + strings.Repeat("r", len(engineColumns))}
	head := []string{"Engines, bytes"}
	for _, c := range engineColumns {
		head = append(head, c.Name())
	}
	g.Add(head...)
	var notes []string
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
	lines := g.UnlessEmpty(width)
	if len(lines) == 0 {
		return nil
	}
	if len(notes) == 0 {
		notes = []string{"the engines agree to the byte"}
	}
	for _, note := range notes {
		for _, l := range term.Wrap(note, width-2) {
			lines = append(lines, "  "+l)
		}
	}
	return lines
}

// engineDifferences names each class that engines do not agree on.
func (d document) engineDifferences(p reading.Party) []string {
	var notes []string
	for _, c := range engineColumns {
		var values []trace.Int
		var told []string
		for _, name := range trace.Engines {
			if p.Now.Engines[name] == nil {
				continue
			}
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
