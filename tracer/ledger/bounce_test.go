//go:build linux

package ledger

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// What is read directly from a file that must not change meanwhile counts when it is asked for. If the disk fails then, nothing is copied any more, and
// nobody knows how much was before.
func TestTallyOfBouncedReadsThatFailed(t *testing.T) {
	const n = 1000
	in := file(unix.XFS_SUPER_MAGIC, direct, stable)
	for _, test := range []struct {
		name   string
		in     bpf.ObjectFdKind
		calls  uint64 // or requests
		failed uint64
		seen   uint64
		want   trace.Int
	}{
		{"none", in, 1, 0, n, trace.Known(n)},
		{"one", in, 2, 1, 2 * n, trace.Int{}},
		{"the only one", in, 1, 1, n, trace.Int{}},
		{"a part of one, which moved the rest", in, 1, 0, 2 * n, trace.Int{}},
		{"one that is not bounced, but falls back", file(unix.EXT4_SUPER_MAGIC, direct), 2, 1, n, trace.Known(n)},
	} {
		t.Run(test.name, func(t *testing.T) {
			bytes := uint64(n)
			if test.calls == test.failed {
				bytes = 0
			}
			call := cell(unix.SYS_READ, test.in, none, test.calls, bytes, 0)
			call.Errors, call.Seen[bpf.ObjectEngineFENTRY].ToUser = test.failed, test.seen
			requests := slot()
			requests.State = bpf.ObjectSlotStateCLOSED
			requests.Helpers.Requests[0] = done(uring+opRead, test.in, none, test.calls, bytes)
			requests.Helpers.Requests[0].Errors, requests.Helpers.Seen[bpf.ObjectEngineFENTRY].ToUser = test.failed, test.seen
			for name, s := range map[string]*bpf.ObjectSlot{"calls": slot(call), "requests": requests} {
				got := newTally(s, Fentry, &Party{Workload: Workload{Dense: true}}).amount(toUser)
				if got.Bytes != test.want || !got.Bytes.Known() && !strings.Contains(got.Reason, "failed") {
					t.Errorf("%s: %+v, want %v", name, got, test.want)
				}
			}
		})
	}
}

// So are those of a sendfile or a splice, which are copies within the kernel: once more than by the sink.
func TestTallyOfBouncedSplicesThatFailed(t *testing.T) {
	const n = 1000
	in := file(unix.XFS_SUPER_MAGIC, direct, stable)
	for _, test := range []struct {
		name   string
		out    bpf.ObjectFdKind
		failed uint64
		seen   uint64
		want   trace.Int
	}{
		{"none, to nowhere", null, 0, n, trace.Known(n)},
		{"one, to nowhere", null, 1, n, trace.Int{}},
		{"a part of one, to nowhere", null, 0, n + 1, trace.Int{}},
		{"none, into a pipe", pipe, 0, n, trace.Known(n)},
		{"a part of one, into a pipe", pipe, 0, n + 1, trace.Int{}},
		{"none, to a file", ext4, 0, 2 * n, trace.Known(2 * n)},
		{"a part of one, to a file", ext4, 0, 2*n + 1, trace.Int{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, nr := range []uint32{unix.SYS_SENDFILE, unix.SYS_SPLICE} {
				call := cell(nr, in, test.out, 2, n, 0)
				call.Errors, call.Seen[bpf.ObjectEngineFENTRY].InKernel = test.failed, test.seen
				got := newTally(slot(call), Fentry, &Party{Workload: Workload{Dense: true}}).amount(inKernel)
				if got.Bytes != test.want || !got.Bytes.Known() && !strings.Contains(got.Reason, "failed") {
					t.Errorf("call %d: %+v, want %v", nr, got, test.want)
				}
			}
		})
	}
}
