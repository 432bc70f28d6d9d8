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

// preemptedEnv is how often TestNothingIsLostOnOneCPU tries each engine.
const preemptedEnv = "ZCTRACE_TEST_PREEMPTED"

// Four traced threads take turns on one CPU, small chunk by small chunk, beside a neighbour that makes system calls,
// too: all of them run the same programs, and are preempted wherever the kernel allows it. No call of theirs is lost.
func TestNothingIsLostOnOneCPU(t *testing.T) {
	needTracing(t)
	times := 5
	if s := os.Getenv(preemptedEnv); s != "" {
		times, _ = strconv.Atoi(s)
	}
	neighbourOnCPU0(t)
	engines := slices.Sorted(slices.Values(strings.Fields(os.Getenv(enginesEnv))))
	if len(engines) == 0 {
		engines = []string{"derived"}
	}
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			for range times {
				t.Run("at once", func(t *testing.T) {
					other := engine
					if engine == "breakpoint" {
						other = "derived" // there are not enough debug registers for two
					}
					t.Run("read-write", func(t *testing.T) {
						t.Parallel()
						onCPU0(t, "read-write", "tcp", engine)
					})
					t.Run("splice", func(t *testing.T) {
						t.Parallel()
						onCPU0(t, "splice", "unix", other)
					})
				})
				if t.Failed() {
					return
				}
			}
		})
	}
}

// onCPU0 runs a strategy, both ends on one CPU, and holds it to all that is known of such a run.
func onCPU0(t *testing.T, strategy, sink, engine string) {
	t.Helper()
	const n = 2 * mib
	tr := traced(t, strategy, "--bytes", "2MiB", "--chunk", "4KiB", "--sink", sink, "--cpu", "0,0", "--copies", engine)
	e := expect(strategy, sink, tr.Run.Source.Filesystem, n, 0)
	e.check(t, tr)
	calls := map[string]int64{"read": n / 4096, "write": n / 4096}
	if strategy == "splice" {
		calls = map[string]int64{"splice": 2 * n / 4096}
	}
	for name, made := range calls {
		if got := callNames(tr)[name]; got != made {
			t.Errorf("%d calls of %s, want %d", got, name, made)
		}
	}
	if got := tr.Total.Receiver.Copies.ToUser.Bytes; got != trace.Known(n) {
		t.Errorf("%v bytes were copied to the receiver, want %d", got, n)
	}
	for cause, lost := range tr.Losses {
		if lost != 0 {
			t.Errorf("loss %s: %d", cause, lost)
		}
	}
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
