//go:build linux

package tracer

import (
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads/aio"
	"github.com/zctrace/zctrace/workloads/uring"
)

// Every hook of the table is a program of the object, and every program is in
// the table.
func TestHookTable(t *testing.T) {
	spec, err := bpf.LoadObject()
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, h := range Hooks {
		listed[h.Program] = true
		if h.Perf.program != "" {
			listed[h.Perf.program] = true
			if p := spec.Programs[h.Perf.program]; p == nil || p.Type != ebpf.TracePoint || p.AttachTo != h.Perf.group+"/"+h.targets()[0] {
				t.Errorf("%s: the object has no program %s for perf's event", h.Name(), h.Perf.program)
			}
		}
		if p := spec.Programs[h.Program]; p == nil || h.Kind != BreakpointHook && p.AttachTo != h.targets()[0] {
			t.Errorf("%s: the object has no such program", h.Name())
		}
	}
	for name := range spec.Programs {
		if !listed[name] {
			t.Errorf("the program %s is not in the table", name)
		}
	}
}

// Every hook feeds something, and everything is fed. A stand-in feeds what its program
// does, and what only some kernels have has or is one.
func TestHooksFeed(t *testing.T) {
	fed := map[ledger.Feed]bool{ledger.DiskWrites: true} // a part of what the hook of [ledger.Disk] feeds
	for _, h := range Hooks {
		fed[h.Feeds] = true
		if len(h.Feeds.Numbers()) == 0 && !h.required() {
			t.Errorf("%s feeds no number", h.Name())
		}
		packets := []ledger.Feed{ledger.NICSent, ledger.NICReceived, ledger.LateCopies}
		if late := slices.Contains(packets, h.Feeds) || h.Program == bpf.ObjectProgSkbCopyUbufs; h.After != late {
			t.Errorf("%s counts after the windows: %v, want %v", h.Name(), h.After, late)
		}
		paired := false
		for _, other := range Hooks {
			if other.Replaces == h.Program || other.Program == h.Replaces {
				paired = true
				if other.Feeds != h.Feeds {
					t.Errorf("%s and %s feed different things", h.Name(), other.Name())
				}
			}
		}
		if (h.Replaces != "" || h.Kernels != "") && !paired {
			t.Errorf("%s: what it feeds is null on kernels without it, for nothing stands in", h.Name())
		}
	}
	for f := range ledger.Feeds() {
		if !fed[f] {
			t.Errorf("no hook feeds %v", f.Numbers())
		}
	}
}

// insteadOfNull are the numbers that the ledger knows in another way too, and where they
// come from without the feed. All others are null.
var insteadOfNull = map[ledger.Feed]map[trace.Number]trace.Provenance{
	ledger.SocketCopies:  {trace.ToUser: trace.Derived},
	ledger.ReceivedPages: {trace.Mapped: trace.Derived},
	ledger.ReadAhead:     {trace.CacheHitBytes: trace.Estimated},
}

// Without a hook, and whatever may stand in for it, what it feeds is null, and the
// reason names it: never 0, nor what the cells may still hold. Nothing else changes.
func TestHooksDropped(t *testing.T) {
	for _, h := range Hooks {
		if h.required() {
			continue // there is no run
		}
		why, dropped := map[string]string{}, h
		for _, other := range Hooks {
			if other.Replaces == h.Program || other.Program == h.Replaces {
				why[other.Program] = other.Name() + " is not there"
			}
			if other.Program == h.Replaces {
				dropped = other
			}
		}
		if alone := lacking(Hooks, map[string]string{h.Program: "it is not there"}); len(why) > 0 && len(alone) > 0 {
			t.Errorf("%s: without it alone %v is missing", h.Name(), alone)
		}
		why[h.Program] = h.Name() + " is not there"
		missing := lacking(Hooks, why)
		if want := dropped.Name() + " is not there"; len(missing) != 1 || missing[h.Feeds] != want {
			t.Errorf("%s: missing is %v, want %v because %s", h.Name(), missing, h.Feeds.Numbers(), want)
			continue
		}
		engine := h.Engine
		if engine == "" {
			engine = ledger.Fentry
		}
		full := everything(engine)
		checkNumbers(t, dropped, count(t, full, engine, nil), count(t, full, engine, missing))
		if unwritten[h.Feeds] == nil {
			t.Errorf("%s: what it writes stands nowhere", h.Name())
			continue
		}
		unwritten[h.Feeds](full)
		checkNumbers(t, dropped, count(t, everything(engine), engine, nil), count(t, full, engine, missing))
		for cause, n := range ledger.Losses(&ledger.Snapshot{Slots: bpf.ObjectSlotArray{*full}}, ledger.Party{Missing: missing}, ledger.Party{}) {
			if n != 0 {
				t.Errorf("%s: without it %s is %d", h.Name(), cause, n)
			}
		}
	}
}

