//go:build linux

package ledger

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

const mib = 1 << 20

// cell is a number of calls that moved bytes in all.
func cell(nr uint32, in, out bpf.ObjectFdKind, calls, bytes, seen uint64) bpf.ObjectCell {
	return bpf.ObjectCell{
		Key:   bpf.ObjectCellKey{Nr: nr, In: in, Out: out},
		Calls: calls, Bytes: bytes, Seen: [3]bpf.ObjectCopied{{ToUser: seen}},
	}
}

func slot(cells ...bpf.ObjectCell) *bpf.ObjectSlot {
	s := &bpf.ObjectSlot{State: bpf.ObjectSlotStateCLOSED}
	copy(s.Cells[:], cells)
	return s
}

func TestCounters(t *testing.T) {
	derived := func(n int64) trace.Amount { return derived(n, whyTold) }
	for _, test := range []struct {
		name                                         string
		slot                                         *bpf.ObjectSlot
		transfer                                     []string
		calls, transferCalls                         int64
		toUser, fromUser, inKernel, fill, refs, clon trace.Amount
	}{
		{
			name:     "read-write",
			slot:     slot(cell(unix.SYS_READ, ext4, none, 16, mib, 0), cell(unix.SYS_WRITE, none, tcp, 16, mib, 0)),
			transfer: []string{"read", "write"},
			calls:    32, transferCalls: 32,
			toUser: derived(mib), fromUser: derived(mib), inKernel: derived(0), fill: derived(0), refs: derived(0), clon: derived(0),
		},
		{
			name: "mmap-write: munmap and lseek are no transfers",
			slot: slot(cell(unix.SYS_MMAP, none, none, 1, 0, 0), cell(unix.SYS_WRITE, none, stream, 16, mib, 0),
				cell(unix.SYS_LSEEK, none, none, 3, 0, 0), cell(unix.SYS_MUNMAP, none, none, 1, 0, 0)),
			transfer: []string{"mmap", "write"},
			calls:    21, transferCalls: 17,
			toUser: derived(0), fromUser: derived(mib), inKernel: derived(0), fill: derived(0), refs: derived(0), clon: derived(0),
		},
		{
			name:     "a receiver whose copies a hook saw",
			slot:     slot(cell(unix.SYS_READ, tcp, none, 17, mib, mib)),
			transfer: []string{"read"},
			calls:    17, transferCalls: 17,
			toUser:   trace.Amount{Bytes: trace.Known(mib), DerivedBytes: trace.Known(0), Provenance: trace.Observed},
			fromUser: derived(0), inKernel: derived(0), fill: derived(0), refs: derived(0), clon: derived(0),
		},
		{
			name:     "one uncertain call makes its classes unknown, and no others",
			slot:     slot(cell(unix.SYS_READ, ext4, none, 16, mib, 0), cell(unix.SYS_COPY_FILE_RANGE, xfs, xfs, 1, mib, 0)),
			transfer: []string{"read"},
			calls:    17, transferCalls: 16,
			toUser: derived(mib), fromUser: derived(0), fill: derived(0), refs: derived(0),
			inKernel: unavailable(ruleCopyFileRange(xfs, xfs, 0).reason), clon: unavailable(ruleCopyFileRange(xfs, xfs, 0).reason),
		},
		{
			name:  "an uncertain call that moved nothing is certain",
			slot:  slot(cell(unix.SYS_READ, fuse, none, 1, 0, 0)),
			calls: 1, transferCalls: 0,
			toUser: derived(0), fromUser: derived(0), inKernel: derived(0), fill: derived(0), refs: derived(0), clon: derived(0),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Counters(test.slot, Party{Workload: Workload{Transfer: test.transfer}})
			if got := c.Syscalls.Calls; got != trace.Known(test.calls) {
				t.Errorf("calls %v, want %d", got, test.calls)
			}
			if got := c.Syscalls.TransferCalls; got != trace.Known(test.transferCalls) {
				t.Errorf("transfer calls %v, want %d", got, test.transferCalls)
			}
			if got := c.ModeSwitches; got != trace.Known(2*test.calls) {
				t.Errorf("mode switches %v, want %d", got, 2*test.calls)
			}
			for name, pair := range map[string][2]trace.Amount{
				"to_user":   {c.Copies.ToUser, test.toUser},
				"from_user": {c.Copies.FromUser, test.fromUser},
				"in_kernel": {c.Copies.InKernel, test.inKernel},
				"fill":      {c.Copies.Fill, test.fill},
				"page_refs": {c.Moved.PageRefs, test.refs},
				"cloned":    {c.Moved.Cloned, test.clon},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s is %+v, want %+v", name, pair[0], pair[1])
				}
			}
		})
	}
}

