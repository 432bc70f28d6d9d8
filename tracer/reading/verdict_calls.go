package reading

import (
	"slices"
	"strings"

	"github.com/zctrace/zctrace/tracer/trace"
)

func (j judge) calls() Row {
	n := j.party.Value(trace.TransferCalls)
	row := j.row(TransferCalls, n, j.transfers, j.tr.Textbook.TransferCalls)
	if !row.Known {
		return row
	}
	calls := n.Int.Or(0)
	over := calls - int64(row.Textbook)*j.transfers
	if row.Agreement == Same {
		if over != 0 {
			row.Cause = Cause{Kind: MoreInAll, Count: over}
		}
		return row
	}
	if over < 0 {
		if row.Cause = j.fewerCalls(calls); row.Cause.Kind != NoCause {
			row.Agreement = Explained
		}
	} else if row.Cause = j.moreCalls(over); row.Cause.Kind == BufferedTail {
		row.Agreement = Explained
	}
	if failed, _ := j.failedRequests(); row.Cause.Kind != NoCause && row.Cause != failed {
		row.Besides = failed
	}
	return row
}

// moreCalls says why there are so many more than the textbook's.
func (j judge) moreCalls(over int64) Cause {
	run := &j.tr.Run
	short := j.party.Syscalls.ShortTransfers.Or(0)
	failed, failures := j.failedCalls()
	if requests, n := j.failedRequests(); n > failures {
		failed, failures = requests, n
	}
	pipe, piped := run.PipeBytes.Get()
	switch {
	case 2*failures >= over && failures > short:
		return failed
	case j.direct() && j.tail() > 0 && over <= j.party.Syscalls.ByName["pwrite64"].Calls.Or(0):
		return Cause{Kind: BufferedTail}
	case piped && pipe < run.ChunkBytes:
		return Cause{Kind: SmallPipe, Count: pipe}
	case short > 0:
		return Cause{Kind: ShortTransfers, Count: short}
	case j.party.Zerocopy.Completions.Or(0) > 0:
		return Cause{Kind: NotificationsAwaited, Count: over}
	case !j.party.Syscalls.ShortTransfers.Known(), j.batched(): // but each moved something
		return Cause{Kind: InPieces, Count: over}
	}
	return Cause{}
}

// failedCalls are those of the transfer call that failed most often, with its most frequent errno, and how many
// transfer calls failed in all. Those that read notifications come last: they fail while a send waits. Of a run
// that failed the last one was not repeated, and may be the only one.
func (j judge) failedCalls() (cause Cause, sum int64) {
	const notifications = "recvmsg" // of zero-copy sends
	most, names := int64(0), []string(nil)
	for _, hop := range j.tr.Run.Hops() {
		names = append(names, hop.Calls...)
	}
	slices.Sort(names)
	for _, name := range append(slices.Compact(names), notifications) {
		call := CallOf(j.party, name)
		n := call.Errors.Int.Or(0)
		if sum += n; n <= most || name == notifications && most > 0 {
			continue
		}
		most, cause = n, j.failures(name, n, call.Count, call.Errnos)
	}
	return cause, sum
}

// failedRequests are the same of asynchronous requests. What the kernel cancelled, because a request before it in the
// chain failed or fell short, is not counted.
func (j judge) failedRequests() (cause Cause, sum int64) {
	most := int64(0)
	for _, r := range Requests(j.party) {
		n := r.Errors.Int.Or(0) - j.party.Requests[r.Name].Errnos["ECANCELED"].Or(0)
		if sum += n; n > most {
			errnos := slices.DeleteFunc(r.Errnos, func(e Errno) bool { return e.Name == "ECANCELED" || e.Name == OtherErrnos })
			most, cause = n, j.failures(r.Name, n, r.Count, errnos)
		}
	}
	return cause, sum
}

// failures are n of all calls, or requests, of a name; or those of them with the errno that comes first.
func (j judge) failures(name string, n int64, all trace.Value, errnos []Errno) Cause {
	cause := Cause{Kind: FailedCalls, Count: n, Name: name, Of: all.Int.Or(0)}
	if j.tr.Run.Ended == trace.Failed {
		cause.Kind = FailedLast
	}
	if len(errnos) > 0 {
		cause.Count, cause.Errno = errnos[0].Count.Int.Or(0), errnos[0].Name
	}
	return cause
}

// fewerCalls says why there are fewer than the textbook's.
func (j judge) fewerCalls(calls int64) Cause {
	maps := j.party.Syscalls.ByName["mmap"].Calls.Or(0)
	mapped := maps > 0 && calls-maps >= j.transfers-1 // the last may be under way
	switch {
	case j.batched():
		return Cause{Kind: SeveralToACall}
	case j.party.Zerocopy.Completions.Or(0) > 0:
		return Cause{Kind: SharedNotifications}
	case mapped && maps == 1:
		return Cause{Kind: MappedOnce}
	case mapped, maps > 0 && calls == maps: // nothing but mapped
		return Cause{Kind: MappedSeldom, Count: maps}
	}
	return Cause{}
}

// batched is whether one call submits several requests.
func (j judge) batched() bool {
	return slices.ContainsFunc(submitting, func(name string) bool {
		_, made := j.party.Syscalls.ByName[name]
		return made
	})
}

var submitting = []string{"io_uring_enter", "io_submit"}

// modeSwitches are two for each call. What explains the calls explains them, and so do calls that are
// no transfer.
func (j judge) modeSwitches(calls Row) Row {
	n := j.party.Value(trace.ModeSwitches)
	row := j.row(ModeSwitches, n, j.transfers, j.tr.Textbook.ModeSwitches)
	all, known := j.party.Syscalls.Calls.Get()
	transfer, told := j.party.Syscalls.TransferCalls.Get()
	if row.Agreement != Differs || !known || !told || n.Int.Or(0) != 2*all {
		return row
	}
	other := all - transfer
	row.Agreement, row.Cause = max(calls.Agreement, Explained), calls.Cause
	if agree(2*float64(all-other)/float64(j.transfers), row.Textbook) == Same {
		row.Cause = Cause{}
	}
	if hundredths := 100 * 2 * float64(other) / float64(j.transfers); hundredths >= 0.5 {
		row.Besides = j.otherCalls(other)
	}
	if row.Cause.Kind == NoCause {
		row.Cause, row.Besides = row.Besides, Cause{}
	}
	return row
}

// otherCalls are so many that are no transfer, with their names where these make up their number.
func (j judge) otherCalls(other int64) Cause {
	cause, rest := Cause{Kind: OtherCalls, Count: other}, other
	var names []string
	for _, name := range neverTransfers {
		if n := j.party.Syscalls.ByName[name].Calls.Or(0); n > 0 && n <= rest {
			names, rest = append(names, name), rest-n
		}
	}
	if rest == 0 {
		cause.Name = strings.Join(names, ", ")
	}
	return cause
}

// neverTransfers are calls of strategies that move nothing; mmap is the last, for which of them count
// it is up to the textbook.
var neverTransfers = []string{"lseek", "clock_nanosleep", "clock_gettime", "madvise", "msync", "munmap", "ppoll", "mmap"}
