//go:build linux

package ledger

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// ended are the cells of a process that has read 100 bytes and written 50, failed once in each of these calls, and was switched out thrice.
func ended(calls ...uint32) *bpf.ObjectProcess {
	c := &bpf.ObjectProcess{State: uint64(bpf.ObjectProcessStateENDED), Id: 1, Pid: 7, Threads: 1, StartedNs: 1, EndedNs: 2}
	c.Comm[0] = 'p'
	c.Calls[0] = bpf.ObjectSum{State: uint64(bpf.ObjectClaimREADY), Key: bpf.ObjectCellKey{Nr: unix.SYS_READ}, Calls: 2, Bytes: 100, TimeNs: 9, Blocked: 2}
	c.Calls[1] = bpf.ObjectSum{State: uint64(bpf.ObjectClaimREADY), Key: bpf.ObjectCellKey{Nr: unix.SYS_WRITE}, Calls: 1, Bytes: 50, TimeNs: 5}
	for i, nr := range calls {
		c.Calls[2+i] = bpf.ObjectSum{State: uint64(bpf.ObjectClaimREADY), Key: bpf.ObjectCellKey{Nr: nr}, Calls: 2, Errors: 1}
	}
	c.Sums = bpf.ObjectTaskSums{
		Task: bpf.ObjectTaskCounters{Nvcsw: 2, Nivcsw: 1, MinFlt: 4, RuntimeNs: 1000}, Voluntary: 2, Involuntary: 1,
		Io: bpf.ObjectIoBytes{Rchar: 100, Wchar: 50}, Counted: bpf.ObjectIoBytes{Rchar: 100, Wchar: 50},
	}
	return c
}

// What differs from the kernel's own account is a loss, but for what the kernel is known to do in a process's name.
func TestBalance(t *testing.T) {
	for name, test := range map[string]struct {
		calls  []uint32 // that failed once
		change func(*bpf.ObjectProcess)
		want   [3]uint64
		kernel map[string]trace.KernelIO
	}{
		"nothing":       {change: func(*bpf.ObjectProcess) {}},
		"a lost read":   {change: func(c *bpf.ObjectProcess) { c.Sums.Counted.Rchar = 99 }, want: [3]uint64{1, 0, 0}},
		"a lost write":  {change: func(c *bpf.ObjectProcess) { c.Sums.Counted.Wchar = 0 }, want: [3]uint64{0, 50, 0}},
		"twice counted": {change: func(c *bpf.ObjectProcess) { c.Sums.Counted.Rchar = 200 }, want: [3]uint64{100, 0, 0}},
		"a lost switch": {change: func(c *bpf.ObjectProcess) { c.Sums.Involuntary = 0 }, want: [3]uint64{0, 0, 1}},
		"execve": {calls: []uint32{unix.SYS_EXECVE}, change: func(c *bpf.ObjectProcess) { c.Sums.Io.Rchar, c.Sums.KernelRead, c.Calls[2].KernelRead = 356, 256, 256 },
			kernel: map[string]trace.KernelIO{"execve": {ReadBytes: trace.Known(256), WrittenBytes: trace.Known(0)}}},
		"a core dump": {change: func(c *bpf.ObjectProcess) { c.Sums.Io.Wchar, c.ExitCode = 5050, 0x86 },
			kernel: map[string]trace.KernelIO{"exit": {ReadBytes: trace.Known(0), WrittenBytes: trace.Known(5000)}}},
		"a core dump and less read": {change: func(c *bpf.ObjectProcess) { c.Sums.Io = bpf.ObjectIoBytes{Rchar: 90, Wchar: 5050}; c.ExitCode = 0x86 },
			want: [3]uint64{10, 0, 0}, kernel: map[string]trace.KernelIO{"exit": {ReadBytes: trace.Known(0), WrittenBytes: trace.Known(5000)}}},
		"a core dump and a lost read": {change: func(c *bpf.ObjectProcess) { c.Sums.Io = bpf.ObjectIoBytes{Rchar: 110, Wchar: 5050}; c.ExitCode = 0x86 },
			want: [3]uint64{10, 0, 0}, kernel: map[string]trace.KernelIO{"exit": {ReadBytes: trace.Known(0), WrittenBytes: trace.Known(5000)}}},
		"a core dump and less written": {change: func(c *bpf.ObjectProcess) { c.Sums.Io.Wchar, c.ExitCode = 40, 0x86 }, want: [3]uint64{0, 10, 0}},
		"acct in two namespaces": {change: func(c *bpf.ObjectProcess) { c.Sums.Io.Wchar, c.Recorders = 50+128, 2 },
			kernel: map[string]trace.KernelIO{"exit": {ReadBytes: trace.Known(0), WrittenBytes: trace.Known(128)}}},
		"acct with a full disk":      {change: func(c *bpf.ObjectProcess) { c.Recorders = 2 }},
		"acct and a lost write":      {change: func(c *bpf.ObjectProcess) { c.Sums.Io.Wchar, c.Recorders = 50+64+1, 1 }, want: [3]uint64{0, 65, 0}},
		"64 bytes without acct":      {change: func(c *bpf.ObjectProcess) { c.Sums.Io.Wchar = 50 + 64 }, want: [3]uint64{0, 64, 0}},
		"a module":                   {calls: []uint32{unix.SYS_FINIT_MODULE}, change: func(c *bpf.ObjectProcess) { c.Sums.Io.Rchar = 4100 }, want: [3]uint64{4000, 0, 0}},
		"a lost read without a slot": {calls: []uint32{unix.SYS_EXECVE}, change: func(c *bpf.ObjectProcess) { c.Sums.Io.Rchar, c.Slotless, c.SlotlessEnded = 120, 1, 1 }, want: [3]uint64{20, 0, 0}},
		"twice counted without one":  {calls: []uint32{unix.SYS_EXECVE}, change: func(c *bpf.ObjectProcess) { c.Sums.Io.Rchar, c.Slotless, c.SlotlessEnded = 90, 1, 1 }, want: [3]uint64{10, 0, 0}},
	} {
		c := ended(test.calls...)
		test.change(c)
		p := NewProcess(c)
		if p.Unbalanced != test.want {
			t.Errorf("%s: unbalanced by %v, want %v", name, p.Unbalanced, test.want)
		}
		cost := p.cost(Party{Engines: []Engine{Derived}, Missing: Missing{}}, false)
		if !maps.Equal(cost.IO.KernelIO, test.kernel) && len(cost.IO.KernelIO)+len(test.kernel) > 0 {
			t.Errorf("%s: the kernel itself: %+v, want %+v", name, cost.IO.KernelIO, test.kernel)
		}
	}
}