// What the error queue said, its reader declares; if nobody reads it, nobody
// knows.
func TestZerocopyNotifications(t *testing.T) {
	send := cell(unix.SYS_SENDTO, none, tcp, 16, mib, 0)
	send.Key.Flags = unix.MSG_ZEROCOPY
	declared := trace.Zerocopy{Completions: trace.Known(16), Copied: trace.Known(3)}
	confirmed := trace.Zerocopy{Completions: trace.Known(16)}
	for _, test := range []struct {
		name  string
		slot  *bpf.ObjectSlot
		party Party
		want  trace.Zerocopy
		kind  trace.Provenance
	}{
		{"declared", slot(send), Party{Workload: Workload{Zerocopy: &declared}}, declared, trace.Derived},
		{"confirmed, and no more", slot(send), Party{Workload: Workload{Zerocopy: &confirmed}}, confirmed, trace.Unavailable},
		{"not read", slot(send), Party{}, trace.Zerocopy{}, trace.Unavailable},
		{"nothing sent so", slot(), Party{}, trace.Zerocopy{Completions: trace.Known(0), Copied: trace.Known(0)}, trace.Derived},
	} {
		c := Counters(test.slot, test.party)
		if o := c.Origin("zerocopy.copied"); c.Zerocopy != test.want || o.Provenance != test.kind || o.Reason == "" {
			t.Errorf("%s: %+v, %+v; want %+v, %s with a reason", test.name, c.Zerocopy, o, test.want, test.kind)
		}
	}
}

// How much a vectored call asks for stands in memory, so that nobody knows which
// were short.
func TestShortTransfers(t *testing.T) {
	short := cell(unix.SYS_READ, ext4, none, 16, mib, 0)
	short.ShortCalls = 3
	for _, test := range []struct {
		slot *bpf.ObjectSlot
		want trace.Int
	}{
		{slot(short), trace.Known(3)},
		{slot(short, cell(unix.SYS_WRITEV, none, tcp, 16, mib, 0)), trace.Int{}},
		{slot(short, cell(unix.SYS_WRITEV, none, tcp, 16, 0, 0)), trace.Known(3)},
	} {
		c := Counters(test.slot, Party{Workload: Workload{Transfer: []string{"read", "writev"}}})
		if got := c.Syscalls.ShortTransfers; got != test.want {
			t.Errorf("short transfers are %v, want %v", got, test.want)
		}
		if o := c.Origin("syscalls.short_transfers"); test.want.Known() == (o.Reason != "") {
			t.Errorf("the reason is %q", o.Reason)
		}
	}
}

