//go:build linux

package ledger

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Programs keeps what was counted of processes that have ended: in one row for each image, by the kernel's name of it.
// Its zero value is ready.
type Programs struct {
	ended map[string]*Process
}

// Add takes in those that have ended since the snapshot before.
func (b *Programs) Add(s *ProgramSnapshot) {
	if b.ended == nil {
		b.ended = map[string]*Process{}
	}
	for _, p := range s.Ended {
		if had := b.ended[p.Comm]; had != nil {
			had.Fold(p)
		} else {
			b.ended[p.Comm] = p
		}
	}
}

// Fill sets the costs of a trace, as of a snapshot that was added, which engine they are of, and what was lost. Named is
// whether that engine was asked for by its name.
func (b *Programs) Fill(t *trace.Program, s *ProgramSnapshot, party Party, named bool) {
	party.Missing = s.lacking(party.Missing)
	party.Missed = s.Missed
	rows, others := []trace.ProcessRow{}, trace.NoCost()
	var all []*Process
	for _, p := range b.ended {
		all = append(all, p)
	}
	all = append(all, s.Alive...)
	party.Engines = s.inOrder(party.Engines, named, all, &party)
	t.Run.Engine = string(party.Engines[0])
	for _, p := range all {
		cost := p.cost(party, s.Following.Unaccounted != 0)
		if p.ID == 0 {
			others = cost
			continue
		}
		rows = append(rows, p.row(s.Following.BegunNs, cost))
	}
	t.SetProcesses(rows, others)
	t.Losses = s.losses(all, party.Missing)
}

func (p *Process) row(begunNS uint64, cost trace.Cost) trace.ProcessRow {
	since := func(ns uint64) trace.Int { return trace.Known(max(0, int64(ns-begunNS))) }
	r := trace.ProcessRow{
		ID: int64(p.ID), NamespacePIDs: p.Below, Comm: p.Comm, Exe: p.Exe, StartedNS: since(p.StartedNS),
		Threads: int64(p.Threads), Folded: p.Folded, Cost: cost,
	}
	if p.PPID != 0 {
		r.PPID = trace.Known(int64(p.PPID))
	}
	if p.EndedNS != 0 {
		r.EndedNS = since(p.EndedNS)
	}
	if p.Folded > 0 {
		r.NamespacePIDs = nil
		return r
	}
	r.PID = trace.Known(int64(p.PID))
	if p.EndedNS != 0 {
		r.ExitStatus = trace.Known(exitStatus(p.ExitCode))
	}
	return r
}

// exitStatus is that of a status of wait(2), as a shell has it.
func exitStatus(code uint32) int64 {
	if signal := code & 0x7f; signal != 0 {
		return 128 + int64(signal)
	}
	return int64(code >> 8 & 0xff)
}

// programCost is the cost of a process in the making.
type programCost struct {
	trace.Cost
	process *Process
	party   *Party
}

const (
	noSlot  = "some threads had no slot of their own (--max-threads)"
	noSlots = "some threads without a slot of their own (--max-threads) live, and are counted when they end"
	noXacct = "this kernel does not account what is read and written (CONFIG_TASK_XACCT)"
)

// seesCopies is whether it is known in which of its calls the hooks saw copies: of threads without a slot it is not.
func (p *Process) seesCopies() bool { return p.ID != 0 && p.Slotless == 0 }

func (p *Process) cost(party Party, unaccounted bool) trace.Cost {
	if !p.seesCopies() {
		party.Engines = []Engine{Derived}
	}
	p.sorted = p.sums()
	defer func() { p.sorted = nil }()
	c := programCost{Cost: trace.NoCost(), process: p, party: &party}
	c.calls()
	var tallies []*tally
	for _, e := range party.Engines {
		tallies = append(tallies, p.tally(e, &party, everything))
	}
	c.copies(tallies[0])
	c.Engines = sideBySide(tallies)
	c.paths(party.Engines[0])
	c.tasks()
	c.io(unaccounted)
	return c.Cost
}

// sums are those of the calls, in the same order each time.
func (p *Process) sums() []bpf.ObjectSum {
	if p.sorted != nil {
		return p.sorted
	}
	list := make([]bpf.ObjectSum, 0, len(p.Calls))
	for _, c := range p.Calls {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b bpf.ObjectSum) int {
		x, y := a.Key, b.Key
		return cmp.Or(cmp.Compare(x.Nr, y.Nr), cmp.Compare(x.Flags, y.Flags), compareKinds(x.In, y.In), compareKinds(x.Out, y.Out))
	})
	return list
}

