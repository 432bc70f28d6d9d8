//go:build linux

package session

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// runEnds are the ways in which a run ends.
var runEnds = []struct {
	name     string
	cfg      func(*Config)
	script   script
	cancel   bool
	ended    trace.Ended
	err      string // part of it; "": none
	verified *bool
}{
	{name: "by itself", ended: trace.Done},
	{name: "by itself, unseen", script: script{unseen: true}, ended: trace.Failed, err: "open_windows 2"},
	{
		name: "after its duration", cfg: func(c *Config) { c.Duration = 20 * time.Millisecond },
		script: script{run: map[workloads.Role]func(*fakeWorker){workloads.Sender: untilStopped}},
		ended:  trace.Done,
	},
	{
		name: "interrupted", cancel: true,
		script: script{run: map[workloads.Role]func(*fakeWorker){workloads.Sender: untilStopped}},
		ended:  trace.Interrupted,
	},
	{
		name: "with the receiver's failure, which explains the sender's",
		script: script{run: map[workloads.Role]func(*fakeWorker){
			workloads.Receiver: func(w *fakeWorker) { w.err = errors.New("killed by SIGKILL") },
			workloads.Sender:   func(w *fakeWorker) { w.err = errors.New("EPIPE") },
		}},
		ended: trace.Failed, err: "killed by SIGKILL",
	},
	{
		name: "verified", cfg: func(c *Config) { c.Verify = true },
		script: script{run: map[workloads.Role]func(*fakeWorker){workloads.Receiver: moves(5), workloads.Sender: moves(5)}},
		ended:  trace.Done, verified: yes(true),
	},
	{
		name: "with bytes missing", cfg: func(c *Config) { c.Verify = true },
		script: script{run: map[workloads.Role]func(*fakeWorker){workloads.Receiver: moves(4), workloads.Sender: moves(5)}},
		ended:  trace.Failed, err: "5 bytes sent, and 4 received", verified: yes(false),
	},
	{
		name: "with a wrong byte", cfg: func(c *Config) { c.Verify = true },
		script: script{run: map[workloads.Role]func(*fakeWorker){
			workloads.Receiver: func(w *fakeWorker) { w.result.Mismatch = &workloads.Mismatch{Offset: 7, Expected: 1, Got: 2} },
		}},
		ended: trace.Failed, err: "byte 7 of the payload is 0x02, the source has 0x01", verified: yes(false),
	},
	{
		name:   "with losses",
		script: script{snapshot: ledger.Snapshot{Missed: []ledger.Misses{{Feeds: ledger.Syscalls, Events: 3}}}},
		ended:  trace.Failed, err: "recursion_misses 3",
	},
}

