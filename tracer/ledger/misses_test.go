//go:build linux

package ledger

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Whose event it may have been that the kernel skipped decides whether it is a loss.
func TestMissedEvents(t *testing.T) {
	declared, silent := Workload{Calls: map[uint32]uint64{}}, Workload{}
	missed := func(kind MissKind, feeds Feed) []Misses {
		return []Misses{{Hook: "another", Kind: kind, Feeds: feeds}, {Hook: "this", Kind: kind, Feeds: feeds, Events: 5}}
	}
	for _, test := range []struct {
		name     string
		missed   []Misses
		blind    uint64
		unknown  bool
		workload Workload
		state    bpf.ObjectSlotState
		want     int64
	}{
		{"at a tracepoint", missed(AtTracepoint, PageCache), 0, false, declared, bpf.ObjectSlotStateCLOSED, 5},
		{"preempted inside, which makes numbers null", missed(Preempted, FentryCopies), 1, true, declared, bpf.ObjectSlotStateCLOSED, 0},
		{"at an event of perf, of a stranger", missed(AtPerfEvent, PageCache), 0, false, declared, bpf.ObjectSlotStateCLOSED, 0},
		{"in a blind stint", missed(AtPerfEvent, PageCache), 1, false, declared, bpf.ObjectSlotStateCLOSED, 5},
		{"nobody knows of blind stints", missed(AtPerfEvent, PageCache), 0, true, declared, bpf.ObjectSlotStateCLOSED, 5},
		{"calls in a blind stint, of which the worker tells", missed(AtPerfEvent, Syscalls), 1, false, declared, bpf.ObjectSlotStateCLOSED, 0},
		{"calls while it runs, of which the worker will tell", missed(AtPerfEvent, Syscalls), 1, false, declared, bpf.ObjectSlotStateOPEN, 0},
		{"their beginnings, of which their ends tell", missed(AtPerfEvent, SyscallTime), 1, false, declared, bpf.ObjectSlotStateCLOSED, 0},
		{"results of Linux AIO, which came with a call", missed(AtPerfEvent, AIORequests), 1, false, declared, bpf.ObjectSlotStateCLOSED, 0},
		{"results of Linux AIO, of a program that does not tell", missed(AtPerfEvent, AIORequests), 1, false, silent, bpf.ObjectSlotStateCLOSED, 5},
		{"calls of a program that does not tell", missed(AtPerfEvent, Syscalls), 1, false, silent, bpf.ObjectSlotStateCLOSED, 5},
		{"calls of a worker that died", missed(AtPerfEvent, Syscalls), 1, false, declared, bpf.ObjectSlotStateDIED, 5},
		{"calls at a tracepoint", missed(AtTracepoint, Syscalls), 0, false, declared, bpf.ObjectSlotStateCLOSED, 5},
		{"a blind stint in which nothing was skipped", []Misses{{Kind: AtPerfEvent, Feeds: PageCache}}, 1, false, declared, bpf.ObjectSlotStateCLOSED, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Snapshot{Missed: test.missed, BlindUnknown: test.unknown}
			s.Slots[Receiver].State, s.Slots[Receiver].BlindStints = test.state, test.blind
			for cause, n := range Losses(s, Party{}, Party{Workload: test.workload}) {
				if cause == "recursion_misses" && n != test.want || cause != "recursion_misses" && n != 0 {
					t.Errorf("%s is %d, want recursion_misses %d", cause, n, test.want)
				}
			}
		})
	}
}

