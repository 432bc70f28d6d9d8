//go:build linux

package session

import (
	"errors"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/session/launch"
	"github.com/zctrace/zctrace/tracer/trace"
)

// unsteady has processes that never hold still.
type unsteady struct {
	ProgramTracer
	last []bool // as it was asked
}

func (u *unsteady) Programs(last bool) (*ledger.ProgramSnapshot, error) {
	u.last = append(u.last, last)
	return &ledger.ProgramSnapshot{Unsteady: 3, Following: bpf.ObjectFollowing{BegunNs: 1}, NowNS: 2}, nil
}

// What could not be read whole is a loss only if there is no later snapshot that may have it.
func TestUnsteadyAtTheEnd(t *testing.T) {
	u := &unsteady{}
	r := &programRecording{tracer: u, command: &launch.Command{}, attached: &tracer.Attached{Engines: []ledger.Engine{ledger.Derived}}}
	if err := r.tick(""); err != nil || len(r.last.Lost()) > 0 {
		t.Errorf("a sample has lost %v: %v", r.last.Losses, err)
	}
	p, err := r.conclude(trace.Done, nil)
	if !errors.Is(err, ErrUntrustworthy) || !strings.HasSuffix(err.Error(), ": unsteady_processes 3") || p.Losses["unsteady_processes"] != 3 {
		t.Errorf("the end: %v, %v", err, p.Losses)
	}
	if len(u.last) != 2 || u.last[0] || !u.last[1] {
		t.Errorf("the last snapshot was asked for as %v", u.last)
	}
}
