package report

import (
	"fmt"
	"slices"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
)

// ProgramDifference puts two recordings of programs side by side as plain text: under what they were made, what each cost
// in all, by class, from where to where, by program and by system call. What differs is marked, as precisely as it is
// shown. Lines are at most width cells, 80 if it is less.
func ProgramDifference(a, b *trace.Program, nameA, nameB string, width int) string {
	width = max(width, tableWidth)
	d := programDifference{newSideBySide(nameA, nameB), programDocument{Look, a, a.Total.Counters(), nil}, programDocument{Look, b, b.Total.Counters(), nil}}
	return joined([][]string{d.settings(width), d.totals(width), d.classes(width), d.routes(width), d.programs(width), d.calls(width)}, width) + d.end(width)
}

type programDifference struct {
	sideBySide
	a, b programDocument
}

func (d programDifference) settings(width int) []string {
	g := d.heading()
	for _, s := range []struct {
		name string
		text func(programDocument) string
	}{
		{"program", func(d programDocument) string { return d.command(d.Scope.Command) }},
		{"engine", func(d programDocument) string { return d.Run.Engine }},
		{"calls timed", func(d programDocument) string { return map[bool]string{true: "yes", false: "no"}[d.Run.Latency] }},
		{"kernel", func(d programDocument) string { return d.Host.Kernel }},
		{"CPU", func(d programDocument) string {
			return fmt.Sprintf("%s, %s, %s", d.Host.Arch, reading.CPUsText(d.Host), d.Host.CPUModel)
		}},
		{"ended", func(d programDocument) string {
			ended := endedText(trace.Run{Ended: d.Run.Ended})
			if status, known := d.Run.ExitStatus.Get(); known {
				ended += fmt.Sprintf(", exit status %d", status)
			}
			return ended
		}},
		{"losses", func(d programDocument) string {
			lost, limits := reading.ProgramLosses(d.Program)
			switch {
			case len(d.Losses) == 0:
				return "not recorded"
			case len(lost)+len(limits) == 0:
				return "none"
			}
			return lossesText(append(lost, limits...))
		}},
	} {
		d.addSetting(&g, s.name, d.a.Text(s.text(d.a)), d.b.Text(s.text(d.b)))
	}
	return g.Lines(width)
}

// row is a number of both, as it is counted.
func (d programDifference) row(label string, of func(programDocument) trace.Value, text func(float64) string) both {
	figure := func(p programDocument) figureOf {
		v := of(p)
		n, known := v.Int.Get()
		return figureOf{value: float64(n), known: known, mark: reading.Mark(v.Origin.Provenance)}
	}
	return both{d.a.Text(label), figure(d.a), figure(d.b), text}
}

// plain is a number that nobody says more of.
func plain(of func(programDocument) trace.Int) func(programDocument) trace.Value {
	return func(d programDocument) trace.Value { return trace.Value{Int: of(d)} }
}

func inSeconds(v float64) string { return human.Seconds(int64(v)) }

func (d programDifference) totals(width int) []string {
	rows := []both{
		d.row("elapsed", plain(func(d programDocument) trace.Int { return trace.Known(d.Run.ElapsedNS) }), inSeconds),
		d.row("processes", plain(func(d programDocument) trace.Int {
			n := int64(0)
			for i := range d.Processes {
				n += max(d.Processes[i].Folded, 1)
			}
			return trace.Known(n)
		}), human.Whole),
	}
	for _, n := range trace.OfKind(trace.Plain) {
		if n.OfPrograms() {
			text := human.Whole
			if n.Unit() == trace.Nanoseconds {
				text = inSeconds
			}
			rows = append(rows, d.row(label(n)[2:], func(d programDocument) trace.Value { return d.total.Value(n) }, text))
		}
	}
	rows = append(rows, d.row("restarted calls", plain(func(d programDocument) trace.Int { return d.Total.Syscalls.Restarted }), human.Whole))
	return d.table("In all", rows, width)
}

func (d programDifference) classes(width int) []string {
	var rows []both
	for _, n := range trace.OfKind(trace.Class) {
		if n.OfPrograms() {
			rows = append(rows, d.row(className(n), func(d programDocument) trace.Value { return d.total.Value(n) }, human.Whole))
		}
	}
	return d.table("Bytes", rows, width)
}

func (d programDifference) routes(width int) []string {
	var rows []both
	for _, key := range eitherOf(d.a.Total.ByPath, d.b.Total.ByPath) {
		rows = append(rows, d.row(key, plain(func(d programDocument) trace.Int {
			path, taken := d.Total.ByPath[key]
			if !taken && d.Total.ByPath != nil {
				return trace.Known(0)
			}
			return path.Bytes
		}), human.Whole))
	}
	return d.table("Bytes by single calls", rows, width)
}

// programs are the processes by their name.
func (d programDifference) programs(width int) []string {
	var rows []both
	names := append(d.a.Names(), d.b.Names()...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		for _, number := range []struct {
			label string
			of    func(*trace.Cost) trace.Int
		}{
			{"calls", func(c *trace.Cost) trace.Int { return c.Syscalls.Calls }},
			{"copied", (*trace.Cost).Copied},
			{"by reference", (*trace.Cost).Referenced},
		} {
			rows = append(rows, d.row(named(name)+", "+number.label, plain(func(d programDocument) trace.Int {
				c, _ := d.Named(name)
				return number.of(&c)
			}), human.Whole))
		}
	}
	return d.table("Programs", rows, width)
}

func (d programDifference) calls(width int) []string {
	var rows []both
	for _, name := range eitherOf(d.a.total.Syscalls.ByName, d.b.total.Syscalls.ByName) {
		made := func(d programDocument) (trace.CostCall, bool) {
			call, made := d.Total.Syscalls.ByName[name]
			return call, made || d.Total.Syscalls.ByName == nil
		}
		add := func(label string, of func(trace.CostCall) trace.Int) {
			rows = append(rows, d.row(label, plain(func(d programDocument) trace.Int {
				call, known := made(d)
				if !known {
					return trace.Known(0)
				}
				return of(call)
			}), human.Whole))
		}
		add(name, func(c trace.CostCall) trace.Int { return c.Calls })
		add(name+", bytes", func(c trace.CostCall) trace.Int { return c.Bytes })
		for _, errno := range eitherOf(d.a.total.Syscalls.ByName[name].Errnos, d.b.total.Syscalls.ByName[name].Errnos) {
			add(name+", "+errno, func(c trace.CostCall) trace.Int { return c.FailedWith(errno) })
		}
		rows = append(rows, both{d.a.Text(name) + ", mean ns", d.a.mean(name), d.b.mean(name), human.Whole})
	}
	return d.table("System calls", rows, width)
}

// mean is the time in a call of a name.
func (d programDocument) mean(name string) figureOf {
	call := reading.CallOf(d.total, name)
	f := observed(call.MeanNS())
	f.absent = !f.known && call.Count.Int.Or(0) == 0
	return f
}