// checkNumbers compares what is counted without a hook with what is counted with it.
func checkNumbers(t *testing.T, h Hook, with, without *trace.Totals) {
	t.Helper()
	concerned := h.Feeds.Numbers()
	for _, was := range slices.Collect(with.Sender.All()) {
		is := without.Sender.ValueOf(was.Number, was.Key)
		origin, known := insteadOfNull[h.Feeds][was.Number]
		switch {
		case !slices.Contains(concerned, was.Number):
			if is != was {
				t.Errorf("%s: without it %s is %v, %v; it was %v, %v", h.Name(), is.Path(), is.Int, is.Origin, was.Int, was.Origin)
			}
		case was.Int.Or(0) == 0:
			t.Errorf("%s: %s is %v also with it", h.Name(), was.Path(), was.Int)
		case known:
			if !is.Int.Known() || is.Origin.Provenance != origin || is.Origin == was.Origin {
				t.Errorf("%s: without it %s is %v, %v; want it %s", h.Name(), is.Path(), is.Int, is.Origin, origin)
			}
		case is.Int.Known() || !strings.Contains(is.Origin.Reason, h.Name()):
			t.Errorf("%s: without it %s is %v, %v; want null because of it", h.Name(), is.Path(), is.Int, is.Origin)
		}
	}
	if is := without.Kernel.Value(trace.DiskWriteBytes); h.Feeds == ledger.Disk && (is.Int.Known() || !strings.Contains(is.Origin.Reason, h.Name())) {
		t.Errorf("%s: without it the kernel's %s is %v, %v; want null because of it", h.Name(), is.Path(), is.Int, is.Origin)
	}
}

// count is what one engine makes of a slot.
func count(t *testing.T, s *bpf.ObjectSlot, engine ledger.Engine, missing ledger.Missing) *trace.Totals {
	t.Helper()
	total := &trace.Totals{Sender: ledger.Counters(s, ledger.Party{Missing: missing, Engines: []ledger.Engine{engine}, Workload: ledger.Workload{
		Payload: trace.Known(1 << 20), UserSpace: trace.Known(1), Transfer: []string{"read"}, Cached: true, Dense: true, Maps: true,
	}})}
	total.Kernel = ledger.KernelCounters(&bpf.ObjectKernelCells{WritebackBytes: 4096, WritebackBios: 1}, missing, &total.Sender)
	if err := (&trace.Trace{Schema: trace.Schema, Total: *total}).Validate(); err != nil {
		t.Errorf("without %v: %v", missing, err)
	}
	return total
}

var (
	known   = uint16(bpf.ObjectFdAttrFD_KNOWN)
	nothing = bpf.ObjectFdKind{}
	ext4    = bpf.ObjectFdKind{Format: unix.S_IFREG, Detail: unix.EXT4_SUPER_MAGIC, Attrs: known}
	xfs     = bpf.ObjectFdKind{Format: unix.S_IFREG, Detail: unix.XFS_SUPER_MAGIC, Attrs: known}
	direct  = bpf.ObjectFdKind{Format: unix.S_IFREG, Detail: unix.EXT4_SUPER_MAGIC, Attrs: known | uint16(bpf.ObjectFdAttrFD_DIRECT)}
	zero    = bpf.ObjectFdKind{Format: unix.S_IFCHR, Detail: 1<<20 | 5, Attrs: known}
	tcp     = bpf.ObjectFdKind{Format: unix.S_IFSOCK, Detail: unix.AF_INET<<24 | unix.SOCK_STREAM<<16 | unix.IPPROTO_TCP,
		Attrs: known | uint16(bpf.ObjectFdAttrFD_SG) | uint16(bpf.ObjectFdAttrFD_ZEROCOPY)}
)