// An engine whose hooks missed events knows its numbers only if what they saw accounts for every byte. Else they are
// null, never what a rule says of the rest, and another engine's count.
func TestEngineThatMissedEvents(t *testing.T) {
	direct, null := ext4, bpf.ObjectFdKind{Format: unix.S_IFCHR, Attrs: ext4.Attrs, Detail: 1<<20 | 3}
	direct.Attrs |= uint16(bpf.ObjectFdAttrFD_DIRECT)
	const n = mib
	read := func(seen uint64) bpf.ObjectCell { return seenBy(cell(unix.SYS_READ, ext4, none, 16, n, 0), seen, 0) }
	write := func(out bpf.ObjectFdKind, seen uint64) bpf.ObjectCell {
		return seenBy(cell(unix.SYS_WRITE, none, out, 16, n, 0), 0, seen)
	}
	sent := cell(unix.SYS_SENDTO, none, tcp, 16, n, 0)
	sent.Key.Flags = unix.MSG_ZEROCOPY
	one, all := []Engine{Fentry}, []Engine{Fentry, Breakpoint, Derived}
	known, unknown := trace.Known(n), trace.Int{}
	for _, test := range []struct {
		name    string
		cell    bpf.ObjectCell
		engines []Engine
		order   []Engine
		number  trace.Number
		want    trace.Int // of the first engine
		fentry  trace.Int
	}{
		{"all was seen", read(n), one, one, trace.ToUser, known, known},
		{"all was seen, beside others", read(n), all, all, trace.ToUser, known, known},
		{"a part was seen", read(n - 4096), one, []Engine{Derived, Fentry}, trace.ToUser, known, unknown},
		{"a part was seen, and another engine saw it all", read(n - 4096), all, []Engine{Breakpoint, Derived, Fentry}, trace.ToUser, known, unknown},
		{"nothing tells what was not seen", write(direct, 0), one, []Engine{Derived, Fentry}, trace.PageRefs, unknown, unknown},
		{"a direct write that fell back, and was seen", write(direct, n), one, one, trace.FromUser, known, known},
		{"by reference, unless it was copied", cell(unix.SYS_SENDFILE, ext4, tcp, 16, n, 0), one, []Engine{Derived, Fentry}, trace.PageRefs, known, unknown},
		{"nothing is copied there", write(null, 0), one, one, trace.FromUser, trace.Known(0), trace.Known(0)},
		{"late copies", sent, one, []Engine{Derived, Fentry}, trace.InKernel, unknown, unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Snapshot{Missed: []Misses{{Hook: "fexit/filemap_read", Feeds: FentryCopies, Kind: Preempted, Events: 3}}}
			s.Slots[Sender] = *slot(test.cell)
			p := Party{Missed: s.Missed, Missing: Missing{LateCopies: "not asked for"}}
			order := s.InOrder(test.engines, false, p, Party{Missed: s.Missed})
			if !slices.Equal(order, test.order) {
				t.Fatalf("the order is %v, want %v", order, test.order)
			}
			if named := s.InOrder(one, true, p, Party{Missed: s.Missed}); !slices.Equal(named, one) {
				t.Errorf("asked for by its name: %v", named)
			}
			p.Engines = order
			c := Counters(&s.Slots[Sender], p)
			if v := c.Value(test.number); v.Int != test.want {
				t.Errorf("%s is %v (%s), want %v", test.number, v.Int, v.Origin.Reason, test.want)
			}
			ta := newTally(&s.Slots[Sender], Fentry, &p)
			class := map[trace.Number]class{trace.ToUser: toUser, trace.FromUser: fromUser, trace.InKernel: inKernel, trace.PageRefs: pageRefs}[test.number]
			if a := ta.amount(class); a.Bytes != test.fentry || !a.Bytes.Known() && !strings.Contains(a.Reason, "skipped fexit/filemap_read 3 times") {
				t.Errorf("engine fentry: %v (%s), want %v", a.Bytes, a.Reason, test.fentry)
			}
			if n := Losses(s, p, Party{})["recursion_misses"]; n != 0 {
				t.Errorf("it is a loss of %d, too", n)
			}
			programs := &ProgramSnapshot{Missed: s.Missed, Alive: []*Process{{ID: 1, Calls: map[bpf.ObjectCellKey]bpf.ObjectSum{
				test.cell.Key: {Key: test.cell.Key, Calls: test.cell.Calls, Bytes: test.cell.Bytes, Seen: test.cell.Seen},
			}}}}
			ofPrograms := func(engines []Engine, named bool, engine Engine, want trace.Int) {
				var p trace.Program
				new(Programs).Fill(&p, programs, Party{Engines: engines}, named)
				if v := p.Total.Counters().Value(test.number); p.Run.Engine != string(engine) || v.Int != want {
					t.Errorf("of a program %s is %v by %s (%s), want %v by %s", test.number, v.Int, p.Run.Engine, v.Origin.Reason, want, engine)
				}
			}
			ofPrograms(test.engines, false, test.order[0], test.want)
			ofPrograms(one, true, Fentry, test.fentry)
			s.Missed[0].Events = 0
			if order := s.InOrder(test.engines, false, p, Party{}); !slices.Equal(order, test.engines) {
				t.Errorf("without misses the order is %v, want %v", order, test.engines)
			}
		})
	}
}

