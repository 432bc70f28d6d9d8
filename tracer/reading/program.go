package reading

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/tracer/trace"
)

// ProgramVerdict is what a recording of programs comes to: how many bytes the CPU copied, how many went by reference,
// from where to where, and what nobody knows.
type ProgramVerdict struct {
	Copied     int64            // bytes, of those classes that are known
	Referenced int64            // bytes handed on, mapped or cloned, of those classes that are known
	Provenance trace.Provenance // the least certain one of the copies that are known
	Routes     []Route          // all that moved bytes: those that copied most first
	Filled     trace.Amount     // with zeros
	Unknown    []trace.Number   // classes of payload copied or moved of which nobody knows the bytes
	Straight   []Route          // routes that nobody took, and that would have spared a copy to user and back: see straight
	Outside    int64            // bytes copied that are on no route: later, or beside what a call returned
}

// Route is what single calls moved from one kind of place to another.
type Route struct {
	From, To           string // of [trace.Ends]
	Calls, Bytes       trace.Int
	Copied, Referenced trace.Int
	By                 []Share // the calls that moved something, the most first
}

// Share is a system call's part of a route.
type Share struct {
	Name  string // as the trace has it
	Bytes trace.Int
}

// These are the classes that a verdict is about.
var copyClasses, moveClasses = []trace.Number{trace.ToUser, trace.FromUser, trace.InKernel}, []trace.Number{trace.PageRefs, trace.Mapped, trace.Cloned}

// ProgramVerdictOf is the verdict on all programs of a recording.
func ProgramVerdictOf(p *trace.Program) ProgramVerdict {
	v := ProgramVerdict{Provenance: trace.Observed, Routes: Routes(&p.Total), Filled: p.Total.Copies.Fill}
	counters := p.Total.Counters()
	sum := func(classes []trace.Number, visit func(trace.Value)) (bytes int64) {
		total := trace.Known(0)
		for _, n := range classes {
			value := counters.Value(n)
			if !value.Int.Known() {
				v.Unknown = append(v.Unknown, n)
				continue
			}
			total = total.Add(value.Int)
			visit(value)
		}
		return total.Or(0)
	}
	v.Copied = sum(copyClasses, func(n trace.Value) {
		if n.Int.Or(0) > 0 && (n.Origin.Provenance == trace.Estimated || n.Origin.Provenance == trace.Derived && v.Provenance == trace.Observed) {
			v.Provenance = n.Origin.Provenance
		}
	})
	v.Referenced = sum(moveClasses, func(trace.Value) {})
	v.Outside = v.Copied
	for _, route := range v.Routes {
		v.Outside -= route.Copied.Or(0)
	}
	v.Outside = max(v.Outside, 0)
	v.Straight = v.straight(p.Processes)
	return v
}

// Routes are the paths of a cost: those on which most was copied first, then those that moved most.
func Routes(c *trace.Cost) (list []Route) {
	for key, path := range c.ByPath {
		from, to, _ := strings.Cut(key, "->")
		w := Route{From: from, To: to, Calls: path.Calls, Bytes: path.Bytes}
		w.Copied = path.Copies.ToUser.Bytes.Add(path.Copies.FromUser.Bytes).Add(path.Copies.InKernel.Bytes)
		w.Referenced = path.PageRefs.Bytes.Add(path.Cloned.Bytes)
		for _, name := range slices.Sorted(maps.Keys(path.ByName)) {
			if call := path.ByName[name]; call.Bytes.Or(1) != 0 {
				w.By = append(w.By, Share{name, call.Bytes})
			}
		}
		slices.SortStableFunc(w.By, func(a, b Share) int { return -cmp.Compare(a.Bytes.Or(0), b.Bytes.Or(0)) })
		list = append(list, w)
	}
	slices.SortFunc(list, func(a, b Route) int {
		return cmp.Or(-cmp.Compare(a.Copied.Or(0), b.Copied.Or(0)), -cmp.Compare(a.Bytes.Or(0), b.Bytes.Or(0)), strings.Compare(a.From+a.To, b.From+b.To))
	})
	return list
}

// leastStraight is how many bytes are worth a word of another way for them.
const leastStraight = 64 << 10

// straight is the route past user memory of the program that read most from one place and wrote it, or something else, to
// another, if nobody took it and both carried at least a tenth of all bytes: that nothing went there is worth a word, for it
// is how copies could be spared.
func (v *ProgramVerdict) straight(rows []trace.ProcessRow) []Route {
	passes := func(end string) bool {
		return slices.Contains([]string{trace.EndFile, trace.EndTCP, trace.EndUDP, trace.EndUnix, trace.EndPipe}, end)
	}
	var from, to string
	most := max((v.Copied+v.Referenced)/10, leastStraight)
	for i := range rows {
		routes := Routes(&rows[i].Cost)
		first := func(of func(r Route) bool) (r Route) { // they are sorted
			if i := slices.IndexFunc(routes, of); i >= 0 {
				r = routes[i]
			}
			return r
		}
		in := first(func(r Route) bool { return r.To == trace.EndUser && passes(r.From) })
		out := first(func(r Route) bool { return r.From == trace.EndUser && passes(r.To) })
		if both := min(in.Copied.Or(0), out.Copied.Or(0)); both > most {
			from, to, most = in.From, out.To, both
		}
	}
	if from == "" || slices.ContainsFunc(v.Routes, func(r Route) bool { return r.From == from && r.To == to }) {
		return nil
	}
	none := trace.Known(0)
	return []Route{{From: from, To: to, Calls: none, Bytes: none, Copied: none, Referenced: none}}
}

// ProgramLosses are the causes for which the totals may not be believed, and the limits that made a split coarser.
func ProgramLosses(p *trace.Program) (lost, limits []Loss) {
	for _, cause := range p.Lost() {
		lost = append(lost, Loss{cause, p.Losses[cause]})
	}
	for _, cause := range p.Limited() {
		limits = append(limits, Loss{cause, p.Losses[cause]})
	}
	return lost, limits
}

// ProgramCalls are the system calls of programs, in the order of [Calls].
func ProgramCalls(c *trace.Cost) []ProgramCall {
	var list []ProgramCall
	for _, call := range Calls(c.Counters()) {
		list = append(list, ProgramCall{call, c.Syscalls.ByName[call.Name].Restarted})
	}
	return list
}

// ProgramCall is one system call of programs.
type ProgramCall struct {
	Call
	Restarted trace.Int // see [trace.CostSyscalls]
}

// AsRun is a run whose only party has what the programs cost, for whatever looks at the numbers of one: [Reasons], [Tally].
func AsRun(p *trace.Program) *trace.Trace {
	return &trace.Trace{Schema: trace.Schema, Host: p.Host, Hooks: p.Hooks, Total: trace.Totals{Sender: *p.Total.Counters()}, Run: trace.Run{Engine: p.Run.Engine}}
}

// OfPrograms takes the numbers that programs have, for [Tally].
func OfPrograms(_ string, v trace.Value) bool { return v.Number.OfPrograms() }
