package ui

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// agreement is how a measured number stands to the textbook's.
type agreement int

const (
	unmeasured agreement = iota // null, or nothing to compare with
	same
	explained // differs for a reason that the trace itself gives
	differs
)

// comparison is one row of measured next to textbook, per transfer.
type comparison struct {
	label    string // in a sentence
	brief    string // in a column
	measured string
	mark     string // provenance of measured
	textbook string
	agreement
	note string // why it differs, or by how much
}

// noDMA is measured where no device is.
const noDMA = "none"

// cpuCopies is the row that sums up the copies above it.
const cpuCopies = "CPU copies in all"

// verdict is the whole of it.
type verdict struct {
	transfers int64 // chunks that the payload makes
	rows      []comparison
}

// compare puts what the sender cost next to what the textbook says. It has no
// rows where no textbook says anything or nothing was transferred yet.
func compare(t *trace.Trace, c *trace.Counters, payload trace.Int) verdict {
	p := payload.Or(0)
	if t.Textbook == nil || p <= 0 || t.Run.ChunkBytes <= 0 {
		return verdict{}
	}
	v := verdict{transfers: (p-1)/t.Run.ChunkBytes + 1}
	b := t.Textbook
	calls := compareCalls(c, v.transfers, b)
	v.rows = append(v.rows, calls, compareModes(c, v.transfers, b, calls))

	all, allKnown, allMark := 0.0, true, " "
	for _, row := range []struct {
		class    trace.Number
		textbook int
	}{{trace.ToUser, b.Copies.ToUser}, {trace.FromUser, b.Copies.FromUser}, {trace.InKernel, b.Copies.InKernel}} {
		n := numberIn(c, row.class)
		measured, ok := n.per(payload)
		all, allKnown = all+measured, allKnown && ok
		if n.mark() != " " {
			allMark = n.mark()
		}
		compared := comparePasses(row.class, n, p, row.textbook)
		over := n.value.Or(0) - p*int64(row.textbook)
		switch {
		case compared.agreement != differs:
		case t.Run.Ended == "" && over > 0 && over <= underWay(c, v.transfers)*t.Run.ChunkBytes:
			compared.agreement, compared.note = explained, "with chunks under way"
		default:
			explain(t, c, p, row.class, &compared)
		}
		v.rows = append(v.rows, compared)
	}
	cpu := comparison{label: cpuCopies, brief: "CPU copies", measured: human.NotCounted, textbook: fmt.Sprint(b.Copies.ToUser + b.Copies.FromUser + b.Copies.InKernel)}
	if allKnown {
		cpu.measured, cpu.mark = human.Passes(all), allMark
		cpu.agreement = agree(all, float64(b.Copies.ToUser+b.Copies.FromUser+b.Copies.InKernel))
		if len(v.differing()) == 0 && cpu.agreement == differs {
			cpu.agreement = explained // by the rows above
		}
	}
	v.rows = append(v.rows, cpu, compareDMAIn(t, c, payload), compareDMAOut(t, c, payload))
	return v
}

// compare puts the drawn moment next to what the textbook says.
func (d data) compare() verdict { return compare(d.trace, d.now.Main(), d.payload()) }

// agree compares as precisely as is shown.
func agree(measured, textbook float64) agreement {
	if math.Abs(measured-textbook) < 0.005 {
		return same
	}
	return differs
}

func compareCalls(c *trace.Counters, transfers int64, b *trace.Textbook) comparison {
	n := numberIn(c, trace.TransferCalls)
	row := comparison{label: "transfer calls", brief: "calls", measured: human.NotCounted, mark: n.mark(), textbook: fmt.Sprint(b.TransferCalls)}
	calls, known := n.value.Get()
	if !known {
		return row
	}
	row.measured = human.Passes(float64(calls) / float64(transfers))
	row.agreement = agree(float64(calls)/float64(transfers), float64(b.TransferCalls))
	over := calls - int64(b.TransferCalls)*transfers
	maps := c.Syscalls.ByName["mmap"].Calls.Or(0)
	short := numberIn(c, trace.ShortTransfers).value.Or(0)
	switch {
	case row.agreement == same && over != 0:
		row.note = fmt.Sprintf("%+d in all", over)
	case row.agreement == same:
	case over < 0 && batched(c):
		row.agreement, row.note = explained, "several transfers to a call"
	case over < 0 && c.Zerocopy.Completions.Or(0) > 0:
		row.agreement, row.note = explained, "one notification for several sends"
	case over < 0 && maps == 1 && calls-maps >= transfers-1: // the last may be under way
		row.agreement, row.note = explained, "mapped once: n+1, not 2n"
	case over < 0 && maps > 1 && calls-maps >= transfers-1:
		row.agreement, row.note = explained, fmt.Sprintf("mapped %s times, not for each", human.Grouped(maps))
	case over < 0 && maps > 0 && calls == maps: // nothing but mapped
		row.agreement, row.note = explained, fmt.Sprintf("mapped %s times, not for each", human.Grouped(maps))
	case short > 0:
		row.note = human.Plural(short, "short transfer")
	}
	return row
}

