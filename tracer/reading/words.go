package reading

import (
	"fmt"
	"strings"

	"github.com/zctrace/zctrace/internal/human"
)

// String names the subject in a sentence.
func (s Subject) String() string { return subjects[s].sentence }

// Brief names the subject in a column.
func (s Subject) Brief() string { return subjects[s].column }

var subjects = [...]struct{ sentence, column string }{
	TransferCalls:   {"transfer calls", "calls"},
	ModeSwitches:    {"mode switches", "mode switches"},
	CopiesToUser:    {"copies to_user", "to_user"},
	CopiesFromUser:  {"copies from_user", "from_user"},
	CopiesInKernel:  {"copies in_kernel", "in_kernel"},
	CopiesUserSpace: {"copies user_space", "user_space"},
	CPUCopies:       {"CPU copies in all", "CPU copies"},
	DMAIn:           {"DMA in", "DMA in"},
	DMAOut:          {"DMA out", "DMA out"},
}

// MeasuredText is the measured number as it is shown: in hundredths, n/a, or none without a device.
func (r Row) MeasuredText() string {
	switch {
	case r.NoDevice:
		return "none"
	case !r.Known:
		return human.NotCounted
	}
	return human.Passes(r.Measured)
}

// String says what was measured instead of what, and why.
func (r Row) String() string {
	s := fmt.Sprintf("%s %s instead of %d", r.Subject, r.MeasuredText(), r.Textbook)
	return s + r.because()
}

// because is the cause in brackets, "" if there is none.
func (r Row) because() string {
	if r.Cause.Kind == NoCause {
		return ""
	}
	return " (" + r.Why() + ")"
}

// Why says why it differs, in a few words; "" if the trace does not tell.
func (r Row) Why() string {
	if r.Besides.Kind != NoCause {
		return r.Cause.String() + "; " + r.Besides.String()
	}
	return r.Cause.String()
}

// String is the cause in a few words; "" if there is none.
func (c Cause) String() string {
	switch c.Kind {
	case MoreInAll:
		return fmt.Sprintf("%+d in all", c.Count)
	case BytesInAll:
		return fmt.Sprintf("%+d bytes", c.Count)
	case MappedSeldom:
		return "mapped " + human.Grouped(c.Count) + " times, not for each"
	case ShortTransfers:
		return human.Plural(c.Count, "short transfer")
	case FailedCalls:
		s := c.failed() + " and " + map[bool]string{true: "was", false: "were"}[c.Count == 1] + " repeated"
		if c.Name == "sendto" && c.Errno == "ENOBUFS" { // only of MSG_ZEROCOPY (Linux: networking/msg_zerocopy)
			s += ": raise net.core.optmem_max, or ulimit -l"
		}
		if c.Name == "IORING_OP_SEND_ZC" && c.Errno == "ENOMEM" { // io_uring/notif.h: io_notif_account_mem
			s += ": raise ulimit -l"
		}
		return s
	case FailedLast:
		return c.failed()
	case OtherCalls:
		if c.Name == "" {
			return human.Plural(c.Count, "other call") + " in the window"
		}
		return human.Plural(c.Count, "other call") + ": " + c.Name
	case InPieces:
		return "chunks in pieces: " + human.Plural(c.Count, "call") + " more"
	case NotificationsAwaited:
		return human.Plural(c.Count, "call") + " more, which waited for notifications"
	case SmallPipe:
		return "the pipe of " + human.FormatBytes(c.Count) + " takes a chunk in pieces"
	case WrittenMore:
		return "whole blocks, and the file system's own: " + human.Plural(c.Count, "byte") + " more"
	case Zeros:
		return "no bytes to copy: the kernel wrote " + human.Grouped(c.Count) + " zeros, see fill"
	case CannotGather:
		return "put together by the stack: " + c.Name + " cannot gather"
	case CopiedOnArrival:
		return "copied after all on arrival: the route is " + c.Name
	case VirtualDevice:
		return c.Name
	case MemoryHasNoDisk:
		return c.Name + " has no disk"
	case FromElsewhere:
		return keeperNamed(c.Name).from
	case KeptElsewhere:
		return keeperNamed(c.Name).has
	case DiskIsAFile:
		return c.Name + " is a file: not by DMA"
	case WritebackLater:
		switch {
		case c.Count > 0:
			return "writeback comes later, but for " + human.Grouped(c.Count) + " bytes that share blocks"
		case c.Name != "":
			return "writeback comes later; other sink: " + c.Name
		}
		return "writeback comes later"
	case NotInBlocks:
		return c.notInBlocks()
	case BlocksShared:
		return "cloned: " + human.Grouped(c.Count) + " bytes share blocks"
	case ReadAhead:
		return "read ahead, in whole blocks: " + human.Grouped(c.Count) + " bytes more"
	case InBlocks:
		return "in whole blocks: " + human.Plural(c.Count, "byte") + " more"
	case MetadataRead:
		return "metadata: " + human.Grouped(c.Count) + " bytes of the file system's own"
	case Decompressed:
		return "decompressed or decrypted: up to " + human.Grouped(c.Count) + " bytes are the CPU's work"
	case DirectCopied:
		return c.directCopied()
	}
	return causes[c.Kind]
}

