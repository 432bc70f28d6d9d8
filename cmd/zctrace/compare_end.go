//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/tracer/trace"
)

// finish writes and prints what there is, and says what went wrong.
func (c *comparison) finish(outcomes []session.Outcome, err error) error {
	set := c.set(outcomes)
	var outErr error
	if len(outcomes) > 0 {
		outErr = c.printSet(set)
		outErr = cmp.Or(c.saveSet(set), outErr)
	}
	if exit := interrupted(c.ctx, cmp.Or(err, outErr)); exit != nil {
		return exit
	}
	if errors.Is(err, errQuit) && len(outcomes) == 0 {
		return nil
	}
	return cmp.Or(err, failures(c.labels(), outcomes), outErr, c.checkGates(set))
}

func (c *comparison) set(outcomes []session.Outcome) *trace.Set {
	var traces []*trace.Trace
	var failed []trace.Failure
	for _, o := range outcomes {
		if o.Trace != nil {
			traces = append(traces, o.Trace)
		} else {
			cfg := c.configs[o.Config]
			failed = append(failed, trace.Failure{Strategy: cfg.Strategy.Name, ChunkBytes: cfg.Chunk, Error: o.Err.Error()})
		}
	}
	return trace.NewSet(traces, failed...)
}

// failures names the runs that failed. If nothing else happened, the first one's
// error says it all, and its exit code.
func failures(labels []string, outcomes []session.Outcome) error {
	var texts []string
	ran := false
	for _, o := range outcomes {
		ran = ran || o.Trace != nil
		if o.Err != nil {
			texts = append(texts, fmt.Sprintf("%s, round %d: %v", labels[o.Config], o.Round, o.Err))
		}
	}
	switch {
	case len(texts) == 0:
		return nil
	case !ran:
		return outcomes[0].Err
	}
	return errors.New(strings.Join(texts, "\n"))
}

// checkGates holds the runs that count against the expectations.
func (c *comparison) checkGates(set *trace.Set) error {
	var failed []string
	for _, g := range c.gates {
		checked := 0
		for _, t := range set.Traces {
			if !t.Counts() || g.strategy != "" && g.strategy != t.Run.Strategy {
				continue
			}
			checked++
			if err := g.Check(t); err != nil {
				failed = append(failed, fmt.Sprintf("expectation failed: %s: %v", t.Run.Strategy, err))
			}
		}
		if checked == 0 {
			failed = append(failed, fmt.Sprintf("expectation failed: %s: no run of %s counts", g, cmp.Or(g.strategy, "any strategy")))
		}
	}
	if failed = slices.Compact(failed); len(failed) == 0 { // each round says the same
		return nil
	}
	return &fault.Error{Kind: fault.Unexpected, What: strings.Join(failed, "\n")}
}

// printSet prints the ranking, unless it is to be quiet and no form was asked for.
func (c *comparison) printSet(set *trace.Set) error {
	if c.quiet && c.form.chosen() == nil {
		return nil
	}
	if err := c.form.writeSet(c.stdout, set); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// saveSet writes the set where --json says, if it does.
func (c *comparison) saveSet(set *trace.Set) error {
	return write(c.json, "traces", func(w io.Writer) error { return trace.WriteSet(w, set) })
}
