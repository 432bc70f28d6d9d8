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
			"The CPU copied 2 MiB: file -> user 1 MiB by read, user -> tcp 1 MiB by write. Nothing moved by reference: no single call went from file to tcp."},
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
		{"copied later", late, "The CPU copied 1 MiB. 1 MiB moved by reference: file -> tcp 1 MiB by sendfile."},
		{"most of it", tracetest.CostOf(read, tracetest.Move{Call: "recvfrom", From: trace.EndTCP, To: trace.EndUser, Calls: 1, Bytes: 1024}),
			"The CPU copied 1.00 MiB: file -> user 1 MiB by read, 1 KiB elsewhere. Nothing moved by reference."},
	} {
		v := ProgramVerdictOf(&c.cost)
		if got := strings.Join(v.Sentences("->"), " "); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
	if v := ProgramVerdictOf(&late); v.Outside != 1<<20 || v.Copied != 1<<20 || len(v.Straight) > 0 {
		t.Errorf("%+v", v)
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
