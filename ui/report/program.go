package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// exactWidth is from how many cells on the tables have room for every byte's digits.
const exactWidth = 120

// Program is the final table of a recording of programs: what they copied first, and last again, where a terminal shows
// it; the processes, from where to where single calls moved bytes, the system calls, what else was counted, and how far
// all that can be trusted. It is the same bytes for the same trace and look; lines are at most width cells, which is 80 if
// it is less. From 120 cells on sizes are exact everywhere.
func Program(p *trace.Program, look *term.Look, width int) string {
	d := programDocument{look, p, p.Total.Counters(), map[string]bool{}}
	width = max(width, tableWidth)
	point := d.point(width)
	return joined([][]string{
		append(slices.Clip(point), d.setting(width)...),
		d.processes(width),
		d.routes(width),
		d.classes(width),
		d.calls(width),
		d.counters(width),
		d.legend(width),
		d.trust(width),
		point,
	}, width)
}

// ProgramNow are the lines of the same table of a recording under way, without what does not change: the verdict first.
func ProgramNow(p *trace.Program, look *term.Look, width int) []string {
	d := programDocument{look, p, p.Total.Counters(), map[string]bool{}}
	width = max(width, tableWidth)
	return strings.Split(strings.TrimRight(joined([][]string{
		d.verdict(width), d.processes(width), d.routes(width), d.classes(width), d.calls(width), d.counters(width), d.legend(width), d.trust(width),
	}, width), "\n"), "\n")
}

// programDocument is a recording, and how it is written.
type programDocument struct {
	*term.Look
	*trace.Program
	total *trace.Counters
	shown map[string]bool // paths that the sections so far have: what the legend explains
}

// size is a number of bytes, exact where there is room.
func (d programDocument) size(n trace.Int, width int) string {
	if width >= exactWidth {
		return reading.Text(n, human.Grouped)
	}
	return reading.Text(n, human.FormatBytes)
}

// point is what the table comes to: what ran and how it ended, what was copied and how, and whether it may be believed.
func (d programDocument) point(width int) []string {
	title := "zctrace " + cmp.Or(d.Scope.Kind, "trace") + d.subject() + ": " + cmp.Or(string(d.Run.Ended), NoEnd)
	if status, ended := d.Run.ExitStatus.Get(); ended {
		title += fmt.Sprintf(", exit status %d", status)
	} else if d.Scope.Kind == trace.ScopeExec && d.Run.Ended != "" {
		title += ", before the command had ended"
	}
	if d.Run.Error != "" {
		title += ": " + d.Run.Error
	}
	return append(term.Wrap(d.Text(title), width), d.verdict(width)...)
}

// verdict is what was copied and how, and whether it may be believed.
func (d programDocument) verdict(width int) (lines []string) {
	for _, sentence := range reading.ProgramVerdictOf(d.Program).Sentences(d.Arrow) {
		lines = append(lines, term.Wrap(d.Text(sentence), width)...)
	}
	if sentence := reading.Elsewhere(d.Program); sentence != "" {
		lines = append(lines, term.Wrap(d.Text(sentence), width)...)
	}
	if lost, _ := reading.ProgramLosses(d.Program); len(lost) > 0 {
		lines = append(lines, term.Wrap(d.Text("!! EVENTS WERE LOST, DO NOT BELIEVE THE TOTALS: "+lossesText(lost)), width)...)
	}
	return lines
}

func lossesText(losses []reading.Loss) string {
	var list []string
	for _, loss := range losses {
		list = append(list, loss.String())
	}
	return strings.Join(list, ", ")
}

// subject is what was traced, in front of how it ended: a command line is cut, for it stands below in full.
func (d programDocument) subject() string {
	const most = 40
	s := d.Scope
	if len(s.Command) > 0 {
		return " " + term.Fit(d.Text(commandLine(s.Command)), most, d.Ellipsis)
	}
	if s.All {
		return " to everything"
	}
	var list []string
	if len(s.PIDs) > 0 {
		list = append(list, "pid "+strings.Trim(fmt.Sprint(s.PIDs), "[]"))
	}
	for _, names := range [][]string{s.Comms, s.Cgroups, s.Units, s.Containers} {
		list = append(list, names...)
	}
	if len(list) == 0 {
		return ""
	}
	return " " + term.Fit(d.Text(strings.Join(list, ", ")), most, d.Ellipsis)
}

