//go:build linux

package ledger

import (
	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

func count(n uint64) trace.Int { return trace.Known(int64(n)) }

func (a *account) contextSwitches() {
	if !a.lacks(ContextSwitches) {
		a.ContextSwitches = trace.ContextSwitches{Voluntary: count(a.slot.Voluntary), Involuntary: count(a.slot.Involuntary)}
	}
}

// faultsAndCPU are what the kernel itself counts for the thread, and for io_uring's
// threads that work for it.
func (a *account) faultsAndCPU() {
	s := a.slot
	if !a.lacks(UserFaults) {
		a.PageFaults.UserMode = count(s.FaultsUser)
	}
	user, system := a.cpuSplit()
	helpers := bpf.ObjectHelperCounters{}
	if usesUring(s) {
		if a.lacks(ThreadExits) {
			a.CPU.UserNS = user
			return
		}
		helpers = a.helpers()
	}
	a.PageFaults.Minor = count(s.Now.MinFlt - s.Begin.MinFlt + helpers.MinFlt)
	a.PageFaults.Major = count(s.Now.MajFlt - s.Begin.MajFlt + helpers.MajFlt)
	a.CPU = trace.CPU{
		RuntimeNS: count(s.Now.RuntimeNs - s.Begin.RuntimeNs + helpers.RuntimeNs),
		UserNS:    user,
		SystemNS:  system.Add(count(helpers.RuntimeNs)),
	}
}

// cpuSplit splits the exact run time of the thread as the kernel does for getrusage(2): in the
// proportion of the tick samples (kernel/sched/cputime.c: cputime_adjust).
func (a *account) cpuSplit() (userNS, systemNS trace.Int) {
	s := a.slot
	runtime := s.Now.RuntimeNs - s.Begin.RuntimeNs
	user, system := s.Now.UtimeNs-s.Begin.UtimeNs, s.Now.StimeNs-s.Begin.StimeNs
	if user+system == 0 {
		say(&a.Counters, trace.Unavailable, "shorter than a clock tick", trace.UserNS, trace.SystemNS)
		return trace.Int{}, trace.Int{}
	}
	say(&a.Counters, trace.Estimated, "sampled at clock ticks", trace.UserNS, trace.SystemNS)
	inUser := int64(float64(runtime) * (float64(user) / float64(user+system)))
	return trace.Known(inUser), trace.Known(int64(runtime) - inUser)
}

// helpers is what io_uring's threads did for the slot, as the kernel counts it
// for each. 6.1 does not tell that a thread that exits is one of them.
func (a *account) helpers() (did bpf.ObjectHelperCounters) {
	s, h := a.slot, &a.slot.Helpers
	if s.State != bpf.ObjectSlotStateCLOSED {
		say(&a.Counters, trace.Estimated, "without io_uring's threads, which are added when the window closes",
			trace.RuntimeNS, trace.MinorFaults, trace.MajorFaults)
		return did
	}
	since := func(now, gone, begin uint64) uint64 { return max(now+gone, begin) - begin }
	did.MinFlt = since(h.Now.MinFlt, h.Gone.MinFlt, h.Begin.MinFlt)
	did.MajFlt = since(h.Now.MajFlt, h.Gone.MajFlt, h.Begin.MajFlt)
	if did.RuntimeNs = since(h.Now.RuntimeNs, h.Gone.RuntimeNs, h.Begin.RuntimeNs); did.RuntimeNs > 0 {
		say(&a.Counters, trace.Estimated, "with io_uring's threads, as of when each was last switched out, or of the last clock tick", trace.RuntimeNS)
	}
	return did
}
