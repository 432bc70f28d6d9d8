//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// longRunEnv is how long TestLongRun takes; see make soak.
const longRunEnv = "ZCTRACE_TEST_LONG_RUN"

// At full speed and with a thousand samples a second nothing is lost, the memory stays
// what it is, and the totals are those of the last sample.
func TestLongRun(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	duration, err := time.ParseDuration(os.Getenv(longRunEnv))
	if err != nil {
		duration = 3 * time.Second
	}
	cmd, cancel := untimed("run", "sendfile", "--duration", duration.String(), "--interval", "1ms", "--plain", "--json", filepath.Join(t.TempDir(), "t.json"))
	defer cancel()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var resident []int64
	for running := true; running; {
		select {
		case err := <-ended:
			if code := exitStatus(t, err); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			running = false
		case <-time.After(duration / 50):
			if n := residentBytes(cmd.Process.Pid); n > 0 {
				resident = append(resident, n)
			}
		}
	}
	half := len(resident) / 2
	first, second := slices.Max(resident[:half]), slices.Max(resident[half:])
	t.Logf("resident: at most %d KiB in the first half, %d KiB in the second", first>>10, second>>10)
	if second > first+16<<20 || second > 80<<20 {
		t.Error("the memory grows")
	}
	saved, err := trace.ReadFile(cmd.Args[len(cmd.Args)-1]) // which holds it against its laws
	tr := saved.Trace
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.Samples) > trace.MaxSamples || len(tr.Samples) < trace.MaxSamples/10 { // a busy machine takes not all that it is to
		t.Errorf("%d samples kept", len(tr.Samples))
	}
	last, total := tr.Samples[len(tr.Samples)-1].Totals, tr.Total.WithoutHistograms()
	if !reflect.DeepEqual(last, total) {
		t.Error("the totals are not those of the last sample")
	}
	n := tr.Run.PayloadBytes.Or(0)
	want{"sender.moved.page_refs": n, "sender.payload_bytes": n, "receiver.copies.to_user": n}.check(t, tr)
	t.Logf("%d bytes in %d calls, losses %v", n, tr.Total.Sender.Syscalls.Calls.Or(0), tr.Losses)
}

// untimed is a command without the time limit that the others have.
func untimed(args ...string) (*exec.Cmd, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd, cancel
}

// residentBytes is 0 when the process is gone.
func residentBytes(pid int) int64 {
	var size, pages int64
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	_, _ = fmt.Sscan(string(text), &size, &pages)
	return pages * int64(os.Getpagesize())
}

// startsEnv is how often TestStartsAndStops starts and stops; see make soak.
const startsEnv = "ZCTRACE_TEST_STARTS"

// Runs that were started and stopped, in all the ways in which a run ends, leave
// nothing in the process that made them: neither descriptors, which all programs, links
// and maps are, nor threads, goroutines or memory.
func TestStartsAndStops(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	starts, err := strconv.Atoi(os.Getenv(startsEnv))
	if err != nil {
		starts = 2 * len(workloads.Strategies)
	}
	t.Setenv("TMPDIR", t.TempDir())
	warm := starts / 6 // until the heap has its size
	var before usage
	for i := range starts {
		if i == warm {
			before = used(t)
		}
		startAndStop(t, i)
	}
	after := used(t)
	t.Logf("after %d starts: %v; after %d: %v", warm, before, starts, after)
	// Go keeps some threads for later.
	if after.descriptors > before.descriptors || after.goroutines > before.goroutines || after.threads > before.threads+5 {
		t.Error("it holds more than before")
	}
	if grown := after.resident - before.resident; grown > 8<<20 {
		t.Errorf("it has grown by %d KiB in %d runs", grown>>10, starts-warm)
	}
	leftovers(t, os.Getenv("TMPDIR"))
}

func startAndStop(t *testing.T, i int) {
	t.Helper()
	strategy := workloads.Strategies[i%len(workloads.Strategies)]
	flags := workFlags{bytes: 256 << 10, chunk: 64 << 10, source: "auto:256KiB", sinks: []string{sinkFor(strategy.Name)}, receiver: "read", verify: i%3 == 0}
	if strategy.TwoSinks() {
		flags.sinks = []string{"pipe", "unix"}
	}
	work, err := flags.work([]*workloads.Strategy{strategy})
	if err != nil {
		t.Fatal(err)
	}
	cfg := session.Config{Work: work, Recording: session.Recording{Latency: i%2 == 0, Copies: tracer.Auto, Interval: 10 * time.Millisecond}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	observe := func(*trace.Trace) {}
	switch i % 5 {
	case 3: // stopped by the user
		cfg.Bytes, cfg.Verify = 0, false
		observe = func(*trace.Trace) { cancel() }
	case 4: // before it begins
		time.AfterFunc(time.Duration(i%50)*time.Millisecond, cancel)
	}
	if _, err := session.Run(ctx, cfg, session.Machine(), observe); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatalf("run %d, %s: %v", i, strategy.Name, err)
	}
}

// usage is what a process holds.
type usage struct {
	descriptors, threads, goroutines int
	resident                         int64 // bytes
}

func (u usage) String() string {
	return fmt.Sprintf("%d descriptors, %d threads, %d goroutines, %d KiB", u.descriptors, u.threads, u.goroutines, u.resident>>10)
}

func used(t *testing.T) (u usage) {
	t.Helper()
	time.Sleep(200 * time.Millisecond) // threads and deferred frees take a moment
	debug.FreeOSMemory()
	for dir, n := range map[string]*int{"/proc/self/fd": &u.descriptors, "/proc/self/task": &u.threads} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		*n = len(entries)
	}
	u.goroutines = runtime.NumGoroutine()
	u.resident = residentBytes(os.Getpid())
	return u
}