func TestRunEnds(t *testing.T) {
	for _, test := range runEnds {
		t.Run(test.name, func(t *testing.T) {
			cfg := config(t)
			if test.cfg != nil {
				test.cfg(&cfg)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := &test.script
			observed := 0
			got, err := Run(ctx, cfg, s.deps(), func(*trace.Trace) {
				observed++
				if test.cancel {
					cancel()
				}
			})
			switch {
			case test.err == "" && err != nil:
				t.Fatalf("it failed: %v", err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Fatalf("the error is %v, want one with %q", err, test.err)
			}
			if got.Run.Ended != test.ended {
				t.Errorf("it ended %q, want %q", got.Run.Ended, test.ended)
			}
			if v := got.Run.Verified; (v == nil) != (test.verified == nil) || v != nil && *v != *test.verified {
				t.Errorf("verified is %v, want %v", v, test.verified)
			}
			for _, m := range s.snapshot.Missed {
				if n := got.Hooks[m.Index].Misses; n != trace.Known(m.Events) {
					t.Errorf("hook %d has %v misses, want %d", m.Index, n, m.Events)
				}
			}
			if observed == 0 || s.open != 1 || s.close != 1 {
				t.Errorf("%d states shown, tracer opened %d times, closed %d times; want some, 1, 1", observed, s.open, s.close)
			}
		})
	}
}

// The path that a strategy declares is the one that trace keeps for traces without one,
// and what a run of it writes.
func TestPath(t *testing.T) {
	older := 0
	for _, strategy := range workloads.Strategies {
		kept := (&trace.Run{Strategy: strategy.Name}).Hops()
		if declared := describePath(strategy.Path); kept != nil && !reflect.DeepEqual(declared, kept) {
			t.Errorf("%s goes through %v, and trace has %v", strategy.Name, declared, kept)
		} else if kept != nil {
			older++
		}
	}
	if older != 16 {
		t.Errorf("trace keeps the paths of %d strategies, want 16: no strategy of those that it keeps may be renamed", older)
	}
	got, err := Run(t.Context(), config(t), (&script{}).deps(), nil)
	if want := describePath(config(t).Strategy.Path); err != nil || !reflect.DeepEqual(got.Run.Path, want) {
		t.Errorf("a run writes %v, %v; want %v", got.Run.Path, err, want)
	}
}

func yes(b bool) *bool { return &b }

// The traced run of --baseline does what the untraced one did.
func TestBaselineDoesTheSameWork(t *testing.T) {
	cfg := config(t)
	cfg.Baseline, cfg.Duration = true, 10*time.Millisecond
	s := &script{run: map[workloads.Role]func(*fakeWorker){workloads.Sender: moves(12345)}}
	got, err := Run(t.Context(), cfg, s.deps(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var senders []workloads.Config
	for _, c := range s.configs {
		if c.Role == workloads.Sender {
			senders = append(senders, c)
		}
	}
	if len(senders) != 2 || senders[0].Work.Bytes != 0 || senders[1].Work.Bytes != 12345 {
		t.Errorf("the senders' payloads are %v, want no limit, then 12345", senders)
	}
	if got.Run.UntracedElapsedNS != trace.Known(time.Second.Nanoseconds()) || got.Run.LimitDurationNS.Known() {
		t.Errorf("untraced %v ns, duration limit %v; want 1 s, none", got.Run.UntracedElapsedNS, got.Run.LimitDurationNS)
	}
}

// Workers that were told to end may take their time as long as anything moves.
func TestSlowEnd(t *testing.T) {
	// told is a sender that moves something for so long after it was told to end.
	told := func(seconds int, then func(*fakeWorker)) func(*fakeWorker) {
		return func(w *fakeWorker) {
			<-w.stop
			for range seconds {
				time.Sleep(time.Second)
				w.moved.Add(1)
			}
			then(w)
		}
	}
	for _, test := range []struct {
		name   string
		sender func(*fakeWorker)
		err    string
	}{
		{"slow", told(60, func(*fakeWorker) {}), ""},
		{"stalled", told(0, func(w *fakeWorker) { <-w.killed }), "is a worker stopped?"},
		{"slow, then stalled", told(15, func(w *fakeWorker) { <-w.killed }), "is a worker stopped?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config(t)
			cfg.Sinks, cfg.Interval, cfg.Duration = sinks("null"), time.Second, time.Second
			synctest.Test(t, func(t *testing.T) {
				s := &script{run: map[workloads.Role]func(*fakeWorker){workloads.Sender: test.sender}}
				_, err := Run(t.Context(), cfg, s.deps(), nil)
				if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
					t.Errorf("the error is %v, want one with %q", err, test.err)
				}
			})
		})
	}
}

// A worker that failed says why, also if the other one does not take notice of it
// and has to be killed.
func TestFailureThatTheOtherDoesNotNotice(t *testing.T) {
	fails := func(w *fakeWorker) { w.err = errors.New(string(w.role) + " failed") }
	stays := func(w *fakeWorker) {
		<-w.killed
		w.err = errors.New(string(w.role) + " was killed")
	}
	for _, test := range []struct {
		name             string
		sender, receiver func(*fakeWorker)
		err              string
	}{
		{"the sender", fails, stays, "sender failed"},
		{"the receiver", stays, fails, "receiver failed"},
		{"neither", nil, stays, "is a worker stopped?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config(t)
			cfg.Interval = time.Second
			synctest.Test(t, func(t *testing.T) {
				s := &script{run: map[workloads.Role]func(*fakeWorker){workloads.Sender: test.sender, workloads.Receiver: test.receiver}}
				got, err := Run(t.Context(), cfg, s.deps(), nil)
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("the error is %v, want one with %q", err, test.err)
				}
				if got.Run.Ended != trace.Failed {
					t.Errorf("it ended %q", got.Run.Ended)
				}
			})
		})
	}
}