func compareKinds(a, b bpf.ObjectFdKind) int {
	return cmp.Or(cmp.Compare(a.Format, b.Format), cmp.Compare(a.Attrs, b.Attrs), cmp.Compare(a.Detail, b.Detail))
}

// callName is the name of a call. At the exit of rt_sigreturn its number is gone.
func callName(nr uint32) string {
	if nr == ^uint32(0) {
		return "rt_sigreturn"
	}
	return syscalls.Name(nr)
}

func (c *programCost) calls() {
	type named struct {
		calls, restarted, errors, byErrno, bytes, timeNS, blocked int64
		errnos                                                    map[string]trace.Int
	}
	byName := map[string]*named{}
	of := func(nr uint32) *named {
		name := callName(nr)
		if byName[name] == nil {
			byName[name] = &named{}
		}
		return byName[name]
	}
	var calls, restarted int64
	for _, sum := range c.process.sums() {
		n := of(sum.Key.Nr)
		n.calls += int64(sum.Calls)
		n.restarted += int64(sum.Restarted)
		n.errors += int64(sum.Errors)
		n.bytes += int64(sum.Bytes)
		n.timeNS += int64(sum.TimeNs)
		n.blocked += int64(sum.Blocked)
		calls += int64(sum.Calls)
		restarted += int64(sum.Restarted)
	}
	for how, failed := range c.process.Errnos {
		n := of(how.Nr)
		if n.errnos == nil {
			n.errnos = map[string]trace.Int{}
		}
		errno := syscalls.Errno(how.Errno)
		n.errnos[errno] = trace.Known(n.errnos[errno].Or(0) + int64(failed))
		n.byErrno += int64(failed)
	}
	timed, switches := !c.lacks(SyscallTime), !c.lacks(ContextSwitches)
	for name, n := range byName {
		if n.byErrno > n.errors { // of calls that found no room, or of one that was just being counted
			n.errnos = nil
		}
		call := trace.CostCall{Syscall: trace.Syscall{
			Calls: trace.Known(n.calls), Errors: trace.Known(n.errors), Errnos: n.errnos, Bytes: trace.Known(n.bytes),
		}, Restarted: trace.Known(n.restarted)}
		if timed {
			call.TimeNS = c.within(name+".time_ns", n.timeNS)
		}
		if switches {
			call.Blocked = c.within(name+".blocked", n.blocked)
		}
		c.Syscalls.ByName[name] = call
	}
	c.Syscalls.Calls, c.Syscalls.Restarted = trace.Known(calls), trace.Known(restarted)
	c.ModeSwitches = trace.Known(2 * (calls + restarted))
}

// within is what happened within calls of one name, of which threads without a slot note nothing. Other processes may have calls
// of other names.
func (c *programCost) within(path string, n int64) trace.Int {
	if c.process.Slotless == 0 {
		return trace.Known(n)
	}
	c.Provenance["syscalls.by_name."+path] = trace.Origin{Provenance: trace.Unavailable, Reason: noSlot}
	return trace.Int{}
}

// lacks is as that of an account.
func (c *programCost) lacks(f Feed) bool {
	why := c.party.Missing[f]
	if why == "" {
		return false
	}
	for _, n := range f.Numbers() {
		if n.Kind() != trace.Class && n.OfPrograms() {
			c.say(trace.Unavailable, why, n)
		}
	}
	return true
}

func (c *programCost) say(kind trace.Provenance, reason string, numbers ...trace.Number) {
	counters := trace.Counters{Provenance: c.Provenance}
	say(&counters, kind, reason, numbers...)
}

// tally is that of the calls of some kinds.
func (p *Process) tally(e Engine, party *Party, of func(bpf.ObjectCellKey) bool) *tally {
	t := &tally{engine: e, party: party}
	if e != Derived {
		t.unseen = party.Missing[e.Copies()]
		t.watched = t.unseen == ""
	}
	late := false
	for _, c := range p.sums() {
		if !of(c.Key) {
			continue
		}
		t.add(&bpf.ObjectCell{Key: c.Key, Calls: c.Calls, Errors: c.Errors, Bytes: c.Bytes, Mapped: c.Mapped, Cut: c.Cut, Seen: c.Seen})
		late = late || c.Key.Flags&unix.MSG_ZEROCOPY != 0 && c.Bytes > 0
	}
	if e == Fentry {
		t.saw(t.pool)
	}
	if why := missedCopies(party.Missed, e); why != "" && t.unplaced > 0 {
		t.lost = why
	}
	if late && of(bpf.ObjectCellKey{Nr: everyCall}) {
		t.unknown[inKernel] = "a zero-copy send is copied later if its receiver is on this machine: of programs nobody looks"
	}
	return t
}