func (c Cause) directCopied() string {
	switch {
	case c.Name == "tmpfs":
		return "tmpfs copies also with O_DIRECT"
	case c.Count > 0:
		return "direct I/O fell back to the page cache"
	}
	return "the kernel copied it, in spite of O_DIRECT"
}

// failed says how many calls did, and with what.
func (c Cause) failed() string {
	s := fmt.Sprintf("%s of %s %s failed", human.Grouped(c.Count), human.Grouped(c.Of), c.Name)
	if c.Errno != "" {
		s += " with " + c.Errno
	}
	return s
}

// causes are those that are about nothing in particular.
var causes = map[CauseKind]string{
	SeveralToACall:      "several transfers to a call",
	SharedNotifications: "one notification for several sends",
	MappedOnce:          "mapped once: n+1, not 2n",
	UnderWay:            "with chunks under way",
	Unread:              "/dev/null takes them unread",
	FileTakesCopies:     "a file takes copies, not pages",
	SourceHasNoDisk:     "no disk",
	CacheWarm:           "page cache warm",
	SinkHasNoDevice:     "no device",
	WithHeaders:         "with headers",
	CopiedByKernel:      "copied on arrival, by the kernel on its own",
	BufferedTail:        "what is no whole block goes through the page cache",
	NotMapped:           "it asked to have them mapped",
}

// AsFarAsCounted is said of a verdict that is not complete.
const AsFarAsCounted = ", as far as counted"

// outcome is what the rows that were measured come to.
func (v Verdict) outcome() string {
	switch {
	case len(v.Rows) == 0:
		return "nothing to compare with"
	case len(v.Differing()) > 0:
		return "not as in the textbook"
	}
	return "as in the textbook"
}

// Point is the verdict with what concerns the copies, or differs: what a run comes to.
func (v Verdict) Point() string {
	if len(v.Differing()) > 0 {
		return v.differing()
	}
	var copies []Row
	for _, row := range v.Rows {
		if row.Subject >= CopiesToUser && row.Subject < CPUCopies {
			copies = append(copies, row)
		}
	}
	if known := explained(copies); len(known) > 0 {
		return v.Brief() + ", apart from " + strings.Join(known, ", ")
	}
	return v.Brief()
}

// differing is the outcome with the rows that differ.
func (v Verdict) differing() string {
	var rows []string
	told := map[Cause]bool{{}: true}
	for _, row := range v.Differing() {
		row = row.untold(told)
		rows = append(rows, row.String())
	}
	return v.outcome() + ": " + strings.Join(rows, ", ")
}

// Brief is the verdict in a few words.
func (v Verdict) Brief() string {
	if !v.Complete() && len(v.Differing()) == 0 {
		return v.outcome() + AsFarAsCounted
	}
	return v.outcome()
}

// String is the verdict in a sentence. Names in it are the trace's: it is not to be drawn unsanitized.
func (v Verdict) String() string {
	if len(v.Rows) == 0 {
		return v.outcome()
	}
	s, but := v.outcome(), ", apart from "
	if len(v.Differing()) > 0 {
		s, but = v.differing(), "; known: "
	}
	if known := explained(v.Rows); len(known) > 0 {
		s += but + strings.Join(known, ", ")
	}
	var unknown []string
	for _, row := range v.Rows {
		if row.Agreement == Unmeasured {
			unknown = append(unknown, row.Subject.String()+row.because())
		}
	}
	if len(unknown) > 0 {
		s += "; not counted: " + strings.Join(unknown, ", ")
	}
	return s
}

