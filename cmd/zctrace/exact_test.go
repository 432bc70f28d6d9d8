//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

const (
	mib     = 1 << 20
	payload = 64 * mib
)

// want maps the paths of numbers, as --expect takes them, to their values.
type want map[string]int64

func (w want) check(t *testing.T, tr *trace.Trace) {
	t.Helper()
	for path, n := range w {
		e, err := trace.ParseExpectation(path + " == " + trace.Known(n).String())
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Check(tr); err != nil {
			t.Error(err)
		}
	}
}

func callNames(tr *trace.Trace) map[string]int64 {
	names := map[string]int64{}
	for name, s := range tr.Total.Sender.Syscalls.ByName {
		names[name] = s.Calls.Or(-1)
	}
	return names
}

// The three strategies of the textbook, 64 MiB in 1,024 chunks to TCP.
var textbook = []struct {
	strategy string
	calls    map[string]int64 // of the sender: these and no others
	want     want
}{
	{
		"read-write", map[string]int64{"read": 1024, "write": 1024},
		want{
			"sender.mode_switches": 4096, "sender.syscalls.transfer_calls": 2048,
			"sender.copies.to_user": payload, "sender.copies.from_user": payload, "sender.copies.in_kernel": 0,
			"sender.moved.page_refs": 0, "receiver.copies.to_user": payload,
		},
	},
	{
		"mmap-write", map[string]int64{"mmap": 1, "write": 1024, "munmap": 1},
		want{
			"sender.mode_switches": 2052, "sender.syscalls.transfer_calls": 1025,
			"sender.copies.to_user": 0, "sender.copies.from_user": payload, "sender.copies.in_kernel": 0,
			"sender.moved.page_refs": 0, "receiver.copies.to_user": payload,
		},
	},
	{
		"sendfile", map[string]int64{"sendfile": 1024},
		want{
			"sender.mode_switches": 2048, "sender.syscalls.transfer_calls": 1024,
			"sender.copies.to_user": 0, "sender.copies.from_user": 0, "sender.copies.in_kernel": 0,
			"sender.moved.page_refs": payload, "receiver.copies.to_user": payload,
		},
	},
}

// isClassic is whether the strategy is one of the three.
func isClassic(strategy string) bool {
	return slices.Contains([]string{"read-write", "mmap-write", "sendfile"}, strategy)
}

// everyRun holds for every complete run of 64 MiB.
var everyRun = want{
	"sender.payload_bytes": payload, "receiver.payload_bytes": payload, "run.payload_bytes": payload,
	"sender.syscalls.short_transfers": 0, "sender.disk.read_bytes": 0, "sender.page_cache.miss_bytes": 0,
	"losses.recursion_misses": 0, "losses.uncounted_calls": 0, "losses.context_switches": 0, "losses.socket_copies": 0,
}

