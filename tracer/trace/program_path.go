package trace

import (
	"maps"
	"slices"
	"sync"
)

// processesKey is that of the rows, of which a path means those of one name: processes["nginx"].
const processesKey = "processes"

// maxComm is how long the kernel's name of a process is at most, in bytes (TASK_COMM_LEN less its end).
const maxComm = 15

var programPaths = &paths{
	template: programTemplate, example: "total.copies.from_user", seldom: "others",
	below: []string{"copies", "moved", "syscalls", "by_path", "mode_switches", "context_switches", "page_faults", "disk", "cpu", "io", "zerocopy", "engines", "provenance"},
}

// programTemplate is the JSON of a trace of programs that has everything there is: its rows by name, and of advice how
// much there is.
var programTemplate = sync.OnceValue(func() map[string]any {
	doc, err := toJSON(&Program{
		Hooks:   []Hook{},
		Scope:   Scope{Command: []string{}, PIDs: []int64{}, Comms: []string{}, Cgroups: []string{}, Units: []string{}, Containers: []string{}},
		Samples: []ProgramSample{}, Total: *everyCost(), Others: *everyCost(),
		Objects: []Object{}, Flows: []Flow{}, Checked: []Checked{}, Stacks: []Stack{},
		Losses: map[string]int64{anyKey: 0},
		Run:    ProgramRun{Command: []string{}},
	})
	if err != nil {
		return nil // every path is then unknown; a test sees to it that none is
	}
	doc[processesKey] = map[string]any{anyKey: maps.Clone(costTemplate())}
	doc["advice"] = nil
	return doc
})

// pathKeys are all keys that by_path may have.
func pathKeys() (keys []string) {
	for _, from := range Ends {
		for _, to := range Ends {
			keys = append(keys, PathKey(from, to))
		}
	}
	return keys
}

// Named are the costs of all processes of a name, and whether there are any.
func (p *Program) Named(comm string) (Cost, bool) {
	if p.named != nil {
		return p.named.Named(comm)
	}
	var costs []*Cost
	for i := range p.Processes {
		if p.Processes[i].Comm == comm {
			costs = append(costs, &p.Processes[i].Cost)
		}
	}
	return SumOf(slices.Values(costs)), len(costs) > 0
}

// Names are the names of the processes, each once, in the order of the rows.
func (p *Program) Names() (names []string) {
	for i := range p.Processes {
		if name := p.Processes[i].Comm; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
