package ui

import (
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Copies that are not the textbook's: what the trace explains, and what stays a
// difference.
func TestExplainedCopies(t *testing.T) {
	const n = 1 << 20
	readWrite, sendfile := trace.TextbookCopies{ToUser: 1, FromUser: 1}, trace.TextbookCopies{}
	for _, row := range []struct {
		name         string
		source, sink string
		book         trace.TextbookCopies
		copies       [3]int64 // to_user, from_user, in_kernel
		fill, late   int64
		want         string
		as           bool // as in the textbook
	}{
		{name: "as written", source: "auto", sink: "tcp", book: readWrite, copies: [3]int64{n, n, 0}, as: true},
		{name: "zeros", source: "zero", sink: "tcp", book: readWrite, copies: [3]int64{0, n, 0}, fill: n, as: true,
			want: "no bytes to copy: the kernel wrote 1,048,576 zeros, see fill"},
		{name: "fewer zeros than payload", source: "zero", sink: "tcp", book: readWrite, copies: [3]int64{0, n, 0}, fill: n / 2},
		{name: "to nowhere", source: "auto", sink: "null", book: readWrite, copies: [3]int64{n, 0, 0}, as: true, want: "/dev/null takes them unread"},
		{name: "half to nowhere", source: "auto", sink: "null", book: readWrite, copies: [3]int64{n, n / 2, 0}},
		{name: "sendfile to a file", source: "auto", sink: "file", book: sendfile, copies: [3]int64{0, 0, n}, want: "a file takes copies, not pages"},
		{name: "sendfile to a socket, copied", source: "auto", sink: "tcp", book: sendfile, copies: [3]int64{0, 0, n}},
		{name: "zero-copy over loopback", source: "auto", sink: "tcp", book: sendfile, copies: [3]int64{0, 0, n}, late: 16,
			want: "copied after all on arrival: the route is loopback"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := counters(n, second)
			c.Copies.ToUser, c.Copies.FromUser, c.Copies.InKernel = derived(row.copies[0]), derived(row.copies[1]), derived(row.copies[2])
			c.Copies.Fill, c.Zerocopy.Copied = derived(row.fill), trace.Known(row.late)
			tr := &trace.Trace{Textbook: &trace.Textbook{Copies: row.book}, Total: trace.Totals{Sender: c}}
			tr.Run.ChunkBytes = n
			tr.Run.Source.Kind, tr.Run.Sink.Kind, tr.Run.Sink.Device.Kind = row.source, row.sink, "loopback"
			var got string
			as := true
			for _, r := range compare(tr, &c, c.PayloadBytes).rows {
				switch r.label {
				case "copies to_user", "copies from_user", "copies in_kernel":
					got += r.note
					as = as && r.agreement != differs
				}
			}
			if got != row.want || as != row.as {
				t.Errorf("%q, as in the textbook: %v; want %q, %v", got, as, row.want, row.as)
			}
		})
	}
}

// While it goes, a batch has copied more than the payload knows of; once it has ended,
// nothing is under way.
func TestCopiesUnderWay(t *testing.T) {
	const chunk = 64 << 10
	tr := &trace.Trace{Textbook: &trace.Textbook{Copies: trace.TextbookCopies{ToUser: 1}}}
	tr.Run.ChunkBytes = chunk
	for _, row := range []struct {
		name   string
		ended  trace.Ended
		call   string
		ahead  int64
		agrees bool
	}{
		{"a chain of eight", "", "io_uring_enter", 8 * chunk, true},
		{"more than a call submits", "", "io_uring_enter", 18 * chunk, false},
		{"ended", trace.Done, "io_uring_enter", 8 * chunk, false},
		{"call by call", "", "read", 8 * chunk, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := counters(16*chunk, second)
			c.Copies.ToUser = derived(16*chunk + row.ahead)
			c.Syscalls.ByName = map[string]trace.Syscall{row.call: {Calls: trace.Known(2)}} // for 16 transfers
			tr.Run.Ended = row.ended
			for _, r := range compare(tr, &c, c.PayloadBytes).rows {
				if r.label == "copies to_user" && (r.agreement != differs) != row.agrees {
					t.Errorf("%s (%s)", r.measured, r.note)
				}
			}
		})
	}
}