func checkTextbook(t *testing.T, i int, tr *trace.Trace) {
	t.Helper()
	row := textbook[i]
	row.want.check(t, tr)
	everyRun.check(t, tr)
	if row.strategy != "mmap-write" {
		// A fault on a page of the source's that writeback has locked waits, and counts as major for it (mm/memory.c: mm_account_fault).
		want{"sender.page_faults.major": 0}.check(t, tr)
	}
	if runtime.GOARCH == "amd64" { // the tracepoint is x86's
		want{"sender.page_faults.user_mode": 0}.check(t, tr)
	}
	got := callNames(tr)
	for name, n := range row.calls {
		if got[name] != n {
			t.Errorf("%d calls of %s, want %d", got[name], name, n)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("other system calls in the window: %v", got)
	}
	faults := tr.Total.Sender.PageFaults.Minor.Or(-1)
	if maps := row.strategy == "mmap-write"; maps && faults < 1 || !maps && faults != 0 {
		t.Errorf("%d page faults", faults)
	}
}

// Exact on every run: 20 in a row of each, with the other core busy, on a
// terminal that is resized all the while, but for guests, where drawing takes
// longer than all else and is the same.
func TestExactBesideABusyCore(t *testing.T) {
	needTracing(t)
	busy(t)
	for i, row := range textbook {
		t.Run(row.strategy, func(t *testing.T) {
			for range runs() {
				file := filepath.Join(t.TempDir(), "t.json")
				args := []string{row.strategy, "--bytes", "64MiB", "--chunk", "64KiB", "--sink", "tcp"}
				if inGuest() {
					checkTextbook(t, i, traced(t, args...))
				} else {
					onResizedTerminal(t, append(append([]string{"run"}, args...), "--json", file)...)
					checkTextbook(t, i, readTrace(t, file))
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// runs is how often what must hold on every run is tried; in an emulated guest,
// where -short is given, seconds are dear.
func runs() int {
	if testing.Short() {
		return 1
	}
	return 20
}

// busy keeps one core busy with system calls and page faults of its own.
func busy(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "while :; do cat /proc/self/maps >/dev/null; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// onResizedTerminal runs zctrace with its dashboard on a terminal that changes
// its size every few milliseconds, and leaves it with q.
func onResizedTerminal(t *testing.T, args ...string) {
	t.Helper()
	term := onTerminal(t, 24, 80, args...)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for i := uint16(0); ; i++ {
			select {
			case <-ended:
				return
			case <-time.After(3 * time.Millisecond):
				term.resize(20+i%20, 70+i%50)
			}
		}
	}()
	term.waits("the trace is written", func() bool {
		_, err := os.Stat(args[len(args)-1])
		return err == nil
	})
	term.types("q")
	term.exits(0)
}

// A call submits a chain of --depth chunks, or a batch of reads and then of
// writes, and waits for all of it. What is left over is a call of its own.
func TestDepth(t *testing.T) {
	oncePerMachine(t)
	for _, depth := range []int64{1, 3, 8, 100} {
		calls := (64 + depth - 1) / depth
		for strategy, names := range map[string][]string{
			"aio":            {"io_submit", "io_getevents"},
			"io-uring":       {"io_uring_enter"},
			"io-uring-fixed": {"io_uring_enter"},
		} {
			for _, sink := range []string{"null", "file"} {
				t.Run(fmt.Sprintf("%s to %s, %d", strategy, sink, depth), func(t *testing.T) {
					w := want{"sender.payload_bytes": 4 * mib}
					for _, name := range names {
						w["sender.syscalls.by_name."+name+".calls"] = calls
						if strategy == "aio" && sink == "file" {
							w["sender.syscalls.by_name."+name+".calls"] = 2 * calls
						}
					}
					if strategy != "aio" {
						w["sender.syscalls.calls"] = calls
					}
					w.check(t, traced(t, strategy, "--bytes", "4MiB", "--depth", fmt.Sprint(depth), "--sink", sink))
				})
			}
		}
	}
}

// The kernel's thread submits: a chain takes a call to wake it and to wait, or
// none if it is done by then.
func TestSQPoll(t *testing.T) {
	oncePerMachine(t)
	for _, strategy := range rings() {
		sink := sinkFor(strategy)
		tr := traced(t, strategy, "--bytes", "4MiB", "--sqpoll", "--sink", sink, "--verify")
		n := tr.Total.Sender.Syscalls.ByName["io_uring_enter"].Calls.Or(-1)
		most := int64(8)
		if strategy == "io-uring-zc" {
			most = 2 * 64 // two results to a send
		}
		if n > most {
			t.Errorf("%s: %d calls for 8 chains", strategy, n)
		}
	}
}

// One transfer of 1 MiB is what the textbook speaks of.
func TestTextbookRows(t *testing.T) {
	oncePerMachine(t)
	beside := map[string]want{ // what is particular to a strategy
		"vmsplice":     {"sender.syscalls.calls": 4},
		"msg-zerocopy": {"sender.syscalls.by_name.sendto.calls": 1, "sender.zerocopy.copied": 1},
	}
	for _, s := range workloads.Strategies {
		t.Run(s.Name, func(t *testing.T) {
			sink := sinkFor(s.Name)
			book := s.TextbookTo(workloads.SinkKind(sink))
			w := want{}
			if s.ZeroCopySends { // how many calls take their notifications is timing
				w["sender.zerocopy.completions"] = 1
			} else {
				w["sender.syscalls.transfer_calls"] = int64(book.TransferCalls)
			}
			if !s.Mapped() {
				w["sender.syscalls.calls"], w["sender.mode_switches"] = int64(book.TransferCalls), int64(book.ModeSwitches)
			}
			if s.Direct() {
				w["sender.disk.read_bytes"] = mib
			}
			maps.Copy(w, beside[s.Name])
			w.check(t, traced(t, append(sinksOf(s.Name, sink), s.Name, "--bytes", "1MiB", "--chunk", "1MiB")...))
		})
	}
}

// Odd sizes, all sinks: the bytes are exact to the last one, and arrive.
func TestEverySinkExactly(t *testing.T) {
	oncePerMachine(t) // as TestEnginesAgree, but by one engine and on one file system
	for _, strategy := range workloads.AllNames() {
		for _, sink := range allSinks {
			t.Run(strategy+" to "+sink, func(t *testing.T) {
				if !takes(strategy, sink) {
					refused(t, strategy, sink)
					return
				}
				n, tail := int64(1_000_123), int64(0)
				if laws[strategy].direct { // as near as blocks come; the source ends within one, three times
					n, tail = 998_307, 3*(300_001%4096)
				}
				args := []string{strategy, "--source", "auto:300001", "--bytes", fmt.Sprint(n), "--chunk", chunkFor(strategy, "4093")}
				args = append(args, sinksOf(strategy, sink)...)
				if sink != "null" {
					args = append(args, "--verify")
				}
				closed := watchClosings(t)
				tr := traced(t, args...)
				w := want{"sender.payload_bytes": n}
				if tr.Total.Receiver != nil {
					w["receiver.copies.to_user"] = received(strategy, sink, n)
				}
				if !laws[strategy].maps && !laws[strategy].offsets {
					w["sender.syscalls.by_name.lseek.calls"] = lseeks(strategy, sink)
				}
				w.check(t, tr)
				e := expect(strategy, sink, tr.Run.Source.Filesystem, n, tail)
				if e.late {
					e.orResent(t, &tr.Total.Sender, closed)
				}
				switch strategy {
				case "msg-zerocopy":
					sends := tr.Total.Sender.Syscalls.ByName["sendto"]
					checkConfirmed(t, &tr.Total.Sender, sends.Calls.Or(0)-sends.Errors.Or(0))
				case "io-uring-zc":
					checkConfirmed(t, &tr.Total.Sender, chunks(n, 300_001, 4093))
				}
				e.check(t, tr)
				if v := tr.Run.Verified; sink != "null" && (v == nil || !*v) {
					t.Errorf("verified is %v", v)
				}
			})
		}
	}
}

// checkConfirmed: every zero-copy send was, as one that the kernel had to copy
// after all. Before Linux 6.2, io_uring does not tell the latter.
func checkConfirmed(t *testing.T, c *trace.Counters, sends int64) {
	t.Helper()
	z, n := c.Zerocopy, trace.Known(sends)
	silent := !z.Copied.Known() && strings.Contains(c.Origin("zerocopy.copied").Reason, "IORING_SEND_ZC_REPORT_USAGE")
	if z.Completions != n || z.Copied != n && !silent || sends == 0 {
		t.Errorf("%d sends: %v confirmed, %v of them as copied", sends, z.Completions, z.Copied)
	}
}

// chunks are the transfers of n bytes, round and round a source of that size.
func chunks(n, source, chunk int64) int64 {
	count := func(size int64) int64 { return (size + chunk - 1) / chunk }
	return n/source*count(source) + count(n%source)
}

// lseeks: the source goes round three times, and a file sink with it.
func lseeks(strategy, sink string) int64 {
	if sink == "file" || strategy == "tee" && secondSink(sink) == "file" {
		return 6
	}
	return 3
}

// On a file system with a disk below, a cold run reads each page once.
func TestCacheColdAndWarm(t *testing.T) {
	const n = 1_000_123
	source := diskFile(t, n)
	for i, strategy := range workloads.AllNames() {
		for cache, read := range map[string]int64{"cold": 1_003_520, "warm": 0} { // 245 pages
			if testing.Short() && cache == "warm" && !isClassic(strategy) || !dealt(i) { // emulated
				continue
			}
			t.Run(strategy+" "+cache, func(t *testing.T) {
				args := []string{strategy, "--source", source, "--bytes", "1000123", "--cache", cache}
				args = append(args, sinksOf(strategy, sinkFor(strategy))...)
				tr := traced(t, args...)
				// The kernel may take a page out of the cache whenever it wants memory;
				// then it is read again, and truly counted.
				for range 3 {
					if cache == "cold" || tr.Total.Sender.PageCache.MissBytes.Or(0) == 0 {
						break
					}
					tr = traced(t, args...)
				}
				w := want{"sender.disk.read_bytes": read, "sender.page_cache.miss_bytes": read, "sender.payload_bytes": n}
				switch {
				case laws[strategy].direct: // it makes no difference
					w["sender.disk.read_bytes"] = 1_003_520
					delete(w, "sender.page_cache.miss_bytes") // null
				case sinkFor(strategy) == "file" || strategy == "tee": // to tcp and a file
					delete(w, "sender.disk.read_bytes") // writing may read the file system's own blocks
				}
				w.check(t, tr)
			})
		}
	}
}

// diskFile makes a file that a disk holds, or says why it cannot.
func diskFile(t testing.TB, size int) string {
	t.Helper()
	needTracing(t)
	dir, err := os.MkdirTemp("/var/tmp", "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "source")
	if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// The context switches that the hook saw are those that the kernel counted for
// the task between the same two moments, in both processes.
func TestContextSwitchesAreTheKernels(t *testing.T) {
	busy(t)
	var seen int64
	for range runs() {
		tr := traced(t, "sendfile", "--bytes", "64MiB", "--sink", "unix")
		want{"losses.context_switches": 0}.check(t, tr) // their difference
		for _, c := range []*trace.Counters{&tr.Total.Sender, tr.Total.Receiver} {
			seen += c.ContextSwitches.Voluntary.Or(0) + c.ContextSwitches.Involuntary.Or(0)
		}
	}
	if seen == 0 {
		t.Error("no context switch in so many runs beside a busy core: nothing was compared")
	}
}

// Two runs at the same time do not see each other.
func TestTwoRunsAtOnce(t *testing.T) {
	oncePerMachine(t)
	raced(t)
	needTracing(t)
	t.Run("both", func(t *testing.T) {
		for i := range textbook[:2] {
			t.Run(textbook[i].strategy, func(t *testing.T) {
				t.Parallel()
				for range min(5, runs()) {
					checkTextbook(t, i, traced(t, textbook[i].strategy, "--bytes", "64MiB"))
				}
			})
		}
	})
}
