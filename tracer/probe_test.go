//go:build linux

package tracer

import (
	"testing"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/ledger"
)

// A hook that the kernel refuses is told of, also one that few runs want: this program
// reads an argument that its function does not have.
func TestProbeTriesEveryHook(t *testing.T) {
	needTracing(t)
	kernel, err := kernelTypes.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	h := Hook{Kind: FuncExit, Program: bpf.ObjectProgFilemapRead, Targets: []string{"pipe_read", "anon_pipe_read"},
		Engine: ledger.Fentry, wanted: func(Options) bool { return false }}
	if err := tryHook(h, kernel); err == nil {
		t.Error("it is said to work")
	}
}