// A counter whose hook is missing is null, with the reason beside it.
func TestMissingHooks(t *testing.T) {
	const why = "no such hook"
	s := slot(cell(unix.SYS_READ, ext4, none, 1, 1, 0))
	s.Voluntary, s.DiskReadBytes, s.Cache.AddedBytes, s.FaultsUser = 1, 2, 3, 4
	c := Counters(s, Party{Workload: Workload{Cached: true, Maps: true}, Missing: Missing{
		SyscallTime: why, ContextSwitches: why, UserFaults: why, PageCache: why, Disk: why, MappedPages: why, COW: why, NetInternal: why,
	}})
	for path, n := range map[string]trace.Int{
		"syscalls.by_name.read.time_ns": c.Syscalls.ByName["read"].TimeNS,
		"syscalls.by_name.read.blocked": c.Syscalls.ByName["read"].Blocked,
		"context_switches.voluntary":    c.ContextSwitches.Voluntary,
		"context_switches.involuntary":  c.ContextSwitches.Involuntary,
		"page_faults.user_mode":         c.PageFaults.UserMode,
		"page_cache.hit_bytes":          c.PageCache.HitBytes,
		"page_cache.miss_bytes":         c.PageCache.MissBytes,
		"disk.read_bytes":               c.Disk.ReadBytes,
		"disk.write_requests":           c.Disk.WriteRequests,
	} {
		if n.Known() {
			t.Errorf("%s is %v, want null", path, n)
		}
		if o := c.Origin(path); o.Provenance != trace.Unavailable || o.Reason != why {
			t.Errorf("%s comes from %+v, want unavailable: %s", path, o, why)
		}
	}
	for name, a := range map[string]trace.Amount{"mapped": c.Moved.Mapped, "cow": c.Copies.COW, "net_internal": c.Copies.NetInternal} {
		if a.Bytes.Known() || a.Provenance != trace.Unavailable || a.Reason == "" {
			t.Errorf("%s is %+v, want null with a reason", name, a)
		}
	}
}

// What only a workload can declare is null of a program that does not, with a reason.
func TestNothingDeclared(t *testing.T) {
	s := slot(cell(unix.SYS_READ, ext4, none, 1, 1, 0))
	c := Counters(s, Party{})
	for _, n := range []trace.Number{trace.PayloadBytes, trace.UserSpace, trace.CacheLeftBytes} {
		if v := c.Value(n); v.Int.Known() || v.Origin.Reason != whyUndeclared {
			t.Errorf("%s is %v, %v", n, v.Int, v.Origin)
		}
	}
	if v := c.Value(trace.Calls); v.Int != trace.Known(1) {
		t.Errorf("calls: %v, want 1", v.Int)
	}
}

func TestIdleSlotIsUnknown(t *testing.T) {
	c := Counters(&bpf.ObjectSlot{}, Party{})
	if c.Syscalls.Calls.Known() || c.Copies.ToUser.Bytes.Known() || c.ModeSwitches.Known() {
		t.Error("the counters of a window that never opened are known")
	}
}

