//go:build linux

package ledger

import (
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Whatever the ledger says of a number's provenance it says of one that there is:
// the misspelt path of a number that was sampled would let it pass for observed.
func TestLedgerMisspellsNoPath(t *testing.T) {
	noHook := Missing{Copies: map[Engine]string{Derived: "no such hook"}}
	for i := range reflect.ValueOf(noHook).NumField() {
		if f := reflect.ValueOf(&noHook).Elem().Field(i); f.Kind() == reflect.String {
			f.SetString("no such hook")
		}
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
		slot *bpf.ObjectSlot
		run  Run
	}{
		"idle":              {&bpf.ObjectSlot{}, Run{}},
		"plain":             {slot(read), Run{Cached: true, NoNIC: "a pipe"}},
		"no hook":           {slot(read), Run{Missing: noHook, Cached: true, Maps: true}},
		"unknown devices":   {slot(read), Run{UnknownTx: "a tunnel", UnknownRx: "a bond"}},
		"vectored":          {slot(read, vectored), Run{Transfer: []string{"writev"}}},
		"missed":            {missed, Run{Cached: true, Pages: true, Payload: 8192, Left: Left{Bytes: trace.Known(1), Reason: "mincore"}}},
		"without readahead": {missed, Run{Missing: Missing{ReadAhead: "no such hook"}, Cached: true, Payload: 8192}},
		"queue not read":    {slot(send), Run{}},
		"queue read":        {slot(send), Run{Zerocopy: &trace.Zerocopy{Completions: trace.Known(2)}}},
		"io_uring":          {ticks, Run{}},
		"io_uring, open":    {open, Run{}},
	} {
		if !given.run.Left.Bytes.Known() {
			given.run.Left.Reason = "the run goes on"
		}
		total := trace.Totals{Sender: Counters(given.slot, given.run)}
		total.Kernel = KernelCounters(&bpf.ObjectKernelCells{}, given.run, &total.Sender)
		if err := (&trace.Trace{Schema: trace.Schema, Total: total}).Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
