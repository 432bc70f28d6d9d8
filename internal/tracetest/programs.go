package tracetest

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Move is what one system call did between two places, or with neither of them: calls, those that failed included, and
// bytes moved by the others.
type Move struct {
	Call, From, To       string
	Calls, Bytes, Errors int64
	Errno                string // with which all errors failed
}

// CostOf are the costs of such moves as an engine that saw them would count them: what is read was copied to user, what
// is written from user; between files in the kernel, and elsewhere by reference.
func CostOf(moves ...Move) trace.Cost {
	c := trace.NoCost()
	for _, m := range moves {
		call := trace.CostCall{
			Syscall:   trace.Syscall{Calls: trace.Known(m.Calls), Errors: trace.Known(m.Errors), Bytes: trace.Known(m.Bytes), TimeNS: trace.Known(m.Calls * 4096), Blocked: trace.Known(m.Calls / 100)},
			Restarted: trace.Known(0),
		}
		if m.Errors > 0 {
			call.Errnos = map[string]trace.Int{m.Errno: trace.Known(m.Errors)}
		}
		call.LatencyLog2 = append(make([]int64, 12), m.Calls)
		one := trace.NoCost()
		one.Syscalls.Calls, one.Syscalls.ByName[m.Call] = call.Calls, call
		one.ModeSwitches = trace.Known(2 * m.Calls)
		if m.From != "" {
			one.ByPath[trace.PathKey(m.From, m.To)] = m.path(&one)
		}
		c = trace.SumOf(slices.Values([]*trace.Cost{&c, &one}))
	}
	c.ContextSwitches = trace.ContextSwitches{Voluntary: trace.Known(c.Syscalls.Calls.Or(0) / 100), Involuntary: trace.Known(c.Syscalls.Calls.Or(0) / 1000)}
	runtime := c.Syscalls.Calls.Or(0) * 5000
	c.CPU = trace.CPU{RuntimeNS: trace.Known(runtime), UserNS: trace.Known(runtime / 5), SystemNS: trace.Known(runtime - runtime/5)}
	c.PageFaults = trace.PageFaults{Minor: trace.Known(112), Major: trace.Known(0), UserMode: trace.Known(96)}
	tick := trace.Origin{Provenance: trace.Estimated, Reason: "split by the timer tick"}
	c.Provenance["cpu.user_ns"], c.Provenance["cpu.system_ns"] = tick, tick
	c.IO.KernelIO["execve"] = trace.KernelIO{ReadBytes: trace.Known(816), WrittenBytes: trace.Known(0)}
	c.IO.Rchar = trace.Known(816)
	for _, m := range moves { // of which the kernel accounts these
		switch m.Call {
		case "read", "pread64":
			c.IO.Rchar = c.IO.Rchar.Add(trace.Known(m.Bytes))
		case "write", "writev":
			c.IO.Wchar = c.IO.Wchar.Add(trace.Known(m.Bytes))
		case "sendfile":
			c.IO.Rchar, c.IO.Wchar = c.IO.Rchar.Add(trace.Known(m.Bytes)), c.IO.Wchar.Add(trace.Known(m.Bytes))
		}
	}
	return c
}

// path is the one that a move takes, whose classes it sets in the cost, too.
func (m Move) path(of *trace.Cost) trace.PathCost {
	none := Observed(0)
	path := trace.PathCost{
		Calls: trace.Known(m.Calls), Bytes: trace.Known(m.Bytes),
		Copies: trace.PathCopies{ToUser: none, FromUser: none, InKernel: none}, PageRefs: none, Cloned: none,
		ByName: map[string]trace.PathCall{m.Call: {Calls: trace.Known(m.Calls), Bytes: trace.Known(m.Bytes)}},
	}
	switch bytes := Observed(m.Bytes); {
	case m.To == trace.EndUser:
		path.Copies.ToUser, of.Copies.ToUser = bytes, bytes
	case m.From == trace.EndUser:
		path.Copies.FromUser, of.Copies.FromUser = bytes, bytes
	case m.To == trace.EndFile:
		path.Copies.InKernel, of.Copies.InKernel = bytes, bytes
	default:
		path.PageRefs, of.Moved.PageRefs = bytes, bytes
	}
	return path
}