// seenBy is a cell of which the hooks of both engines at functions and breakpoints saw copies; the latter all.
func seenBy(c bpf.ObjectCell, toUser, fromUser uint64) bpf.ObjectCell {
	c.Seen[bpf.ObjectEngineFENTRY] = bpf.ObjectCopied{ToUser: toUser, FromUser: fromUser}
	c.Seen[bpf.ObjectEngineBREAKPOINT] = bpf.ObjectCopied{ToUser: c.Bytes}
	return c
}

// What other hooks at functions feed is null once they missed an event, and says why.
func TestFunctionHooksThatMissedEvents(t *testing.T) {
	before := Missing{COW: "no such function"}
	s := &Snapshot{Missed: []Misses{
		{Hook: "fexit/do_set_pmd", Feeds: MappedPages, Kind: Preempted, Events: 2},
		{Hook: "fexit/skb_copy_bits", Feeds: NetInternal, Kind: Preempted},
		{Hook: "fentry/copy_mc_to_kernel", Feeds: COW, Kind: Preempted, Events: 1},
		{Hook: "fexit/filemap_read", Feeds: FentryCopies, Kind: Preempted, Events: 1},
		{Hook: "tp_btf/block_bio_queue", Feeds: Disk, Kind: Preempted, Events: 4},
		{Hook: "tp_btf/netif_receive_skb", Feeds: NICReceived, Kind: AtTracepoint, Events: 1},
		{Hook: "tracepoint/filemap/mm_filemap_fault", Feeds: ReadAhead, Kind: AtPerfEvent, Events: 1},
	}}
	missing := s.Lacking(before)
	if len(before) != 1 {
		t.Errorf("what was missing before has become %v", before)
	}
	if len(missing) != 3 || !strings.Contains(missing[Disk], "skipped tp_btf/block_bio_queue 4 times") || missing[COW] != before[COW] || !strings.Contains(missing[MappedPages], "skipped fexit/do_set_pmd 2 times, because it was running on that CPU already") {
		t.Errorf("%v is missing, want only mapped pages and the disk, and copy-on-write as before", missing)
	}
	c := Counters(slot(), Party{Missing: missing, Workload: Workload{Maps: true}})
	if v := c.Value(trace.Mapped); v.Int.Known() || !strings.Contains(v.Origin.Reason, missing[MappedPages]) {
		t.Errorf("mapped is %v (%s)", v.Int, v.Origin.Reason)
	}
}

