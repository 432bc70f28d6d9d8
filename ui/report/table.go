// Package report writes runs, comparisons, sweeps and what differs between two runs as plain text: the
// same bytes for the same trace, wherever they are printed.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// tableWidth is a mail's, and the least that the tables need.
const tableWidth = 80

// Table is the final table of a run as plain text: what ran, what it cost next
// to what the textbook says, and how far the numbers can be trusted. Its point
// comes first, and last again, where a terminal shows it. It is the
// same bytes for the same trace, wherever it is printed; lines are at most
// width cells, which is 80 if it is less.
func Table(t *trace.Trace, width int) string {
	d := newDocument(t)
	width = max(width, tableWidth)
	point := d.pointSection(width)
	return joined([][]string{
		append(point[:len(point):len(point)], d.runSection(width)...),
		d.textbookSection(width),
		d.bytesSection(width),
		d.enginesSection(width),
		d.callsSection(width),
		d.requestsSection(width),
		d.countersSection(width),
		d.kernelSection(width),
		d.legendSection(width),
		d.trustSection(width),
		point,
	}, width)
}

// document is a run at its end, and how it is written.
type document struct {
	*term.Look
	reading.Moment
	shown map[figure]bool // by the sections so far: what the legend explains
}

// figure is a number of a party.
type figure struct{ party, path string }

func newDocument(t *trace.Trace) document {
	return document{Look, reading.End(t), map[figure]bool{}}
}

// show notes that a section shows numbers of a party.
func (d document) show(party string, values ...trace.Value) {
	for _, v := range values {
		d.shown[figure{party, v.Path()}] = true
	}
}

