//go:build linux

package session

import (
	"context"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Outcome is how one run of several ended.
type Outcome struct {
	Config int          // its index
	Round  int          // from 1
	Trace  *trace.Trace // nil: nothing ran
	Err    error
}

// Watch is told of several runs as they go. Its functions are called from the
// goroutine of Rounds.
type Watch struct {
	Begin   func(config, round int)
	Observe func(*trace.Trace)
	End     func(Outcome)
}

// Rounds does each run once a round. What changes on the machine meanwhile, such
// as its clock rate, then meets all alike; and so that nobody always runs after
// the same other, each round begins with the next one. A run that failed is not
// tried again in later rounds.
//
// The error is what made the whole of it pointless: the first run could not be
// done for a reason that is not its own, or ctx ended before anything ran.
func Rounds(ctx context.Context, configs []Config, rounds int, deps Deps, watch Watch) ([]Outcome, error) {
	var outcomes []Outcome
	failed := make([]bool, len(configs))
	for round := range rounds {
		for i := range configs {
			i = (i + round) % len(configs)
			if failed[i] {
				continue
			}
			watch.Begin(i, round+1)
			t, err := Run(ctx, configs[i], deps, watch.Observe)
			if t == nil && (ctx.Err() != nil || len(outcomes) == 0 && general(err)) {
				if len(outcomes) == 0 {
					return nil, err
				}
				return outcomes, nil
			}
			o := Outcome{Config: i, Round: round + 1, Trace: t, Err: err}
			outcomes = append(outcomes, o)
			watch.End(o)
			if ctx.Err() != nil {
				return outcomes, nil
			}
			failed[i] = err != nil
		}
	}
	return outcomes, nil
}

// general tells an error that every other run would meet as well.
func general(err error) bool { return fault.KindOf(err) != fault.Failed }