// What writes to disks is null once the kernel skipped the hook of disks, whoever's event that was. What was read is
// known as long as the hook saw each byte that the kernel charged to the threads, and nobody read for them.
func TestDiskHookThatMissedEvents(t *testing.T) {
	const why = "skipped tp_btf/block_bio_queue 3 times"
	noHelpers := Missing{UringRequests: "not asked for"}
	for _, test := range []struct {
		name       string
		events     int64
		saw        uint64
		charged    uint64
		state      bpf.ObjectSlotState
		missing    Missing
		read       trace.Int
		write      trace.Int
		otherSlots bpf.ObjectSlotState
	}{
		{"none was skipped", 0, 8192, 8192, bpf.ObjectSlotStateCLOSED, noHelpers, trace.Known(8192), trace.Known(4096), bpf.ObjectSlotStateIDLE},
		{"a stranger's, or one that wrote", 3, 8192, 8192, bpf.ObjectSlotStateCLOSED, noHelpers, trace.Known(8192), trace.Int{}, bpf.ObjectSlotStateIDLE},
		{"of a run that never reads a disk", 3, 0, 0, bpf.ObjectSlotStateCLOSED, noHelpers, trace.Known(0), trace.Int{}, bpf.ObjectSlotStateIDLE},
		{"its own, which read", 3, 4096, 8192, bpf.ObjectSlotStateCLOSED, noHelpers, trace.Int{}, trace.Int{}, bpf.ObjectSlotStateIDLE},
		{"while it runs", 3, 8192, 8192, bpf.ObjectSlotStateOPEN, noHelpers, trace.Int{}, trace.Int{}, bpf.ObjectSlotStateIDLE},
		{"the other one died", 3, 8192, 8192, bpf.ObjectSlotStateCLOSED, noHelpers, trace.Int{}, trace.Int{}, bpf.ObjectSlotStateDIED},
		{"the kernel charges nobody", 3, 8192, notAccounted, bpf.ObjectSlotStateCLOSED, noHelpers, trace.Int{}, trace.Int{}, bpf.ObjectSlotStateIDLE},
		{"threads of io_uring may have read", 3, 8192, 8192, bpf.ObjectSlotStateCLOSED, Missing{}, trace.Int{}, trace.Int{}, bpf.ObjectSlotStateIDLE},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Snapshot{Missed: []Misses{{Hook: "tp_btf/block_bio_queue", Feeds: Disk, Kind: Preempted, Events: test.events}}}
			s.Slots[Receiver].State = test.otherSlots
			slot := &s.Slots[Sender]
			slot.State, slot.DiskReadBytes, slot.DiskWriteBytes, slot.Now.ReadBytes = test.state, test.saw, 4096, test.charged
			if test.charged == notAccounted {
				slot.Begin.ReadBytes = notAccounted
			}
			p := Party{Missing: s.Lacking(test.missing)}
			c := Counters(slot, p)
			kernel := KernelCounters(&bpf.ObjectKernelCells{WritebackBytes: 4096}, p.Missing, &c)
			for what, v := range map[string]struct {
				trace.Value
				want trace.Int
			}{
				"read bytes": {c.Value(trace.DiskReadBytes), test.read}, "written bytes": {c.Value(trace.DiskWriteBytes), test.write},
				"written back": {kernel.Value(trace.DiskWriteBytes), test.write},
			} {
				if v.Int != v.want || !v.Int.Known() && !strings.Contains(v.Origin.Reason, why) {
					t.Errorf("%s: %v (%s), want %v", what, v.Int, v.Origin.Reason, v.want)
				}
			}
			for cause, n := range Losses(s, p, p) {
				if n != 0 {
					t.Errorf("%s is %d", cause, n)
				}
			}
		})
	}
}

// Hits of breakpoints that were missed fail a run unless its engine saw every byte all the same.
func TestMissedHits(t *testing.T) {
	for _, test := range []struct {
		seen uint64
		want int64
	}{{mib, 0}, {mib - 1, 7}} {
		c := cell(unix.SYS_READ, ext4, none, 16, mib, 0)
		c.Seen[bpf.ObjectEngineBREAKPOINT].ToUser = test.seen
		s := &Snapshot{BreakpointMisses: 7}
		s.Slots[Receiver] = *slot(c)
		if n := Losses(s, Party{}, Party{})["breakpoint_misses"]; n != test.want {
			t.Errorf("%d of %d bytes seen: %d, want %d", test.seen, mib, n, test.want)
		}
	}
}
