//go:build linux

package ledger

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/tracer/trace"
)

const (
	uring = uint32(bpf.ObjectRequestBaseIO_URING_OP)
	aio   = uint32(bpf.ObjectRequestBaseIOCB_CMD)
)

// done is a number of requests that moved bytes in all.
func done(nr uint32, in, out bpf.ObjectFdKind, requests, bytes uint64) bpf.ObjectRequestCell {
	return bpf.ObjectRequestCell{State: uint64(bpf.ObjectClaimREADY), Key: bpf.ObjectCellKey{Nr: nr, In: in, Out: out}, Requests: requests, Bytes: bytes}
}

func TestRequestRules(t *testing.T) {
	for _, test := range []struct {
		name    string
		nr      uint32
		in, out bpf.ObjectFdKind
		want    []class
		unknown []class
	}{
		{"read of a file", uring + opRead, ext4, none, []class{toUser}, nil},
		{"read of a file with O_DIRECT", uring + opReadFixed, file(unix.XFS_SUPER_MAGIC, direct), none, nil, []class{toUser, pageRefs, fill}},
		{"write to a pipe", uring + opWrite, none, pipeIn, []class{fromUser}, nil},
		{"send", uring + opSend, none, tcp, []class{fromUser}, nil},
		{"zero-copy send needs no SO_ZEROCOPY", uring + opSendZC, none, tcp, []class{pageRefs}, nil},
		{"zero-copy send without scatter-gather", uring + opSendZC, none, tcpNoSG, []class{fromUser}, nil},
		{"splice file to pipe", uring + opSplice, ext4, pipeIn, []class{pageRefs}, nil},
		{"splice pipe to file", uring + opSplice, pipe, ext4, []class{inKernel}, nil},
		{"splice of what could not be looked at", uring + opSplice, none, pipeIn, nil, []class{inKernel, pageRefs, fill}},
		{"an operation newer than this", uring + 200, none, none, nil, []class{toUser, fromUser, inKernel, pageRefs}},
		{"AIO read", aio + cmdPread, ext4, none, []class{toUser}, nil},
		{"AIO write with O_DIRECT", aio + cmdPwritev, none, file(unix.EXT4_SUPER_MAGIC, direct), nil, []class{fromUser, pageRefs}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := requestOf(test.nr).rule(test.in, test.out, 0)
			if !slices.Equal(v.certain, test.want) || !slices.Equal(v.unknown, test.unknown) {
				t.Errorf("certain %v, unknown %v; want %v, %v", v.certain, v.unknown, test.want, test.unknown)
			}
		})
	}
	for _, nr := range []uint32{uring + 0, uring + 6, aio + 2} { // NOP, POLL_ADD, FSYNC
		if requestOf(nr).rule != nil {
			t.Errorf("request %d moves payload", nr)
		}
	}
}

const asked = 1000 // bytes

// entered is a call in which an engine saw this copied.
func entered(seen bpf.ObjectCopied) bpf.ObjectCell {
	c := cell(unix.SYS_IO_URING_ENTER, none, none, 1, 0, 0)
	c.Seen = [3]bpf.ObjectCopied{{}, seen, seen}
	return c
}

type amounts struct{ toUser, fromUser, inKernel, refs trace.Amount }