func TestLosses(t *testing.T) {
	good := slot(cell(unix.SYS_READ, tcp, none, 17, mib, mib))
	good.Voluntary, good.Now.Nvcsw = 5, 5
	good.Cells[0].LatencyLog2[10] = 17
	good.IoCalls = bpf.ObjectIoCalls{Accounted: 1, Reads: 17}
	good.DiskReadBytes, good.Now.ReadBytes = 8192, 8192
	for _, test := range []struct {
		name   string
		damage func(*Snapshot)
		cause  string
		want   int64
	}{
		{"none", func(*Snapshot) {}, "", 0},
		{"a hook missed a switch", func(s *Snapshot) { s.Slots[0].Voluntary-- }, "context_switches", 1},
		{"a hook saw a switch too many", func(s *Snapshot) { s.Slots[0].Involuntary++ }, "context_switches", 1},
		{"copies were not seen", func(s *Snapshot) { s.Slots[0].Cells[0].Seen[0].ToUser -= 100 }, "socket_copies", 100},
		{"the table was full", func(s *Snapshot) { s.Slots[1].UncountedCalls = 3 }, "uncounted_calls", 3},
		{"an error has no errno", func(s *Snapshot) { s.Slots[0].Cells[0].Errors = 2 }, "errnos", 2},
		{"an errno has no error", func(s *Snapshot) { s.Slots[0].Cells[0].Failed[3].Calls = 2 }, "errnos", 2},
		{"a call's beginning was not seen", func(s *Snapshot) { s.Slots[0].Cells[0].LatencyLog2[10]-- }, "unpaired_calls", 1},
		{"the disk was read unseen", func(s *Snapshot) { s.Slots[0].DiskReadBytes -= 4096 }, "disk_reads", 4096},
		{"the disk was read, and not charged", func(s *Snapshot) { s.Slots[0].Now.ReadBytes = 0 }, "disk_reads", 8192},
		{"nobody charges reads", func(s *Snapshot) { s.Slots[0].Begin.ReadBytes, s.Slots[0].Now.ReadBytes = notAccounted, notAccounted }, "", 0},
		{"a breakpoint's program was not run", func(s *Snapshot) { s.BreakpointMisses = 4 }, "breakpoint_misses", 4},
		{"a CPU came online", func(s *Snapshot) { s.UnwatchedCPUs = 1 }, "unwatched_cpus", 1},
		{"the kernel dropped events", func(s *Snapshot) { s.Missed = []Misses{{Feeds: PageCache, Events: 2}} }, "recursion_misses", 2},
		{"a call was not seen", func(s *Snapshot) {
			s.Slots[0].Cells[0].Calls--
			s.Slots[0].Cells[0].LatencyLog2[10]--
			s.Slots[0].IoCalls.Reads--
		}, "declared_calls", 1},
		{"a call was seen that nobody made", func(s *Snapshot) {
			s.Slots[0].Cells[0].Calls++
			s.Slots[0].Cells[0].LatencyLog2[10]++
			s.Slots[0].IoCalls.Reads++
		}, "declared_calls", 1},
		{"the kernel counted a read more", func(s *Snapshot) { s.Slots[0].IoCalls.Reads++ }, "io_calls", 1},
		{"the kernel counted a write more", func(s *Snapshot) { s.Slots[0].IoCalls.Writes++ }, "io_calls", 1},
		{"the kernel counts no reads", func(s *Snapshot) { s.Slots[0].IoCalls = bpf.ObjectIoCalls{} }, "", 0},
		{"a window that is open is not compared", func(s *Snapshot) {
			s.Slots[0].State = bpf.ObjectSlotStateOPEN
			s.Slots[0].Voluntary--
		}, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Snapshot{}
			s.Slots[0] = *good
			test.damage(s)
			for cause, n := range Losses(s, Party{Workload: Workload{Calls: map[uint32]uint64{unix.SYS_READ: 17}}}, Party{}) {
				if cause == test.cause && n != test.want || cause != test.cause && n != 0 {
					t.Errorf("%s is %d, want %s %d", cause, n, test.cause, test.want)
				}
			}
		})
	}
}