// filled is the trace of two processes, the second as ended has it and changed.
func filled(t *testing.T, missing Missing, change func(*bpf.ObjectProcess, *ProgramSnapshot)) *trace.Program {
	t.Helper()
	first, second := ended(unix.SYS_GETPID), ended()
	second.Id, second.Pid, second.Comm[0] = 2, 8, 'q'
	s := &ProgramSnapshot{}
	change(second, s)
	s.Ended = []*Process{NewProcess(first)}
	if p := NewProcess(second); p.EndedNS != 0 {
		s.Ended = append(s.Ended, p)
	} else {
		s.Alive = append(s.Alive, p)
	}
	p := &trace.Program{Schema: trace.ProgramSchema, Scope: trace.Scope{Kind: trace.ScopeExec}}
	var book Programs
	book.Add(s)
	book.Fill(p, s, Party{Missing: missing, Engines: []Engine{Fentry, Derived}}, false)
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	return p
}

// nulls are the numbers of a cost that are null, and the reason in its origins.
func nulls(t *testing.T, c *trace.Cost) map[string]string {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(path []string, at map[string]any)
	walk = func(path []string, at map[string]any) {
		for key, v := range at {
			below := append(slices.Clip(path), key)
			switch v := v.(type) {
			case nil:
				for n := len(below); n > 0 && found[strings.Join(below, ".")] == ""; n-- {
					found[strings.Join(below, ".")] = c.Provenance[strings.Join(below[:n], ".")].Reason
				}
			case map[string]any:
				if key != "provenance" && key != "engines" {
					walk(below, v)
				}
			}
		}
	}
	walk(nil, doc)
	return found
}

// Where calls found no room, or one is just being counted, there may be more errors by errno than errors: how those failed is not told then, and the
// trace can be read. Other calls are told as ever.
func TestMoreByErrnoThanFailed(t *testing.T) {
	p := filled(t, Missing{}, func(c *bpf.ObjectProcess, s *ProgramSnapshot) {
		s.Following.NoCell = 2
		c.Calls[0].Errors, c.Calls[1].Errors = 1, 1
		for i, e := range []bpf.ObjectErrnoSum{{Nr: unix.SYS_READ, Errnr: uint32(unix.EAGAIN), Calls: 1}, {Nr: unix.SYS_READ, Errnr: uint32(unix.EIO), Calls: 2}, {Nr: unix.SYS_WRITE, Errnr: uint32(unix.EPIPE), Calls: 1}} {
			e.State = uint64(bpf.ObjectClaimREADY)
			c.Errnos[i] = e
		}
	})
	row := &p.Processes[slices.IndexFunc(p.Processes, func(r trace.ProcessRow) bool { return r.Comm == "q" })]
	if read := row.Syscalls.ByName["read"]; len(read.Errnos) > 0 || read.Errors != trace.Known(1) {
		t.Errorf("%v errors of read: %v", read.Errors, read.Errnos)
	}
	if write := row.Syscalls.ByName["write"]; write.Errnos["EPIPE"] != trace.Known(1) {
		t.Errorf("%v errors of write: %v", write.Errors, write.Errnos)
	}
}