// pooled are requests, the copies seen meanwhile, and what they come to.
var pooled = []struct {
	name     string
	engine   Engine
	cells    []bpf.ObjectCell
	requests []bpf.ObjectRequestCell
	helpers  bpf.ObjectCopied // saw
	last     bpf.ObjectCopied // the thread, after its last call
	want     amounts
}{
	{
		"seen by the thread and by a helper", Fentry,
		[]bpf.ObjectCell{entered(bpf.ObjectCopied{ToUser: 900})},
		[]bpf.ObjectRequestCell{done(uring+opRead, ext4, none, 1, asked), done(uring+opSend, none, tcp, 1, asked)},
		bpf.ObjectCopied{FromUser: asked}, bpf.ObjectCopied{ToUser: 100},
		amounts{hooked(asked, ""), hooked(asked, ""), hooked(0, ""), derived(0, whyTold)},
	}, {
		"seen in part", Fentry,
		[]bpf.ObjectCell{entered(bpf.ObjectCopied{ToUser: 900})},
		[]bpf.ObjectRequestCell{done(uring+opRead, ext4, none, 1, asked)},
		bpf.ObjectCopied{}, bpf.ObjectCopied{},
		amounts{mixed(asked, 900, whyTold), hooked(0, ""), hooked(0, ""), derived(0, whyTold)},
	}, {
		"derived", Derived,
		[]bpf.ObjectCell{entered(bpf.ObjectCopied{})},
		[]bpf.ObjectRequestCell{done(uring+opRead, ext4, none, 1, asked), done(uring+opWrite, none, ext4, 1, asked)},
		bpf.ObjectCopied{}, bpf.ObjectCopied{},
		amounts{derived(asked, whyTold), derived(asked, whyTold), derived(0, whyTold), derived(0, whyTold)},
	}, {
		"certain copies come before possible ones", Fentry,
		[]bpf.ObjectCell{entered(bpf.ObjectCopied{ToUser: asked + 200})},
		[]bpf.ObjectRequestCell{done(uring+opRead, file(unix.EXT4_SUPER_MAGIC, direct), none, 1, asked), done(uring+opRead, ext4, none, 1, asked)},
		bpf.ObjectCopied{}, bpf.ObjectCopied{},
		amounts{hooked(asked+200, ""), hooked(0, ""), hooked(0, ""), derived(asked-200, whyTold)},
	}, {
		"by reference, but for what the kernel copied after all", Fentry,
		[]bpf.ObjectCell{entered(bpf.ObjectCopied{})},
		[]bpf.ObjectRequestCell{done(uring+opSplice, ext4, pipeIn, 1, asked), done(uring+opSplice, pipe, tcp, 1, asked)},
		bpf.ObjectCopied{InKernel: 300}, bpf.ObjectCopied{},
		amounts{hooked(0, ""), hooked(0, ""), hooked(300, ""), derived(2*asked-300, whyTold)},
	}, {
		"a registered buffer, which breakpoints take for the kernel's", Breakpoint,
		[]bpf.ObjectCell{entered(bpf.ObjectCopied{InKernel: asked})},
		[]bpf.ObjectRequestCell{done(uring+opReadFixed, ext4, none, 1, asked)},
		bpf.ObjectCopied{}, bpf.ObjectCopied{},
		amounts{hooked(asked, ""), hooked(0, ""), hooked(0, ""), derived(0, whyTold)},
	}, {
		"what no request completed yet", Fentry,
		[]bpf.ObjectCell{entered(bpf.ObjectCopied{ToUser: asked})},
		[]bpf.ObjectRequestCell{done(uring+opRead, ext4, none, 1, 400)},
		bpf.ObjectCopied{}, bpf.ObjectCopied{},
		amounts{hooked(asked, ""), hooked(0, ""), hooked(0, ""), derived(0, whyTold)},
	}, {
		"breakpoints passed twice by one copy", Breakpoint,
		[]bpf.ObjectCell{entered(bpf.ObjectCopied{ToUser: asked + 50})},
		[]bpf.ObjectRequestCell{done(uring+opRead, ext4, none, 1, asked)},
		bpf.ObjectCopied{}, bpf.ObjectCopied{},
		amounts{hooked(asked, ""), hooked(0, ""), hooked(0, ""), derived(0, whyTold)},
	}, {
		"AIO beside plain writes, whose copies are their own", Fentry,
		[]bpf.ObjectCell{
			{Key: bpf.ObjectCellKey{Nr: unix.SYS_IO_SUBMIT}, Calls: 1, Seen: [3]bpf.ObjectCopied{{}, {ToUser: asked}}},
			{Key: bpf.ObjectCellKey{Nr: unix.SYS_WRITE, Out: tcp}, Calls: 1, Bytes: asked, Seen: [3]bpf.ObjectCopied{{}, {FromUser: asked}}},
		},
		[]bpf.ObjectRequestCell{done(aio+cmdPread, ext4, none, 1, asked)},
		bpf.ObjectCopied{}, bpf.ObjectCopied{},
		amounts{hooked(asked, ""), hooked(asked, ""), hooked(0, ""), derived(0, whyTold)},
	}, {
		"a cell that is just being taken", Fentry,
		[]bpf.ObjectCell{entered(bpf.ObjectCopied{})},
		[]bpf.ObjectRequestCell{{State: uint64(bpf.ObjectClaimCLAIMED), Key: bpf.ObjectCellKey{Nr: uring + opUringCmd}, Requests: 1}},
		bpf.ObjectCopied{}, bpf.ObjectCopied{},
		amounts{hooked(0, ""), hooked(0, ""), hooked(0, ""), derived(0, whyTold)},
	},
}

