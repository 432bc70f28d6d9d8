package trace

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Validate checks what holds of every trace of programs, and returns the first thing that does not: what holds of the
// numbers of any trace; that the total is the sum of the rows and the others, and that of the last sample; unless
// something was lost, that calls and paths add up. What is only coarser breaks none of these laws.
func (p *Program) Validate() error {
	if p.Schema != ProgramSchema {
		return fmt.Errorf("invalid trace: schema is %.40q, want %q", p.Schema, ProgramSchema)
	}
	for _, check := range []func() error{p.validatePlain, p.validateCosts, p.validateTotal, p.validateSamples} {
		if err := check(); err != nil {
			return fmt.Errorf("invalid trace: %w", err)
		}
	}
	return nil
}

// validatePlain checks what is outside of the costs.
func (p *Program) validatePlain() error {
	switch p.Scope.Kind {
	case "", ScopeExec, ScopeAttach:
	default:
		return fmt.Errorf("scope.kind is %.40q, want %q or %q", p.Scope.Kind, ScopeExec, ScopeAttach)
	}
	if err := cmp.Or(validateHooks(p.Hooks), p.Run.Ended.validate()); err != nil {
		return err
	}
	if len(p.Processes) > MaxProcesses {
		return fmt.Errorf("%d processes, the most is %d", len(p.Processes), MaxProcesses)
	}
	numbers := map[string]int64{
		"host.cpus":         int64(p.Host.CPUs),
		"host.cpus_allowed": int64(p.Host.CPUsAllowed),
		"run.elapsed_ns":    p.Run.ElapsedNS,
		"run.interval_ns":   p.Run.IntervalNS,
		"run.exit_status":   p.Run.ExitStatus.Or(0),
	}
	for cause, n := range p.Losses {
		numbers["losses."+cause] = n
	}
	for i := range p.Processes {
		r, row := &p.Processes[i], fmt.Sprintf("processes[%d].", i)
		numbers[row+"id"], numbers[row+"pid"], numbers[row+"ppid"] = r.ID, r.PID.Or(0), r.PPID.Or(0)
		numbers[row+"started_ns"], numbers[row+"ended_ns"], numbers[row+"exit_status"] = r.StartedNS.Or(0), r.EndedNS.Or(0), r.ExitStatus.Or(0)
		numbers[row+"threads"], numbers[row+"folded"] = r.Threads, r.Folded
	}
	return cmp.Or(validateNatural(numbers), p.validateRows())
}

// validateRows checks what a row says of the process itself.
func (p *Program) validateRows() error {
	ids := map[int64]bool{}
	for i := range p.Processes {
		r := &p.Processes[i]
		started, ended := r.StartedNS, r.EndedNS
		switch {
		case ids[r.ID]:
			return fmt.Errorf("processes[%d].id is %d, as that of a row before it", i, r.ID)
		case started.Known() && ended.Known() && ended.Or(0) < started.Or(0):
			return fmt.Errorf("processes[%d].ended_ns is %s, before it started at %s", i, ended, started)
		case r.Folded > 0 && (!ended.Known() || r.PID.Known() && r.Folded > 1):
			return fmt.Errorf("processes[%d] stands for %d ended processes, but has a pid or lives", i, r.Folded)
		}
		ids[r.ID] = true
	}
	return nil
}

// validateCosts checks each cost by itself.
func (p *Program) validateCosts() error {
	lossless := len(p.Lost()) == 0
	if err := cmp.Or(p.Total.validate("total", lossless), p.Others.validate("others", lossless)); err != nil {
		return err
	}
	for i := range p.Processes {
		if err := p.Processes[i].validate(fmt.Sprintf("processes[%d]", i), lossless); err != nil {
			return err
		}
	}
	return nil
}

// validateTotal checks that the total is what its parts add up to. A file without processes has no parts.
func (p *Program) validateTotal() error {
	if p.Processes == nil {
		return nil
	}
	sum := SumOf(p.Parts())
	if path := differenceOf(p.Total.whole(), sum.whole(), sameNumber); path != "" {
		return fmt.Errorf("total.%s is not the sum of those of processes and others", printable(path))
	}
	return nil
}