// Program is a recording of a command with these processes, the rows of which need no more than what each is called,
// its number, and what it cost.
func Program(command []string, rows ...trace.ProcessRow) *trace.Program {
	const elapsed = 12_345_678_901
	p := &trace.Program{
		Schema: trace.ProgramSchema,
		Tool:   trace.Tool{Version: "0.2.0", Commit: "0123456789ab"},
		Host:   trace.Host{Kernel: "6.12.48", Arch: "amd64", CPUs: 2, CPUModel: "Intel Xeon", Governor: "performance", Virtualization: "kvm", Mitigations: "spectre_v1", Lockdown: "none"},
		Hooks: []trace.Hook{
			{Name: "tp_btf/sys_exit", Counter: "syscalls", Attached: true, Provenance: trace.Observed},
			{Name: "tp_btf/task_newtask", Counter: "processes", Attached: true, Provenance: trace.Observed},
		},
		Scope:     trace.Scope{Kind: trace.ScopeExec, Command: command},
		Others:    trace.NoCost(),
		Processes: rows,
		Losses:    map[string]int64{"no_process": 0, "no_cell": 0, "uncounted_calls": 0, "compat_calls": 0, "rchar": 0, "wchar": 0, "context_switches": 0, "no_slot": 0, "raced_descriptors": 0, "errnos_overflow": 0},
		Run: trace.ProgramRun{
			Command: append([]string{"zctrace", "exec", "--"}, command...), Engine: "fentry", Latency: true,
			Started: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC), Ended: trace.Done, ElapsedNS: elapsed, IntervalNS: second,
			ExitStatus: trace.Known(0),
		},
	}
	for i := range rows {
		r := &rows[i]
		r.ID = int64(i + 1)
		r.StartedNS = trace.Known(int64(i) * 1_000_000)
		r.Threads = max(r.Threads, 1)
		r.Exe = cmp.Or(r.Exe, "/usr/sbin/"+r.Comm)
		if r.EndedNS = trace.Known(elapsed - int64(len(rows)-i)*1000); r.Folded == 0 {
			r.ExitStatus = trace.Known(0)
		}
	}
	Sum(p)
	return p
}

// Sum makes the total what it is the sum of, and gives the recording a sample at its start and one at its end.
func Sum(p *trace.Program) {
	p.Total = trace.SumOf(p.Parts())
	var samples trace.ProgramSampler
	samples.Add(0, trace.NoCost(), nil)
	samples.Add(p.Run.ElapsedNS, p.Total, p.Processes)
	p.Samples = samples.Samples()
}

const gib = 1 << 30

