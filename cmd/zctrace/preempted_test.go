//go:build linux

package main

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
)

// preemptedEnv is how often TestNothingIsLostOnOneCPU tries each pair of engines.
const preemptedEnv = "ZCTRACE_TEST_PREEMPTED"

// Four traced threads take turns on one CPU, small chunk by small chunk, beside a neighbour that makes system calls,
// too: all of them run the same programs, and are preempted wherever the kernel allows it. No call of theirs is lost.
func TestNothingIsLostOnOneCPU(t *testing.T) {
	needTracing(t)
	neighbourOnCPU0(t)
	for _, pair := range enginesAtOnce(t) {
		t.Run(pair.engines[0]+" beside "+pair.engines[1], func(t *testing.T) {
			for range pair.times {
				var traces [2]*trace.Trace
				t.Run("at once", func(t *testing.T) {
					for i, strategy := range []string{"read-write", "splice"} {
						t.Run(strategy, func(t *testing.T) {
							t.Parallel()
							traces[i] = onCPU0(t, strategy, []string{"tcp", "unix"}[i], pair.engines[i])
						})
					}
				})
				if t.Failed() || inGuest() && !preempts(traces[0]) {
					return
				}
			}
		})
	}
}

// atOnce are the engines of two runs at the same time, and how often there are two.
type atOnce struct {
	engines [2]string
	times   int
}

// enginesAtOnce are all that this machine has, each in five runs at least. There are not enough debug registers for two
// runs with breakpoints.
func enginesAtOnce(t *testing.T) (list []atOnce) {
	t.Helper()
	engines := traced(t, "read-write", "--bytes", "4KiB", "--copies", "all").Total.Sender.Engines
	switch _, functions := engines["fentry"]; {
	case functions && engines["breakpoint"] != nil:
		list = []atOnce{{[2]string{"fentry", "fentry"}, 3}, {[2]string{"breakpoint", "derived"}, 5}}
	case functions:
		list = []atOnce{{[2]string{"fentry", "derived"}, 5}}
	default:
		list = []atOnce{{[2]string{"derived", "derived"}, 5}}
	}
	if times, err := strconv.Atoi(os.Getenv(preemptedEnv)); err == nil {
		for i := range list {
			list[i].times = times
		}
	}
	return list
}

// preempts is whether threads are preempted inside the kernel. Where they are not, once shows it all.
func preempts(tr *trace.Trace) bool {
	cmdline, _ := os.ReadFile("/proc/cmdline")
	return atPerfEvents(tr) || strings.Contains(string(cmdline), "preempt=full")
}

// onCPU0 runs a strategy, both ends on one CPU, and holds it to all that is known of such a run.
func onCPU0(t *testing.T, strategy, sink, engine string) *trace.Trace {
	t.Helper()
	const n = 2 * mib
	tr := traced(t, strategy, "--bytes", "2MiB", "--chunk", "4KiB", "--sink", sink, "--cpu", "0,0", "--copies", engine)
	if engine == "fentry" && functionsMissed(tr) {
		t.Log("the kernel skipped events at functions, so that no copies are known")
	} else {
		e := expect(strategy, sink, tr.Run.Source.Filesystem, n, 0)
		e.check(t, tr)
		if got := tr.Total.Receiver.Copies.ToUser.Bytes; got != trace.Known(n) {
			t.Errorf("%v bytes were copied to the receiver, want %d", got, n)
		}
	}
	calls := map[string]int64{"read": n / 4096, "write": n / 4096}
	if strategy == "splice" {
		calls = map[string]int64{"splice": 2 * n / 4096}
	}
	for name, made := range calls {
		if got := callNames(tr)[name]; got != made {
			t.Errorf("%d calls of %s, want %d", got, name, made)
		}
	}
	for cause, lost := range tr.Losses {
		if lost != 0 {
			t.Errorf("loss %s: %d", cause, lost)
		}
	}
	return tr
}

// functionsMissed is whether the kernel skipped events at functions and the engine that is there knows its numbers no more:
// an engine that was asked for by name has no stand-in.
func functionsMissed(tr *trace.Trace) bool {
	return !tr.Total.Sender.Copies.ToUser.Bytes.Known() && skippedAtFunctions(tr)
}

// skippedAtFunctions is whether the kernel skipped events there.
func skippedAtFunctions(tr *trace.Trace) bool {
	return slices.ContainsFunc(tr.Hooks, func(h trace.Hook) bool {
		return (strings.HasPrefix(h.Name, "fexit/") || strings.HasPrefix(h.Name, "fentry/")) && h.Misses.Or(0) > 0
	})
}

// neighbourOnCPU0 makes system calls there all the time.
func neighbourOnCPU0(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "dd", "if=/dev/zero", "of=/dev/null", "bs=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var set unix.CPUSet
	set.Set(0)
	if err := unix.SchedSetaffinity(cmd.Process.Pid, &set); err != nil {
		t.Fatal(err)
	}
}
