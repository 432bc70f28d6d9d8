//go:build linux

package tracer

import (
	"testing"

	"github.com/zctrace/zctrace/bpf"
)

// Every hook of the table is a program of the object, and every program is in
// the table.
func TestHookTable(t *testing.T) {
	spec, err := bpf.LoadObject()
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, h := range Hooks {
		listed[h.Program] = true
		if p := spec.Programs[h.Program]; p == nil || h.Kind != BreakpointHook && p.AttachTo != h.targets()[0] {
			t.Errorf("%s: the object has no such program", h.Name())
		}
	}
	for name := range spec.Programs {
		if !listed[name] {
			t.Errorf("the program %s is not in the table", name)
		}
	}
}