// underWay is how many chunks may have been copied and not count as payload yet: those
// that a call submits at once.
func underWay(c *trace.Counters, transfers int64) int64 {
	if !batched(c) {
		return 0
	}
	calls := c.Syscalls.ByName["io_uring_enter"].Calls.Or(0) + c.Syscalls.ByName["io_submit"].Calls.Or(0)
	return 2*transfers/max(calls, 1) + 1 // io_submit takes one for the reads and one for the writes
}

// batched is whether one call submits several requests.
func batched(c *trace.Counters) bool {
	for _, name := range []string{"io_uring_enter", "io_submit"} {
		if _, ok := c.Syscalls.ByName[name]; ok {
			return true
		}
	}
	return false
}

func compareModes(c *trace.Counters, transfers int64, b *trace.Textbook, calls comparison) comparison {
	n := numberIn(c, trace.ModeSwitches)
	row := comparison{label: "mode switches", brief: "mode switches", measured: human.NotCounted, mark: n.mark(), textbook: fmt.Sprint(b.ModeSwitches)}
	switches, known := n.value.Get()
	if !known {
		return row
	}
	row.measured = human.Passes(float64(switches) / float64(transfers))
	other := c.Syscalls.Calls.Or(0) - c.Syscalls.TransferCalls.Or(c.Syscalls.Calls.Or(0))
	own := switches - 2*other
	switch {
	case agree(float64(switches)/float64(transfers), float64(b.ModeSwitches)) == same:
		row.agreement = same
	case calls.agreement != same:
		row.agreement = calls.agreement // the calls' note is this row's, too
	case agree(float64(own)/float64(transfers), float64(b.ModeSwitches)) == same:
		row.agreement, row.note = explained, human.Plural(other, "other call")+" in the window"
	default:
		row.agreement = differs
	}
	return row
}

func comparePasses(k trace.Number, n number, payload int64, textbook int) comparison {
	row := comparison{label: "copies " + k.Name(), brief: k.Name(), measured: human.NotCounted, mark: n.mark(), textbook: fmt.Sprint(textbook)}
	copied, known := n.value.Get()
	if !known {
		return row
	}
	measured := float64(copied) / float64(payload)
	row.measured, row.agreement = human.Passes(measured), agree(measured, float64(textbook))
	// 1.00 may be a page more than once; exact numbers deserve to be told apart.
	if over := copied - payload*int64(textbook); over != 0 && row.agreement == same {
		row.note = fmt.Sprintf("%+d bytes", over)
	}
	return row
}

// explain says why the copies of a class are not the textbook's, where the trace
// tells. What the user may take for a copy that was spared is explained; what was
// copied against expectation stays a difference, with the reason.
func explain(t *trace.Trace, c *trace.Counters, payload int64, k trace.Number, row *comparison) {
	copied := numberIn(c, k).value.Or(0)
	zeros := numberIn(c, trace.Fill).value.Or(0)
	switch {
	case k == trace.ToUser && t.Run.Source.Kind == "zero" && zeros+copied >= payload*int64(t.Textbook.Copies.ToUser):
		row.agreement, row.note = explained, "no bytes to copy: the kernel wrote "+human.Grouped(zeros)+" zeros, see fill"
	case k == trace.FromUser && t.Run.Sink.Kind == "null" && copied == 0:
		row.agreement, row.note = explained, "/dev/null takes them unread"
	case k == trace.InKernel && t.Run.Sink.Device.Kind == "nic":
		row.note = "put together by the stack: " + term.Sanitize(t.Run.Sink.Device.Name) + " cannot gather"
	case k == trace.InKernel && c.Zerocopy.Copied.Or(0) > 0:
		row.note = "copied after all on arrival: the route is " + cmp.Or(term.Sanitize(t.Run.Sink.Device.Kind), "local")
	case k == trace.InKernel && (t.Run.Sink.Kind == "file" || t.Run.Sink2 != nil && t.Run.Sink2.Kind == "file"):
		row.note = "a file takes copies, not pages"
	}
}

func compareDMAIn(t *trace.Trace, c *trace.Counters, payload trace.Int) comparison {
	n := numberIn(c, trace.DiskReadBytes)
	row := comparison{label: "DMA in", brief: "DMA in", measured: human.NotCounted, mark: n.mark(), textbook: fmt.Sprint(t.Textbook.DMA.In)}
	measured, ok := n.per(payload)
	if !ok {
		return row
	}
	row.measured, row.agreement = human.Passes(measured), agree(measured, float64(t.Textbook.DMA.In))
	if row.agreement == differs && measured < float64(t.Textbook.DMA.In) {
		row.agreement = explained
		switch {
		case t.Run.Source.Kind == "zero":
			row.note = "no disk"
		case t.Run.Source.Filesystem == "tmpfs":
			row.note = "tmpfs has no disk"
		case t.Run.Cache == "warm":
			row.note = "page cache warm"
		default:
			row.agreement = differs
		}
	}
	return row
}