func (p *Program) validateSamples() error {
	if len(p.Samples) > MaxSamples {
		return fmt.Errorf("%d samples, the most is %d", len(p.Samples), MaxSamples)
	}
	lossless, before := len(p.Lost()) == 0, int64(0)
	for i := range p.Samples {
		s, name := &p.Samples[i], fmt.Sprintf("samples[%d]", i)
		if s.ElapsedNS < before {
			return fmt.Errorf("%s.elapsed_ns is %d, less than %d before it", name, s.ElapsedNS, before)
		}
		before = s.ElapsedNS
		if len(s.Processes) > MaxSampleProcesses {
			return fmt.Errorf("%s has %d processes, the most is %d", name, len(s.Processes), MaxSampleProcesses)
		}
		for j, process := range s.Processes {
			if n := min(process.ID, process.Calls.Or(0), process.CopiedBytes.Or(0), process.ReferencedBytes.Or(0)); n < 0 {
				return negative(fmt.Sprintf("%s.processes[%d]", name, j), n)
			}
		}
		if err := s.Total.validate(name+".total", lossless); err != nil {
			return err
		}
		for call := range s.Total.Syscalls.ByName {
			if len(s.Total.Syscalls.ByName[call].LatencyLog2) > 0 {
				return fmt.Errorf("%s has a histogram, which only the total has", name)
			}
		}
	}
	if len(p.Samples) == 0 {
		return nil
	}
	last := &p.Samples[len(p.Samples)-1]
	if path := differenceOf(p.Total.whole(), last.Total.whole(), sameNumber); path != "" {
		return fmt.Errorf("total.%s is not that of the last sample", printable(path))
	}
	return nil
}

// sameNumber is whether two numbers are the same, whatever is said of them.
func sameNumber(a, b Amount) bool { return a.Bytes == b.Bytes && a.DerivedBytes == b.DerivedBytes }

