//go:build linux

package session

import (
	"maps"
	"os"
	"slices"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// describe says what the workload is, and what it has cost as of a snapshot.
func (a *attempt) describe(t *trace.Trace, snapshot *ledger.Snapshot, attached *tracer.Attached) {
	a.lookBelow(snapshot)
	a.describeWork(t)
	a.describeExtents(&t.Run)
	missing := snapshot.Lacking(a.missing(attached.Missing, snapshot))
	sending := a.sending(missing, snapshot)
	sending.TwoFiles, sending.Unheld = a.twoFiles(snapshot), attached.Unheld
	var receiving ledger.Party
	if a.receiver != nil {
		receiving = ledger.Party{
			Missing: missing,
			Missed:  snapshot.Missed,
			NoNIC:   sending.NoNIC,
			Unheld:  attached.Unheld,
			Workload: ledger.Workload{
				Payload:   trace.Known(a.receiver.Payload()),
				UserSpace: trace.Known(0),
				Calls:     a.receiver.Declared().Calls,
				Transfer:  a.Receiver().Transfer,
				Remote:    sending.Remote,
				Left:      ledger.Left{Reason: "what the run left behind is told of the sender"},
			},
		}
	}
	engines := snapshot.InOrder(attached.Engines, slices.Contains(ledger.Engines, a.Copies), sending, receiving)
	sending.Engines, receiving.Engines = engines, engines
	t.Run.Engine = string(engines[0])
	t.Total.Sender = ledger.Counters(&snapshot.Slots[ledger.Sender], sending)
	if a.receiver != nil {
		receiver := ledger.Counters(&snapshot.Slots[ledger.Receiver], receiving)
		t.Total.Receiver = &receiver
	}
	t.Total.Kernel = ledger.KernelCounters(&snapshot.Kernel, missing, &t.Total.Sender)
	t.Losses = ledger.Losses(snapshot, sending, receiving)
	t.Run.ElapsedNS = snapshot.WindowNS(ledger.Sender)
	t.Run.PayloadBytes = t.Total.Sender.PayloadBytes
}

// describeWork says what is known before it begins.
func (w *workload) describeWork(t *trace.Trace) {
	book := w.Strategy.TextbookTo(w.sink.Kind)
	t.Textbook = &trace.Textbook{
		TransferCalls: book.TransferCalls,
		ModeSwitches:  book.ModeSwitches,
		Copies:        trace.TextbookCopies{ToUser: book.ToUser, FromUser: book.FromUser, InKernel: book.InKernel, UserSpace: book.UserSpace},
		DMA:           trace.TextbookDMA{In: book.DMAIn, Out: book.DMAOut},
		Source:        book.Source,
	}
	run := &t.Run
	run.Strategy, run.Path = w.Strategy.Name, describePath(w.Strategy.Path)
	run.ChunkBytes, run.Cache = w.Chunk, "warm"
	if w.Cold {
		run.Cache = "cold"
	}
	run.Source = trace.Source{Kind: string(w.source.Kind), Path: w.source.Path, Filesystem: w.source.Filesystem, Below: describeLayers(w.source.Below)}
	if w.source.Kind != workloads.SourceZero {
		run.Source.Bytes = trace.Known(w.source.Bytes)
	}
	run.Sink = describeSink(w.sink)
	if w.sink2 != nil {
		sink := describeSink(w.sink2)
		run.Sink2 = &sink
	}
	if w.receivers() > 0 {
		run.Receiver = w.Receiver().Name
	}
	if w.Bytes > 0 {
		run.LimitBytes = trace.Known(w.Bytes)
	}
	if w.Strategy.Piped() {
		run.PipeBytes = trace.Known(w.PipeBytes())
	}
	if w.Rate > 0 {
		run.LimitRate = trace.Known(w.Rate)
	}
	if w.untraced > 0 {
		run.UntracedElapsedNS = trace.Known(w.untraced.Nanoseconds())
	}
}

func describePath(hops []workloads.Hop) (path []trace.Hop) {
	for _, h := range hops {
		path = append(path, trace.Hop(h))
	}
	return path
}

func describeSink(s *workloads.Sink) trace.Sink {
	return trace.Sink{
		Kind: string(s.Kind), Address: s.Address, Device: trace.Device(s.Device),
		Filesystem: s.Filesystem, Below: describeLayers(s.Below),
	}
}

func describeLayers(layers []workloads.Layer) (list []trace.Layer) {
	for _, l := range layers {
		list = append(list, trace.Layer(l))
	}
	return list
}

// lookBelow finds out which files the overlays' files stand for. The programs tell, once the window is open: in a
// container no path leads there. sysfs is searched once for that: a window's stores stay what they are.
func (w *workload) lookBelow(snapshot *ledger.Snapshot) {
	source, sinks := snapshot.Stores()
	news := func(i int, filesystem string, s ledger.Store) bool {
		if !workloads.IsOverlay(filesystem) || s == (ledger.Store{}) || s == w.stores[i] {
			return false
		}
		w.stores[i] = s
		return true
	}
	if news(0, w.source.Filesystem, source) {
		w.source.Over(source.Filesystem, source.Device)
	}
	for i, sink := range w.sinks() {
		if news(1+i, sink.Filesystem, sinks[i]) {
			sink.Over(sinks[i].Filesystem, sinks[i].Device)
		}
	}
}

// missing is what is not counted for this workload.
func (w *workload) missing(missing ledger.Missing, snapshot *ledger.Snapshot) ledger.Missing {
	unknown, doubled := w.unknownSource(snapshot), snapshot.DoubledSource()
	switch {
	case unknown != "":
		missing = maps.Clone(missing)
		missing[ledger.PageCache], missing[ledger.MappedPages] = unknown, unknown
	case doubled != "":
		missing = maps.Clone(missing)
		missing[ledger.PageCache] = doubled
	}
	return missing
}

// unknownSource is why nobody knows which file below an overlay is read; "" if it is known.
func (w *workload) unknownSource(snapshot *ledger.Snapshot) string {
	if !workloads.IsOverlay(w.source.Filesystem) {
		return ""
	}
	return snapshot.UnknownSource()
}

// twoFiles is why the source's data may have been that of two files, of which one is known.
func (w *workload) twoFiles(snapshot *ledger.Snapshot) string {
	if source, _ := snapshot.Stores(); source == (ledger.Store{}) {
		return ""
	}
	return w.unknownSource(snapshot)
}

// sending is what the ledger must know of the sender.
func (a *attempt) sending(missing ledger.Missing, snapshot *ledger.Snapshot) ledger.Party {
	declared := a.sender.Declared()
	p := ledger.Party{
		Missing: missing,
		Missed:  snapshot.Missed,
		Workload: ledger.Workload{
			Payload:   trace.Known(a.sender.Payload()),
			UserSpace: trace.Known(declared.UserSpace),
			Calls:     declared.Calls,
			Transfer:  a.Strategy.Transfer,
			Cached:    a.source.Cached() && (!a.Strategy.Direct() || a.fellBack()),
			MayCache:  a.source.MayBeCached() && !a.Strategy.Direct(),
			Dense:     a.extents.Extents != nil && a.extents.Plain(),
			Zeros:     a.zeros(),
			Range:     a.sourceBytes(),
			Encoded:   a.packed(),
			FellBack:  a.fellBack(),
			WhyDirect: a.whyDirect(),
			Clones:    a.clones(),
			Remote:    a.source.IsRemote(),
			Pages:     a.wholePages(),
			Maps:      a.Strategy.Makes("mmap"),
			MapsSink:  a.Strategy.Makes("msync"),
			Left:      a.left(),
		},
	}
	if a.Strategy.ZeroCopySends {
		p.Zerocopy = &trace.Zerocopy{Completions: trace.Known(declared.Completions)}
		if declared.Copied != workloads.CopiedUnknown {
			p.Zerocopy.Copied = trace.Known(declared.Copied)
		}
	}
	a.askNICs(&p)
	return p
}

// wholePages: every request for the source's data is for whole pages, but for
// its last page.
func (w *workload) wholePages() bool {
	page := int64(os.Getpagesize())
	rest := w.Bytes
	if w.source.Bytes > 0 {
		rest %= w.source.Bytes
	}
	return w.Chunk%page == 0 && rest%page == 0
}

// askNICs says which of the numbers about NICs there can be.
func (a *attempt) askNICs(p *ledger.Party) {
	if !a.sink.IsRemote() {
		p.NoNIC = a.whyNoNIC()
		return
	}
	switch device := a.sink.Device; device.Kind {
	case "loopback":
		p.NoNIC = noNIC[workloads.SinkTCP]
	case "veth":
		p.NoNIC = "it leaves through " + device.Name + ", and veth moves no bytes by DMA"
	case "virtual":
		p.UnknownTx = "what carries the packets of the virtual device " + device.Name + " on is not followed"
		p.UnknownRx = p.UnknownTx
	}
	if a.said != nil && a.said.unsure {
		p.UnknownTx = "the receiver did not say what it received, so bytes may still have been in the socket's buffer"
		p.UnknownRx = p.UnknownTx
	} else if name := a.sink.Stacked(); name != "" {
		p.UnknownRx = "what arrives for " + name + " is not recognised on the devices below it"
	}
}

// noNIC says why the bytes that go to a sink cannot pass a device that moves
// them by DMA.
var noNIC = map[workloads.SinkKind]string{
	workloads.SinkTCP:  "the loopback device moves no bytes by DMA",
	workloads.SinkUnix: "a unix socket involves no device",
	workloads.SinkPipe: "a pipe involves no device",
	workloads.SinkFile: "a file involves no NIC",
	workloads.SinkNull: "/dev/null involves no device",
}

func (w *workload) whyNoNIC() string {
	why := noNIC[w.sink.Kind]
	if w.sink2 == nil || why == "" || w.sink2.Kind == w.sink.Kind {
		return why
	}
	if other := noNIC[w.sink2.Kind]; other != "" {
		return why + "; " + other
	}
	return ""
}
