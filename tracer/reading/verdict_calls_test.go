package reading

import (
	"cmp"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Calls that failed and were repeated are named with their errno, if they are more than what else made calls
// more than the textbook's.
func TestFailedCalls(t *testing.T) {
	const chunk, chunks = 64 << 10, 16
	call := func(calls, errors int64, errnos map[string]trace.Int) trace.Syscall {
		return trace.Syscall{Calls: trace.Known(calls), Errors: trace.Known(errors), Errnos: errnos}
	}
	for _, test := range []struct {
		name     string
		sendto   trace.Syscall
		recvmsg  trace.Syscall
		ppoll    trace.Syscall
		short    int64
		ended    trace.Ended
		cause    Cause
		sentence string
	}{
		{name: "none", sendto: call(20, 0, nil), cause: Cause{}, sentence: ""},
		{name: "sends", sendto: call(31, 15, map[string]trace.Int{"ENOBUFS": trace.Known(15)}), recvmsg: call(32, 16, map[string]trace.Int{"EAGAIN": trace.Known(16)}),
			cause:    Cause{Kind: FailedCalls, Count: 15, Of: 31, Name: "sendto", Errno: "ENOBUFS"},
			sentence: "15 of 31 sendto failed with ENOBUFS and were repeated: raise net.core.optmem_max, or ulimit -l"},
		{name: "notifications", sendto: call(16, 0, nil), recvmsg: call(31, 16, map[string]trace.Int{"EINTR": trace.Known(1), "EAGAIN": trace.Known(15)}),
			cause:    Cause{Kind: FailedCalls, Count: 15, Of: 31, Name: "recvmsg", Errno: "EAGAIN"},
			sentence: "15 of 31 recvmsg failed with EAGAIN and were repeated"},
		{name: "of before errnos were written", sendto: call(31, 15, nil),
			cause:    Cause{Kind: FailedCalls, Count: 15, Of: 31, Name: "sendto"},
			sentence: "15 of 31 sendto failed and were repeated"},
		{name: "fewer than short ones", sendto: call(31, 1, nil), short: 14, cause: Cause{Kind: ShortTransfers, Count: 14}, sentence: "14 short transfers"},
		{name: "too few of them", sendto: call(31, 7, nil), cause: Cause{}, sentence: ""},
		{name: "half of them", sendto: call(31, 8, nil), cause: Cause{Kind: FailedCalls, Count: 8, Of: 31, Name: "sendto"},
			sentence: "8 of 31 sendto failed and were repeated"},
		{name: "one", sendto: call(17, 1, map[string]trace.Int{"EAGAIN": trace.Known(1)}), cause: Cause{Kind: FailedCalls, Count: 1, Of: 17, Name: "sendto", Errno: "EAGAIN"},
			sentence: "1 of 17 sendto failed with EAGAIN and was repeated"},
		{name: "one that ended the run", sendto: call(17, 1, map[string]trace.Int{"EIO": trace.Known(1)}), ended: trace.Failed,
			cause: Cause{Kind: FailedLast, Count: 1, Of: 17, Name: "sendto", Errno: "EIO"}, sentence: "1 of 17 sendto failed with EIO"},
		{name: "others, which are no transfer", sendto: call(20, 0, nil), ppoll: call(9, 8, nil), cause: Cause{}, sentence: ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := traceOf(chunks*chunk, chunk, trace.TextbookCopies{})
			tr.Run.Strategy, tr.Textbook.TransferCalls = "msg-zerocopy", 1
			tr.Run.Ended = cmp.Or(test.ended, tr.Run.Ended)
			c := &tr.Total.Sender
			c.Syscalls.ByName = map[string]trace.Syscall{"sendto": test.sendto, "recvmsg": test.recvmsg, "ppoll": test.ppoll}
			c.Syscalls.ShortTransfers = trace.Known(test.short)
			c.Syscalls.TransferCalls = trace.Known(test.sendto.Calls.Or(0) + test.recvmsg.Calls.Or(0))
			row := End(tr).Verdict().Row(TransferCalls)
			if row.Agreement != Differs || row.Cause != test.cause || row.Cause.String() != test.sentence {
				t.Errorf("agreement %d, cause %+v, %q; want %+v, %q", row.Agreement, row.Cause, row.Cause, test.cause, test.sentence)
			}
		})
	}
}

// Asynchronous requests that failed are named beside what else made the calls differ, or as what made them more; not
// those that were cancelled with the rest of a chain.
func TestFailedRequests(t *testing.T) {
	const chunk, chunks = 64 << 10, 16
	pinned := map[string]trace.Int{"ECANCELED": trace.Known(30), "ENOMEM": trace.Known(9)}
	for _, test := range []struct {
		name     string
		calls    int64
		errors   int64
		errnos   map[string]trace.Int
		agree    Agreement
		sentence string
	}{
		{"none", 2, 0, nil, Explained, "several transfers to a call"},
		{"cancelled only", 2, 30, map[string]trace.Int{"ECANCELED": trace.Known(30)}, Explained, "several transfers to a call"},
		{"beside it", 2, 39, pinned, Explained, "several transfers to a call; 9 of 60 IORING_OP_SEND_ZC failed with ENOMEM and were repeated: raise ulimit -l"},
		{"of which one is not named", 2, 40, map[string]trace.Int{"ECANCELED": trace.Known(30)}, Explained, "several transfers to a call; 10 of 60 IORING_OP_SEND_ZC failed and were repeated"},
		{"more calls for them", 25, 39, pinned, Differs, "9 of 60 IORING_OP_SEND_ZC failed with ENOMEM and were repeated: raise ulimit -l"},
		{"more calls for something else", 40, 39, pinned, Differs, "chunks in pieces: 24 calls more; 9 of 60 IORING_OP_SEND_ZC failed with ENOMEM and were repeated: raise ulimit -l"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := traceOf(chunks*chunk, chunk, trace.TextbookCopies{})
			tr.Run.Strategy, tr.Textbook.TransferCalls = "io-uring-zc", 1
			c := &tr.Total.Sender
			c.Syscalls.ByName = map[string]trace.Syscall{"io_uring_enter": {Calls: trace.Known(test.calls), Errors: trace.Known(0)}}
			c.Syscalls.TransferCalls = trace.Known(test.calls)
			c.Requests = map[string]trace.Request{"IORING_OP_SEND_ZC": {Completed: trace.Known(60), Errors: trace.Known(test.errors), Errnos: test.errnos}}
			row := End(tr).Verdict().Row(TransferCalls)
			if row.Agreement != test.agree || row.Why() != test.sentence {
				t.Errorf("agreement %d, %q; want %d, %q", row.Agreement, row.Why(), test.agree, test.sentence)
			}
		})
	}
}
