package trace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
)

// errProgram says that a file holds a trace of programs.
var errProgram = errors.New("this is a trace of programs as exec writes it, not that of one run")

// WriteProgram writes the trace as JSON, indented by two spaces but with one sample and one process a line.
func WriteProgram(w io.Writer, p *Program) error {
	out := &jsonWriter{w: bufio.NewWriterSize(w, 64<<10)}
	out.member("{\n  ", "schema", ProgramSchema)
	out.member(",\n  ", "tool", p.Tool)
	out.member(",\n  ", "host", p.Host)
	out.member(",\n  ", "hooks", p.Hooks)
	out.member(",\n  ", "scope", p.Scope)
	list(out, "samples", p.Samples)
	out.member(",\n  ", "total", p.Total)
	out.member(",\n  ", "others", p.Others)
	list(out, "processes", p.Processes)
	listOrNull(out, "objects", p.Objects)
	listOrNull(out, "flows", p.Flows)
	listOrNull(out, "advice", p.Advice)
	listOrNull(out, "checked", p.Checked)
	listOrNull(out, "stacks", p.Stacks)
	out.member(",\n  ", "losses", p.Losses)
	out.member(",\n  ", "run", p.Run)
	out.text("\n}\n")
	if out.err != nil {
		return out.err
	}
	return out.w.Flush()
}

// listOrNull writes a list that is null where nobody looked.
func listOrNull[T any](j *jsonWriter, key string, elements []T) {
	if elements == nil {
		j.member(",\n  ", key, nil)
		return
	}
	list(j, key, elements)
}

// decodeProgram decodes what checkSchema called a trace of programs.
func decodeProgram(data []byte) (*Program, error) {
	if err := checkShape(data); err != nil {
		return nil, fmt.Errorf("not a trace: %w", err)
	}
	var rows struct{ Processes []json.RawMessage } // so many would take memory
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, decodeError(data, err)
	}
	if len(rows.Processes) > MaxProcesses {
		return nil, fmt.Errorf("not a trace: %d processes, the most is %d", len(rows.Processes), MaxProcesses)
	}
	p := &Program{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, decodeError(data, err)
	}
	if p.Schema != ProgramSchema {
		return nil, fmt.Errorf("schema %.40q: this zctrace reads %q only (use the zctrace that wrote the file, or a newer one)", p.Schema, ProgramSchema)
	}
	if err := checkLosses(data); err != nil {
		return nil, err
	}
	total := totalIn(data)
	p.Total.settle(total)
	p.Others.settle(total)
	for i := range p.Processes {
		p.Processes[i].settle(total)
	}
	for i := range p.Samples {
		p.Samples[i].Total.settle(total)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// settle does with costs what it does with the counters of a run. total is that of the file.
func (c *Cost) settle(total func() map[string]any) {
	for _, a := range c.amounts() {
		a.settle()
	}
	for _, e := range c.Engines {
		if e != nil {
			for _, a := range []*Amount{&e.ToUser, &e.FromUser, &e.InKernel, &e.PageRefs} {
				a.settle()
			}
		}
	}
	for key, path := range c.ByPath {
		for _, a := range path.amounts() {
			a.settle()
		}
		c.ByPath[key] = path
	}
	maps.DeleteFunc(c.Provenance, func(path string, _ Origin) bool {
		return !costOrigins()[anyName(path)] && leads(path, total())
	})
}
