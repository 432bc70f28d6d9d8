package reading

import (
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

func derived(n int64) trace.Amount {
	return trace.Amount{Bytes: trace.Known(n), DerivedBytes: trace.Known(n), Provenance: trace.Derived, Reason: "no fentry"}
}

// traceOf is a run that has ended, of so much payload, and the textbook's copies.
func traceOf(payload, chunk int64, copies trace.TextbookCopies) *trace.Trace {
	t := &trace.Trace{Textbook: &trace.Textbook{Copies: copies}}
	t.Run.ChunkBytes, t.Run.Ended = chunk, trace.Done
	t.Total.Sender = trace.Counters{PayloadBytes: trace.Known(payload), Syscalls: trace.Syscalls{ByName: map[string]trace.Syscall{}}}
	t.Total.Sender.Copies = trace.Copies{ToUser: derived(0), FromUser: derived(0), InKernel: derived(0), Fill: derived(0)}
	return t
}

// Copies that are not the textbook's: what the trace explains, and what stays a difference.
func TestExplainedCopies(t *testing.T) {
	const n = 1 << 20
	readWrite, sendfile := trace.TextbookCopies{ToUser: 1, FromUser: 1}, trace.TextbookCopies{}
	for _, test := range []struct {
		name         string
		source, sink string
		book         trace.TextbookCopies
		copies       [3]int64 // to_user, from_user, in_kernel
		fill, late   int64
		subject      Subject
		want         Agreement
		cause        Cause
		text         string
	}{
		{name: "as written", source: "auto", sink: "tcp", book: readWrite, copies: [3]int64{n, n, 0}, subject: CopiesToUser, want: Same},
		{name: "a page more", source: "auto", sink: "tcp", book: readWrite, copies: [3]int64{n + 4096, n, 0}, subject: CopiesToUser, want: Same,
			cause: Cause{Kind: BytesInAll, Count: 4096}, text: "+4096 bytes"},
		{name: "zeros", source: "zero", sink: "tcp", book: readWrite, copies: [3]int64{0, n, 0}, fill: n, subject: CopiesToUser, want: Explained,
			cause: Cause{Kind: Zeros, Count: n}, text: "no bytes to copy: the kernel wrote 1,048,576 zeros, see fill"},
		{name: "fewer zeros than payload", source: "zero", sink: "tcp", book: readWrite, copies: [3]int64{0, n, 0}, fill: n / 2, subject: CopiesToUser, want: Differs},
		{name: "to nowhere", source: "auto", sink: "null", book: readWrite, copies: [3]int64{n, 0, 0}, subject: CopiesFromUser, want: Explained,
			cause: Cause{Kind: Unread}, text: "/dev/null takes them unread"},
		{name: "half to nowhere", source: "auto", sink: "null", book: readWrite, copies: [3]int64{n, n / 2, 0}, subject: CopiesFromUser, want: Differs},
		{name: "sendfile to a file", source: "auto", sink: "file", book: sendfile, copies: [3]int64{0, 0, n}, subject: CopiesInKernel, want: Differs,
			cause: Cause{Kind: FileTakesCopies}, text: "a file takes copies, not pages"},
		{name: "sendfile to a socket, copied", source: "auto", sink: "tcp", book: sendfile, copies: [3]int64{0, 0, n}, subject: CopiesInKernel, want: Differs},
		{name: "zero-copy over loopback", source: "auto", sink: "tcp", book: sendfile, copies: [3]int64{0, 0, n}, late: 16, subject: CopiesInKernel, want: Differs,
			cause: Cause{Kind: CopiedOnArrival, Name: "loopback"}, text: "copied after all on arrival: the route is loopback"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := traceOf(n, n, test.book)
			c := &tr.Total.Sender
			c.Copies.ToUser, c.Copies.FromUser, c.Copies.InKernel = derived(test.copies[0]), derived(test.copies[1]), derived(test.copies[2])
			c.Copies.Fill, c.Zerocopy.Copied = derived(test.fill), trace.Known(test.late)
			tr.Run.Source.Kind, tr.Run.Sink.Kind, tr.Run.Sink.Device.Kind = test.source, test.sink, "loopback"
			v := End(tr).Verdict()
			row := v.Row(test.subject)
			if row.Agreement != test.want || row.Cause != test.cause || row.Cause.String() != test.text {
				t.Errorf("%s: agreement %d, cause %+v, %q; want %d, %+v, %q", row.Subject, row.Agreement, row.Cause, row.Cause, test.want, test.cause, test.text)
			}
			for _, s := range []Subject{CopiesToUser, CopiesFromUser, CopiesInKernel} {
				if a := v.Row(s).Agreement; s != test.subject && a != Same {
					t.Errorf("%s: agreement %d", s, a)
				}
			}
		})
	}
}

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
		cause    Cause
		sentence string
	}{
		{name: "none", sendto: call(20, 0, nil), cause: Cause{}, sentence: ""},
		{name: "sends", sendto: call(31, 15, map[string]trace.Int{"ENOBUFS": trace.Known(15)}), recvmsg: call(17, 1, map[string]trace.Int{"EAGAIN": trace.Known(1)}),
			cause:    Cause{Kind: FailedCalls, Count: 15, Of: 31, Name: "sendto", Errno: "ENOBUFS"},
			sentence: "15 of 31 sendto failed with ENOBUFS and were repeated: raise net.core.optmem_max, or ulimit -l"},
		{name: "notifications", sendto: call(16, 0, nil), recvmsg: call(30, 14, map[string]trace.Int{"EINTR": trace.Known(1), "EAGAIN": trace.Known(13)}),
			cause:    Cause{Kind: FailedCalls, Count: 13, Of: 30, Name: "recvmsg", Errno: "EAGAIN"},
			sentence: "13 of 30 recvmsg failed with EAGAIN and were repeated"},
		{name: "of before errnos were written", sendto: call(31, 15, nil),
			cause:    Cause{Kind: FailedCalls, Count: 15, Of: 31, Name: "sendto"},
			sentence: "15 of 31 sendto failed and were repeated"},
		{name: "fewer than short ones", sendto: call(31, 1, nil), short: 14, cause: Cause{Kind: ShortTransfers, Count: 14}, sentence: "14 short transfers"},
		{name: "others, which are no transfer", sendto: call(20, 0, nil), ppoll: call(9, 8, nil), cause: Cause{}, sentence: ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := traceOf(chunks*chunk, chunk, trace.TextbookCopies{})
			tr.Run.Strategy, tr.Textbook.TransferCalls = "msg-zerocopy", 1
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

// Every cause but none has words.
func TestCausesHaveWords(t *testing.T) {
	for kind := NoCause + 1; kind <= FailedCalls; kind++ {
		if (Cause{Kind: kind, Name: "x"}).String() == "" {
			t.Errorf("cause %d has no words", kind)
		}
	}
}

// While it goes, a batch has copied more than the payload knows of; once it has ended, nothing is under
// way.
func TestCopiesUnderWay(t *testing.T) {
	const chunk = 64 << 10
	for _, test := range []struct {
		name  string
		ended trace.Ended
		call  string
		ahead int64
		want  Agreement
	}{
		{"a chain of eight", "", "io_uring_enter", 8 * chunk, Explained},
		{"more than a call submits", "", "io_uring_enter", 18 * chunk, Differs},
		{"ended", trace.Done, "io_uring_enter", 8 * chunk, Differs},
		{"call by call", "", "read", 8 * chunk, Differs},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr := traceOf(16*chunk, chunk, trace.TextbookCopies{ToUser: 1})
			c := &tr.Total.Sender
			c.Copies.ToUser = derived(16*chunk + test.ahead)
			c.Syscalls.ByName[test.call] = trace.Syscall{Calls: trace.Known(2)} // for 16 transfers
			tr.Run.Ended = test.ended
			if row := End(tr).Verdict().Row(CopiesToUser); row.Agreement != test.want {
				t.Errorf("agreement %d, want %d: %s", row.Agreement, test.want, row)
			}
		})
	}
}
