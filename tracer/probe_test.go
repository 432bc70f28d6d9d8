//go:build linux

package tracer

import (
	"testing"

	"github.com/zctrace/zctrace/bpf"
)

// A hook that the kernel refuses is told of, also one that few runs want: this program
// takes for a task what its tracepoint passes in that place, if it passes anything.
func TestProbeTriesEveryHook(t *testing.T) {
	needTracing(t)
	kernel, err := kernelTypes.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	h := Hook{Kind: Tracepoint, Program: bpf.ObjectProgSchedSwitch, Targets: []string{"sched_process_exit"}, wanted: func(Options) bool { return false }}
	if tryHook(h, kernel) == nil {
		t.Error("it is said to work")
	}
}