// callsOf are system calls of which an engine has seen copies. Besides those that follow
// from the calls there are, for an engine that sees copies, some that do not.
func callsOf(engine ledger.Engine) (cells [64]bpf.ObjectCell) {
	calls := 0
	call := func(nr uint32, flags uint32, in, out bpf.ObjectFdKind, bytes, mapped uint64, seen bpf.ObjectCopied) {
		c := &cells[calls]
		*c = bpf.ObjectCell{Key: bpf.ObjectCellKey{Nr: nr, Flags: flags, In: in, Out: out}, Calls: 2, Bytes: bytes, Mapped: mapped, TimeNs: 30, Blocked: 1}
		c.LatencyLog2[3] = 2
		c.Seen = [bpf.ObjectEngineENGINES]bpf.ObjectCopied{{ToUser: seen.ToUser}, seen, seen}
		if in != tcp {
			c.Seen[bpf.ObjectEngineTRACEPOINTS] = bpf.ObjectCopied{}
		}
		calls++
	}
	call(unix.SYS_READ, 0, tcp, nothing, 30_000, 0, bpf.ObjectCopied{ToUser: 30_000})
	call(unix.SYS_READ, 0, zero, nothing, 40_000, 0, bpf.ObjectCopied{})
	call(unix.SYS_WRITE, 0, nothing, ext4, 50_000, 0, bpf.ObjectCopied{FromUser: 50_000})
	call(unix.SYS_SENDFILE, 0, ext4, ext4, 60_000, 0, bpf.ObjectCopied{InKernel: 60_000})
	call(unix.SYS_SENDTO, unix.MSG_ZEROCOPY, nothing, tcp, 70_000, 0, bpf.ObjectCopied{})
	call(unix.SYS_GETSOCKOPT, unix.TCP_ZEROCOPY_RECEIVE, tcp, nothing, 9000, 8192, bpf.ObjectCopied{ToUser: 808})
	call(unix.SYS_IO_URING_ENTER, 0, nothing, nothing, 0, 0, bpf.ObjectCopied{ToUser: 8000})
	call(unix.SYS_IO_SUBMIT, 0, nothing, nothing, 0, 0, bpf.ObjectCopied{ToUser: 9000})
	if engine != ledger.Derived {
		call(unix.SYS_COPY_FILE_RANGE, 0, xfs, xfs, 5000, 0, bpf.ObjectCopied{InKernel: 1000})
		call(unix.SYS_READ, 0, direct, nothing, 6000, 0, bpf.ObjectCopied{ToUser: 1000})
		call(unix.SYS_WRITE, 0, nothing, direct, 7000, 0, bpf.ObjectCopied{FromUser: 1000})
	}
	return cells
}

// everything is a slot in which all hooks have counted something.
func everything(engine ledger.Engine) *bpf.ObjectSlot {
	s := &bpf.ObjectSlot{State: bpf.ObjectSlotStateCLOSED, Cells: callsOf(engine)}
	request := func(i int, nr uint32, bytes uint64) {
		s.Helpers.Requests[i] = bpf.ObjectRequestCell{State: uint64(bpf.ObjectClaimREADY),
			Key: bpf.ObjectCellKey{Nr: nr, In: ext4}, Requests: 2, Errors: 1, OtherErrors: 1, Bytes: bytes}
	}
	request(0, uint32(bpf.ObjectRequestBaseIO_URING_OP)+uring.OpRead, 8000)
	request(1, uint32(bpf.ObjectRequestBaseIOCB_CMD)+aio.OpRead, 9000)
	s.Now = bpf.ObjectTaskCounters{Nvcsw: 5, Nivcsw: 2, MinFlt: 7, MajFlt: 3, ReadBytes: 8192, RuntimeNs: 9e6, UtimeNs: 4e6, StimeNs: 4e6}
	s.Voluntary, s.Involuntary, s.FaultsUser = 5, 2, 4
	s.Cache = bpf.ObjectCacheUse{AddedBytes: 8192, AheadBytes: 5000, MissedBytes: 3000, MappedBytes: 4096}
	s.DiskReadBytes, s.DiskReadBios, s.DiskWriteBytes, s.DiskWriteBios = 8192, 2, 4096, 1
	s.LateBytes = [bpf.ObjectEngineENGINES]uint64{bpf.ObjectEngineTRACEPOINTS: 100, bpf.ObjectEngineFENTRY: 100}
	s.CowBytes, s.ReceivedBytes, s.NetInternalBytes = 4096, 8192, 10
	s.Sent.Bytes, s.Sent.Packets, s.Sent.LinearBytes = 80_000, 20, 500
	s.Refused.Bytes, s.Refused.Packets, s.Refused.LinearBytes = 8000, 2, 50
	s.Received.Bytes, s.Received.Packets = 660, 10
	s.Helpers.Now = bpf.ObjectHelperCounters{MinFlt: 1, MajFlt: 1, RuntimeNs: 100}
	s.Helpers.Gone = bpf.ObjectHelperCounters{MinFlt: 2, MajFlt: 2, RuntimeNs: 200}
	return s
}