func everything(bpf.ObjectCellKey) bool { return true }

const everyCall = ^uint32(0) - 1 // asks whether a tally is of all calls

func (c *programCost) copies(t *tally) {
	p, missing := c.process, c.party.Missing
	c.Copies.ToUser, c.Copies.FromUser, c.Copies.InKernel = t.amount(toUser), t.amount(fromUser), t.amount(inKernel)
	c.Copies.Fill = t.amount(fill)
	c.Copies.COW = hooked(p.CowBytes, missing[COW])
	if p.Slotless > 0 {
		c.Copies.COW = unavailable(noSlot)
	}
	c.Copies.NetInternal = unavailable(cmp.Or(missing[NetInternal], "of programs nobody looks"))
	c.Moved.PageRefs, c.Moved.Cloned = t.amount(pageRefs), t.amount(cloned)
	c.Moved.Mapped = unavailable("what page faults map of files is not counted of programs")
	for _, sum := range p.Calls {
		if sum.Key.Flags&unix.MSG_ZEROCOPY != 0 && sum.Bytes > 0 {
			c.Zerocopy = trace.Zerocopy{}
			c.say(trace.Unavailable, "nobody looks at the notifications that programs read", trace.ZerocopyCompletions, trace.ZerocopyCopied)
		}
	}
}

func (c *programCost) paths(e Engine) {
	for _, sum := range c.process.sums() {
		from, to := Path(sum.Key)
		if from == "" || sum.Calls == 0 {
			continue
		}
		key := trace.PathKey(from, to)
		path, ok := c.ByPath[key]
		if !ok {
			t := c.process.tally(e, c.party, func(k bpf.ObjectCellKey) bool {
				kFrom, kTo := Path(k)
				return k.Nr != everyCall && kFrom == from && kTo == to
			})
			path = trace.PathCost{
				Calls: trace.Known(0), Bytes: trace.Known(0), PageRefs: t.amount(pageRefs), Cloned: t.amount(cloned), ByName: map[string]trace.PathCall{},
				Copies: trace.PathCopies{ToUser: t.amount(toUser), FromUser: t.amount(fromUser), InKernel: t.amount(inKernel)},
			}
		}
		path.Calls, path.Bytes = path.Calls.Add(count(sum.Calls)), path.Bytes.Add(count(sum.Bytes))
		name := callName(sum.Key.Nr)
		call := path.ByName[name]
		path.ByName[name] = trace.PathCall{Calls: trace.Known(call.Calls.Or(0) + int64(sum.Calls)), Bytes: trace.Known(call.Bytes.Or(0) + int64(sum.Bytes))}
		c.ByPath[key] = path
	}
}

func (c *programCost) tasks() {
	p := c.process
	switch {
	case c.lacks(ContextSwitches):
		c.ContextSwitches = trace.ContextSwitches{}
	case p.SlotlessRunning > 0:
		c.ContextSwitches = trace.ContextSwitches{}
		c.say(trace.Unavailable, noSlots, trace.VoluntarySwitches, trace.InvoluntarySwitches)
	case p.Slotless > 0:
		c.ContextSwitches = trace.ContextSwitches{Voluntary: count(p.Task.Nvcsw), Involuntary: count(p.Task.Nivcsw)}
		c.say(trace.Derived, "as the kernel counts them, for "+noSlot, trace.VoluntarySwitches, trace.InvoluntarySwitches)
	default:
		c.ContextSwitches = trace.ContextSwitches{Voluntary: count(p.Voluntary), Involuntary: count(p.Involuntary)}
	}
	if p.SlotlessRunning > 0 {
		c.PageFaults = trace.PageFaults{}
		c.say(trace.Unavailable, noSlots, trace.MinorFaults, trace.MajorFaults)
	} else {
		c.PageFaults = trace.PageFaults{Minor: count(p.Task.MinFlt), Major: count(p.Task.MajFlt)}
	}
	if !c.lacks(UserFaults) {
		c.PageFaults.UserMode = count(p.FaultsUser)
	}
	if c.lacks(Disk) {
		c.Disk = trace.Disk{}
	} else {
		c.Disk = trace.Disk{
			ReadBytes: count(p.DiskReadBytes), ReadRequests: count(p.DiskReadBios),
			WriteBytes: count(p.DiskWriteBytes), WriteRequests: count(p.DiskWriteBios),
		}
	}
	c.cpu()
}

