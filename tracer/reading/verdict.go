package reading

import (
	"cmp"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Subject is what a row of a verdict is about.
type Subject int

// The subjects, in the order of the rows.
const (
	TransferCalls Subject = iota
	ModeSwitches
	CopiesToUser
	CopiesFromUser
	CopiesInKernel
	CopiesUserSpace // only where the textbook has some
	CPUCopies       // those above in all
	DMAIn
	DMAOut
)

// Row is a number of the textbook next to the measured one: of calls and switches for each transfer
// of a chunk, of bytes in passes over the payload.
type Row struct {
	Subject
	Measured   float64
	Known      bool             // Measured is a number
	NoDevice   bool             // nothing can move there, and Measured is none
	Provenance trace.Provenance // of Measured
	Of         []trace.Value    // what Measured is made of, but for the sum of other rows
	Textbook   int
	Agreement
	Cause   Cause // why it differs, or by how much
	Besides Cause // and why else
}

// Verdict is what a run cost next to what the textbook says.
type Verdict struct {
	Transfers int64 // chunks that the payload makes, see trace.Run.Transfers
	Rows      []Row // none: there is nothing to compare with
}

// CauseKind is a reason for which a number is not the textbook's, or is not wholly.
type CauseKind int

// The causes. What Count and Name of a [Cause] are stands behind each.
const (
	NoCause              CauseKind = iota
	MoreInAll                      // as precisely as is shown, it is the textbook's; Count: calls more than that, in all
	BytesInAll                     // the same of bytes
	SeveralToACall                 // a call submits several transfers
	SharedNotifications            // a notification stands for several sends
	MappedOnce                     // the source is mapped once, and not for each transfer
	MappedSeldom                   // Count: how often
	ShortTransfers                 // Count
	SmallPipe                      // the strategy's pipe takes less than a chunk; Count: bytes
	InPieces                       // chunks were moved by several calls, of which nobody knows what they asked for; Count: calls more
	NotificationsAwaited           // Count: calls that waited for those of zero-copy sends, and submitted nothing
	OtherCalls                     // Count: calls in the window that are no transfer; Name: what they are, if that is known
	UnderWay                       // chunks are being moved
	Zeros                          // the kernel filled in zeros; Count: bytes
	Unread                         // the sink does not read what it takes
	CannotGather                   // the NIC takes a packet only in one piece; Name: the NIC
	CopiedOnArrival                // the receiver is on this machine; Name: the kind of device
	FileTakesCopies                // a file takes no pages by reference
	SourceHasNoDisk                // it is /dev/zero
	MemoryHasNoDisk                // Name: the source's file system
	FromElsewhere                  // no disk of this machine has the source; Name: who keeps it, see trace.Layer
	KeptElsewhere                  // nor the sink; Name: the same
	DiskIsAFile                    // Name: the block device that the kernel makes of a file
	CacheWarm                      // the source was in the page cache
	SinkHasNoDevice                // nothing carries the payload away
	VirtualDevice                  // Name: its kind
	WithHeaders                    // packets carry more than the payload
	WritebackLater                 // Name: the kind of the other sink's device, if there are two; Count: bytes of which not, as their blocks are shared
	CopiedByKernel                 // on arrival, and charged to no process
	NotMapped                      // the receiver asked for pages to be mapped, and they were copied
	FailedCalls                    // Count of Of calls, or asynchronous requests, of Name failed with Errno, and were repeated
	FailedLast                     // the same of a run that a failed call ended
	NotInBlocks                    // no blocks of a disk hold the source as it is; Extents: how it is kept
	BlocksShared                   // the file system shares them; Count: bytes
	ReadAhead                      // and in whole blocks; Count: bytes more than the payload
	InBlocks                       // Count: bytes that are read more than the payload
	MetadataRead                   // of the file system's own; Count: bytes
	Decompressed                   // or decrypted, by the CPU, when it was read from the disk; Count: bytes at most
	DirectCopied                   // direct I/O was; Name: the file system; Count: bytes that went through the page cache, as far as that shows
	BufferedTail                   // what ends a file within a block goes through the page cache
	WrittenMore                    // whole blocks, and the file system's own; Count: bytes more than the payload
	causeKinds                     // how many there are
)

// Cause is a reason with what it is about.
type Cause struct {
	Kind    CauseKind
	Count   int64
	Name    string // as the trace has it: not to be drawn unsanitized
	Of      int64
	Errno   string // likewise; "" if the trace does not name it
	Extents trace.Extents
}

// Verdict puts what the run cost its main party next to the textbook. It has no rows where no textbook
// says anything or nothing was transferred yet.
func (m Moment) Verdict() Verdict {
	t, p := m.Trace, m.Payload().Or(0)
	if t.Textbook == nil || p <= 0 || t.Run.ChunkBytes <= 0 {
		return Verdict{}
	}
	j := judge{t, m.Now.Main(), p, t.Run.Transfers(p)}
	calls := j.calls()
	rows := []Row{calls, j.modeSwitches(calls)}
	copies := []Row{
		j.copies(CopiesToUser, trace.ToUser, t.Textbook.Copies.ToUser),
		j.copies(CopiesFromUser, trace.FromUser, t.Textbook.Copies.FromUser),
		j.copies(CopiesInKernel, trace.InKernel, t.Textbook.Copies.InKernel),
	}
	if n := t.Textbook.Copies.UserSpace; n > 0 {
		copies = append(copies, j.copies(CopiesUserSpace, trace.UserSpace, n))
	}
	v := Verdict{j.transfers, append(rows, copies...)}
	v.Rows = append(v.Rows, j.cpuCopies(v, copies), j.dmaIn(), j.dmaOut(m.Now.Kernel.Disk.WriteBytes))
	return v
}

// cpuCopies is their sum. Bytes that the CPU made out of others were not copied, and no less work.
func (j judge) cpuCopies(v Verdict, copies []Row) Row {
	row := v.cpuCopies(copies)
	if n := j.decompressed(); n > 0 && row.Agreement != Unmeasured && row.Agreement != Differs {
		row.Agreement, row.Cause = Explained, Cause{Kind: Decompressed, Count: n}
	}
	return row
}

// cpuCopies sums up the rows of the classes.
func (v Verdict) cpuCopies(copies []Row) Row {
	sum := Row{Subject: CPUCopies, Known: true, Provenance: trace.Observed}
	for _, row := range copies {
		sum.Measured, sum.Known, sum.Textbook = sum.Measured+row.Measured, sum.Known && row.Known, sum.Textbook+row.Textbook
		if row.Provenance != trace.Observed {
			sum.Provenance = row.Provenance
		}
	}
	if !sum.Known {
		return Row{Subject: CPUCopies, Provenance: trace.Unavailable, Textbook: sum.Textbook}
	}
	sum.Agreement = agree(sum.Measured, sum.Textbook)
	if sum.Agreement != Differs {
		return sum
	}
	if len(v.Differing()) == 0 {
		sum.Agreement = Explained // by the rows above
	}
	for _, row := range copies {
		switch {
		case row.Agreement == Same:
		case sum.Cause.Kind == NoCause:
			sum.Cause = row.Cause
		default:
			sum.Besides = row.Cause
		}
	}
	return sum
}

// judge compares one party of a trace with the textbook.
type judge struct {
	tr        *trace.Trace
	party     *trace.Counters
	payload   int64
	transfers int64
}

// row is one of a number per so much; without an agreement where the number is not known.
func (j judge) row(s Subject, v trace.Value, per int64, textbook int) Row {
	row := Row{Subject: s, Provenance: v.Origin.Provenance, Of: []trace.Value{v}, Textbook: textbook}
	if n, known := v.Int.Get(); known {
		row.Measured, row.Known = float64(n)/float64(per), true
		row.Agreement = agree(row.Measured, textbook)
	}
	return row
}

// underWay is how many bytes may have been copied and not count as payload yet: those that a call
// submits at once.
func (j judge) underWay() int64 {
	if !j.batched() {
		return 0
	}
	calls := int64(0)
	for _, name := range submitting {
		calls += j.party.Syscalls.ByName[name].Calls.Or(0)
	}
	return (2*j.transfers/max(calls, 1) + 1) * j.tr.Run.ChunkBytes // io_submit takes one for the reads and one for the writes
}

func (j judge) copies(s Subject, n trace.Number, textbook int) Row {
	copied := j.party.Value(n)
	row := j.row(s, copied, j.payload, textbook)
	if !row.Known {
		return row
	}
	over := copied.Int.Or(0) - j.payload*int64(textbook)
	switch {
	case row.Agreement == Same:
		// 1.00 may be a page more than once; exact numbers deserve to be told apart.
		if over != 0 {
			row.Cause = Cause{Kind: BytesInAll, Count: over}
		}
	case j.tr.Run.Ended == "" && over > 0 && over <= j.underWay():
		row.Agreement, row.Cause = Explained, Cause{Kind: UnderWay}
	default:
		j.explainCopies(&row, copied.Int.Or(0))
	}
	return row
}

// explainCopies says why the copies of a class are not the textbook's, where the trace tells. What the
// user may take for a copy that was spared is explained; what was copied against expectation stays a
// difference, with its cause.
func (j judge) explainCopies(row *Row, copied int64) {
	run := &j.tr.Run
	zeros := j.party.Copies.Fill.Bytes.Or(0)
	toFile := run.Sink.Kind == "file" || run.Sink2 != nil && run.Sink2.Kind == "file"
	switch s := row.Subject; {
	case s == CopiesToUser && run.Source.Kind == "zero" && zeros+copied >= j.payload*int64(row.Textbook):
		row.Agreement, row.Cause = Explained, Cause{Kind: Zeros, Count: zeros}
	case s == CopiesFromUser && run.Sink.Kind == "null" && copied == 0:
		row.Agreement, row.Cause = Explained, Cause{Kind: Unread}
	case s == CopiesToUser && copied > 0 && j.direct():
		row.Cause = Cause{Kind: DirectCopied, Name: working(run.Source.Filesystem, run.Source.Below)}
		if j.fellBack() {
			row.Cause.Count = copied
		}
	case s == CopiesFromUser && copied > 0 && j.direct() && copied <= j.tail():
		row.Agreement, row.Cause = Explained, Cause{Kind: BufferedTail}
	case s == CopiesFromUser && copied > 0 && j.direct() && run.Sink.Kind == "file":
		row.Cause = Cause{Kind: DirectCopied, Name: working(run.Sink.Filesystem, run.Sink.Below)}
	case s != CopiesInKernel:
	case j.shared() > 0 && j.shared()+copied >= j.payload*int64(row.Textbook):
		row.Agreement, row.Cause = Explained, Cause{Kind: BlocksShared, Count: j.shared()}
	case copied <= j.payload*int64(row.Textbook): // none of these spares a copy
	case toFile && copied <= j.payload:
		row.Cause = Cause{Kind: FileTakesCopies}
	case run.Sink.Device.Kind == "nic":
		row.Cause = Cause{Kind: CannotGather, Name: run.Sink.Device.Name}
	case j.party.Zerocopy.Copied.Or(0) > 0:
		row.Cause = Cause{Kind: CopiedOnArrival, Name: cmp.Or(run.Sink.Device.Kind, "local")}
	case toFile:
		row.Cause = Cause{Kind: FileTakesCopies}
	}
}
