package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// engineOrder is the order in which engines are shown, the most trusted first.
var engineOrder = []string{"fentry", "breakpoint", "derived"}

// engineColumns are the classes that engines are compared in.
var engineColumns = []struct {
	name string
	in   func(*trace.EngineCounters) *trace.Amount
}{
	{"to user", func(e *trace.EngineCounters) *trace.Amount { return &e.ToUser }},
	{"from user", func(e *trace.EngineCounters) *trace.Amount { return &e.FromUser }},
	{"in kernel", func(e *trace.EngineCounters) *trace.Amount { return &e.InKernel }},
	{"by reference", func(e *trace.EngineCounters) *trace.Amount { return &e.PageRefs }},
}

// enginesSection sets the engines of --copies all side by side, and names where
// they differ.
func (d data) enginesSection(width int) []string {
	g := term.Grid{Align: "l" + strings.Repeat("r", len(engineColumns))}
	head := []string{"Engines, bytes"}
	for _, c := range engineColumns {
		head = append(head, c.name)
	}
	g.Add(head...)
	var notes []string
	for _, p := range d.Processes() {
		engines := p.Now.Engines
		if len(engines) == 0 {
			continue
		}
		g.Add("  " + p.Name)
		for _, name := range engineOrder {
			e := engines[name]
			if e == nil {
				continue
			}
			row := []string{"    " + name}
			for _, c := range engineColumns {
				row = append(row, orNotCounted(c.in(e).Bytes))
			}
			g.Add(row...)
		}
		notes = append(notes, d.engineDifferences(p.Name, engines)...)
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

func orNotCounted(n trace.Int) string {
	if v, ok := n.Get(); ok {
		return human.Grouped(v)
	}
	return human.NotCounted
}

// engineDifferences names each class that engines do not agree on.
func (d data) engineDifferences(party string, engines map[string]*trace.EngineCounters) []string {
	var notes []string
	for _, c := range engineColumns {
		var values []trace.Int
		var told []string
		for _, name := range engineOrder {
			e := engines[name]
			if e == nil {
				continue
			}
			a := c.in(e)
			values = append(values, a.Bytes)
			text := name + " " + orNotCounted(a.Bytes)
			if !a.Bytes.Known() {
				text += " (" + d.Text(a.Reason) + ")"
			}
			told = append(told, text)
		}
		switch {
		case len(values) > 0 && !slices.ContainsFunc(values, trace.Int.Known):
			notes = append(notes, fmt.Sprintf("%s, %s: no engine knows", party, c.name))
		case slices.ContainsFunc(values, func(n trace.Int) bool { return n != values[0] }):
			notes = append(notes, fmt.Sprintf("!! %s, %s: %s", party, c.name, strings.Join(told, ", ")))
		}
	}
	return notes
}
