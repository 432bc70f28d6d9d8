//go:build linux

package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// three are configurations of as many strategies, with one source.
func three(t *testing.T) []Config {
	t.Helper()
	cfg := config(t)
	source, err := workloads.OpenSource(t.Context(), cfg.Source, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	cfg.Shared, cfg.Sinks = source, sinks("null")
	var configs []Config
	for _, name := range []string{"read-write", "mmap-write", "sendfile"} {
		if cfg.Strategy, err = workloads.Find(name); err != nil {
			t.Fatal(err)
		}
		configs = append(configs, cfg)
	}
	return configs
}

// log notes what Watch is told.
type log struct{ begun, ended []string }

func (l *log) watch(end func(Outcome)) Watch {
	return Watch{
		Begin:   func(config, round int) { l.begun = append(l.begun, fmt.Sprint(round, " ", config)) },
		Observe: func(*trace.Trace) {},
		End: func(o Outcome) {
			l.ended = append(l.ended, fmt.Sprint(o.Round, " ", o.Config))
			if end != nil {
				end(o)
			}
		},
	}
}

func TestRoundsRotate(t *testing.T) {
	s, l := &script{}, &log{}
	outcomes, err := Rounds(t.Context(), three(t), 4, s.deps(), l.watch(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1 0", "1 1", "1 2", "2 1", "2 2", "2 0", "3 2", "3 0", "3 1", "4 0", "4 1", "4 2"}
	if !slices.Equal(l.begun, want) || !slices.Equal(l.ended, want) {
		t.Errorf("begun %v, ended %v, want %v", l.begun, l.ended, want)
	}
	for _, o := range outcomes {
		if o.Err != nil || o.Trace.Run.Source.Kind != "auto" || o.Trace.Run.Source.Bytes != trace.Known(1<<20) {
			t.Errorf("%+v: source %+v", o, o.Trace.Run.Source)
		}
	}
	if len(outcomes) != len(want) || s.open != len(want) || s.close != len(want) {
		t.Errorf("%d outcomes, tracer opened %d times, closed %d times; want %d", len(outcomes), s.open, s.close, len(want))
	}
}

// What failed is not tried again; the others go on.
func TestRoundsWithAFailure(t *testing.T) {
	s, l := &script{}, &log{}
	deps := s.deps()
	start := deps.StartWorker
	deps.StartWorker = func(c workloads.Config) (Worker, error) {
		if c.Work.Strategy.Name == "mmap-write" {
			return nil, errors.New("out of memory")
		}
		return start(c)
	}
	configs := three(t)
	outcomes, err := Rounds(t.Context(), configs, 3, deps, l.watch(nil))
	if want := []string{"1 0", "1 1", "1 2", "2 2", "2 0", "3 2", "3 0"}; err != nil || !slices.Equal(l.ended, want) {
		t.Fatalf("ended %v, %v; want %v", l.ended, err, want)
	}
	if o := outcomes[1]; o.Trace != nil || o.Err == nil || !strings.Contains(o.Err.Error(), "out of memory") {
		t.Errorf("the outcome is %+v", o)
	}
	// Also if it is the first.
	outcomes, err = Rounds(t.Context(), []Config{configs[1], configs[2]}, 2, deps, l.watch(nil))
	if err != nil || len(outcomes) != 3 {
		t.Errorf("%d outcomes, %v; want 3", len(outcomes), err)
	}
}

// What no run can do is said at once.
func TestRoundsThatCannotBegin(t *testing.T) {
	s, l := &script{tracerErr: &fault.Error{Kind: fault.Unsupported, What: "no tracing here"}}, &log{}
	outcomes, err := Rounds(t.Context(), three(t), 3, s.deps(), l.watch(nil))
	if len(outcomes) != 0 || err == nil || len(l.begun) != 1 {
		t.Errorf("%d outcomes, %v, after %v", len(outcomes), err, l.begun)
	}
}

func TestRoundsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("seen enough")
	s, l := &script{}, &log{}
	outcomes, err := Rounds(ctx, three(t), 3, s.deps(), l.watch(func(o Outcome) {
		if o.Round == 2 {
			cancel(why)
		}
	}))
	if err != nil || len(outcomes) != 4 {
		t.Errorf("%d outcomes, %v; want 4", len(outcomes), err)
	}
	outcomes, err = Rounds(ctx, three(t), 3, s.deps(), l.watch(nil))
	if len(outcomes) != 0 || !errors.Is(err, why) {
		t.Errorf("%d outcomes, %v; want %v", len(outcomes), err, why)
	}
}
