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

// Difference puts two traces side by side as plain text: under what they ran,
// how fast, and what each cost for the same payload. What differs is marked, as
// precisely as it is shown. Lines are at most width cells, 80 if it is less.
func Difference(a, b *trace.Trace, nameA, nameB string, width int) string {
	width = max(width, tableWidth)
	d := difference{newSideBySide(nameA, nameB), newDocument(a), newDocument(b)}
	return joined([][]string{d.settings(width), d.speed(width), d.passes(width), d.perMiB(width), d.calls(width), d.requests(width)}, width) + d.end(width)
}

// sideBySide is how two traces of one kind are compared.
type sideBySide struct {
	names [2]string
	shown map[string]bool // the signs and marks in the tables so far: what the legend explains
}

func newSideBySide(nameA, nameB string) sideBySide {
	short := func(name string) string { return term.FitEnd(Look.Text(name), 15, "..") }
	return sideBySide{[2]string{short(nameA), short(nameB)}, map[string]bool{}}
}

// end explains what stands in the tables.
func (d sideBySide) end(width int) string {
	return "\n!= differs, = the same as precisely as shown; ratio: the second by the first\n" + strings.Join(term.Wrap(d.legend(), width), "\n") + "\n"
}

// legend explains the signs and marks that the tables have.
func (d sideBySide) legend() string {
	var marks []string
	for _, mark := range []struct{ sign, meaning string }{
		{"?", "one of the two is not known"}, {"d", "derived"}, {"~", "estimated"}, {human.NotCounted, "not counted"},
	} {
		if d.shown[mark.sign] {
			marks = append(marks, mark.sign+" "+mark.meaning)
		}
	}
	switch {
	case len(marks) == 0:
		return "everything was observed"
	case d.shown[absent]:
		marks[len(marks)-1] += ", or there was none"
	}
	return strings.Join(marks, ", ")
}

// absent is noted as shown where a number is n/a because there was nothing to count.
const absent = "absent"

// difference is two runs at their ends.
type difference struct {
	sideBySide
	a, b document
}

// settings are what the two ran under; what is the same stands once.
func (d difference) settings(width int) []string {
	g := d.heading()
	for _, s := range []struct {
		name string
		text func(trace.Run, trace.Host) string
	}{
		{"strategy", func(r trace.Run, _ trace.Host) string { return r.Strategy }},
		{"source", func(r trace.Run, _ trace.Host) string { return sourceNames(r.Source)[0] }},
		{"sink", func(r trace.Run, _ trace.Host) string { return sinkKind(r.Sink) }},
		{"receiver", func(r trace.Run, _ trace.Host) string { return r.Receiver }},
		{"chunk", func(r trace.Run, _ trace.Host) string { return human.FormatBytes(r.ChunkBytes) }},
		{"rate", func(r trace.Run, _ trace.Host) string { return reading.LimitText(r.LimitRate) }},
		{"cache", func(r trace.Run, _ trace.Host) string { return r.Cache }},
		{"engine", func(r trace.Run, _ trace.Host) string { return r.Engine }},
		{"kernel", func(_ trace.Run, h trace.Host) string { return h.Kernel }},
		{"CPU", func(_ trace.Run, h trace.Host) string {
			return fmt.Sprintf("%s, %s, %s", h.Arch, reading.CPUsText(h), h.CPUModel)
		}},
		{"ended", func(r trace.Run, _ trace.Host) string { return endedText(r) }},
	} {
		x, y := d.a.Text(s.text(d.a.Trace.Run, d.a.Trace.Host)), d.b.Text(s.text(d.b.Trace.Run, d.b.Trace.Host))
		d.addSetting(&g, s.name, x, y)
	}
	d.addSetting(&g, "textbook", d.a.Verdict().Brief(), d.b.Verdict().Brief())
	d.addSetting(&g, "losses", d.a.lost(), d.b.lost())
	return g.Lines(width)
}

// heading is the table of what is not a number, with the names over it.
func (d sideBySide) heading() term.Grid {
	g := term.Grid{Align: "lw"}
	g.Add("", d.names[0]+" | "+d.names[1])
	return g
}

func (sideBySide) addSetting(g *term.Grid, name, x, y string) {
	switch {
	case x == "" && y == "":
	case x == y:
		g.Add("   = "+name, x)
	default:
		g.Add("  != "+name, cmp.Or(x, "-")+" | "+cmp.Or(y, "-"))
	}
}