// Nginx is a server that reads its files and writes them to TCP, with a master and what it started first.
func Nginx() *trace.Program {
	return Program([]string{"nginx", "-c", "./n.conf"},
		trace.ProcessRow{Comm: "nginx", PID: trace.Known(4712), PPID: trace.Known(4711), Threads: 1, Cost: CostOf(
			Move{Call: "pread64", From: trace.EndFile, To: trace.EndUser, Calls: 104_858, Bytes: 3*gib + 214_748_364},
			Move{Call: "writev", From: trace.EndUser, To: trace.EndTCP, Calls: 104_911, Bytes: 3*gib + 214_953_111, Errors: 15, Errno: "EAGAIN"},
			Move{Call: "recvfrom", From: trace.EndTCP, To: trace.EndUser, Calls: 1000, Bytes: 87_000},
			Move{Call: "epoll_wait", Calls: 2071},
			Move{Call: "openat", Calls: 1000, Errors: 3, Errno: "ENOENT"},
			Move{Call: "close", Calls: 997}, Move{Call: "accept4", Calls: 900, Errors: 400, Errno: "EAGAIN"},
			Move{Call: "setsockopt", Calls: 500}, Move{Call: "newfstatat", Calls: 500}, Move{Call: "epoll_ctl", Calls: 500}, Move{Call: "fstat", Calls: 500},
			Move{Call: "gettid", Calls: 8}, Move{Call: "prctl", Calls: 7}, Move{Call: "mmap", Calls: 6}, Move{Call: "brk", Calls: 4}, Move{Call: "futex", Calls: 4, Errors: 1, Errno: "EINTR"},
		)},
		trace.ProcessRow{Comm: "nginx", PID: trace.Known(4711), PPID: trace.Known(4700), Cost: CostOf(
			Move{Call: "read", From: trace.EndFile, To: trace.EndUser, Calls: 12, Bytes: 14_512},
			Move{Call: "write", From: trace.EndUser, To: trace.EndFile, Calls: 1, Bytes: 5},
			Move{Call: "rt_sigsuspend", Calls: 2, Errors: 2, Errno: "EINTR"},
		)},
		trace.ProcessRow{Comm: "sh", Exe: "/usr/bin/dash", Folded: 3, Threads: 3, Cost: CostOf(
			Move{Call: "read", From: trace.EndFile, To: trace.EndUser, Calls: 6, Bytes: 2496},
			Move{Call: "wait4", Calls: 3},
		)},
	)
}

// NginxSendfile is the same server with sendfile on.
func NginxSendfile() *trace.Program {
	return Program([]string{"nginx", "-c", "./sendfile.conf"},
		trace.ProcessRow{Comm: "nginx", PID: trace.Known(5712), PPID: trace.Known(5711), Cost: CostOf(
			Move{Call: "sendfile", From: trace.EndFile, To: trace.EndTCP, Calls: 13_108, Bytes: 3*gib + 214_748_364, Errors: 15, Errno: "EAGAIN"},
			Move{Call: "writev", From: trace.EndUser, To: trace.EndTCP, Calls: 1000, Bytes: 204_747},
			Move{Call: "recvfrom", From: trace.EndTCP, To: trace.EndUser, Calls: 1000, Bytes: 87_000},
		)},
	)
}

// OddProgram is a recording with something of all that is seldom: bytes that nobody knows or that are derived, calls that
// were restarted, what was lost and what became coarser, a program that failed, more processes than a table has room for.
func OddProgram() *trace.Program {
	rows := []trace.ProcessRow{
		{Comm: "tar", PID: trace.Known(812), Cost: CostOf(
			Move{Call: "read", From: trace.EndFile, To: trace.EndUser, Calls: 7000, Bytes: 70_000_000},
			Move{Call: "write", From: trace.EndUser, To: trace.EndPipe, Calls: 7000, Bytes: 70_000_000},
			Move{Call: "copy_file_range", From: trace.EndFile, To: trace.EndFile, Calls: 3, Bytes: 9_000_000, Errors: 1, Errno: "EXDEV"},
		)},
		{Comm: "Web Content", PID: trace.Known(4_194_303), Threads: 31, Cost: CostOf(
			Move{Call: "read", From: trace.EndControl, To: trace.EndUser, Calls: 50, Bytes: 400},
			Move{Call: "sendfile", From: trace.EndFile, To: trace.EndTCP, Calls: 1000, Bytes: 40_000_000},
		)},
	}
	for i := range int64(25) {
		rows = append(rows, trace.ProcessRow{Comm: "cc1", Folded: i + 1, Threads: i + 1, Cost: CostOf(Move{Call: "read", From: trace.EndFile, To: trace.EndUser, Calls: i + 2, Bytes: 4096 * (i + 1)})})
	}
	p := Program([]string{"sh", "-c", "tar c /srv/data | gzip >'/backup of today.tgz' && make -j8 all check install"}, rows...)
	for i := range p.Processes {
		c := &p.Processes[i].Cost
		c.Copies.ToUser.DerivedBytes, c.Copies.ToUser.Provenance, c.Copies.ToUser.Reason = c.Copies.ToUser.Bytes, trace.Derived, "fentry is refused by this kernel"
		c.Moved.Mapped = Missing("no hook of this engine sees what is mapped")
		for name, call := range c.Syscalls.ByName {
			call.TimeNS, call.LatencyLog2 = trace.Int{}, nil
			c.Syscalls.ByName[name] = call
		}
		c.Provenance["syscalls.by_name.*.time_ns"] = trace.Origin{Provenance: trace.Unavailable, Reason: "--latency off"}
	}
	tar := &p.Processes[0].Cost
	read := tar.Syscalls.ByName["read"]
	read.Restarted, tar.Syscalls.Restarted = trace.Known(4), trace.Known(4)
	tar.Syscalls.ByName["read"], tar.ModeSwitches = read, tar.ModeSwitches.Add(trace.Known(8))
	tar.Copies.InKernel = Missing("copy_file_range on an overlay: copied or shared")
	p.Processes[1].Copies.FromUser = Observed(4096) // in no call that returned so many
	between := tar.ByPath["file->file"]
	between.Copies.InKernel = tar.Copies.InKernel
	tar.ByPath["file->file"] = between
	p.Others = CostOf(Move{Call: "getpid", Calls: 1_000_000})
	p.Run.Latency, p.Run.Engine, p.Run.ExitStatus, p.Run.Ended, p.Run.Error = false, "derived", trace.Known(137), trace.Failed, "the command was killed by SIGKILL"
	p.Losses["compat_calls"], p.Losses["no_slot"], p.Losses["raced_descriptors"] = 7, 12, 3
	p.Others.Provenance["syscalls.by_name.*.time_ns"] = trace.Origin{Provenance: trace.Unavailable, Reason: "--latency off"}
	getpid := p.Others.Syscalls.ByName["getpid"]
	getpid.TimeNS, getpid.LatencyLog2 = trace.Int{}, nil
	p.Others.Syscalls.ByName["getpid"] = getpid
	Sum(p)
	return p
}