// cpu is as that of an account; the time of a thread that ends is as of its last switch or clock tick.
func (c *programCost) cpu() {
	task := &c.process.Task
	if c.process.SlotlessRunning > 0 {
		c.CPU = trace.CPU{}
		c.say(trace.Unavailable, noSlots, trace.RuntimeNS, trace.UserNS, trace.SystemNS)
		return
	}
	c.CPU = trace.CPU{RuntimeNS: count(task.RuntimeNs)}
	c.say(trace.Estimated, "as of each thread's last switch, or clock tick", trace.RuntimeNS)
	if ticks := task.UtimeNs + task.StimeNs; ticks > 0 {
		inUser := int64(float64(task.RuntimeNs) * (float64(task.UtimeNs) / float64(ticks)))
		c.CPU.UserNS, c.CPU.SystemNS = trace.Known(inUser), trace.Known(int64(task.RuntimeNs)-inUser)
		c.say(trace.Estimated, "sampled at clock ticks", trace.UserNS, trace.SystemNS)
		return
	}
	c.say(trace.Unavailable, "shorter than a clock tick", trace.UserNS, trace.SystemNS)
}

func (c *programCost) io(unaccounted bool) {
	p := c.process
	if unaccounted || p.SlotlessRunning > 0 {
		why := noXacct
		if !unaccounted {
			why = noSlots
		}
		c.IO, c.Provenance["io"] = trace.IO{}, trace.Origin{Provenance: trace.Unavailable, Reason: why}
		return
	}
	c.IO.Rchar, c.IO.Wchar = count(p.Io.Rchar), count(p.Io.Wchar)
	for _, sum := range p.sums() {
		if sum.KernelRead > 0 {
			name := callName(sum.Key.Nr)
			c.IO.KernelIO[name] = trace.KernelIO{ReadBytes: trace.Known(c.IO.KernelIO[name].ReadBytes.Or(0) + int64(sum.KernelRead)), WrittenBytes: trace.Known(0)}
		}
	}
	if p.ExitWritten > 0 {
		c.IO.KernelIO[trace.KernelExit] = trace.KernelIO{ReadBytes: trace.Known(0), WrittenBytes: count(p.ExitWritten)}
	}
}

// lacking are the feeds that go missing besides, as those of a Snapshot.
func (s *ProgramSnapshot) lacking(missing Missing) Missing {
	more := Missing{}
	for feed, why := range missing {
		more[feed] = why
	}
	for _, m := range s.Missed {
		if m.Kind == Preempted && m.Events > 0 && m.Feeds != FentryCopies && more[m.Feeds] == "" {
			more[m.Feeds] = m.why()
		}
	}
	for _, feed := range []Feed{UringRequests, AIORequests} {
		more[feed] = "asynchronous requests of programs are not counted"
	}
	return more
}

// losses are the causes for which something is not known, and those that only coarsen it. What could not be checked is not
// among them.
func (s *ProgramSnapshot) losses(all []*Process, missing Missing) map[string]int64 {
	f := &s.Following
	losses := map[string]int64{
		"late_tasks": int64(f.LateTasks), "no_process": int64(f.NoProcess), "no_cell": int64(f.NoCell), "compat_calls": int64(f.CompatCalls),
		"uncounted_calls": int64(f.UncountedCalls), "recursion_misses": s.missedEvents(), "breakpoint_misses": s.BreakpointMisses,
		"unwatched_cpus": s.UnwatchedCPUs, "unsteady_processes": s.Unsteady, "no_slot": int64(f.NoSlot), "errnos_overflow": int64(f.ErrnosOverflow),
		"kinds_overflow": int64(f.KindsOverflow),
		"rchar":          0, "wchar": 0, "context_switches": 0, "raced_descriptors": 0,
	}
	for _, p := range all {
		losses["raced_descriptors"] += int64(p.Raced)
		losses["rchar"] += int64(p.Unbalanced[0])
		losses["wchar"] += int64(p.Unbalanced[1])
		losses["context_switches"] += int64(p.Unbalanced[2])
	}
	if f.Unaccounted != 0 {
		delete(losses, "rchar")
		delete(losses, "wchar")
	}
	if missing[ContextSwitches] != "" {
		delete(losses, "context_switches")
	}
	return losses
}

func (s *ProgramSnapshot) missedEvents() (n int64) {
	blind := s.BlindUnknown || s.Following.BlindStints > 0
	for _, m := range s.Missed {
		if m.Kind == AtTracepoint || m.Kind == AtPerfEvent && blind {
			n += m.Events
		}
	}
	return n
}