// Copies that were made for requests cannot be told apart: they are pooled.
func TestTallyOfRequests(t *testing.T) {
	for _, test := range pooled {
		t.Run(test.name, func(t *testing.T) {
			s := slot(test.cells...)
			copy(s.Helpers.Requests[:], test.requests)
			s.Helpers.Seen[test.engine.Cells()] = test.helpers
			s.Seen[test.engine.Cells()] = test.last
			ta := newTally(s, test.engine, &Party{Workload: Workload{Dense: true}})
			got := amounts{ta.amount(toUser), ta.amount(fromUser), ta.amount(inKernel), ta.amount(pageRefs)}
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// Without the hook that counts requests, what a submission moved is not known.
func TestTallyOfUncountedRequests(t *testing.T) {
	const why = "no such tracepoint"
	for _, nr := range []uint32{unix.SYS_IO_URING_ENTER, unix.SYS_IO_SUBMIT, unix.SYS_IO_GETEVENTS, unix.SYS_IO_PGETEVENTS} {
		ta := newTally(slot(cell(nr, none, none, 1, 0, 0)), Fentry, &Party{Missing: Missing{UringRequests: why, AIORequests: why}})
		for _, c := range []class{toUser, fromUser, inKernel, pageRefs} {
			if got := ta.amount(c); got.Bytes.Known() || !strings.Contains(got.Reason, why) {
				t.Errorf("%s: class %d is %+v, want null because there is %s", syscalls.Name(nr), c, got, why)
			}
		}
	}
}

// Requests are no system calls; what they read from disk is the run's.
func TestCountersOfRequests(t *testing.T) {
	read := done(uring+opRead, ext4, none, 16, mib)
	read.Errors, read.OtherErrors, read.Failed[0].Errnr, read.Failed[0].Calls = 6, 2, uint64(unix.EIO), 3 // one is lost
	again := done(uring+opRead, xfs, none, 4, 100)
	again.Errors, again.Failed[0].Errnr, again.Failed[0].Calls = 4, uint64(unix.EIO), 4
	send := done(aio+cmdPwrite, none, ext4, 1, 0)
	s := slot(cell(unix.SYS_IO_URING_ENTER, none, none, 3, 0, 0))
	s.DiskReadBytes, s.DiskReadBios, s.Cache.AddedBytes = 1000, 1, 4096
	s.Now.ReadBytes = 1000 // the thread's own
	s.Helpers = bpf.ObjectHelpers{DiskReadBytes: 500, DiskReadBios: 1, UncountedRequests: 3, Cache: bpf.ObjectCacheUse{AddedBytes: 4096}}
	s.Helpers.Requests[7], s.Helpers.Requests[8], s.Helpers.Requests[9] = read, again, send
	s.Now.RuntimeNs = 7
	s.Now.MinFlt = 2
	s.Helpers.Begin = bpf.ObjectHelperCounters{RuntimeNs: 100, MinFlt: 5}
	s.Helpers.Now = bpf.ObjectHelperCounters{RuntimeNs: 60, MinFlt: 8}
	s.Helpers.Gone = bpf.ObjectHelperCounters{RuntimeNs: 50, MinFlt: 1}
	c := Counters(s, Party{Workload: Workload{Transfer: []string{"io_uring_enter"}, Payload: trace.Known(mib), Cached: true}})
	for name, got := range map[string][2]trace.Int{
		"calls":          {c.Syscalls.Calls, trace.Known(3)},
		"transfer calls": {c.Syscalls.TransferCalls, trace.Known(3)},
		"to_user":        {c.Copies.ToUser.Bytes, trace.Known(mib + 100)},
		"disk bytes":     {c.Disk.ReadBytes, trace.Known(1500)},
		"disk requests":  {c.Disk.ReadRequests, trace.Known(2)},
		"cache misses":   {c.PageCache.MissBytes, trace.Known(8192)},
		"page faults":    {c.PageFaults.Minor, trace.Known(2 + 8 + 1 - 5)},
		"run time":       {c.CPU.RuntimeNS, trace.Known(7 + 60 + 50 - 100)},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %v, want %v", name, got[0], got[1])
		}
	}
	if origin := c.Origin("cpu.runtime_ns"); origin.Provenance != trace.Estimated || origin.Reason == "" {
		t.Errorf("the run time with that of other threads is %+v, want it estimated with a reason", origin)
	}
	if names := c.Syscalls.ByName; len(names) != 1 {
		t.Errorf("system calls: %v", names)
	}
	requests := map[string]trace.Request{
		"IORING_OP_READ":  {Completed: trace.Known(20), Errors: trace.Known(9), Errnos: map[string]trace.Int{"EIO": trace.Known(7)}, Bytes: trace.Known(mib + 100)},
		"IOCB_CMD_PWRITE": {Completed: trace.Known(1), Errors: trace.Known(0), Bytes: trace.Known(0)},
	}
	if !reflect.DeepEqual(c.Requests, requests) {
		t.Errorf("requests: %v, want %v", c.Requests, requests)
	}
	losses := Losses(&Snapshot{Slots: bpf.ObjectSlotArray{*s}}, Party{Missing: Missing{SyscallTime: "not asked for"}}, Party{})
	if losses["disk_reads"] != 0 || losses["uncounted_calls"] != 3 || losses["errnos"] != 1 {
		t.Errorf("losses: %v", losses)
	}
}

// Where no system call can have made requests there are none; where one did and nobody counted them, none is known.
func TestRequestsWithoutTheirHooks(t *testing.T) {
	const why = "no such tracepoint"
	without := Party{Missing: Missing{UringRequests: why, AIORequests: why}}
	for nr, known := range map[uint32]bool{unix.SYS_READ: true, unix.SYS_IO_URING_ENTER: false, unix.SYS_IO_SUBMIT: false} {
		c := Counters(slot(cell(nr, none, none, 1, 0, 0)), without)
		if (c.Requests != nil) != known || len(c.Requests) > 0 || (c.Origin("requests.IORING_OP_SEND.errors").Reason == why) == known {
			t.Errorf("%s: requests %v, %+v", syscalls.Name(nr), c.Requests, c.Origin("requests"))
		}
	}
	polled := slot() // by a thread of the kernel
	polled.Helpers.Begin.RuntimeNs = 1
	if c := Counters(polled, without); c.Requests != nil {
		t.Errorf("of a polled ring: requests %v", c.Requests)
	}
}

// A zero-copy send that may have been copied late, with nobody to tell.
func TestLateCopiesOfRequests(t *testing.T) {
	s := slot()
	s.Helpers.Requests[0] = done(uring+opSendZC, none, tcp, 1, 1000)
	ta := newTally(s, Derived, &Party{Missing: Missing{LateCopies: "no such tracepoint"}})
	if got := ta.amount(inKernel); got.Bytes.Known() || got.Reason == "" {
		t.Errorf("in_kernel is %+v, want null with a reason", got)
	}
	if got := ta.amount(pageRefs).Bytes; got != trace.Known(1000) {
		t.Errorf("page_refs is %v, want 1000", got)
	}
}