// sinkKind leaves the port out, which differs from run to run.
func sinkKind(s trace.Sink) string {
	names := sinkNames(s)
	if s.Device.Kind == "loopback" || s.Kind == "unix" {
		return strings.Join(slices.Compact([]string{s.Kind, s.Device.Kind}), " ")
	}
	return names[0]
}

// lost says in a word whether the numbers may be believed.
func (d document) lost() string {
	if !reading.LossesKnown(d.Trace) {
		return "not recorded"
	}
	return cmp.Or(d.Text(reading.LossesText(d.Trace)), "none")
}

// both is a number of the two.
type both struct {
	label string
	x, y  figureOf
	text  func(float64) string
}

func (d difference) both(label string, figure func(document) figureOf, text func(float64) string) both {
	return both{label, figure(d.a), figure(d.b), text}
}

// figureOf is a number of one run.
type figureOf struct {
	value  float64
	known  bool
	mark   string // of its provenance
	absent bool   // not known, for there was no such call or process
}

func (f figureOf) written(format func(float64) string) string {
	if !f.known {
		return human.NotCounted
	}
	return format(f.value)
}

// nothing is 0 or not known.
func (f figureOf) nothing() bool { return !f.known || f.value == 0 }

// observed is a number that needs no mark.
func observed(v float64, known bool) figureOf { return figureOf{value: v, known: known, mark: " "} }

// perBytes is a number for so many bytes of payload.
func perBytes(n trace.Value, payload trace.Int, bytes float64) figureOf {
	v, known := n.Per(payload)
	return figureOf{value: v * bytes, known: known, mark: reading.Mark(n.Origin.Provenance)}
}

// table is a section with a column for each run, their ratio, and whether they
// differ. Rows that are 0 or unknown in both are left out.
func (d sideBySide) table(title string, rows []both, width int) []string {
	g := term.Grid{Align: "lrmrmr"}
	g.Add(title, d.names[0], "", d.names[1], "", "ratio")
	for _, row := range rows {
		x, y := row.x, row.y
		if x.nothing() && y.nothing() {
			continue
		}
		textX, textY := x.written(row.text), y.written(row.text)
		sign, ratio := "!=", ""
		switch {
		case textX == textY:
			sign = " ="
		case !x.known || !y.known:
			sign = " ?"
		case x.value > 0 && y.value > 0:
			ratio = human.ThreeDigits(y.value/x.value) + "x"
		}
		d.shown[strings.TrimSpace(sign)] = true
		for _, f := range []figureOf{x, y} {
			d.shown[f.mark] = true
			d.shown[human.NotCounted] = d.shown[human.NotCounted] || !f.known
			d.shown[absent] = d.shown[absent] || f.absent
		}
		g.Add("  "+sign+" "+row.label, textX, x.mark, textY, y.mark, ratio)
	}
	return g.UnlessEmpty(width)
}

func (d difference) speed(width int) []string {
	payload := func(d document) figureOf {
		p, known := d.Payload().Get()
		return observed(float64(p), known)
	}
	rows := []both{
		d.both("payload, bytes", payload, human.Whole),
		d.both("elapsed", func(d document) figureOf { return observed(float64(d.Now.ElapsedNS), d.Now.ElapsedNS > 0) }, inSeconds),
		d.both("throughput", func(d document) figureOf {
			p := payload(d)
			return observed(p.value*1e9/float64(max(d.Now.ElapsedNS, 1)), p.known && d.Now.ElapsedNS > 0)
		}, human.Rate),
	}
	for _, process := range d.processes() {
		rows = append(rows, d.both(process+"'s CPU, ns/KiB", perPayload(process, trace.RuntimeNS, 1<<10), human.ThreeDigits))
	}
	return d.table("Speed", rows, width)
}

