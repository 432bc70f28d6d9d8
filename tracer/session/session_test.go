//go:build linux

package session

import (
	"context"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// fakeWorker ends as it is told to.
type fakeWorker struct {
	role   workloads.Role
	script *script
	stop   chan struct{}
	killed chan struct{}
	done   chan struct{}
	once   [2]sync.Once
	result workloads.Result // set before done is closed, read after
	err    error
	moved  atomic.Int64
}

// script is how the fake machine behaves.
type script struct {
	run         map[workloads.Role]func(w *fakeWorker) // between Go and the end; nil: ends at once
	tracerErr   error
	snapshot    ledger.Snapshot
	unseen      bool // the workers' windows
	started     []*fakeWorker
	configs     []workloads.Config
	open, close int
}

func (w *fakeWorker) WaitReady(context.Context) error { return nil }
func (w *fakeWorker) Payload() int64                  { return w.moved.Load() }
func (w *fakeWorker) Busy() bool                      { return false }
func (w *fakeWorker) Declared() workloads.Declared    { return workloads.Declared{} }
func (w *fakeWorker) Done() <-chan struct{}           { return w.done }
func (w *fakeWorker) Stop()                           { w.once[0].Do(func() { close(w.stop) }) }
func (w *fakeWorker) Kill()                           { w.once[1].Do(func() { close(w.killed) }); w.Stop() }

func (w *fakeWorker) Go() error {
	go func() {
		if run := w.script.run[w.role]; run != nil {
			run(w)
		}
		close(w.done)
	}()
	return nil
}

func (w *fakeWorker) Wait() (workloads.Result, error) {
	<-w.done
	return w.result, w.err
}

type fakeTracer struct{ s *script }

func (t fakeTracer) Attach() (*tracer.Attached, error) {
	return &tracer.Attached{Engines: []ledger.Engine{ledger.Derived}, Missing: ledger.Missing{}}, nil
}

func (t fakeTracer) Close() { t.s.close++ }

func (t fakeTracer) Snapshot() (*ledger.Snapshot, error) {
	s := t.s.snapshot
	for i := range s.Slots {
		if !t.s.unseen {
			s.Slots[i].State = bpf.ObjectSlotStateCLOSED
		}
	}
	return &s, nil
}

func (s *script) deps() Deps {
	return Deps{
		OpenTracer: func(tracer.Options) (Tracer, error) {
			if s.tracerErr != nil {
				return nil, s.tracerErr
			}
			s.open++
			return fakeTracer{s}, nil
		},
		StartWorker: func(c workloads.Config) (Worker, error) {
			w := &fakeWorker{role: c.Role, script: s, stop: make(chan struct{}), killed: make(chan struct{}), done: make(chan struct{})}
			s.started = append(s.started, w)
			s.configs = append(s.configs, c)
			return w, nil
		},
	}
}

func config(t *testing.T) Config {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	strategy, err := workloads.Find("read-write")
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Work:     workloads.Work{Strategy: strategy, Source: source("auto:1MiB"), Sinks: sinks("unix"), Chunk: 4096},
		Interval: time.Millisecond,
	}
}

// source is one as the user names it.
func source(text string) workloads.SourceSpec {
	spec, err := workloads.ParseSource(text)
	if err != nil {
		panic(err)
	}
	return spec
}

// sinks are one or two as the user names them.
func sinks(texts ...string) (list []workloads.SinkSpec) {
	for _, text := range texts {
		spec, err := workloads.ParseSink(text)
		if err != nil {
			panic(err)
		}
		list = append(list, spec)
	}
	return list
}

func untilStopped(w *fakeWorker) { <-w.stop }

func moves(n int64) func(*fakeWorker) {
	return func(w *fakeWorker) {
		w.moved.Store(n)
		w.result = workloads.Result{Payload: n, Elapsed: time.Second}
	}
}

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
		ended:  trace.Failed, err: "5 bytes were sent and 4 received", verified: yes(false),
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
		script: script{snapshot: ledger.Snapshot{RecursionMisses: 3}},
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
		{"a part of a block", func(c *Config) { c.Strategy, _ = workloads.Find("direct-io"); c.Bytes = 4097 }, nil, "end within a block"},
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
	s := &script{run: map[workloads.Role]func(*fakeWorker){workloads.Sender: untilStopped}}
	cfg := config(t)
	cfg.Duration = 30 * time.Millisecond
	got, err := Run(t.Context(), cfg, s.deps(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	if len(got.Samples) < 2 {
		t.Errorf("%d samples in 30 ms, at one each ms", len(got.Samples))
	}
}
