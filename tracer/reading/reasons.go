package reading

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Loss is a cause by which events were lost, and how many.
type Loss struct {
	Cause string
	Count int64
}

// String is the cause with its count.
func (l Loss) String() string { return l.Cause + " " + human.Grouped(l.Count) }

// LossesKnown is whether anybody looked for losses. Each cause that was looked for has its
// number, and no cause at all is none that was looked for.
func LossesKnown(t *trace.Trace) bool { return len(t.Losses) > 0 }

// Losses are the causes by which events were lost, in the order of their names.
func Losses(t *trace.Trace) []Loss {
	var list []Loss
	for _, cause := range slices.Sorted(maps.Keys(t.Losses)) {
		if n := t.Losses[cause]; n != 0 {
			list = append(list, Loss{cause, n})
		}
	}
	return list
}

// LossesText is the losses in words; "" if there are none.
func LossesText(t *trace.Trace) string {
	var list []string
	for _, loss := range Losses(t) {
		list = append(list, loss.String())
	}
	return strings.Join(list, ", ")
}

// numbers visits the numbers of every party but those of single engines. Most of what a process does
// has no meaning for the kernel's own work, so null is worth a word there only for the number that
// could prove the passes wrong: payload copied on the run's behalf behind everybody's back.
func numbers(t *trace.Totals, visit func(party string, process bool, v trace.Value)) {
	for party, c := range t.Parties() {
		process := c != &t.Kernel
		for v := range c.All() {
			if v.Number.Kind() == trace.OfEngine {
				continue
			}
			if process || v.Int.Known() || v.Number == trace.InKernel && v.Origin.Reason != "" {
				visit(party, process, v)
			}
		}
	}
}

// Any takes every number of every party.
func Any(_ string, _ trace.Value) bool { return true }

// Tally counts those numbers of a run that of takes, by where they come from.
func Tally(t *trace.Totals, of func(party string, v trace.Value) bool) map[trace.Provenance]int {
	counts := map[trace.Provenance]int{}
	numbers(t, func(party string, _ bool, v trace.Value) {
		if of(party, v) {
			counts[v.Origin.Provenance]++
		}
	})
	return counts
}

// Reason is why numbers have the provenance that they have.
type Reason struct {
	Text    string   // as the trace has it: not to be drawn unsanitized; "" where it gives none
	Parties []string // whose numbers; none: every process's
	Numbers []string // paths, or of whole groups their names ("nic")
}

// String says of what, and why.
func (r Reason) String() string {
	s := strings.Join(r.Numbers, ", ")
	if len(r.Parties) > 0 {
		s += " (" + strings.Join(r.Parties, ", ") + ")"
	}
	return s + ": " + cmp.Or(r.Text, "no reason is given")
}

// Reasons are those of all numbers of one provenance that of takes, with whole groups of numbers ("nic")
// where all of a group is concerned.
func Reasons(t *trace.Trace, from trace.Provenance, of func(party string, v trace.Value) bool) []Reason {
	type number struct{ reason, path string }
	concerned := map[number][]string{} // the parties, in order
	groups := map[string]map[string]bool{}
	numbers(&t.Total, func(party string, process bool, v trace.Value) {
		path := strings.Replace(v.Number.Path(), ".by_name.*.", ".", 1) // one for all system calls
		if group := v.Number.Group(); process {
			if groups[group] == nil {
				groups[group] = map[string]bool{}
			}
			groups[group][path] = true
		}
		if v.Origin.Provenance == from && of(party, v) {
			n := number{cmp.Or(v.Origin.Reason, missingHook(t, path)), path}
			if !slices.Contains(concerned[n], party) {
				concerned[n] = append(concerned[n], party)
			}
		}
	})
	var everybody []string
	for party := range t.Total.Processes() {
		everybody = append(everybody, party)
	}
	byReason := map[[2]string][]string{} // paths by reason and parties
	for n, parties := range concerned {
		if slices.Equal(parties, everybody) {
			parties = nil
		}
		key := [2]string{n.reason, strings.Join(parties, " ")}
		byReason[key] = append(byReason[key], n.path)
	}
	var list []Reason
	for key, paths := range byReason {
		list = append(list, Reason{key[0], strings.Fields(key[1]), wholeGroups(paths, groups)})
	}
	slices.SortFunc(list, func(a, b Reason) int {
		return cmp.Or(strings.Compare(a.Numbers[0], b.Numbers[0]), strings.Compare(a.String(), b.String()))
	})
	return list
}

// wholeGroups replaces the paths of a group by its name if all are there.
func wholeGroups(paths []string, groups map[string]map[string]bool) []string {
	members := map[string][]string{}
	for _, p := range paths {
		group, _, _ := strings.Cut(p, ".")
		members[group] = append(members[group], p)
	}
	var names []string
	for group, list := range members {
		if len(list) == len(groups[group]) {
			names = append(names, group)
		} else {
			names = append(names, list...)
		}
	}
	slices.Sort(names)
	return names
}

// missingHook is the reason of the hook that would have fed a number.
func missingHook(t *trace.Trace, path string) string {
	for _, h := range t.Hooks {
		if !h.Attached && h.Counter != "" && h.Reason != "" && strings.HasPrefix(path+".", h.Counter+".") {
			return h.Name + ": " + h.Reason
		}
	}
	return ""
}
