//go:build linux

package main

import (
	"slices"
	"sync"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// tracepointsEnv decides whether programs are at the tracepoints or at perf's events, whatever the kernel needs.
const tracepointsEnv = "ZCTRACE_TEST_TRACEPOINTS"

// What programs at perf's events count is what programs at the tracepoints do, to the last call and byte.
func TestPerfEventsCountTheSame(t *testing.T) {
	const n = 1_000_123
	source := diskFile(t, n)
	if needsPerfEvents(t) {
		t.Skip("at its tracepoints this kernel loses events, and nothing else does for a comparison")
	}
	for _, strategy := range workloads.AllNames() {
		if testing.Short() && !slices.Contains([]string{"read-write", "mmap-write", "io-uring"}, strategy) {
			continue // emulated
		}
		t.Run(strategy, func(t *testing.T) {
			args := []string{strategy, "--source", source, "--bytes", "1000123", "--cache", "cold", "--latency", "on"}
			args = append(args, sinksOf(strategy, sinkFor(strategy))...)
			t.Setenv(tracepointsEnv, "tp_btf")
			raw := tracedUnskipped(t, args...)
			t.Setenv(tracepointsEnv, "perf")
			perf := tracedUnskipped(t, args...)
			if atPerfEvents(raw) || !atPerfEvents(perf) {
				t.Fatalf("hooks were %v, and %v", hookNames(raw), hookNames(perf))
			}
			for _, was := range slices.Collect(raw.Total.Sender.All()) {
				is := perf.Total.Sender.ValueOf(was.Number, was.Key)
				if !variable(strategy, was.Number, was.Key) && (is.Int != was.Int || is.Origin.Provenance != was.Origin.Provenance) {
					t.Errorf("%s is %v, %s by perf's events, and %v, %s by the tracepoints", was.Path(), is.Int, is.Origin.Provenance, was.Int, was.Origin.Provenance)
				}
			}
			for cause, n := range perf.Losses {
				if n != 0 {
					t.Errorf("loss %s: %d", cause, n)
				}
			}
		})
	}
}

// variable is whether two equal runs may differ in a number: it depends on the scheduler, on time, or on what else
// the file system had to do; or on when notifications come, for which the strategy waits in ppoll or not at all, and on
// packets that are sent again.
func variable(strategy string, n trace.Number, key string) bool {
	switch n.Group() {
	case "cpu", "context_switches", "page_faults", "disk", "nic":
		return true
	}
	return sendsZeroCopy(strategy) && (n.Unit() == trace.Count || n == trace.InKernel || key == "ppoll") || n == trace.CallBlocked || n == trace.CallTimeNS
}

func sendsZeroCopy(strategy string) bool {
	return slices.ContainsFunc(workloads.Strategies, func(s *workloads.Strategy) bool { return s.Name == strategy && s.ZeroCopySends })
}

func hookNames(tr *trace.Trace) (names []string) {
	for _, h := range tr.Hooks {
		if h.Attached {
			names = append(names, h.Name)
		}
	}
	return names
}

// needsPerfEvents is whether this kernel loses events at its tracepoints. A run finds out, one for all tests.
func needsPerfEvents(t *testing.T) bool {
	t.Helper()
	perfEventsOnce.Do(func() { perfEventsNeeded = atPerfEvents(traced(t, "read-write", "--bytes", "4KiB")) })
	return perfEventsNeeded
}

var (
	perfEventsOnce   sync.Once
	perfEventsNeeded bool
)

// atPerfEvents is whether system calls were counted by perf's events.
func atPerfEvents(tr *trace.Trace) bool {
	return slices.Contains(hookNames(tr), "tp/raw_syscalls/sys_exit")
}
