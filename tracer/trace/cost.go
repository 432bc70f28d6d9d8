package trace

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// NoCost is what a process costs that has done nothing: every number is 0, and none is unknown.
func NoCost() Cost {
	zero, none := Known(0), noBytes()
	return Cost{
		Syscalls:        CostSyscalls{Calls: zero, Restarted: zero, ByName: map[string]CostCall{}},
		ModeSwitches:    zero,
		ContextSwitches: ContextSwitches{zero, zero},
		Copies:          CostCopies{none, none, none, none, none, none},
		Moved:           Moved{none, none, none},
		ByPath:          map[string]PathCost{},
		Zerocopy:        Zerocopy{zero, zero},
		PageFaults:      PageFaults{zero, zero, zero},
		Disk:            Disk{zero, zero, zero, zero},
		CPU:             CPU{zero, zero, zero},
		IO:              IO{zero, zero, map[string]KernelIO{}},
		Provenance:      map[string]Origin{},
	}
}

func noBytes() Amount { return Amount{Bytes: Known(0), DerivedBytes: Known(0), Provenance: Observed} }

// SumOf adds up costs: what the Total of a Program is of its rows and of its Others. What is null in one of them is null
// in the sum. Of provenance, the worse one is told; what has different ones, the first of them.
func SumOf(costs iter.Seq[*Cost]) Cost {
	sum := NoCost()
	first := true
	for c := range costs {
		sum.add(c)
		if c.Engines != nil || !c.nothing() { // of what did nothing every engine would have counted nothing
			sum.addEngines(c.Engines, first)
			first = false
		}
	}
	return sum
}

// nothing is whether there were no calls, and no copies.
func (c *Cost) nothing() bool {
	for _, a := range c.amounts() {
		if a.Bytes != Known(0) {
			return false
		}
	}
	return c.Syscalls.Calls == Known(0)
}

// SetProcesses sets the rows, those that copied most first, the costs of what has none, and the total, which is their
// sum. Rows for which there is no room in a trace go to the others.
func (p *Program) SetProcesses(rows []ProcessRow, others Cost) {
	p.Processes = append([]ProcessRow{}, rows...) // a list, if there are none
	slices.SortStableFunc(p.Processes, func(a, b ProcessRow) int { return cmp.Or(CompareCosts(&a.Cost, &b.Cost), cmp.Compare(a.ID, b.ID)) })
	if len(p.Processes) > MaxProcesses {
		beyond := Program{Processes: p.Processes[MaxProcesses:], Others: others}
		others, p.Processes = SumOf(beyond.Parts()), slices.Clip(p.Processes[:MaxProcesses])
	}
	p.Others = others
	p.Total = SumOf(p.Parts())
}

// Parts are what the total is the sum of: the rows and what has none.
func (p *Program) Parts() iter.Seq[*Cost] {
	return func(yield func(*Cost) bool) {
		for i := range p.Processes {
			if !yield(&p.Processes[i].Cost) {
				return
			}
		}
		yield(&p.Others)
	}
}

// Copied are the bytes that the CPU copied of payload: to user, from user and in the kernel.
func (c *Cost) Copied() Int {
	return c.Copies.ToUser.Bytes.Add(c.Copies.FromUser.Bytes).Add(c.Copies.InKernel.Bytes)
}

// Referenced are the bytes that were handed on without a copy: by reference, mapped or cloned. Bytes mapped are null where
// no hook sees them, and are then not among these.
func (c *Cost) Referenced() Int {
	return c.Moved.PageRefs.Bytes.Add(Known(c.Moved.Mapped.Bytes.Or(0))).Add(c.Moved.Cloned.Bytes)
}

// CompareCosts orders costs: those of which most is known to be copied first, then those that handed on most, then those
// with most calls.
func CompareCosts(a, b *Cost) int {
	known := func(amounts ...Amount) (sum float64) { // as precise as an order needs
		for _, amount := range amounts {
			sum += float64(amount.Bytes.Or(0))
		}
		return sum
	}
	copied := func(c *Cost) float64 { return known(c.Copies.ToUser, c.Copies.FromUser, c.Copies.InKernel) }
	moved := func(c *Cost) float64 { return known(c.Moved.PageRefs, c.Moved.Mapped, c.Moved.Cloned) }
	return cmp.Or(cmp.Compare(copied(b), copied(a)), cmp.Compare(moved(b), moved(a)), cmp.Compare(b.Syscalls.Calls.Or(0), a.Syscalls.Calls.Or(0)))
}