// What a worker says that it called is what was counted of it, whatever the kernel did on its way.
func TestDeclaredCalls(t *testing.T) {
	failed := func(nr uint32, calls uint64, failed ...[2]uint64) bpf.ObjectCell { // errno, calls
		c := cell(nr, tcp, none, calls, 0, 0)
		for i, f := range failed {
			c.Errors += f[1]
			c.Failed[i].Errnr, c.Failed[i].Calls = f[0], f[1]
		}
		return c
	}
	read, written := cell(unix.SYS_READ, tcp, none, 17, mib, mib), cell(unix.SYS_WRITE, none, tcp, 16, mib, mib)
	crowded := failed(unix.SYS_SENDTO, 20)
	crowded.Errors, crowded.OtherErrors = 2, 2
	for _, test := range []struct {
		name     string
		cells    []bpf.ObjectCell
		declared map[uint32]uint64
		want     int64
	}{
		{"as declared", []bpf.ObjectCell{read, written}, map[uint32]uint64{unix.SYS_READ: 17, unix.SYS_WRITE: 16}, 0},
		{"to two files", []bpf.ObjectCell{written, cell(unix.SYS_WRITE, none, ext4, 16, mib, mib)}, map[uint32]uint64{unix.SYS_WRITE: 32}, 0},
		{"no cell at all", nil, map[uint32]uint64{unix.SYS_READ: 17}, 17},
		{"none declared", []bpf.ObjectCell{read}, map[uint32]uint64{}, 17},
		{"one too many of one, one too few of the other", []bpf.ObjectCell{read, written}, map[uint32]uint64{unix.SYS_READ: 18, unix.SYS_WRITE: 15}, 2},
		{"failures are calls", []bpf.ObjectCell{failed(unix.SYS_READ, 17, [2]uint64{uint64(unix.EAGAIN), 3})}, map[uint32]uint64{unix.SYS_READ: 17}, 0},
		{
			"stopped and continued",
			[]bpf.ObjectCell{failed(unix.SYS_READ, 20, [2]uint64{512, 1}, [2]uint64{513, 1}, [2]uint64{514, 1})},
			map[uint32]uint64{unix.SYS_READ: 17}, 0,
		},
		{
			"went on as another call",
			[]bpf.ObjectCell{failed(unix.SYS_PPOLL, 17, [2]uint64{516, 1}), cell(unix.SYS_RESTART_SYSCALL, none, none, 1, 0, 0)},
			map[uint32]uint64{unix.SYS_PPOLL: 17}, 0,
		},
		{"two that may be restarts", []bpf.ObjectCell{crowded}, map[uint32]uint64{unix.SYS_SENDTO: 18}, 0},
		{"one more than may be restarts", []bpf.ObjectCell{crowded}, map[uint32]uint64{unix.SYS_SENDTO: 17}, 3},
		{"one less than was made", []bpf.ObjectCell{crowded}, map[uint32]uint64{unix.SYS_SENDTO: 21}, 1},
		{"a clock that only the kernel can read", []bpf.ObjectCell{cell(unix.SYS_CLOCK_GETTIME, none, none, 9, 0, 0)}, map[uint32]uint64{}, 0},
		{"nobody declares", []bpf.ObjectCell{read}, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Snapshot{}
			s.Slots[Receiver] = *slot(test.cells...)
			if n := Losses(s, Party{}, Party{Workload: Workload{Calls: test.declared}})["declared_calls"]; n != test.want {
				t.Errorf("%d, want %d", n, test.want)
			}
		})
	}
}

// What the kernel counts of reads and writes is what was counted, but for those that may not have got as far.
func TestIOCalls(t *testing.T) {
	failing := cell(unix.SYS_READ, tcp, none, 5, 100, 100)
	failing.Errors = 2
	for _, test := range []struct {
		name          string
		cells         []bpf.ObjectCell
		reads, writes uint64
		want          int64
	}{
		{"reads and writes", []bpf.ObjectCell{cell(unix.SYS_PREAD64, ext4, none, 3, 1, 0), cell(unix.SYS_READV, tcp, none, 4, 1, 0), cell(unix.SYS_PWRITE64, none, ext4, 5, 1, 0)}, 7, 5, 0},
		{"sendfile is both", []bpf.ObjectCell{cell(unix.SYS_SENDFILE, ext4, tcp, 4, 1, 0)}, 4, 4, 0},
		{"others are none", []bpf.ObjectCell{cell(unix.SYS_SPLICE, pipe, tcp, 4, 1, 0), cell(unix.SYS_SENDTO, none, tcp, 4, 1, 0)}, 0, 0, 0},
		{"one of each too many", []bpf.ObjectCell{cell(unix.SYS_SENDFILE, ext4, tcp, 4, 1, 0)}, 3, 5, 2},
		{"all that failed got there", []bpf.ObjectCell{failing}, 5, 0, 0},
		{"none of these did", []bpf.ObjectCell{failing}, 3, 0, 0},
		{"one that succeeded did not", []bpf.ObjectCell{failing}, 2, 0, 1},
		{"one more than there were", []bpf.ObjectCell{failing}, 6, 0, 1},
		{"copy_file_range may count twice", []bpf.ObjectCell{cell(unix.SYS_COPY_FILE_RANGE, ext4, ext4, 4, 1, 0)}, 8, 8, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Snapshot{}
			s.Slots[0] = *slot(test.cells...)
			s.Slots[0].IoCalls = bpf.ObjectIoCalls{Accounted: 1, Reads: test.reads, Writes: test.writes}
			if n := Losses(s, Party{}, Party{})["io_calls"]; n != test.want {
				t.Errorf("%d, want %d", n, test.want)
			}
		})
	}
}