// explained names the subjects of those rows that differ for a known reason, and the reason; those
// for the same reason together. The sum of the copies is left out where its rows are named.
func explained(rows []Row) (list []string) {
	var subjects []string // of each reason
	var reasons []string
	told := map[Cause]bool{{}: true}
	first := map[Cause]int{} // where a cause is told
	for _, row := range rows {
		if row.Agreement != Explained {
			continue
		}
		rest := row.untold(told)
		at, again := first[row.Cause]
		switch {
		case rest.Cause.Kind == NoCause && row.Subject == CPUCopies:
		case rest.Cause.Kind == NoCause && row.Cause.Kind != NoCause && again:
			subjects[at] += " and " + row.Subject.String()
		default:
			if rest.Cause.Kind != NoCause {
				first[rest.Cause], first[rest.Besides] = len(subjects), len(subjects)
			}
			subjects, reasons = append(subjects, row.Subject.String()), append(reasons, rest.because())
		}
	}
	for i := range subjects {
		list = append(list, subjects[i]+reasons[i])
	}
	return list
}

// untold is the row without the causes that have been told; its own count as told from now on.
func (r Row) untold(told map[Cause]bool) Row {
	if told[r.Cause] {
		r.Cause, r.Besides = r.Besides, Cause{}
	}
	if told[r.Besides] {
		r.Besides = Cause{}
	}
	if told[r.Cause] {
		r.Cause = Cause{}
	}
	told[r.Cause], told[r.Besides] = true, true
	return r
}

// String is the verdict in a sentence, and in how many rounds it was so; "" without a run that counts.
func (v RowVerdict) String() string {
	switch {
	case v.Alike == 0:
		return ""
	case v.Alike < v.Rounds:
		return fmt.Sprintf("%s (so in %d of %d rounds)", v.Verdict, v.Alike, v.Rounds)
	}
	return v.Verdict.String()
}

// String is the saying in a sentence.
func (s Saying) String() string {
	var sizes []string
	for _, n := range s.Sizes {
		sizes = append(sizes, human.FormatBytes(n))
	}
	switch s.Kind {
	case OneRound:
		return "One round does not tell a difference from chance: see --rounds."
	case OneRoundOf:
		return strings.Join(s.Strategies, ", ") + ": one round only, which has no spread to tell the order by."
	case OneRoundAt:
		return "At " + strings.Join(sizes, ", ") + ": one round only of some, which has no spread to tell the order by."
	case NoneOvertakes:
		return "No strategy overtakes another, as far as their spreads tell."
	case NoOthersOvertake:
		return "No other strategy overtakes another, as far as their spreads tell."
	case MayBeChance:
		last := len(s.Strategies) - 1
		return fmt.Sprintf("The order of %s and %s may be chance: their throughputs overlap.", strings.Join(s.Strategies[:last], ", "), s.Strategies[last])
	}
	which := ""
	switch {
	case s.Once:
		which = " that both did twice or more"
	case s.Partial: // one cannot do some, or failed
		which = " that both did"
	}
	a, b := s.Strategies[0], s.Strategies[1]
	switch {
	case s.Kind == Overtakes:
		return fmt.Sprintf("%s overtakes %s between %s and %s.", a, b, sizes[0], sizes[1])
	case s.Kind == OverlapAtAll:
		return fmt.Sprintf("%s and %s: their throughputs overlap at every size%s.", a, b, which)
	case s.Kind == FasterAtAll:
		return fmt.Sprintf("%s is faster than %s at every size%s.", a, b, which)
	case len(sizes) <= 3:
		return fmt.Sprintf("%s is faster than %s at %s; at the other sizes%s their throughputs overlap.", a, b, strings.Join(sizes, ", "), which)
	}
	return fmt.Sprintf("%s is faster than %s at %d of %d sizes%s; at the others their throughputs overlap.", a, b, len(sizes), s.BothDid, which)
}