// differenceOf is the first path at which one of the two has another number, or none; "" if there is none.
func differenceOf(a, b map[string]Amount, same func(a, b Amount) bool) string {
	paths := slices.Collect(maps.Keys(a))
	for path := range b {
		if _, ok := a[path]; !ok {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		x, inA := a[path]
		y, inB := b[path]
		if inA != inB || !same(x, y) {
			return path
		}
	}
	return ""
}

// validate checks what holds of every cost.
func (c *Cost) validate(name string, lossless bool) error {
	if err := cmp.Or(c.validateOrigins(), c.validateNumbers(), c.validateNames()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !lossless {
		return nil
	}
	if err := cmp.Or(c.validateCalls(), c.validatePaths()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (c *Cost) validateOrigins() error {
	for _, path := range slices.Sorted(maps.Keys(c.Provenance)) {
		if !costOrigins()[anyName(path)] {
			return fmt.Errorf("provenance of %s tells of no plain number and of no group of them", printable(path))
		}
		if err := c.Provenance[path].validate(); err != nil {
			return fmt.Errorf("provenance of %s %w", printable(path), err)
		}
	}
	return nil
}

// validateNumbers checks each number: those that any trace has as in any, then those of costs alone.
func (c *Cost) validateNumbers() error {
	counters := c.Counters()
	if err := cmp.Or(counters.validateNumbers(Number.OfPrograms), counters.Syscalls.validateHistograms(), counters.validateErrnos()); err != nil {
		return err
	}
	own := c.own()
	for _, path := range slices.Sorted(maps.Keys(own)) {
		if err := counters.validatePlain(path, own[path]); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.ByPath)) {
		path := c.ByPath[key]
		for _, rest := range slices.Sorted(maps.Keys(path.amounts())) {
			if err := path.amounts()[rest].validate(); err != nil {
				return fmt.Errorf("by_path.%s.%s %w", printable(key), rest, err)
			}
		}
	}
	return nil
}

// validateNames checks the keys that are made of words of this format.
func (c *Cost) validateNames() error {
	for _, key := range slices.Sorted(maps.Keys(c.ByPath)) {
		if !isPath(key) {
			return fmt.Errorf("by_path has %.40q, which is no path from one of %s to another", key, strings.Join(Ends, ", "))
		}
	}
	return nil
}

// isPath is whether a key of ByPath leads from one of the Ends to another.
func isPath(key string) bool {
	from, to, _ := strings.Cut(key, "->")
	return slices.Contains(Ends, from) && slices.Contains(Ends, to)
}

// validateCalls checks that the calls by name are all calls, and that each switched modes twice.
func (c *Cost) validateCalls() error {
	calls, restarted := Known(0), Known(0)
	for _, name := range slices.Sorted(maps.Keys(c.Syscalls.ByName)) {
		call, timed := c.Syscalls.ByName[name], Known(0)
		calls, restarted = calls.Add(call.Calls), restarted.Add(call.Restarted)
		for _, n := range call.LatencyLog2 {
			timed = timed.Add(Known(n))
		}
		if made := call.Calls.Add(call.Restarted); made.Known() && (!timed.Known() || timed.Or(0) > made.Or(0)) {
			return fmt.Errorf("%s has %s calls in it, of %s that were made", printable(byNamePrefix+name+".latency_log2"), timed, made)
		}
	}
	counted := c.Syscalls.Calls
	switch {
	case c.Syscalls.ByName == nil || !counted.Known():
		return nil
	case calls != counted:
		return fmt.Errorf("syscalls.by_name has %s of %s calls", calls, counted)
	case c.Syscalls.Restarted.Known() && restarted != c.Syscalls.Restarted:
		return fmt.Errorf("syscalls.by_name has %s of %s restarted calls", restarted, c.Syscalls.Restarted)
	}
	switches := counted.Add(c.Syscalls.Restarted)
	if switches = switches.Add(switches); c.ModeSwitches.Known() && switches.Known() && switches != c.ModeSwitches {
		return fmt.Errorf("mode_switches is %s, want two for each of %s calls and %s that were restarted", c.ModeSwitches, counted, c.Syscalls.Restarted)
	}
	return nil
}

// validatePaths checks that every byte that a call moved is in one path, and that the paths are made of such calls.
func (c *Cost) validatePaths() error {
	if c.ByPath == nil {
		return nil
	}
	byCall := map[string]PathCall{}
	copied := PathCopies{noBytes(), noBytes(), noBytes()}
	for _, key := range slices.Sorted(maps.Keys(c.ByPath)) {
		path, sum := c.ByPath[key], PathCall{Known(0), Known(0)}
		for name, call := range path.ByName {
			sum = sum.plus(call)
			had, ok := byCall[name]
			if !ok {
				had = PathCall{Known(0), Known(0)}
			}
			byCall[name] = had.plus(call)
		}
		if path.ByName != nil && sum != (PathCall{path.Calls, path.Bytes}) {
			return fmt.Errorf("by_path.%s.by_name has %s bytes in %s calls, want %s in %s", key, sum.Bytes, sum.Calls, path.Bytes, path.Calls)
		}
		copied.ToUser.add(path.Copies.ToUser)
		copied.FromUser.add(path.Copies.FromUser)
		copied.InKernel.add(path.Copies.InKernel)
	}
	names := maps.Clone(byCall)
	for name := range c.Syscalls.ByName {
		names[name] = PathCall{}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		call, onPaths := c.Syscalls.ByName[name], byCall[name]
		if _, taken := byCall[name]; !taken {
			onPaths = PathCall{Known(0), Known(0)}
		}
		if onPaths.Bytes.Known() && call.Bytes.Known() && onPaths.Bytes != call.Bytes {
			return fmt.Errorf("by_path has %s of the %s bytes that %s moved", onPaths.Bytes, call.Bytes, printable(name))
		}
		if onPaths.Calls.Or(0) > call.Calls.Or(0) {
			return fmt.Errorf("by_path has %s calls of %s, of which there were %s", onPaths.Calls, printable(name), call.Calls)
		}
	}
	for class, of := range map[string][2]Amount{
		"to_user": {copied.ToUser, c.Copies.ToUser}, "from_user": {copied.FromUser, c.Copies.FromUser}, "in_kernel": {copied.InKernel, c.Copies.InKernel},
	} {
		if inPaths, all := of[0].Bytes, of[1].Bytes; inPaths.Known() && all.Known() && inPaths.Or(0) > all.Or(0) {
			return fmt.Errorf("by_path has %s bytes of copies.%s, of which there are %s", inPaths, class, all)
		}
	}
	return nil
}