// A device that refuses a packet gets it again; what it got in one piece was copied.
func TestNICs(t *testing.T) {
	s := slot(cell(unix.SYS_SENDFILE, ext4, tcp, 16, mib, 0))
	s.Sent.Bytes, s.Sent.Packets, s.Sent.LinearBytes = mib+66*17+1000, 18, 5000
	s.Refused.Bytes, s.Refused.Packets, s.Refused.LinearBytes = 1000, 1, 934
	s.Received.Bytes, s.Received.Packets = 660, 10
	for _, test := range []struct {
		name  string
		party Party
		want  trace.NIC
		why   map[string]trace.Origin
	}{
		{"counted", Party{}, trace.NIC{TxBytes: trace.Known(mib + 66*17), TxPackets: trace.Known(17), RxBytes: trace.Known(660), RxPackets: trace.Known(10)}, nil},
		{
			"below a bond", Party{UnknownRx: "a bond"}, trace.NIC{TxBytes: trace.Known(mib + 66*17), TxPackets: trace.Known(17)},
			map[string]trace.Origin{"nic.rx_bytes": {Provenance: trace.Unavailable, Reason: "a bond"}},
		},
		{
			"a tunnel", Party{UnknownTx: "a tunnel", UnknownRx: "a tunnel"}, trace.NIC{},
			map[string]trace.Origin{"nic.tx_bytes": {Provenance: trace.Unavailable, Reason: "a tunnel"}, "nic.rx_packets": {Provenance: trace.Unavailable, Reason: "a tunnel"}},
		},
		{
			"no hook", Party{Missing: Missing{NICSent: "no such tracepoint"}}, trace.NIC{RxBytes: trace.Known(660), RxPackets: trace.Known(10)},
			map[string]trace.Origin{"nic.tx_packets": {Provenance: trace.Unavailable, Reason: "no such tracepoint"}},
		},
		{
			"veth", Party{NoNIC: "veth"}, trace.NIC{TxBytes: trace.Known(0), TxPackets: trace.Known(0), RxBytes: trace.Known(0), RxPackets: trace.Known(0)},
			map[string]trace.Origin{"nic": {Provenance: trace.Derived, Reason: "veth"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Counters(s, test.party)
			if c.NIC != test.want {
				t.Errorf("%+v, want %+v", c.NIC, test.want)
			}
			for path, why := range test.why {
				if c.Provenance[path] != why {
					t.Errorf("%s: %+v, want %+v", path, c.Provenance[path], why)
				}
			}
			want := trace.Known(4066)
			if test.party.Missing[NICSent] != "" { // nobody knows whether the stack copied
				want = trace.Int{}
			}
			if n := c.Copies.InKernel.Bytes; n != want {
				t.Errorf("in_kernel is %v, want %v", n, want)
			}
			kernel := KernelCounters(&bpf.ObjectKernelCells{}, test.party.Missing, &c)
			if kernel.NIC.TxBytes.Known() != c.NIC.TxBytes.Known() {
				t.Errorf("the kernel's own %+v", kernel.NIC)
			}
		})
	}
}