// add adds one more cost, but for what each engine counted.
func (c *Cost) add(d *Cost) {
	c.Syscalls.add(&d.Syscalls)
	c.ModeSwitches = c.ModeSwitches.Add(d.ModeSwitches)
	c.ContextSwitches.Voluntary = c.ContextSwitches.Voluntary.Add(d.ContextSwitches.Voluntary)
	c.ContextSwitches.Involuntary = c.ContextSwitches.Involuntary.Add(d.ContextSwitches.Involuntary)
	for i, of := range c.amounts() {
		of.add(*d.amounts()[i])
	}
	c.ByPath = union(c.ByPath, d.ByPath, noPathCost, PathCost.plus)
	c.Zerocopy.Completions = c.Zerocopy.Completions.Add(d.Zerocopy.Completions)
	c.Zerocopy.Copied = c.Zerocopy.Copied.Add(d.Zerocopy.Copied)
	c.PageFaults.Minor = c.PageFaults.Minor.Add(d.PageFaults.Minor)
	c.PageFaults.Major = c.PageFaults.Major.Add(d.PageFaults.Major)
	c.PageFaults.UserMode = c.PageFaults.UserMode.Add(d.PageFaults.UserMode)
	c.Disk.ReadBytes = c.Disk.ReadBytes.Add(d.Disk.ReadBytes)
	c.Disk.ReadRequests = c.Disk.ReadRequests.Add(d.Disk.ReadRequests)
	c.Disk.WriteBytes = c.Disk.WriteBytes.Add(d.Disk.WriteBytes)
	c.Disk.WriteRequests = c.Disk.WriteRequests.Add(d.Disk.WriteRequests)
	c.CPU.RuntimeNS = c.CPU.RuntimeNS.Add(d.CPU.RuntimeNS)
	c.CPU.UserNS = c.CPU.UserNS.Add(d.CPU.UserNS)
	c.CPU.SystemNS = c.CPU.SystemNS.Add(d.CPU.SystemNS)
	c.IO.Rchar = c.IO.Rchar.Add(d.IO.Rchar)
	c.IO.Wchar = c.IO.Wchar.Add(d.IO.Wchar)
	c.IO.KernelIO = union(c.IO.KernelIO, d.IO.KernelIO, KernelIO{Known(0), Known(0)}, KernelIO.plus)
	for path, origin := range d.Provenance {
		if had, ok := c.Provenance[path]; !ok || rank(origin.Provenance) > rank(had.Provenance) {
			c.Provenance[path] = origin
		}
	}
}

// amounts are all amounts of the costs themselves, always in the same order.
func (c *Cost) amounts() [9]*Amount {
	return [...]*Amount{
		&c.Copies.ToUser, &c.Copies.FromUser, &c.Copies.InKernel, &c.Copies.COW, &c.Copies.NetInternal, &c.Copies.Fill,
		&c.Moved.PageRefs, &c.Moved.Mapped, &c.Moved.Cloned,
	}
}

// addEngines adds what each engine counted; the first has all that there may be in the sum. One that one of the costs does not have is not in the sum.
func (c *Cost) addEngines(engines map[string]*EngineCounters, first bool) {
	if first && engines != nil {
		c.Engines = map[string]*EngineCounters{}
		for name := range engines {
			none := noBytes()
			c.Engines[name] = &EngineCounters{none, none, none, none}
		}
	}
	maps.DeleteFunc(c.Engines, func(name string, _ *EngineCounters) bool { return engines[name] == nil })
	for name, e := range c.Engines {
		d := engines[name]
		e.ToUser.add(d.ToUser)
		e.FromUser.add(d.FromUser)
		e.InKernel.add(d.InKernel)
		e.PageRefs.add(d.PageRefs)
	}
}

func (s *CostSyscalls) add(t *CostSyscalls) {
	s.Calls = s.Calls.Add(t.Calls)
	s.Restarted = s.Restarted.Add(t.Restarted)
	zero := Known(0)
	none := CostCall{Syscall{Calls: zero, Errors: zero, Bytes: zero, TimeNS: zero, Blocked: zero}, zero}
	s.ByName = union(s.ByName, t.ByName, none, CostCall.plus)
}

