package ui

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// numbersOf lists every number of a party, but for the engines', which tell of copies
// again. What holds for a number of one system call is told of all.
func numbersOf(c *trace.Counters) []number {
	var list []number
	for v := range c.All() {
		n := newNumber(v)
		switch v.Number.Kind() {
		case trace.OfEngine:
			continue
		case trace.OfCall:
			n.path = strings.Replace(v.Number.Path(), "by_name.*.", "", 1)
		}
		list = append(list, n)
	}
	return list
}

// partyNumbers lists the numbers of the processes, and of the kernel's own work what
// is known of it. Most of what a process does has no meaning there, so null is worth
// a word only for the one that could prove the passes wrong: payload copied on the
// run's behalf behind everybody's back.
func partyNumbers(t trace.Totals, visit func(party string, n number)) {
	for name, c := range t.Processes() {
		for _, n := range numbersOf(c) {
			visit(name, n)
		}
	}
	for _, n := range numbersOf(&t.Kernel) {
		if n.value.Known() || n.path == trace.InKernel.Path() && n.reason != "" {
			visit("kernel", n)
		}
	}
}

// tally counts numbers by where they come from.
type tally map[trace.Provenance]int

func tallyOf(t trace.Totals) tally {
	counts := tally{}
	partyNumbers(t, func(_ string, n number) { counts[n.from]++ })
	return counts
}

// reasonGroup is a reason and the numbers that it holds for.
type reasonGroup struct {
	reason  string
	parties string // "" for all processes
	names   []string
}

func (g reasonGroup) String() string {
	s := strings.Join(g.names, ", ")
	if g.parties != "" {
		s += " (" + g.parties + ")"
	}
	return s + ": " + cmp.Or(g.reason, "no reason is given")
}

// reasonsFor groups the numbers of one provenance by their reason, and names a
// whole group ("nic") where all of it is concerned.
func reasonsFor(t *trace.Trace, from trace.Provenance) []reasonGroup {
	type key struct{ reason, path string }
	concerned := map[key][]string{} // the parties, in order
	groups := map[string]map[string]bool{}
	partyNumbers(t.Total, func(party string, n number) {
		if party != "kernel" {
			group := groupOf(n.path)
			if groups[group] == nil {
				groups[group] = map[string]bool{}
			}
			groups[group][n.path] = true
		}
		if n.from == from {
			k := key{cmp.Or(n.reason, missingHook(t, n.path)), n.path}
			if !slices.Contains(concerned[k], party) { // many system calls share a path
				concerned[k] = append(concerned[k], party)
			}
		}
	})
	var processes []string
	for name := range t.Total.Processes() {
		processes = append(processes, name)
	}
	everybody := strings.Join(processes, ", ")
	byReason := map[reasonKey][]string{}
	for k, parties := range concerned {
		who := strings.Join(parties, ", ")
		if who == everybody {
			who = ""
		}
		byReason[reasonKey{k.reason, who}] = append(byReason[reasonKey{k.reason, who}], k.path)
	}
	var list []reasonGroup
	for k, paths := range byReason {
		list = append(list, reasonGroup{k.reason, k.parties, wholeGroups(paths, groups)})
	}
	slices.SortFunc(list, func(a, b reasonGroup) int {
		return cmp.Or(strings.Compare(a.names[0], b.names[0]), strings.Compare(a.String(), b.String()))
	})
	return list
}

type reasonKey struct{ reason, parties string }

// wholeGroups replaces the paths of a group by its name if all are there.
func wholeGroups(paths []string, groups map[string]map[string]bool) []string {
	members := map[string][]string{}
	for _, p := range paths {
		members[groupOf(p)] = append(members[groupOf(p)], p)
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

func groupOf(path string) string {
	group, _, _ := strings.Cut(path, ".")
	return group
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

// alerts are what makes a run unbelievable or other than it seems, worst first.
func (d data) alerts() []string {
	var list []string
	if d.notAgain != "" {
		list = append(list, "NOT RUN AGAIN: "+d.Text(d.notAgain))
	}
	if d.problem != "" {
		list = append(list, "FAILED: "+d.Text(d.problem))
	}
	if v := d.trace.Run.Verified; v != nil && !*v {
		list = append(list, "NOT VERIFIED: the sink did not receive the bytes of the source")
	}
	if causes := losses(d.trace); len(causes) > 0 {
		list = append(list, d.Text("EVENTS LOST, do not believe these numbers: "+strings.Join(causes, ", ")))
	}
	for _, row := range d.compare().differing() {
		s := fmt.Sprintf("NOT AS IN THE TEXTBOOK: %s %s instead of %s", row.label, row.measured, row.textbook)
		if row.note != "" {
			s += " (" + row.note + ")"
		}
		list = append(list, s)
	}
	return list
}

// losses are the causes by which events were lost, and how many.
func losses(t *trace.Trace) []string {
	var list []string
	for _, cause := range slices.Sorted(maps.Keys(t.Losses)) {
		if n := t.Losses[cause]; n != 0 {
			list = append(list, cause+" "+human.Grouped(n))
		}
	}
	return list
}

// statusPanel says whether the numbers may be believed, and which of them were
// observed, derived, estimated or not counted.
func statusPanel(d data, width int) string {
	var rows []string
	for _, alert := range d.alerts() {
		rows = append(rows, d.Alarm.Apply(d.Fit(" "+alert+" ", width)))
	}
	counts := tallyOf(d.now.Totals)
	var l term.Line
	if len(losses(d.trace)) == 0 {
		word := "no losses"
		if d.trace.Losses == nil {
			word = "losses not recorded"
		}
		l.Put(d.Plain, word).Put(d.Dim, " "+d.Dot+" ")
	}
	l.Put(d.Plain, fmt.Sprint(counts[trace.Observed])).Put(d.Dim, " observed "+d.Dot+" ")
	l.Put(d.Plain, fmt.Sprint(counts[trace.Derived])).Put(d.Dim, " derived ").Put(d.Plain, "d").Put(d.Dim, " "+d.Dot+" ")
	l.Put(d.Plain, fmt.Sprint(counts[trace.Estimated])).Put(d.Dim, " estimated ").Put(d.Plain, "~").Put(d.Dim, " "+d.Dot+" ")
	l.Put(d.Plain, fmt.Sprint(counts[trace.Unavailable])).Put(d.Dim, " not counted ").Put(d.Plain, human.NotCounted)
	rows = append(rows, d.Fit(l.String(), width))
	return crop(rows, d.rows)
}
