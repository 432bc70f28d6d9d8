//go:build linux

package tracer

import (
	"os"
	"testing"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads/uring"
)

// Direct writes to a file with checksums are copied since Linux 7.0, whoever makes the requests for it, and also from
// a registered buffer, which comes as pages: it is the user's memory all the same.
func TestBouncedRequests(t *testing.T) {
	needTracing(t)
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	const n, chunk = 1_003_520, 40_960
	for _, test := range []struct {
		name          string
		opcode, flags uint8
	}{
		{"write", uring.OpWrite, 0},
		{"write by a worker", uring.OpWrite, asyncRequest},
		{"write from a registered buffer", uring.OpWriteFixed, 0},
		{"write from a registered buffer by a worker", uring.OpWriteFixed, asyncRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := fileOn(t, "btrfs", n)
			u := &uringRun{ring: newRing(t, 0), sink: openFile(t, f.Name(), unix.O_RDWR|unix.O_DIRECT)}
			if u.buf, err = unix.Mmap(-1, 0, chunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_POPULATE); err != nil {
				t.Fatal(err)
			}
			u.register(t, u.buf)
			tr, s := unskipped(t, everyEngine(Options{Uring: true}), func() {
				window(-1, u.sink, func() {
					for at := 0; at < n && !t.Failed(); {
						e := u.write(test.opcode)(at, min(chunk, n-at))
						e.flags = test.flags
						at += u.do(t, e)
					}
				})
			})
			for _, e := range tr.engines {
				c := counted(tr, s, e, ledger.Workload{})
				copied, refs := c.Copies.FromUser.Bytes, c.Moved.PageRefs.Bytes
				switch {
				case bounces(kernel) && isBtrfs(t, u.sink):
					if copied != trace.Known(n) || refs != trace.Known(0) {
						t.Errorf("%s: from_user is %v, page_refs %v; want %d and 0", e, copied, refs, n)
					}
				case e == ledger.Derived:
					if copied.Known() || refs.Known() {
						t.Errorf("derived: from_user is %v, page_refs %v; want null", copied, refs)
					}
				case copied.Add(refs) != trace.Known(n): // btrfs wrote through the page cache in 6.12 to 6.19
					t.Errorf("%s: from_user is %v, page_refs %v; want %d in all", e, copied, refs, n)
				}
				if c.Copies.InKernel.Bytes != trace.Known(0) || c.Copies.ToUser.Bytes != trace.Known(0) {
					t.Errorf("%s: in_kernel is %v, to_user %v; want 0", e, c.Copies.InKernel.Bytes, c.Copies.ToUser.Bytes)
				}
			}
			noLosses(t, s, tr.missing())
			if t.Failed() {
				dump(t, &s.Slots[ledger.Sender])
			}
		})
	}
}

func isBtrfs(t *testing.T, fd int) bool {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		t.Fatal(os.NewSyscallError("statfs", err))
	}
	return st.Type == unix.BTRFS_SUPER_MAGIC
}