func (s CostCall) plus(t CostCall) CostCall {
	s.Calls = s.Calls.Add(t.Calls)
	s.Errors = s.Errors.Add(t.Errors)
	s.Errnos = merge(s.Errnos, t.Errnos, Known(0), Int.Add)
	s.Bytes = s.Bytes.Add(t.Bytes)
	s.TimeNS = s.TimeNS.Add(t.TimeNS)
	s.Blocked = s.Blocked.Add(t.Blocked)
	s.Restarted = s.Restarted.Add(t.Restarted)
	buckets := make([]int64, max(len(s.LatencyLog2), len(t.LatencyLog2)))
	copy(buckets, s.LatencyLog2)
	for i, n := range t.LatencyLog2 {
		buckets[i] += n
	}
	if s.LatencyLog2 = buckets; len(buckets) == 0 {
		s.LatencyLog2 = nil
	}
	return s
}

var noPathCost = PathCost{
	Calls: Known(0), Bytes: Known(0),
	Copies: PathCopies{noBytes(), noBytes(), noBytes()}, PageRefs: noBytes(), Cloned: noBytes(),
	ByName: map[string]PathCall{},
}

func (p PathCost) plus(q PathCost) PathCost {
	p.Calls = p.Calls.Add(q.Calls)
	p.Bytes = p.Bytes.Add(q.Bytes)
	p.Copies.ToUser.add(q.Copies.ToUser)
	p.Copies.FromUser.add(q.Copies.FromUser)
	p.Copies.InKernel.add(q.Copies.InKernel)
	p.PageRefs.add(q.PageRefs)
	p.Cloned.add(q.Cloned)
	p.ByName = union(p.ByName, q.ByName, PathCall{Known(0), Known(0)}, PathCall.plus)
	return p
}

func (p PathCall) plus(q PathCall) PathCall {
	return PathCall{p.Calls.Add(q.Calls), p.Bytes.Add(q.Bytes)}
}

func (k KernelIO) plus(l KernelIO) KernelIO {
	return KernelIO{k.ReadBytes.Add(l.ReadBytes), k.WrittenBytes.Add(l.WrittenBytes)}
}

// union adds up what has the same key in a new map. What one of them does not have counts as none there; if one of
// them is nil nobody counted it, and so is the sum.
func union[T any](a, b map[string]T, none T, plus func(T, T) T) map[string]T {
	if a == nil || b == nil {
		return nil
	}
	return merge(a, b, none, plus)
}

// merge is union of maps that may be nil if they are empty.
func merge[T any](a, b map[string]T, none T, plus func(T, T) T) map[string]T {
	if len(b) == 0 {
		return maps.Clone(a)
	}
	sum := maps.Clone(a)
	if sum == nil {
		sum = map[string]T{}
	}
	for key, value := range b {
		had, ok := sum[key]
		if !ok {
			had = none
		}
		sum[key] = plus(had, value)
	}
	return sum
}

// add adds bytes. Their provenance is that of the larger part, and of equal parts the worse one.
func (a *Amount) add(b Amount) {
	sum := Amount{Bytes: a.Bytes.Add(b.Bytes), DerivedBytes: a.DerivedBytes.Add(b.DerivedBytes), Provenance: a.Provenance, Reason: cmp.Or(a.Reason, b.Reason)}
	if rank(b.Provenance) > rank(a.Provenance) {
		sum.Provenance, sum.Reason = b.Provenance, cmp.Or(b.Reason, a.Reason)
	}
	bytes, derived := sum.Bytes.Or(0), sum.DerivedBytes.Or(0)
	switch {
	case !sum.Bytes.Known():
		sum.Provenance, sum.Reason = Unavailable, cmp.Or(sum.Reason, "more than can be told")
	case sum.Provenance == Derived && derived < bytes-derived:
		sum.Provenance = Observed
	}
	*a = sum
}

// rank is how much less than certain a provenance is.
func rank(p Provenance) int {
	switch p {
	case Observed:
		return 0
	case Derived:
		return 1
	case Estimated:
		return 2
	}
	return 3
}