// Of threads without a slot it is not known in which calls they waited, nor how long; while they live, nor what the kernel
// alone counts of them. All else is as known as before, and so it is of other processes.
func TestSlotless(t *testing.T) {
	before := filled(t, Missing{}, func(*bpf.ObjectProcess, *ProgramSnapshot) {})
	known := map[string]map[string]string{}
	for i := range before.Processes {
		known[before.Processes[i].Comm] = nulls(t, &before.Processes[i].Cost)
	}
	perCall := []string{"syscalls.by_name.read.time_ns", "syscalls.by_name.write.time_ns", "syscalls.by_name.read.blocked", "syscalls.by_name.write.blocked"}
	kernels := []string{"context_switches.voluntary", "context_switches.involuntary", "page_faults.minor", "page_faults.major", "cpu.runtime_ns", "cpu.user_ns", "cpu.system_ns",
		"io.rchar", "io.wchar", "io.kernel_io"}
	for name, test := range map[string]struct {
		change func(*bpf.ObjectProcess)
		null   map[string][]string // by the reason
	}{
		"ended": {func(c *bpf.ObjectProcess) { c.Slotless, c.SlotlessEnded = 1, 1 }, map[string][]string{noSlot: perCall}},
		"lives": {func(c *bpf.ObjectProcess) {
			c.Slotless, c.EndedNs, c.Alive, c.State = 1, 0, 1, uint64(bpf.ObjectProcessStateALIVE)
		}, map[string][]string{noSlot: perCall, noSlots: kernels}},
		"one of them lives": {func(c *bpf.ObjectProcess) {
			c.Slotless, c.SlotlessEnded, c.EndedNs, c.Alive, c.State = 2, 1, 0, 1, uint64(bpf.ObjectProcessStateALIVE)
		}, map[string][]string{noSlot: perCall, noSlots: kernels}},
	} {
		t.Run(name, func(t *testing.T) {
			p := filled(t, Missing{}, func(c *bpf.ObjectProcess, _ *ProgramSnapshot) { test.change(c) })
			for i := range p.Processes {
				row := &p.Processes[i]
				want := maps.Clone(known[row.Comm])
				if row.Comm == "q" {
					for why, paths := range test.null {
						for _, path := range paths {
							want[path] = why
						}
					}
					if why := row.Copies.COW.Reason; why != noSlot || row.Copies.COW.Bytes.Known() {
						t.Errorf("copies on write: %v, %q", row.Copies.COW.Bytes, why)
					}
					if row.Copies.ToUser.Provenance != trace.Derived && row.Copies.ToUser.Bytes.Known() {
						t.Errorf("to user: %+v, want it derived", row.Copies.ToUser)
					}
				}
				got := nulls(t, &row.Cost)
				maps.DeleteFunc(got, func(path, _ string) bool {
					return strings.HasPrefix(path, "copies.") || strings.HasPrefix(path, "moved.")
				})
				maps.DeleteFunc(want, func(path, _ string) bool {
					return strings.HasPrefix(path, "copies.") || strings.HasPrefix(path, "moved.")
				})
				if !maps.Equal(got, want) {
					t.Errorf("%s: null is %v, want %v", row.Comm, got, want)
				}
			}
			if p.Total.IO.Rchar.Known() == (len(test.null[noSlots]) > 0) {
				t.Errorf("in all %v bytes were read", p.Total.IO.Rchar)
			}
		})
	}
}

// What the kernel does not account, or no hook tells, is not known, and no loss.
func TestWhatCannotBeChecked(t *testing.T) {
	p := filled(t, Missing{}, func(c *bpf.ObjectProcess, s *ProgramSnapshot) {
		c.Sums.Io, s.Following.Unaccounted = bpf.ObjectIoBytes{}, 1
	})
	for _, cause := range []string{"rchar", "wchar"} {
		if n, checked := p.Losses[cause]; checked {
			t.Errorf("%s: %d, without an account", cause, n)
		}
	}
	if got := nulls(t, &p.Processes[0].Cost); got["io.rchar"] != noXacct || got["io.kernel_io"] != noXacct || p.Total.IO.Wchar.Known() {
		t.Errorf("null is %v, and the total is %+v", got, p.Total.IO)
	}
	p = filled(t, Missing{ContextSwitches: "no hook"}, func(c *bpf.ObjectProcess, _ *ProgramSnapshot) { c.Sums.Voluntary, c.Sums.Involuntary = 0, 0 })
	if n, checked := p.Losses["context_switches"]; checked || p.Total.ContextSwitches.Voluntary.Known() {
		t.Errorf("%d context switches are lost, of %v", n, p.Total.ContextSwitches.Voluntary)
	}
	if lost := p.Lost(); len(lost) > 0 {
		t.Errorf("lost: %v", lost)
	}
}
