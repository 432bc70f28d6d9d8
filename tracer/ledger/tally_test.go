//go:build linux

package ledger

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// What hooks saw comes first; only the rest is derived, by the call's rule.
func TestTally(t *testing.T) {
	direct := ext4
	direct.Attrs |= uint16(bpf.ObjectFdAttrFD_DIRECT)
	xfs := ext4
	xfs.Detail = unix.XFS_SUPER_MAGIC
	fuse := ext4
	fuse.Detail = unix.FUSE_SUPER_MAGIC
	observed := func(n int64) trace.Amount { return hooked(uint64(n), "") }
	derived := func(n int64) trace.Amount { return derived(n, whyTold) }
	null := trace.Amount{Provenance: trace.Unavailable}
	zero := observed(0)

	type amounts struct{ toUser, fromUser, inKernel, refs, cloned, fill trace.Amount }
	const n = 1000
	for _, test := range []struct {
		name    string
		nr      uint32
		in, out bpf.ObjectFdKind
		seen    bpf.ObjectCopied
		want    amounts
	}{
		{"a read that the hooks saw", unix.SYS_READ, ext4, none, bpf.ObjectCopied{ToUser: n},
			amounts{observed(n), zero, zero, derived(0), derived(0), derived(0)}},
		{"a read of which they saw a part", unix.SYS_READ, ext4, none, bpf.ObjectCopied{ToUser: 900},
			amounts{mixed(n, 900, whyTold), zero, zero, derived(0), derived(0), derived(0)}},
		{"sendfile to a socket without a copy", unix.SYS_SENDFILE, ext4, tcp, bpf.ObjectCopied{},
			amounts{zero, zero, zero, derived(n), derived(0), derived(0)}},
		{"sendfile to a socket that copied after all", unix.SYS_SENDFILE, ext4, tcp, bpf.ObjectCopied{InKernel: n},
			amounts{zero, zero, observed(n), derived(0), derived(0), derived(0)}},
		{"sendfile to a file", unix.SYS_SENDFILE, ext4, xfs, bpf.ObjectCopied{InKernel: n},
			amounts{zero, zero, observed(n), derived(0), derived(0), derived(0)}},
		{"a reflink", unix.SYS_COPY_FILE_RANGE, xfs, xfs, bpf.ObjectCopied{},
			amounts{zero, zero, zero, derived(0), derived(n), derived(0)}},
		{"copy_file_range that copied the tail", unix.SYS_COPY_FILE_RANGE, xfs, xfs, bpf.ObjectCopied{InKernel: 10},
			amounts{zero, zero, observed(10), derived(0), derived(n - 10), derived(0)}},
		{"copy_file_range on a file system that may have its server do it", unix.SYS_COPY_FILE_RANGE, fuse, fuse, bpf.ObjectCopied{},
			amounts{zero, zero, null, null, null, derived(0)}},
		{"sendfile to UDP as on 6.12", unix.SYS_SENDFILE, ext4, udp, bpf.ObjectCopied{},
			amounts{zero, zero, zero, derived(n), derived(0), derived(0)}},
		{"sendfile to UDP as on 6.1", unix.SYS_SENDFILE, ext4, udp, bpf.ObjectCopied{InKernel: n},
			amounts{zero, zero, observed(n), derived(0), derived(0), derived(0)}},
		{"a splice of a TCP socket of which a part was not in pages", unix.SYS_SPLICE, tcp, pipeIn, bpf.ObjectCopied{InKernel: 10},
			amounts{zero, zero, observed(10), derived(n - 10), derived(0), derived(0)}},
		{"a splice of a pipe into a file", unix.SYS_SPLICE, pipe, ext4, bpf.ObjectCopied{InKernel: n},
			amounts{zero, zero, observed(n), derived(0), derived(0), derived(0)}},
		{"a direct write", unix.SYS_WRITE, none, direct, bpf.ObjectCopied{},
			amounts{zero, zero, zero, derived(n), derived(0), derived(0)}},
		{"a direct write that fell back", unix.SYS_WRITE, none, direct, bpf.ObjectCopied{FromUser: n},
			amounts{zero, observed(n), zero, derived(0), derived(0), derived(0)}},
		{"a direct read may have met holes", unix.SYS_READ, direct, none, bpf.ObjectCopied{},
			amounts{zero, zero, zero, null, derived(0), null}},
		{"a read from FUSE that the hooks did not see", unix.SYS_READ, fuse, none, bpf.ObjectCopied{},
			amounts{null, zero, zero, null, derived(0), null}},
		{"a read from FUSE by the page cache", unix.SYS_READ, fuse, none, bpf.ObjectCopied{ToUser: n},
			amounts{observed(n), zero, zero, derived(0), derived(0), derived(0)}},
		{"what the kernel reads for itself", unix.SYS_EXECVE, none, none, bpf.ObjectCopied{InKernel: n},
			amounts{zero, zero, zero, derived(0), derived(0), derived(0)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := cell(test.nr, test.in, test.out, 1, n, 0)
			c.Seen[bpf.ObjectEngineFENTRY] = test.seen
			ta := newTally(slot(c), Fentry, &Party{})
			got := amounts{ta.amount(toUser), ta.amount(fromUser), ta.amount(inKernel), ta.amount(pageRefs), ta.amount(cloned), ta.amount(fill)}
			for _, a := range []*trace.Amount{&got.toUser, &got.fromUser, &got.inKernel, &got.refs, &got.cloned, &got.fill} {
				if a.Provenance == trace.Unavailable {
					if a.Reason == "" {
						t.Error("a null without a reason")
					}
					a.Reason = ""
				}
			}
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// Of a source without holes, a direct read filled nothing: what the hooks did not
// see copied is there by reference. An engine without hooks is none the wiser.
func TestTallyOfADenseSource(t *testing.T) {
	direct := ext4
	direct.Attrs |= uint16(bpf.ObjectFdAttrFD_DIRECT)
	c := cell(unix.SYS_READ, direct, none, 1, 1000, 0)
	c.Seen[bpf.ObjectEngineFENTRY] = bpf.ObjectCopied{ToUser: 10}
	ta := newTally(slot(c), Fentry, &Party{Workload: Workload{Dense: true}})
	for class, want := range map[class]trace.Amount{toUser: hooked(10, ""), pageRefs: mixed(990, 0, whyTold), fill: mixed(0, 0, whyTold)} {
		if got := ta.amount(class); got != want {
			t.Errorf("class %d is %+v, want %+v", class, got, want)
		}
	}
	ta = newTally(slot(c), Derived, &Party{Workload: Workload{Dense: true}})
	for _, class := range []class{toUser, pageRefs, fill} {
		if got := ta.amount(class); got.Bytes.Known() || got.Reason == "" {
			t.Errorf("class %d is derived as %+v, want null with a reason", class, got)
		}
	}
}

// Direct I/O of a file that must not change meanwhile is copied. Of reads no breakpoint sees that, nor does a rule
// say it of all that they move; of writes it is known without a hook, where the file system is known for it.
func TestTallyOfBouncedIO(t *testing.T) {
	const n = 1000
	work := Workload{Dense: true}
	for _, test := range []struct {
		name     string
		nr       uint32
		in, out  bpf.ObjectFdKind
		engine   Engine
		missing  Missing
		seen     bpf.ObjectCopied
		class    class // of copies
		copied   trace.Int
		refs     trace.Int
		observed bool
	}{
		{"read", unix.SYS_READ, file(unix.XFS_SUPER_MAGIC, direct, stable), none, Fentry, nil, bpf.ObjectCopied{ToUser: n}, toUser, trace.Known(n), trace.Known(0), true},
		{"read", unix.SYS_READ, file(unix.XFS_SUPER_MAGIC, direct, stable), none, Breakpoint, nil, bpf.ObjectCopied{}, toUser, trace.Int{}, trace.Int{}, false},
		{"read", unix.SYS_READ, file(unix.XFS_SUPER_MAGIC, direct, stable), none, Derived, nil, bpf.ObjectCopied{}, toUser, trace.Int{}, trace.Int{}, false},
		{"read", unix.SYS_READ, file(unix.XFS_SUPER_MAGIC, direct), none, Breakpoint, nil, bpf.ObjectCopied{}, toUser, trace.Known(0), trace.Known(n), true},
		{"read of btrfs", unix.SYS_READ, file(unix.BTRFS_SUPER_MAGIC, direct, stable), none, Breakpoint, nil, bpf.ObjectCopied{}, toUser, trace.Known(0), trace.Known(n), true},
		{"read of ext4 on a disk that demands it", unix.SYS_READ, file(unix.EXT4_SUPER_MAGIC, direct, stable), none, Breakpoint, nil, bpf.ObjectCopied{}, toUser, trace.Known(0), trace.Known(n), true},
		{"splice", unix.SYS_SPLICE, file(unix.XFS_SUPER_MAGIC, direct, stable), pipeIn, Breakpoint, nil, bpf.ObjectCopied{}, inKernel, trace.Int{}, trace.Int{}, false},
		{"write", unix.SYS_WRITE, none, file(unix.BTRFS_SUPER_MAGIC, direct, stable), Fentry, nil, bpf.ObjectCopied{FromUser: n}, fromUser, trace.Known(n), trace.Known(0), true},
		{"write", unix.SYS_WRITE, none, file(unix.BTRFS_SUPER_MAGIC, direct, stable), Breakpoint, nil, bpf.ObjectCopied{FromUser: n}, fromUser, trace.Known(n), trace.Known(0), true},
		{"write", unix.SYS_WRITE, none, file(unix.BTRFS_SUPER_MAGIC, direct, stable), Derived, nil, bpf.ObjectCopied{}, fromUser, trace.Known(n), trace.Known(0), false},
		{"write without the hook", unix.SYS_WRITE, none, file(unix.XFS_SUPER_MAGIC, direct, stable), Fentry, Missing{FentryCopies: "none"}, bpf.ObjectCopied{}, fromUser, trace.Known(n), trace.Known(0), false},
		{"write to ext4", unix.SYS_WRITE, none, file(unix.EXT4_SUPER_MAGIC, direct, stable), Derived, nil, bpf.ObjectCopied{}, fromUser, trace.Int{}, trace.Int{}, false},
		{"write of bcachefs, which copies where no hook looks", unix.SYS_WRITE, none, file(bcachefs, direct), Fentry, nil, bpf.ObjectCopied{}, fromUser, trace.Int{}, trace.Int{}, false},
		{"read of NFS, which packets bring", unix.SYS_READ, file(unix.NFS_SUPER_MAGIC, direct), none, Fentry, nil, bpf.ObjectCopied{}, toUser, trace.Int{}, trace.Int{}, false},
		{"sendfile", unix.SYS_SENDFILE, ext4, file(unix.XFS_SUPER_MAGIC, direct, stable), Derived, nil, bpf.ObjectCopied{}, inKernel, trace.Known(n), trace.Known(0), false},
	} {
		t.Run(test.name+", "+string(test.engine), func(t *testing.T) {
			c := cell(test.nr, test.in, test.out, 1, n, 0)
			c.Seen[test.engine.Cells()] = test.seen
			ta := newTally(slot(c), test.engine, &Party{Missing: test.missing, Workload: work})
			got, refs := ta.amount(test.class), ta.amount(pageRefs)
			if got.Bytes != test.copied || refs.Bytes != test.refs || (got.Provenance == trace.Observed) != test.observed {
				t.Errorf("copied %+v, by reference %+v", got, refs)
			}
			if !test.observed && got.Reason == "" {
				t.Error("no reason")
			}
		})
	}
}

// Where the hooks were not held against the copies, that none of them saw any is an estimate; what they saw is not.
func TestTallyOfAnUnheldKernel(t *testing.T) {
	const why = "nobody looked"
	for _, test := range []struct {
		engine Engine
		seen   uint64
		want   [2]trace.Provenance // of copies, and of references
	}{
		{Fentry, 0, [2]trace.Provenance{trace.Estimated, trace.Estimated}},
		{Fentry, 400, [2]trace.Provenance{trace.Estimated, trace.Estimated}},
		{Fentry, 1000, [2]trace.Provenance{trace.Observed, trace.Derived}},
		{Breakpoint, 0, [2]trace.Provenance{trace.Observed, trace.Derived}},
		{Derived, 0, [2]trace.Provenance{trace.Unavailable, trace.Unavailable}},
	} {
		c := cell(unix.SYS_WRITE, none, file(unix.EXT4_SUPER_MAGIC, direct), 1, 1000, 0)
		c.Seen[test.engine.Cells()].FromUser = test.seen
		ta := newTally(slot(c), test.engine, &Party{Unheld: why})
		for i, a := range []trace.Amount{ta.amount(fromUser), ta.amount(pageRefs)} {
			if a.Provenance != test.want[i] || (a.Provenance == trace.Estimated) != (a.Reason == why) {
				t.Errorf("%s saw %d: %+v, want it %s", test.engine, test.seen, a, test.want[i])
			}
		}
		if a := ta.amount(toUser); a.Provenance == trace.Estimated {
			t.Errorf("%s: what a write cannot do is %+v", test.engine, a)
		}
	}
}

// One pass over a source of which the file system tells the holes fills as much.
func TestTallyOfASparseSource(t *testing.T) {
	direct := ext4
	direct.Attrs |= uint16(bpf.ObjectFdAttrFD_DIRECT)
	for _, test := range []struct {
		name       string
		work       Workload
		seen       uint64
		refs, fill trace.Int
	}{
		{"a pass", Workload{Range: 1000, Zeros: trace.Known(300)}, 0, trace.Known(700), trace.Known(300)},
		{"of which all but the holes was copied", Workload{Range: 1000, Zeros: trace.Known(300)}, 700, trace.Known(0), trace.Known(300)},
		{"of which some was copied, and nobody knows which", Workload{Range: 1000, Zeros: trace.Known(300)}, 10, trace.Int{}, trace.Int{}},
		{"less than one", Workload{Range: 2000, Zeros: trace.Known(300)}, 0, trace.Int{}, trace.Int{}},
		{"of a compressed one", Workload{Range: 1000, Zeros: trace.Known(300), Encoded: true}, 0, trace.Int{}, trace.Int{}},
		{"of one of which nobody tells", Workload{Range: 1000}, 0, trace.Int{}, trace.Int{}},
	} {
		c := cell(unix.SYS_READ, direct, none, 1, 1000, 0)
		c.Seen[bpf.ObjectEngineFENTRY].ToUser = test.seen
		ta := newTally(slot(c), Fentry, &Party{Workload: test.work})
		if refs, filled := ta.amount(pageRefs).Bytes, ta.amount(fill).Bytes; refs != test.refs || filled != test.fill {
			t.Errorf("%s: %v by reference, %v filled; want %v, %v", test.name, refs, filled, test.refs, test.fill)
		}
	}
}

// Only fentry reaches what a splice of a socket copies: the others leave null.
func TestTallyOfASplicedSocket(t *testing.T) {
	for _, e := range []Engine{Breakpoint, Derived} {
		ta := newTally(slot(cell(unix.SYS_SPLICE, stream, pipeIn, 1, 1000, 0)), e, &Party{})
		for class, known := range map[class]bool{toUser: true, fromUser: true, inKernel: false, pageRefs: false} {
			if got := ta.amount(class); got.Bytes.Known() != known || !known && got.Reason == "" {
				t.Errorf("%s: class %d is %+v", e, class, got)
			}
		}
	}
}

// What a receiver had mapped is not copied; the rest of what the call moved is.
func TestReceivedByMapping(t *testing.T) {
	c := cell(unix.SYS_GETSOCKOPT, tcp, none, 3, 9000, 800)
	c.Key.Flags = unix.TCP_ZEROCOPY_RECEIVE
	c.Mapped = 8192
	s := slot(c)
	s.ReceivedBytes = 8192
	for _, test := range []struct {
		missing Missing
		want    trace.Provenance
	}{
		{Missing{}, trace.Observed},
		{Missing{MappedPages: "no fentry", ReceivedPages: "no fentry"}, trace.Derived},
	} {
		got := Counters(s, Party{Missing: test.missing})
		if m := got.Moved.Mapped; m.Bytes != trace.Known(8192) || m.Provenance != test.want {
			t.Errorf("mapped is %+v, want it %s", m, test.want)
		}
		if u := got.Copies.ToUser; u.Bytes != trace.Known(808) || u.DerivedBytes != trace.Known(8) {
			t.Errorf("to_user is %+v, want 808 bytes of which 8 were not seen", u)
		}
	}
	if n := Losses(&Snapshot{Slots: bpf.ObjectSlotArray{*s}}, Party{}, Party{})["socket_copies"]; n != 8 {
		t.Errorf("socket_copies is %d, want 8", n)
	}
}

// Copies that are made when the packets arrive are the sender's; without a hook
// that sees them, nobody knows.
func TestLateCopies(t *testing.T) {
	send := cell(unix.SYS_SENDTO, none, tcp, 1, 1000, 0)
	send.Key.Flags = unix.MSG_ZEROCOPY
	send.Key.Out.Attrs |= uint16(bpf.ObjectFdAttrFD_ZEROCOPY | bpf.ObjectFdAttrFD_SG)
	s := slot(send)
	s.LateBytes = [3]uint64{bpf.ObjectEngineTRACEPOINTS: 1001, bpf.ObjectEngineFENTRY: 1002}
	for _, test := range []struct {
		engine  Engine
		missing Missing
		want    trace.Int
	}{
		{Fentry, Missing{}, trace.Known(1002)},
		{Derived, Missing{}, trace.Known(1001)},
		{Breakpoint, Missing{}, trace.Known(1001)},
		{Derived, Missing{LateCopies: "no such tracepoint"}, trace.Int{}},
		{Fentry, Missing{FentryCopies: "no such function", LateCopies: "no such tracepoint"}, trace.Int{}},
	} {
		ta := newTally(s, test.engine, &Party{Missing: test.missing})
		if got := ta.amount(inKernel).Bytes; got != test.want {
			t.Errorf("%s, missing %+v: in_kernel is %v, want %v", test.engine, test.missing, got, test.want)
		}
		if refs := ta.amount(pageRefs).Bytes; refs != trace.Known(1000) {
			t.Errorf("%s: page_refs is %v, want 1000", test.engine, refs)
		}
	}
}

// A packet that no tracepoint saw was copied nevertheless, if the notifications of
// all sends say so.
func TestUnseenLateCopies(t *testing.T) {
	send := cell(unix.SYS_SENDTO, none, tcp, 3, 3000, 0)
	send.Errors = 1
	send.Key.Flags = unix.MSG_ZEROCOPY
	s := slot(send)
	known := func(completions, copied int64) *trace.Zerocopy {
		return &trace.Zerocopy{Completions: trace.Known(completions), Copied: trace.Known(copied)}
	}
	for _, test := range []struct {
		engine   Engine
		seen     uint64
		notified *trace.Zerocopy
		want     int64
	}{
		{Derived, 2000, known(2, 2), 3000},
		{Derived, 3500, known(2, 2), 3500},                                  // sent again
		{Derived, 2000, known(1, 1), 2000},                                  // not all yet
		{Derived, 2000, known(2, 1), 2000},                                  // one of them was not copied
		{Derived, 2000, known(2, 0), 0},                                     // none was: sent elsewhere
		{Derived, 2000, &trace.Zerocopy{Completions: trace.Known(2)}, 2000}, // the kernel does not say
		{Derived, 2000, nil, 2000},                                          // nobody reads them
		{Fentry, 2000, known(2, 2), 2000},                                   // it saw each copy
		{Fentry, 2000, known(2, 0), 2000},
	} {
		s.LateBytes = [3]uint64{bpf.ObjectEngineTRACEPOINTS: test.seen, bpf.ObjectEngineFENTRY: test.seen}
		if got := newTally(s, test.engine, &Party{Workload: Workload{Zerocopy: test.notified}}).amount(inKernel).Bytes; got != trace.Known(test.want) {
			t.Errorf("%+v: in_kernel is %v", test, got)
		}
	}
}

// Of what left through a NIC, a notification may say that it was copied because of one
// packet's end, and of what the stack copied together for it: that is counted by itself.
func TestNotificationsOfWhatANICSent(t *testing.T) {
	send := cell(unix.SYS_SENDTO, none, tcp, 2, 2000, 0)
	send.Key.Flags = unix.MSG_ZEROCOPY
	s := slot(send)
	notified := &trace.Zerocopy{Completions: trace.Known(2), Copied: trace.Known(2)}
	for _, linear := range []uint64{0, 2000} {
		s.Sent.Packets, s.Sent.LinearBytes = 2, linear
		if got := newTally(s, Derived, &Party{Workload: Workload{Zerocopy: notified}}).amount(inKernel).Bytes; got != trace.Known(int64(linear)) {
			t.Errorf("%d bytes in one piece: in_kernel is %v", linear, got)
		}
	}
}

// By the extents of the file that was written, engines without hooks know what was cloned and
// what copied; with hooks, these know better.
func TestClonesByExtents(t *testing.T) {
	const n = 1_000_000
	for _, test := range []struct {
		name             string
		engine           Engine
		missing          Missing
		clones           Clones
		seen             uint64
		cloned, inKernel trace.Int
		provenance       trace.Provenance
	}{
		{"all", Derived, nil, Clones{Bytes: n, Cloned: n}, 0, trace.Known(n), trace.Known(0), trace.Derived},
		{"a part", Derived, nil, Clones{Bytes: n, Cloned: 300_000}, 0, trace.Known(300_000), trace.Known(700_000), trace.Derived},
		{"nothing", Derived, nil, Clones{Bytes: n}, 0, trace.Known(0), trace.Known(n), trace.Derived},
		{"written over", Derived, nil, Clones{Bytes: n / 3, Cloned: n / 6}, 0, trace.Known(n * (n / 6) / (n / 3)), trace.Known(n - n*(n/6)/(n/3)), trace.Estimated},
		{"more than was written", Derived, nil, Clones{Bytes: n + 1, Cloned: n}, 0, trace.Int{}, trace.Int{}, trace.Unavailable},
		{"not looked up", Derived, nil, Clones{Reason: "not yet"}, 0, trace.Int{}, trace.Int{}, trace.Unavailable},
		{"nothing known", Derived, nil, Clones{}, 0, trace.Int{}, trace.Int{}, trace.Unavailable},
		{"hooks saw the copies", Fentry, nil, Clones{Bytes: n, Cloned: 300_000}, 10, trace.Known(n - 10), trace.Known(10), trace.Derived},
		{"hooks that do not see all", Fentry, Missing{FentryCopies: "no btrfs"}, Clones{Bytes: n, Cloned: n - 10}, 0, trace.Known(n - 10), trace.Known(10), trace.Derived},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := cell(unix.SYS_COPY_FILE_RANGE, xfs, xfs, 16, n, 0)
			c.Seen[bpf.ObjectEngineFENTRY].InKernel = test.seen
			ta := newTally(slot(c), test.engine, &Party{Missing: test.missing, Workload: Workload{Clones: test.clones}})
			got, copied := ta.amount(cloned), ta.amount(inKernel)
			if got.Bytes != test.cloned || copied.Bytes != test.inKernel || got.Provenance != test.provenance {
				t.Errorf("cloned %+v, in_kernel %+v", got, copied)
			}
			if got.Reason == "" {
				t.Error("no reason")
			}
			if sum := got.Bytes.Add(copied.Bytes); sum.Known() && sum != trace.Known(n) {
				t.Errorf("%v bytes of %d", sum, n)
			}
		})
	}
	if got := share(1<<62, 1<<40, 1<<41); got != 1<<61 {
		t.Errorf("half of 2^62 is %d", got)
	}
}

// Direct reads that are known to have fallen back are copies; else more of why is said.
func TestDirectReadsThatFellBack(t *testing.T) {
	direct := btrfs
	direct.Attrs |= uint16(bpf.ObjectFdAttrFD_DIRECT)
	s := slot(cell(unix.SYS_READ, direct, none, 1, 1000, 0))
	ta := newTally(s, Derived, &Party{Workload: Workload{FellBack: true, WhyDirect: "x"}})
	if a := ta.amount(toUser); a != derived(1000, whyFellBack) {
		t.Errorf("to_user is %+v", a)
	}
	if refs, zeros := ta.amount(pageRefs).Bytes, ta.amount(fill).Bytes; refs != trace.Known(0) || zeros != trace.Known(0) {
		t.Errorf("page_refs is %v, fill %v", refs, zeros)
	}
	for why, want := range map[string]string{"": whyDirect, "compressed": "compressed"} {
		ta := newTally(s, Derived, &Party{Workload: Workload{WhyDirect: why}})
		if a := ta.amount(toUser); a != unavailable(want) {
			t.Errorf("to_user is %+v", a)
		}
	}
}

// What the extents tell of the zeros among the pages that were added, and of what is cloned,
// which nobody looked for in the page cache.
func TestPagesByExtents(t *testing.T) {
	for _, test := range []struct {
		name        string
		added, read uint64
		zeros       trace.Int
		encoded     bool
		cloned      int64
		fill, hits  trace.Int
	}{
		{"holes", 8192, 4096, trace.Known(4096), false, 0, trace.Known(4096), trace.Known(0)},
		{"more than the holes", 8192, 0, trace.Known(4096), false, 0, trace.Int{}, trace.Known(0)},
		{"not known", 8192, 4096, trace.Int{}, false, 0, trace.Int{}, trace.Known(0)},
		{"compressed", 8192, 512, trace.Known(0), true, 0, trace.Known(0), trace.Known(0)},
		{"compressed, with holes", 8192, 4096, trace.Known(4096), true, 0, trace.Int{}, trace.Known(0)},
		{"all on the disk", 8192, 8192, trace.Known(0), false, 0, trace.Known(0), trace.Known(0)},
		{"cloned", 0, 0, trace.Known(0), false, 8192, trace.Known(0), trace.Known(0)},
		{"half of it cloned", 0, 0, trace.Known(0), false, 4096, trace.Known(0), trace.Known(4096)},
	} {
		s := slot(cell(unix.SYS_COPY_FILE_RANGE, xfs, xfs, 2, 8192, 0))
		s.Cache.AddedBytes, s.Cache.MissedBytes, s.DiskReadBytes = test.added, test.added, test.read
		c := Counters(s, Party{Workload: Workload{
			Payload: trace.Known(8192), Cached: true, Zeros: test.zeros, Encoded: test.encoded, Clones: Clones{Bytes: 8192, Cloned: test.cloned},
		}})
		if c.Copies.Fill.Bytes != test.fill || c.PageCache.HitBytes != test.hits {
			t.Errorf("%s: fill %+v, hits %v; want %v, %v", test.name, c.Copies.Fill, c.PageCache.HitBytes, test.fill, test.hits)
		}
	}
	c := Counters(slot(cell(unix.SYS_COPY_FILE_RANGE, xfs, xfs, 2, 8192, 0)), Party{Workload: Workload{Payload: trace.Known(8192), Cached: true}})
	if hits := c.Value(trace.CacheHitBytes); hits.Int.Known() || hits.Origin.Reason == "" {
		t.Errorf("without knowing what was cloned, %+v", hits)
	}
}
