//go:build linux

package session

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zctrace/zctrace/bpf"
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
	engines     []ledger.Engine // nil: derived
	unseen      bool            // the workers' windows
	started     []*fakeWorker
	configs     []workloads.Config
	open, close int
	running     int // snapshots before the end
	ended       int // and after it
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

func (t fakeTracer) MarkersSeen() (*os.File, error) { return nil, nil }

func (t fakeTracer) Attach() (*tracer.Attached, error) {
	a := &tracer.Attached{Hooks: []trace.Hook{{Name: "tp_btf/sys_exit", Attached: true, Provenance: trace.Observed}}, Engines: t.s.engines, Missing: ledger.Missing{}}
	if a.Engines == nil {
		a.Engines = []ledger.Engine{ledger.Derived}
	}
	return a, nil
}

func (t fakeTracer) Close() { t.s.close++ }

func (t fakeTracer) Snapshot(ended bool) (*ledger.Snapshot, error) {
	if t.s.running++; ended {
		t.s.running--
		t.s.ended++
	}
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
		Work:      workloads.Work{Strategy: strategy, Source: source("auto:1MiB"), Sinks: sinks("unix"), Chunk: 4096},
		Recording: Recording{Interval: time.Millisecond},
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