// processes are the names of those of both runs.
func (d difference) processes() (names []string) {
	for _, p := range append(d.a.Processes(), d.b.Processes()...) {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// perPayload is a number of a process for so many bytes of its payload.
func perPayload(process string, n trace.Number, bytes float64) func(document) figureOf {
	return func(d document) figureOf {
		for _, p := range d.Processes() {
			if p.Name == process {
				return perBytes(p.Now.Value(n), p.Payload(), bytes)
			}
		}
		return figureOf{mark: " ", absent: true}
	}
}

func (d difference) passes(width int) []string {
	var rows []both
	for _, process := range d.processes() {
		add := func(name string, n trace.Number) {
			rows = append(rows, d.both(process+" "+name, perPayload(process, n, 1), human.Passes))
		}
		for _, k := range trace.OfKind(trace.Class) {
			add(className(k), k)
		}
		for _, m := range []trace.Number{trace.DiskReadBytes, trace.DiskWriteBytes, trace.NICTxBytes, trace.NICRxBytes, trace.CacheLeftBytes} {
			add(m.Name(), m)
		}
	}
	return d.table("Passes over the payload", rows, width)
}

func (d difference) perMiB(width int) []string {
	var rows []both
	for _, process := range d.processes() {
		for _, m := range []trace.Number{trace.Calls, trace.ModeSwitches, trace.VoluntarySwitches, trace.InvoluntarySwitches, trace.MinorFaults, trace.MajorFaults} {
			name := strings.Replace(m.Name(), "context switches", "switches", 1)
			rows = append(rows, d.both(process+" "+name, perPayload(process, m, 1<<20), human.PerMiB))
		}
	}
	return d.table("Per MiB of payload", rows, width)
}

// calls are the sender's system calls by name.
func (d difference) calls(width int) []string {
	var rows []both
	for _, name := range eitherOf(d.a.Now.Main().Syscalls.ByName, d.b.Now.Main().Syscalls.ByName) {
		call := func(d document) reading.Call { return reading.CallOf(d.Now.Main(), name) }
		rows = append(rows, d.both(d.a.Text(name), func(d document) figureOf {
			made := trace.Known(call(d).Count.Int.Or(0)) // one that was not made was made 0 times
			return perBytes(trace.Value{Int: made}, d.Payload(), 1<<20)
		}, human.PerMiB))
		for _, errno := range d.errnos(name) {
			rows = append(rows, d.both(d.a.Text(name+", "+errno), func(d document) figureOf {
				failed := d.Now.Main().ErrnoOf(name, errno)
				if errno == reading.OtherErrnos {
					failed = trace.Value{Int: d.Now.Main().Syscalls.ByName[name].OtherErrors(), Origin: call(d).Errors.Origin}
				}
				if made := call(d).Count.Int; !made.Known() {
					failed = trace.Value{Int: trace.Known(0)}
				}
				return perBytes(failed, d.Payload(), 1<<20)
			}, human.PerMiB))
		}
		rows = append(rows, d.both(d.a.Text(name)+", mean ns", func(d document) figureOf {
			f := observed(call(d).MeanNS())
			f.absent = !f.known && call(d).Count.Int.Or(0) == 0
			return f
		}, human.Whole))
	}
	return d.table("Sender's calls per MiB", rows, width)
}

// requests are the sender's asynchronous requests by the names of their operations. Where a run counted them, those
// that it does not have are none.
func (d difference) requests(width int) []string {
	var rows []both
	add := func(request, label string, of func(*trace.Counters) trace.Value) {
		rows = append(rows, d.both(d.a.Text(label), func(d document) figureOf {
			c := d.Now.Main()
			n := of(c)
			if _, made := c.Requests[request]; !made && c.Requests != nil {
				n = trace.Value{Int: trace.Known(0)}
			}
			return perBytes(n, d.Payload(), 1<<20)
		}, human.PerMiB))
	}
	a, b := d.a.Now.Main().Requests, d.b.Now.Main().Requests
	for _, name := range eitherOf(a, b) {
		add(name, name, func(c *trace.Counters) trace.Value { return c.ValueOf(trace.RequestCount, name) })
		add(name, name+", errors", func(c *trace.Counters) trace.Value { return c.ValueOf(trace.RequestErrors, name) })
		for _, errno := range eitherOf(a[name].Errnos, b[name].Errnos) {
			add(name, name+", "+errno, func(c *trace.Counters) trace.Value { return c.RequestErrnoOf(name, errno) })
		}
	}
	return d.table("Sender's requests per MiB", rows, width)
}

// eitherOf are the keys of both, each once, in order.
func eitherOf[T any](a, b map[string]T) []string {
	return slices.Compact(slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))...))))
}

// errnos are those with which the call failed in either run, and the others that the traces do not name.
func (d difference) errnos(call string) []string {
	named := eitherOf(d.a.Now.Main().Syscalls.ByName[call].Errnos, d.b.Now.Main().Syscalls.ByName[call].Errnos)
	if len(named) == 0 {
		return nil
	}
	return append(named, reading.OtherErrnos)
}