// setting says under what it was measured.
func (d programDocument) setting(width int) []string {
	g := term.Grid{Align: "lw"}
	add := adder(d.Look, &g)
	if program, own := d.Scope.Command, d.Run.Command; len(program) > 0 && (len(own) < len(program) || !slices.Equal(own[len(own)-len(program):], program)) {
		add("program", d.command(program))
	}
	add("elapsed", human.Seconds(d.Run.ElapsedNS))
	run := reading.AsRun(d.Program)
	add("engine", d.Run.Engine, whyNotSeen(run))
	add("host", hostText(d.Host)...)
	if !d.Run.Started.IsZero() {
		add("started", d.Run.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if len(d.Run.Command) > 0 {
		add("command", d.command(d.Run.Command))
	}
	return g.Lines(width)
}

// command is a command line, cut after a dozen lines; the trace has more.
func (d programDocument) command(args []string) string {
	const most = 800
	return term.Fit(commandLine(args), most, d.Ellipsis)
}

// mostCalls is of how many system calls the table tells, and of all that moved bytes; the trace has the others.
const mostCalls = 16

// mostRows is of how many processes the table tells; the trace has all.
const mostRows = 20

// processes are the rows that copied most, and the sum of the others. Where numbers need the room, names are cut.
func (d programDocument) processes(width int) []string {
	name := 13 + max(0, width-exactWidth)/8
	g := d.processGrid(name, width)
	const spaces = 7 // of which a grid does without before it cuts
	for g.Total(g.Widths())-spaces > width && name > 6 {
		name--
		g = d.processGrid(name, width)
	}
	return g.UnlessEmpty(width)
}

func (d programDocument) processGrid(name, width int) *term.Grid {
	g := &term.Grid{Align: "lrrrrrrr"}
	g.Add("Processes", "pid", "threads", "calls", "to user", "from user", "in kernel", "by ref.")
	rows := d.sorted()
	add := func(label, pid, threads string, c *trace.Cost) {
		g.Add("  "+term.Fit(d.Text(label), name, d.Ellipsis), pid, threads, reading.Text(c.Syscalls.Calls, d.count(width)),
			d.size(c.Copies.ToUser.Bytes, width), d.size(c.Copies.FromUser.Bytes, width), d.size(c.Copies.InKernel.Bytes, width), d.size(c.Referenced(), width))
	}
	shown, threads, processes := rows[:min(len(rows), mostRows)], trace.Known(0), trace.Known(0)
	for _, r := range rows {
		threads, processes = threads.Add(trace.Known(r.Threads)), processes.Add(trace.Known(max(r.Folded, 1)))
	}
	for _, r := range shown {
		pid := reading.Text(r.PID, func(n int64) string { return fmt.Sprint(n) })
		if r.Folded > 0 {
			pid = human.Count(r.Folded, 5) + " ended"
		}
		add(named(r.Comm), pid, human.Count(r.Threads, 7), &r.Cost)
	}
	if rest := rows[len(shown):]; len(rest) > 0 {
		costs := func(yield func(*trace.Cost) bool) {
			for _, r := range rest {
				if !yield(&r.Cost) {
					return
				}
			}
		}
		sum := trace.SumOf(costs)
		add(human.Plural(int64(len(rest)), "more row"), "", "", &sum)
	}
	if d.Others.Syscalls.Calls != trace.Known(0) && len(rows) > 0 {
		add("others", "", "", &d.Others)
	}
	if len(g.Rows) > 2 {
		short := func(n int64) string { return human.Count(n, 7) }
		add("all "+reading.Text(processes, short), "", reading.Text(threads, short), &d.Total)
	}
	return g
}

// named is what a process is called; "?" where that is not told.
func named(comm string) string { return cmp.Or(comm, "?") }

// sorted are the rows: those that copied most first, then those that handed on most, then those with most calls.
func (d programDocument) sorted() []*trace.ProcessRow {
	rows := make([]*trace.ProcessRow, len(d.Processes))
	for i := range d.Processes {
		rows[i] = &d.Processes[i]
	}
	slices.SortStableFunc(rows, func(a, b *trace.ProcessRow) int { return trace.CompareCosts(&a.Cost, &b.Cost) })
	return rows
}

// count writes a count, exact where there is room.
func (d programDocument) count(width int) func(int64) string {
	if width >= exactWidth {
		return human.Grouped
	}
	return func(n int64) string { return human.Count(n, 7) }
}

// routes are from where to where single calls moved bytes, and the way past user memory, if none took it.
func (d programDocument) routes(width int) []string {
	v := reading.ProgramVerdictOf(d.Program)
	g := term.Grid{Align: "lrrrrw"}
	g.Add("Paths", "calls", "bytes", "copied", "by ref.", "by")
	add := func(w reading.Route) {
		g.Add("  "+d.Text(w.Text(d.Arrow)), reading.Text(w.Calls, d.count(width)), d.size(w.Bytes, width), d.size(w.Copied, width), d.size(w.Referenced, width), d.Text(w.ByText()))
	}
	for _, w := range v.Routes {
		add(w)
	}
	for _, w := range v.Straight {
		add(w)
	}
	if v.Outside > 0 {
		g.Add("  outside of these", "", "", d.size(trace.Known(v.Outside), width), "", "")
	}
	return g.UnlessEmpty(width)
}

// classes are the bytes copied and moved, to the byte, with what is known of each.
func (d programDocument) classes(width int) []string {
	g := term.Grid{Align: "lrmw"}
	g.Add("Bytes", "exact", "", "")
	for _, n := range trace.OfKind(trace.Class) {
		if !n.OfPrograms() {
			continue
		}
		v := d.total.Value(n)
		if !v.Int.Known() && n != trace.ToUser && n != trace.FromUser && n != trace.InKernel {
			continue // it is told of at the end
		}
		d.shown[v.Path()] = true
		people := ""
		if bytes := v.Int.Or(0); bytes >= 1024 {
			people = human.FormatBytes(bytes)
		}
		g.Add("  "+className(n), reading.Text(v.Int, human.Grouped), reading.Mark(v.Origin.Provenance), people)
	}
	return g.UnlessEmpty(width)
}

// calls are the system calls by name, those that moved bytes first, and of the others those made most often.
func (d programDocument) calls(width int) []string {
	calls := reading.ProgramCalls(&d.Total)
	restarts := d.Total.Syscalls.Restarted.Or(0) > 0
	columns, align := []string{"System calls", "calls", "bytes", "errors"}, "lrrr"
	if restarts {
		columns, align = append(columns, "restarted"), align+"r"
	}
	if d.Run.Latency {
		columns, align = append(columns, "mean", "time"), align+"rr"
	}
	columns, align = append(columns, "blocked"), align+"r"
	g := term.Grid{Align: align}
	g.Add(columns...)
	name := 24 + max(0, width-exactWidth)/8
	most := mostCalls
	for most < len(calls) && (calls[most].Bytes.Int.Or(0) > 0 || len(calls) == most+1) {
		most++
	}
	for _, c := range calls[:min(most, len(calls))] {
		row := []string{"  " + term.Fit(d.Text(c.Name), name, d.Ellipsis), reading.Text(c.Count.Int, human.Grouped), reading.Text(c.Bytes.Int, human.Grouped), reading.Text(c.Errors.Int, human.Grouped)}
		if restarts {
			row = append(row, reading.Text(c.Restarted, human.Grouped))
		}
		if d.Run.Latency {
			mean := human.NotCounted
			if ns, ok := c.MeanNS(); ok {
				mean = human.Latency(ns, d.Micro)
			}
			row = append(row, mean, reading.Text(c.Time.Int, func(n int64) string { return human.Latency(float64(n), d.Micro) }))
		}
		g.Add(append(row, reading.Text(c.Blocked.Int, human.Grouped))...)
		for _, e := range c.Errnos {
			row := append(make([]string, 0, len(columns)), "    "+term.Fit(d.Text(e.Name), name-2, d.Ellipsis), "", "", reading.Text(e.Count.Int, human.Grouped))
			g.Add(append(row, make([]string, len(columns)-len(row))...)...)
		}
	}
	if rest := calls[min(most, len(calls)):]; len(rest) > 0 {
		made, failed := trace.Known(0), trace.Known(0)
		for _, c := range rest {
			made, failed = made.Add(c.Count.Int), failed.Add(c.Errors.Int)
		}
		row := []string{fmt.Sprintf("  %d others", len(rest)), reading.Text(made, human.Grouped), "", reading.Text(failed, human.Grouped)}
		g.Add(append(row, make([]string, len(columns)-len(row))...)...)
	}
	if len(calls) > 1 {
		row := []string{"  all", reading.Text(d.Total.Syscalls.Calls, human.Grouped), "", ""}
		if restarts {
			row = append(row, reading.Text(d.Total.Syscalls.Restarted, human.Grouped))
		}
		g.Add(append(row, make([]string, len(columns)-len(row))...)...)
	}
	return g.UnlessEmpty(width)
}

// counters are the plain numbers, and what the kernel itself accounts.
func (d programDocument) counters(width int) []string {
	g := term.Grid{Align: "lrmw"}
	g.Add("Counters", "", "", "")
	for _, n := range trace.OfKind(trace.Plain) {
		v := d.total.Value(n)
		if !n.OfPrograms() || n == trace.Calls || v.Int.Or(0) == 0 && (!v.Int.Known() || !slices.Contains(always, n)) {
			continue
		}
		d.shown[v.Path()] = true
		g.Add(label(n), reading.Text(v.Int, func(b int64) string { return exact(n, b) }), reading.Mark(v.Origin.Provenance), "")
	}
	own := func(name string, n trace.Int, path, note string) {
		if n.Known() {
			g.Add("  "+name, reading.Text(n, human.Grouped), reading.Mark(d.total.Origin(path).Provenance), note)
		}
	}
	own("read as the kernel accounts, bytes", d.Total.IO.Rchar, "io.rchar", "")
	own("written as the kernel accounts, bytes", d.Total.IO.Wchar, "io.wchar", "")
	for _, cause := range slices.Sorted(maps.Keys(d.Total.IO.KernelIO)) {
		k := d.Total.IO.KernelIO[cause]
		if n := k.ReadBytes.Add(k.WrittenBytes); n != trace.Known(0) {
			own("  of these by the kernel for itself", n, "io.kernel_io", "in "+d.Text(cause))
		}
	}
	return g.UnlessEmpty(width)
}
