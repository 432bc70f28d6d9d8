package reading

import (
	"cmp"

	"github.com/zctrace/zctrace/tracer/trace"
)

func (j judge) dmaIn() Row {
	read := j.party.Value(trace.DiskReadBytes)
	row := j.row(DMAIn, read, j.payload, j.tr.Textbook.DMA.In)
	if name := imitated(j.tr.Run.Source.Below); name != "" && row.Agreement == Same {
		row.Cause = Cause{Kind: DiskIsAFile, Name: name}
	}
	if row.Agreement != Differs {
		return row
	}
	if row.Cause = j.whyRead(read.Int.Or(0), j.payload*int64(row.Textbook)); row.Cause.Kind != NoCause {
		row.Agreement = Explained
	}
	return row
}

// dmaOut takes what the kernel wrote back on the run's behalf, too.
func (j judge) dmaOut(writeback trace.Int) Row {
	moved := j.party.Value(trace.NICTxBytes)
	headers := 0.0
	sink, other := carrier(&j.tr.Run)
	device := sink.Device
	textbook := j.tr.Textbook.DMA.Out
	switch {
	case device.Kind == "nic":
		headers = 0.1 // the wire carries headers and retransmissions, too
	case device.Kind == "disk":
		moved = j.party.Value(trace.DiskWriteBytes)
		moved.Int = moved.Int.Add(trace.Known(writeback.Or(0)))
	case device.Kind == "", device.Kind == "none":
		return withoutDevice(textbook, Cause{Kind: SinkHasNoDevice})
	case sink.Kind == "file" && (device.Kind == "virtual" || device.Kind == "unknown"):
		return Row{Subject: DMAOut, Provenance: trace.Unavailable, Textbook: textbook, Cause: Cause{Kind: KeptElsewhere, Name: cmp.Or(keeper(sink.Below), "unknown")}}
	case j.tr.Run.Sink.Kind == "tcp" && (device.Kind == "virtual" || device.Kind == "unknown"): // a tunnel, say
	default:
		return withoutDevice(textbook, Cause{Kind: VirtualDevice, Name: device.Kind})
	}
	row := j.row(DMAOut, moved, j.payload, textbook)
	over := row.Measured - float64(textbook)
	switch {
	case !row.Known:
	case over > 0 && device.Kind == "nic":
		row.Cause = Cause{Kind: WithHeaders}
		if over < headers {
			row.Agreement = Same
		}
	case row.Agreement == Same:
		if more := moved.Int.Or(0) - j.payload*int64(textbook); more != 0 {
			row.Cause = Cause{Kind: BytesInAll, Count: more}
		} else if name := imitated(sink.Below); name != "" {
			row.Cause = Cause{Kind: DiskIsAFile, Name: name}
		}
	case device.Kind == "disk" && over > 0:
		row.Agreement, row.Cause = Explained, Cause{Kind: WrittenMore, Count: moved.Int.Or(0) - j.payload*int64(textbook)}
	case device.Kind == "disk" && over < 0 && moved.Int.Or(0)+j.shared() >= j.payload*int64(textbook):
		row.Agreement, row.Cause = Explained, Cause{Kind: BlocksShared, Count: j.shared()}
	case device.Kind == "disk" && over < 0:
		row.Agreement, row.Cause = Explained, Cause{Kind: WritebackLater, Name: other, Count: j.shared()}
	}
	return row
}

// withoutDevice is the row of what no device carries away.
func withoutDevice(textbook int, cause Cause) Row {
	row := Row{Subject: DMAOut, NoDevice: true, Provenance: trace.Observed, Textbook: textbook, Agreement: Explained, Cause: cause}
	if textbook == 0 {
		row.Agreement = Same
	}
	return row
}

// carrier is the sink whose device carries the payload away; of two sinks one whose device moves bytes by DMA, if
// there is one, and the kind of the other's.
func carrier(r *trace.Run) (sink trace.Sink, other string) {
	if r.Sink2 == nil {
		return r.Sink, ""
	}
	one, two := r.Sink, *r.Sink2
	if two.Device.Kind == "nic" || two.Device.Kind == "disk" {
		one, two = two, one
	}
	return one, two.Device.Kind
}