// joined are the sections that have something to say, an empty line between them.
func joined(sections [][]string, width int) string {
	var b strings.Builder
	for i, section := range sections {
		if len(section) == 0 {
			continue
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, l := range section {
			b.WriteString(term.Fit(l, width, ".."))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// sized is a number of bytes, exact, and for people.
func sized(n int64) string {
	exact := human.Plural(n, "byte")
	if people := human.FormatBytes(n); !strings.HasSuffix(people, " B") {
		return exact + " (" + people + ")"
	}
	return exact
}

// runSection says what ran.
func (d document) runSection(width int) []string {
	g := term.Grid{Align: "lw"}
	add := adder(d.Look, &g)
	d.addSetting(add)
	payload := d.Payload()
	add("payload", orNothing(payload, sized))
	add("elapsed", human.Seconds(d.Now.ElapsedNS))
	if n, ok := payload.Get(); ok && d.Now.ElapsedNS > 0 {
		perSecond := float64(n) * 1e9 / float64(d.Now.ElapsedNS)
		add("throughput", human.Rate(perSecond)+" ("+human.BitRate(perSecond)+")")
	}
	d.addStart(add)
	return g.Lines(width)
}

// NoEnd is what is said of a trace that does not tell how its run ended: the key s saved
// it before.
const NoEnd = "saved before its end"

func endedText(r trace.Run) string { return cmp.Or(string(r.Ended), NoEnd) }

// adder adds what is not empty to a grid of names and words.
func adder(look *term.Look, g *term.Grid) func(name string, parts ...string) {
	return func(name string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		if len(parts) > 0 {
			g.Add("  "+name, look.Text(strings.Join(parts, ", ")))
		}
	}
}

// addSetting says what the numbers were measured under.
func (d document) addSetting(add func(name string, parts ...string)) {
	r := d.Trace.Run
	source := r.Source.Path
	if r.Source.Kind == "auto" {
		source = "auto"
	}
	if r.Source.Kind == "zero" {
		source = "/dev/zero"
	}
	cache := ""
	if r.Cache != "" {
		cache = r.Cache + " page cache"
	}
	add("source", source, orNothing(r.Source.Bytes, sized), reading.Store(r.Source.Filesystem, r.Source.Below), cache)
	receiver := ""
	if r.Receiver != "" {
		receiver = "receiver: " + r.Receiver
	}
	sinks := runSinkNames(r)
	add("sink", sinks[0], reading.Store(r.Sink.Filesystem, r.Sink.Below), receiver)
	add("chunk", sized(r.ChunkBytes))
	add("rate", reading.LimitText(r.LimitRate))
	add("engine", r.Engine, whyNotSeen(d.Trace))
	add("host", hostText(d.Trace.Host)...)
}

// hostText says on what it was measured.
func hostText(h trace.Host) []string {
	kernel := h.Kernel
	if kernel != "" {
		kernel = "Linux " + kernel
	}
	return []string{kernel, h.Arch, reading.CPUsText(h), h.CPUModel, h.Virtualization}
}

// addStart says when it ran, and how to run it again.
func (d document) addStart(add func(name string, parts ...string)) {
	r := d.Trace.Run
	if !r.Started.IsZero() {
		add("started", r.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if len(r.Command) > 0 {
		add("command", commandLine(r.Command))
	}
}

// whyNotSeen says why copies were derived, or seen by another engine, although the most trusted one could have seen them.
func whyNotSeen(t *trace.Trace) string {
	if t.Run.Engine == "fentry" {
		return ""
	}
	why := ""
	if t.Run.Engine == "derived" { // else another one sees them
		why = engineRefused(t, "fentry")
	}
	for _, c := range t.Total.Processes() {
		why = cmp.Or(why, knowsNothing(c, "fentry"))
	}
	if why == "" {
		return ""
	}
	return "not fentry: " + why
}

func orNothing(n trace.Int, format func(int64) string) string {
	if v, known := n.Get(); known {
		return format(v)
	}
	return ""
}

// textbookSection puts measured next to textbook.
func (d document) textbookSection(width int) []string {
	v := d.Verdict()
	if len(v.Rows) == 0 {
		return nil
	}
	g := term.Grid{Align: "lrmrlw"}
	g.Add("Per transfer", "measured", "", "textbook", "", "")
	for _, row := range v.Rows {
		sign := map[reading.Agreement]string{reading.Same: d.Same, reading.Explained: d.Explained, reading.Differs: d.Differs}[row.Agreement]
		d.show(d.Processes()[0].Name, row.Of...)
		measured, note := row.MeasuredText(), d.Text(row.Why())
		if row.Cause.Kind == reading.VirtualDevice && term.Width(note) <= 10 {
			measured, note = measured+" ("+note+")", ""
		}
		g.Add("  "+row.Subject.String(), measured, reading.Mark(row.Provenance), fmt.Sprint(row.Textbook), sign, note)
	}
	lines := g.Lines(width)
	sentences := []string{fmt.Sprintf("%s: %s", human.Plural(v.Transfers, "transfer"), d.Text(v.String()))}
	if source := d.Text(d.Trace.Textbook.Source); source != "" {
		sentences = append(sentences, "textbook: "+source)
	}
	for _, sentence := range sentences {
		for _, s := range term.Wrap(sentence, width-2) {
			lines = append(lines, "  "+s)
		}
	}
	return lines
}

// bytesSection shows what was copied and what moved without a copy.
func (d document) bytesSection(width int) []string {
	parties := d.Processes()
	g := term.Grid{Align: "l" + strings.Repeat("rrm", len(parties))}
	head := []string{"Bytes"}
	for _, p := range parties {
		head = append(head, p.Name, "passes", "")
	}
	g.Add(head...)
	for _, k := range trace.OfKind(trace.Class) {
		if !slices.ContainsFunc(parties, func(p reading.Party) bool { return p.Now.Int(k).Known() }) {
			continue // it is told of at the end
		}
		row := []string{"  " + className(k)}
		for _, p := range parties {
			n := p.Now.Value(k)
			d.show(p.Name, n)
			times := "-"
			if share, ok := n.Per(p.Payload()); ok {
				times = human.Passes(share)
			}
			row = append(row, reading.Text(n.Int, human.Grouped), times, reading.Mark(n.Origin.Provenance))
		}
		g.Add(row...)
	}
	return g.UnlessEmpty(width)
}

// className says of a class whether its bytes were copied.
func className(k trace.Number) string {
	if k.Moved() {
		return "moved " + k.Name()
	}
	return "copied " + k.Name()
}

// requestsSection shows the asynchronous requests by the names of their operations.
func (d document) requestsSection(width int) []string {
	g := term.Grid{Align: "lrrrr"}
	g.Add("Asynchronous requests", "completed", "per s", "bytes", "errors")
	for _, p := range d.Processes() {
		for i, r := range reading.Requests(p.Now) {
			if i == 0 {
				g.Add("  "+p.Name, "", "", "", "")
			}
			d.show(p.Name, r.Count, r.Bytes, r.Errors)
			g.Add("    "+term.Fit(d.Text(r.Name), 24, ".."), reading.Text(r.Count.Int, human.Grouped), d.CountRateText(r.Count.Int, p.Back.Requests[r.Name].Completed, 11),
				reading.Text(r.Bytes.Int, human.Grouped), reading.Text(r.Errors.Int, human.Grouped))
			for _, e := range r.Errnos {
				g.Add("      "+term.Fit(d.Text(e.Name), 22, ".."), "", "", "", reading.Text(e.Count.Int, human.Grouped))
			}
		}
	}
	return g.UnlessEmpty(width)
}

// callsSection shows the system calls by name.
func (d document) callsSection(width int) []string {
	g := term.Grid{Align: "lrrrrrr"}
	g.Add("System calls", "calls", "calls/s", "bytes", "errors", "mean", "blocked")
	for _, p := range d.Processes() {
		calls := reading.Calls(p.Now)
		if len(calls) == 0 {
			continue
		}
		g.Add("  "+p.Name, reading.Text(p.Now.Int(trace.Calls), human.Grouped), d.CountRateText(p.Now.Syscalls.Calls, p.Back.Syscalls.Calls, 11), "", "", "", "")
		d.show(p.Name, p.Now.Value(trace.Calls))
		for _, c := range calls {
			d.show(p.Name, c.Count, c.Bytes, c.Errors, c.Time, c.Blocked)
			mean := human.NotCounted
			if ns, ok := c.MeanNS(); ok {
				mean = human.Latency(ns, "us")
			}
			g.Add("    "+term.Fit(d.Text(c.Name), 24, ".."), reading.Text(c.Count.Int, human.Grouped), d.CountRateText(c.Count.Int, p.Back.Syscalls.ByName[c.Name].Calls, 11),
				reading.Text(c.Bytes.Int, human.Grouped), reading.Text(c.Errors.Int, human.Grouped), mean, reading.Text(c.Blocked.Int, human.Grouped))
			for _, e := range c.Errnos {
				g.Add("      "+term.Fit(d.Text(e.Name), 22, ".."), "", "", "", reading.Text(e.Count.Int, human.Grouped), "", "")
			}
		}
	}
	return g.UnlessEmpty(width)
}