// ExtremePrograms are recordings that press against every limit.
func ExtremePrograms() map[string]*trace.Program {
	const most = int64(1<<63 - 1)
	huge, negative := Nginx(), NginxSendfile()
	for p, n := range map[*trace.Program]int64{huge: most, negative: -1 << 63} {
		for _, c := range []*trace.Cost{&p.Total, &p.Others, &p.Processes[0].Cost} {
			fill(reflect.ValueOf(c).Elem(), n)
			for name, path := range c.ByPath {
				fill(reflect.ValueOf(&path).Elem(), n)
				path.ByName = map[string]trace.PathCall{strings.Repeat("very_long_call_", 9): {Calls: trace.Known(n), Bytes: trace.Known(n)}}
				c.ByPath[name] = path
			}
			long := trace.CostCall{}
			fill(reflect.ValueOf(&long).Elem(), n)
			long.Errnos = map[string]trace.Int{strings.Repeat("VERY_LONG_ERRNO_", 9): trace.Known(n)}
			c.Syscalls.ByName[strings.Repeat("very_long_system_call_name_", 9)] = long
			c.IO.KernelIO[strings.Repeat("cause", 50)] = trace.KernelIO{ReadBytes: trace.Known(n), WrittenBytes: trace.Known(0)}
		}
		r := &p.Processes[0]
		r.Comm, r.PID, r.Threads, r.Folded = strings.Repeat("長い名前", 9), trace.Known(n), n, n
		p.Losses = map[string]int64{strings.Repeat("cause", 100): n, "no_slot": n}
		p.Run.ElapsedNS, p.Run.ExitStatus, p.Scope.Command = n, trace.Known(n), []string{strings.Repeat("/long", 200), strings.Repeat("長", 99)}
	}
	attach := Nginx()
	attach.Scope = trace.Scope{Kind: trace.ScopeAttach, PIDs: []int64{1, 2, 3}, Units: []string{strings.Repeat("unit", 60)}}
	return map[string]*trace.Program{"empty": {}, "huge": huge, "negative": negative, "attach": attach, "odd": OddProgram(), "usual": Nginx()}
}