var none bpf.ObjectSlot

// unwritten takes out of a slot what no hook would have written that feeds this.
var unwritten = map[ledger.Feed]func(*bpf.ObjectSlot){
	ledger.SyscallTime: func(s *bpf.ObjectSlot) {
		for i := range s.Cells {
			s.Cells[i].TimeNs, s.Cells[i].LatencyLog2 = 0, [40]uint64{}
		}
	},
	ledger.ContextSwitches: func(s *bpf.ObjectSlot) {
		s.Voluntary, s.Involuntary = 0, 0
		for i := range s.Cells {
			s.Cells[i].Blocked = 0
		}
	},
	ledger.ThreadExits:  func(s *bpf.ObjectSlot) { s.Helpers.Gone = bpf.ObjectHelperCounters{} },
	ledger.UserFaults:   func(s *bpf.ObjectSlot) { s.FaultsUser = 0 },
	ledger.SocketCopies: func(s *bpf.ObjectSlot) { unseen(s, bpf.ObjectEngineTRACEPOINTS) },
	ledger.LateCopies:   func(s *bpf.ObjectSlot) { s.LateBytes[bpf.ObjectEngineTRACEPOINTS] = 0 },
	ledger.FentryCopies: func(s *bpf.ObjectSlot) {
		s.LateBytes[bpf.ObjectEngineFENTRY] = 0
		unseen(s, bpf.ObjectEngineFENTRY)
	},
	ledger.BreakpointCopies: func(s *bpf.ObjectSlot) { unseen(s, bpf.ObjectEngineBREAKPOINT) },
	ledger.PageCache:        func(s *bpf.ObjectSlot) { s.Cache.AddedBytes, s.Cache.AheadBytes, s.Cache.MissedBytes = 0, 0, 0 },
	ledger.ReadAhead:        func(s *bpf.ObjectSlot) { s.Cache.AheadBytes, s.Cache.MissedBytes = s.Cache.AddedBytes, 0 },
	ledger.MappedPages:      func(s *bpf.ObjectSlot) { s.Cache.MappedBytes = 0 },
	ledger.ReceivedPages:    func(s *bpf.ObjectSlot) { s.ReceivedBytes = 0 },
	ledger.COW:              func(s *bpf.ObjectSlot) { s.CowBytes = 0 },
	ledger.NetInternal:      func(s *bpf.ObjectSlot) { s.NetInternalBytes = 0 },
	ledger.Disk: func(s *bpf.ObjectSlot) {
		s.DiskReadBytes, s.DiskReadBios, s.DiskWriteBytes, s.DiskWriteBios = 0, 0, 0, 0
	},
	ledger.NICSent:       func(s *bpf.ObjectSlot) { s.Sent, s.Refused = none.Sent, none.Refused },
	ledger.NICReceived:   func(s *bpf.ObjectSlot) { s.Received = none.Received },
	ledger.UringRequests: func(s *bpf.ObjectSlot) { s.Helpers.Requests[0] = bpf.ObjectRequestCell{} },
	ledger.AIORequests:   func(s *bpf.ObjectSlot) { s.Helpers.Requests[1] = bpf.ObjectRequestCell{} },
}

func unseen(s *bpf.ObjectSlot, engine bpf.ObjectEngine) {
	for i := range s.Cells {
		s.Cells[i].Seen[engine] = bpf.ObjectCopied{}
	}
}