func compareDMAOut(t *trace.Trace, c *trace.Counters, payload trace.Int) comparison {
	row := comparison{label: "DMA out", brief: "DMA out", measured: noDMA, mark: " ", textbook: fmt.Sprint(t.Textbook.DMA.Out), agreement: explained}
	if t.Textbook.DMA.Out == 0 {
		row.agreement = same
	}
	moved, headers := number{}, 0.0
	device, other := sinkDevices(t.Run)
	switch {
	case device.Kind == "nic":
		// The wire carries headers and retransmissions, too.
		moved, headers = numberIn(c, trace.NICTxBytes), 0.1
	case device.Kind == "disk":
		moved = numberIn(c, trace.DiskWriteBytes)
		moved.value = moved.value.Add(trace.Known(t.Total.Kernel.Disk.WriteBytes.Or(0)))
	case device.Kind == "", device.Kind == "none":
		row.note = "no device"
		return row
	case t.Run.Sink.Kind == "tcp" && (device.Kind == "virtual" || device.Kind == "unknown"): // a tunnel, say
		moved = numberIn(c, trace.NICTxBytes)
	default:
		row.note = term.Sanitize(device.Kind)
		return row
	}
	row.measured, row.mark, row.agreement = human.NotCounted, moved.mark(), unmeasured
	if measured, ok := moved.per(payload); ok {
		row.measured, row.agreement = human.Passes(measured), agree(measured, float64(t.Textbook.DMA.Out))
		if over := measured - float64(t.Textbook.DMA.Out); over > 0 && over < headers {
			row.agreement, row.note = same, "with headers"
		}
		if device.Kind == "disk" && measured < float64(t.Textbook.DMA.Out) {
			row.agreement, row.note = explained, "writeback comes later"
			if other != "" {
				row.note += "; other sink: " + other
			}
		}
	}
	return row
}

// sinkDevices are what carries the payload away; of two sinks, first one that moves
// bytes by DMA, if there is one, and the kind of the other.
func sinkDevices(r trace.Run) (device trace.Device, other string) {
	if r.Sink2 == nil {
		return r.Sink.Device, ""
	}
	one, two := r.Sink.Device, r.Sink2.Device
	if two.Kind == "nic" || two.Kind == "disk" {
		one, two = two, one
	}
	return one, term.Sanitize(two.Kind)
}

// differing are the rows that the trace does not explain.
func (v verdict) differing() []comparison {
	var list []comparison
	for _, row := range v.rows {
		if row.agreement == differs && row.label != cpuCopies { // the sum of the rows above it
			list = append(list, row)
		}
	}
	return list
}

const (
	asFarAsCounted = ", as far as counted"
	notCountedRows = "; not counted: "
)

// outcome is what the rows that were measured come to.
func (v verdict) outcome() string {
	switch {
	case len(v.rows) == 0:
		return "nothing to compare with"
	case len(v.differing()) > 0:
		return "not as in the textbook"
	}
	return "as in the textbook"
}

// brief is the verdict in a few words. What was not measured may differ.
func (v verdict) brief() string {
	unknown := slices.ContainsFunc(v.rows, func(c comparison) bool { return c.agreement == unmeasured })
	if unknown && len(v.differing()) == 0 {
		return v.outcome() + asFarAsCounted
	}
	return v.outcome()
}

// String is the verdict in a sentence.
func (v verdict) String() string {
	if len(v.rows) == 0 {
		return v.outcome()
	}
	var but, unknown []string
	for _, row := range v.rows {
		switch {
		case row.agreement == unmeasured:
			unknown = append(unknown, row.label)
		case row.agreement == explained && row.note != "":
			but = append(but, row.label+" ("+row.note+")")
		}
	}
	s := v.outcome()
	if list := v.differing(); len(list) > 0 {
		var what []string
		for _, row := range list {
			is := fmt.Sprintf("%s %s instead of %s", row.label, row.measured, row.textbook)
			if row.note != "" {
				is += " (" + row.note + ")"
			}
			what = append(what, is)
		}
		s += ": " + strings.Join(what, ", ")
		if len(but) > 0 {
			s += "; known: " + strings.Join(but, ", ")
		}
	} else if len(but) > 0 {
		s += ", apart from " + strings.Join(but, ", ")
	}
	if len(unknown) > 0 {
		s += notCountedRows + strings.Join(unknown, ", ")
	}
	return s
}

// sign is how the calls and copies stand that are furthest from the textbook. DMA
// is not the strategy's doing.
func (v verdict) sign(l *term.Look) string {
	worst, unknown := unmeasured, false
	for _, row := range v.rows {
		if row.brief != "DMA in" && row.brief != "DMA out" {
			worst, unknown = max(worst, row.agreement), unknown || row.agreement == unmeasured
		}
	}
	switch {
	case worst == differs:
		return l.Differs
	case unknown || worst == unmeasured:
		return l.Unknown
	case worst == explained:
		return l.Explained
	}
	return l.Same
}
