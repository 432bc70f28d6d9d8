package trace

import (
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Names is how much a trace tells of what is secret on some machines: command lines, names of processes, paths and addresses.
type Names string

// The choices of names.
const (
	NamesFull Names = "full" // all of it
	NamesBase Names = "base" // of paths the last part, of command lines the program, of addresses the port; processes, units and containers
	NamesNone Names = "none" // nothing of it
)

// AllNames are these choices.
var AllNames = []Names{NamesFull, NamesBase, NamesNone}

// WithNames is the trace with no more than that in it. It shares with the trace what stays as it is, and still finds processes
// by the names that they had, as expectations do.
func (p *Program) WithNames(n Names) *Program {
	if n == NamesFull {
		return p
	}
	q := *p
	q.named = p
	q.Run.Command, q.Scope.Command = n.command(p.Run.Command, 2), n.command(p.Scope.Command, 1) // zctrace exec, and the program
	q.Scope.Cgroups, q.Scope.Units, q.Scope.Containers = n.each(p.Scope.Cgroups, n.path), n.each(p.Scope.Units, n.plain), n.each(p.Scope.Containers, n.plain)
	q.Scope.Comms = n.each(p.Scope.Comms, n.plain)
	if q.Run.Error != "" {
		q.Run.Error = "not told (--names " + string(n) + ")"
	}
	q.Processes = slices.Clone(p.Processes)
	for i := range q.Processes {
		r := &q.Processes[i]
		r.Comm, r.Exe, r.Cgroup, r.Unit, r.Container = n.plain(r.Comm), n.path(r.Exe), n.path(r.Cgroup), n.plain(r.Unit), n.plain(r.Container)
	}
	q.Objects = slices.Clone(p.Objects)
	for i := range q.Objects {
		o := &q.Objects[i]
		o.Name, o.Local, o.Peer = n.path(o.Name), n.address(o.Local), n.address(o.Peer)
	}
	q.Advice = slices.Clone(p.Advice)
	for i := range q.Advice { // which name what they are about
		q.Advice[i].Text, q.Advice[i].Measure = "", ""
	}
	q.Stacks = slices.Clone(p.Stacks)
	for i := range q.Stacks {
		frames := slices.Clone(q.Stacks[i].Frames)
		for j := range frames {
			frames[j].File = n.path(frames[j].File)
		}
		q.Stacks[i].Frames = frames
	}
	return &q
}

// command is the beginning of a command line: so many words of it, without what they may reveal. A flag may have anything in it.
func (n Names) command(args []string, words int) []string {
	for i, word := range args {
		if strings.HasPrefix(word, "-") {
			words = min(words, i)
		}
	}
	return n.each(args[:min(words, len(args))], n.path)
}

func (n Names) each(list []string, change func(string) string) []string {
	if list == nil {
		return nil
	}
	changed := []string{}
	for _, s := range list {
		if s = change(s); s != "" {
			changed = append(changed, s)
		}
	}
	return changed
}

func (n Names) path(s string) string {
	if n == NamesNone || s == "" {
		return ""
	}
	return path.Base(s)
}

// plain is a name that is no path.
func (n Names) plain(s string) string {
	if n == NamesNone {
		return ""
	}
	return s
}

// address is the port of an internet address, and of any other nothing but the base of its path.
func (n Names) address(s string) string {
	if at, err := netip.ParseAddrPort(s); err == nil && n == NamesBase {
		return ":" + strconv.Itoa(int(at.Port()))
	}
	return n.path(s)
}