// What was made for a run that does not begin is taken back.
func TestNothingIsLeftOfWhatDidNotBegin(t *testing.T) {
	cfg := config(t)
	path := filepath.Join(t.TempDir(), "sink")
	cfg.Sinks = sinks("file:" + path)
	deps := (&script{}).deps()
	deps.StartWorker = func(workloads.Config) (Worker, error) {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		return nil, errors.New("no process")
	}
	got, err := Run(t.Context(), cfg, deps, nil)
	if got != nil || err == nil || !strings.Contains(err.Error(), "no process") {
		t.Errorf("it returned %v, %v", got, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the sink is still there: %v", err)
	}
}

// An engine that was asked for by its name, and missed copies, is not replaced: its numbers are null.
func TestEngineAskedForByName(t *testing.T) {
	for copies, want := range map[ledger.Engine]ledger.Engine{"": ledger.Derived, tracer.Auto: ledger.Derived, ledger.Fentry: ledger.Fentry} {
		cfg := config(t)
		cfg.Copies = copies
		s := &script{engines: []ledger.Engine{ledger.Fentry}}
		s.snapshot.Missed = []ledger.Misses{{Hook: "fexit/filemap_read", Feeds: ledger.FentryCopies, Kind: ledger.Preempted, Events: 1}}
		file := bpf.ObjectFdKind{Format: unix.S_IFREG, Attrs: uint16(bpf.ObjectFdAttrFD_KNOWN), Detail: unix.EXT4_SUPER_MAGIC}
		read := &s.snapshot.Slots[ledger.Sender].Cells[0]
		read.Key, read.Calls, read.Bytes, read.LatencyLog2[0] = bpf.ObjectCellKey{Nr: unix.SYS_READ, In: file}, 1, 4096, 1
		got, err := Run(t.Context(), cfg, s.deps(), nil)
		if err != nil {
			t.Fatal(err)
		}
		copied := got.Total.Sender.Copies.ToUser
		if got.Run.Engine != string(want) || copied.Bytes.Known() != (want == ledger.Derived) {
			t.Errorf("--copies %q: engine %s counted %v (%s), want %s", copies, got.Run.Engine, copied.Bytes, copied.Reason, want)
		}
	}
}

// The hooks of asynchronous requests are for strategies that make such requests, and no others.
func TestHooksOfRequests(t *testing.T) {
	for name, want := range map[string]tracer.Options{"read-write": {}, "direct-io": {}, "io-uring": {Uring: true}, "io-uring-zc": {Uring: true}, "aio": {AIO: true}} {
		strategy, err := workloads.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		w := workload{Config: Config{Work: workloads.Work{Strategy: strategy}}}
		if got := w.tracerOptions(); got.Uring != want.Uring || got.AIO != want.AIO {
			t.Errorf("%s: io_uring %v, Linux AIO %v", name, got.Uring, got.AIO)
		}
	}
}

// A new interval takes effect while the run goes on.
func TestNewInterval(t *testing.T) {
	cfg := config(t)
	cfg.Sinks, cfg.Interval, cfg.Duration = sinks("null"), time.Hour, 30*time.Minute
	synctest.Test(t, func(t *testing.T) {
		changes := make(chan time.Duration, 1)
		changes <- time.Minute
		cfg.NewInterval = changes
		states, last := 0, int64(0)
		s := &script{run: map[workloads.Role]func(*fakeWorker){workloads.Sender: untilStopped}}
		_, err := Run(t.Context(), cfg, s.deps(), func(t *trace.Trace) { states++; last = t.Run.IntervalNS })
		// One each minute, one soon after the start, and the last.
		if err != nil || states < 30 || states > 32 || last != time.Minute.Nanoseconds() {
			t.Errorf("%d states of an interval of %v, error %v; want some 31 of a minute's", states, time.Duration(last), err)
		}
		// While a worker runs it may open its window yet, though another has closed its own.
		if s.running != states-1 || s.ended != 1 {
			t.Errorf("%d snapshots of processes that run, and %d of such that have ended, of %d", s.running, s.ended, states)
		}
	})
}

func TestItSaysWhatTakesTime(t *testing.T) {
	cfg := config(t)
	cfg.Baseline, cfg.Duration, cfg.Verify, cfg.Sinks = true, 10*time.Millisecond, true, sinks("file")
	var got []string
	cfg.Doing = func(what string) { got = append(got, what) }
	s := &script{run: map[workloads.Role]func(*fakeWorker){workloads.Sender: moves(12345)}}
	_, _ = Run(t.Context(), cfg, s.deps(), nil) // the fakes write nothing that could be verified
	reading := "reading 1 MiB of source auto:1MiB into the page cache"
	want := []string{
		"making source auto:1MiB", "loading the eBPF programs",
		reading, "running untraced for --baseline",
		strings.Replace(reading, "1 MiB", "0 MiB", 1), "attaching the hooks", "",
		"comparing sink file with the source",
	}
	if !slices.Equal(got, want) {
		t.Errorf("it says %q,\nwant %q", got, want)
	}
}

func TestRefusals(t *testing.T) {
	noTracing := &fault.Error{Kind: fault.Unsupported, What: "no tracing here"}
	for _, test := range []struct {
		name   string
		cfg    func(*Config)
		tracer error
		want   string
	}{
		{"no tracing", func(*Config) {}, noTracing, "no tracing here"},
		{"a wrong request before a machine that cannot", func(c *Config) { c.Source = source("/nonexistent") }, noTracing, "/nonexistent"},
		{"more than the cold source has", func(c *Config) { c.Cold, c.Bytes = true, 2<<20 }, nil, "2097152 bytes of payload are more than"},
		{"a part of a block", func(c *Config) { c.Strategy, _ = workloads.Find("direct-io"); c.Bytes = 4097 }, nil, "ends within a block"},
		{"a sink that it does not take", func(c *Config) { c.Strategy, _ = workloads.Find("mmap-copy") }, nil, "take --sink file"},
		{"nothing to verify", func(c *Config) { c.Verify, c.Sinks = true, sinks("null") }, nil, "/dev/null cannot be verified"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config(t)
			test.cfg(&cfg)
			s := &script{tracerErr: test.tracer}
			got, err := Run(t.Context(), cfg, s.deps(), nil)
			if got != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("it returned %v, %v; want an error with %q", got, err, test.want)
			}
			if len(s.started) != 0 || s.open != s.close {
				t.Errorf("%d workers started; tracer opened %d times, closed %d times", len(s.started), s.open, s.close)
			}
			if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) != 0 {
				t.Errorf("it left %v behind", left)
			}
		})
	}
}

// The samples are cumulative, and the total is the last of them.
func TestTotalIsTheLastSample(t *testing.T) {
	cfg := config(t)
	cfg.Sinks, cfg.Duration = sinks("null"), 30*time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		s := &script{run: map[workloads.Role]func(*fakeWorker){workloads.Sender: untilStopped}}
		got, err := Run(t.Context(), cfg, s.deps(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Validate(); err != nil {
			t.Error(err)
		}
		if len(got.Samples) < 30 {
			t.Errorf("%d samples in 30 ms, at one each ms", len(got.Samples))
		}
	})
}
