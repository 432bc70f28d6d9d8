//go:build linux

package ledger

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Both packages name the engines, most trusted first: one to count by them, the other
// for whoever reads a trace without being able to count.
func TestEnginesAreTheTraces(t *testing.T) {
	var names []string
	for _, e := range Engines {
		names = append(names, string(e))
	}
	if !slices.Equal(names, trace.Engines) {
		t.Errorf("engines are %v, in the trace %v", names, trace.Engines)
	}
}

// Whatever the ledger says of a number's provenance it says of one that there is, for
// the misspelt path of a number that was sampled would let it pass for observed; and no
// number of the catalog is null without a reason.
func TestLedgerTellsOfEveryNumber(t *testing.T) {
	noHook := Missing{}
	for f := range Feeds() {
		noHook[f] = "no such hook"
	}
	read, send, vectored := cell(unix.SYS_READ, ext4, none, 4, 8192, 0), cell(unix.SYS_SENDTO, none, tcp, 2, 8192, 0), cell(unix.SYS_WRITEV, none, tcp, 2, 8192, 0)
	send.Key.Flags = unix.MSG_ZEROCOPY
	missed, ticks, open := slot(read), slot(read), slot(read)
	missed.Cache.AddedBytes, missed.Cache.MissedBytes = 4096, 4096
	ticks.Now.RuntimeNs, ticks.Now.UtimeNs, ticks.Now.StimeNs = 9e6, 4e6, 4e6
	ticks.Helpers.Requests[0] = done(uint32(bpf.ObjectRequestBaseIO_URING_OP), ext4, none, 1, 4096)
	ticks.Helpers.Now.RuntimeNs = 1e6
	open.State, open.Helpers.Requests[0] = bpf.ObjectSlotStateOPEN, ticks.Helpers.Requests[0]

	for name, given := range map[string]struct {
		slot  *bpf.ObjectSlot
		party Party
	}{
		"idle":              {&bpf.ObjectSlot{}, Party{}},
		"plain":             {slot(read), Party{NoNIC: "a pipe", Workload: Workload{Cached: true}}},
		"no hook":           {slot(read), Party{Missing: noHook, Workload: Workload{Cached: true, Maps: true}}},
		"unknown devices":   {slot(read), Party{UnknownTx: "a tunnel", UnknownRx: "a bond"}},
		"vectored":          {slot(read, vectored), Party{Workload: Workload{Transfer: []string{"writev"}}}},
		"missed":            {missed, Party{Workload: Workload{Cached: true, Pages: true, Payload: trace.Known(8192), UserSpace: trace.Known(0), Left: Left{Bytes: trace.Known(1), Reason: "mincore"}}}},
		"without readahead": {missed, Party{Missing: Missing{ReadAhead: "no such hook"}, Workload: Workload{Cached: true, Payload: trace.Known(8192)}}},
		"queue not read":    {slot(send), Party{}},
		"queue read":        {slot(send), Party{Workload: Workload{Zerocopy: &trace.Zerocopy{Completions: trace.Known(2)}}}},
		"io_uring":          {ticks, Party{}},
		"io_uring, open":    {open, Party{}},
	} {
		total := trace.Totals{Sender: Counters(given.slot, given.party)}
		total.Kernel = KernelCounters(&bpf.ObjectKernelCells{}, given.party.Missing, &total.Sender)
		if err := (&trace.Trace{Schema: trace.Schema, Total: total}).Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for party, c := range total.Parties() {
			for v := range c.All() {
				if !v.Int.Known() && v.Origin.Reason == "" {
					t.Errorf("%s: %s.%s is null, and nothing says why", name, party, v.Path())
				}
			}
		}
	}
}
