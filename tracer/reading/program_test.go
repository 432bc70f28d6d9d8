package reading

import (
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
)

// What is said of programs follows from what was counted: copies and references by the calls that made them, the way that
// would have spared copies only where nobody took it, and what is not known.
func TestProgramVerdict(t *testing.T) {
	read := tracetest.Move{Call: "read", From: trace.EndFile, To: trace.EndUser, Calls: 16, Bytes: 1 << 20}
	write := tracetest.Move{Call: "write", From: trace.EndUser, To: trace.EndTCP, Calls: 16, Bytes: 1 << 20}
	sendfile := tracetest.Move{Call: "sendfile", From: trace.EndFile, To: trace.EndTCP, Calls: 16, Bytes: 1 << 20}
	unknown := tracetest.CostOf(read)
	unknown.Copies.InKernel, unknown.Moved.PageRefs = tracetest.Missing("an overlay"), tracetest.Missing("an overlay")
	none := trace.NoCost()
	none.Copies.FromUser = tracetest.Missing("no hook")
	derived := tracetest.CostOf(read)
	derived.Copies.ToUser = tracetest.Derived(1 << 20)
	zeros := trace.NoCost()
	zeros.Copies.Fill = tracetest.Derived(1 << 20)
	mapped := zeros
	mapped.Moved.Mapped = tracetest.Missing("no hook")
	unmapped := trace.NoCost()
	unmapped.Moved.Mapped = tracetest.Missing("no hook")
	late := tracetest.CostOf(sendfile)
	late.Copies.InKernel = tracetest.Observed(1 << 20)
	for _, c := range []struct {
		name string
		cost trace.Cost
		want string
	}{
		{"nothing", trace.NoCost(), "No payload was moved."},
		{"other calls", tracetest.CostOf(tracetest.Move{Call: "getpid", Calls: 5}), "No payload was moved."},
		{"through user memory", tracetest.CostOf(read, write),
			"The CPU copied 2 MiB: file -> user 1 MiB by read, user -> tcp 1 MiB by write. Nothing moved by reference: no call went straight from file to tcp, as sendfile does."},
		{"read only", tracetest.CostOf(read), "The CPU copied 1 MiB: file -> user 1 MiB by read. Nothing moved by reference."},
		{"straight", tracetest.CostOf(sendfile), "Nothing was copied: all 1 MiB moved by reference: file -> tcp 1 MiB by sendfile."},
		{"both", tracetest.CostOf(read, write, sendfile),
			"The CPU copied 2 MiB: file -> user 1 MiB by read, user -> tcp 1 MiB by write. 1 MiB moved by reference: file -> tcp 1 MiB by sendfile."},
		{"a terminal", tracetest.CostOf(read, tracetest.Move{Call: "write", From: trace.EndUser, To: trace.EndDevice, Calls: 1, Bytes: 1 << 20}),
			"The CPU copied 2 MiB: file -> user 1 MiB by read, user -> device 1 MiB by write. Nothing moved by reference."},
		{"in part unknown", unknown,
			"The CPU copied 1 MiB (at least): file -> user 1 MiB by read. Not known: copies in the kernel, what was handed on by reference."},
		{"unknown", none, "Not known: copies from user."},
		{"derived", derived, "The CPU copied 1 MiB (derived): file -> user 1 MiB by read. Nothing moved by reference."},
		{"zeros", zeros, "Nothing was copied. The CPU filled 1 MiB with zeros (derived)."},
		{"zeros, and what was mapped is not known", mapped, "Nothing was copied. The CPU filled 1 MiB with zeros (derived). Not known: what was mapped."},
		{"nothing, and what was mapped is not known", unmapped, "Nothing was copied. Not known: what was mapped."},
		{"copied later", late, "The CPU copied 1 MiB. 1 MiB moved by reference: file -> tcp 1 MiB by sendfile."},
		{"most of it", tracetest.CostOf(read, tracetest.Move{Call: "recvfrom", From: trace.EndTCP, To: trace.EndUser, Calls: 1, Bytes: 1024}),
			"The CPU copied 1.00 MiB: file -> user 1 MiB by read, 1 KiB elsewhere. Nothing moved by reference."},
	} {
		v := ProgramVerdictOf(ofOne(c.cost))
		if got := strings.Join(v.Sentences("->"), " "); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
	if v := ProgramVerdictOf(ofOne(late)); v.Outside != 1<<20 || v.Copied != 1<<20 || len(v.Straight) > 0 {
		t.Errorf("%+v", v)
	}
}

// ofOne is a recording of one program that cost that.
func ofOne(cost trace.Cost) *trace.Program {
	return tracetest.Program([]string{"program"}, trace.ProcessRow{Comm: "program", Cost: cost})
}

// The way past user memory is that of one program: what one has read another need not have written. It names the call that
// takes it, and is not told of where somebody took it.
func TestStraight(t *testing.T) {
	const mib = 1 << 20
	program := func(from, to string, bytes int64) trace.ProcessRow {
		return trace.ProcessRow{Comm: from + to, Cost: tracetest.CostOf(
			tracetest.Move{Call: "read", From: from, To: trace.EndUser, Calls: 1, Bytes: bytes},
			tracetest.Move{Call: "write", From: trace.EndUser, To: to, Calls: 1, Bytes: bytes})}
	}
	moves := func(call, from, to string) trace.ProcessRow {
		return trace.ProcessRow{Comm: call, Cost: tracetest.CostOf(tracetest.Move{Call: call, From: from, To: to, Calls: 1, Bytes: mib})}
	}
	rows := func(r ...trace.ProcessRow) []trace.ProcessRow { return r }
	for _, c := range []struct {
		rows []trace.ProcessRow
		want string
	}{
		{rows(program(trace.EndFile, trace.EndFile, mib)), ": no call went straight from file to file, as copy_file_range does"},
		{rows(program(trace.EndFile, trace.EndUnix, mib)), ": no call went straight from file to unix, as sendfile does"},
		{rows(program(trace.EndFile, trace.EndPipe, mib)), ": no call went straight from file to pipe, as splice does"},
		{rows(program(trace.EndPipe, trace.EndFile, mib)), ": no call went straight from pipe to file, as splice does"},
		{rows(program(trace.EndTCP, trace.EndFile, mib)), ": no call went straight from tcp to file, as splice does through a pipe"},
		{rows(program(trace.EndDevice, trace.EndFile, mib)), ""},
		{rows(program(trace.EndFile, trace.EndTCP, mib), moves("sendfile", trace.EndFile, trace.EndTCP)), ""},
		{rows(moves("read", trace.EndPipe, trace.EndUser), moves("write", trace.EndUser, trace.EndPipe)), ""},
		{rows(program(trace.EndFile, trace.EndTCP, mib/11), moves("read", trace.EndPipe, trace.EndUser)), ""}, // less than a tenth of all
		{rows(program(trace.EndFile, trace.EndTCP, 64<<10)), ""},
		{rows(program(trace.EndFile, trace.EndTCP, mib), program(trace.EndFile, trace.EndPipe, mib+1)), ": no call went straight from file to pipe, as splice does"},
	} {
		v := ProgramVerdictOf(tracetest.Program([]string{"sh"}, c.rows...))
		if got := v.notStraight(); got != c.want {
			t.Errorf("%s: %q, want %q", c.rows[0].Comm, got, c.want)
		}
	}
}

// The routes on which most was copied come first, then those that carried most; so do the calls of one.
func TestRoutes(t *testing.T) {
	c := tracetest.CostOf(
		tracetest.Move{Call: "readv", From: trace.EndFile, To: trace.EndUser, Calls: 1, Bytes: 30},
		tracetest.Move{Call: "read", From: trace.EndFile, To: trace.EndUser, Calls: 3, Bytes: 20, Errors: 1, Errno: "EIO"},
		tracetest.Move{Call: "pread64", From: trace.EndFile, To: trace.EndUser, Calls: 3, Errors: 3, Errno: "EIO"},
		tracetest.Move{Call: "splice", From: trace.EndPipe, To: trace.EndTCP, Calls: 1, Bytes: 500},
		tracetest.Move{Call: "write", From: trace.EndUser, To: trace.EndFile, Calls: 1, Bytes: 40},
	)
	var names []string
	for _, r := range Routes(&c) {
		names = append(names, r.Text("->")+" by "+r.ByText())
	}
	if want := []string{"file -> user by readv, read", "user -> file by write", "pipe -> tcp by splice"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}
