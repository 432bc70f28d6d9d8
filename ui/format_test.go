package ui

import (
	"math"
	"testing"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/reading"
)

// TestThroughputStaysWhereItWas: as the run goes on, the columns of the chart
// that are complete do not change.
func TestThroughputStaysWhereItWas(t *testing.T) {
	before := newData(uncoloured(false), tracetest.RunOf("read-write", 20), running)
	later := newData(uncoloured(false), tracetest.RunOf("read-write", 40), running)
	p := reading.ProgressOf(&later.Trace.Run, later.Now.ElapsedNS, later.Payload().Or(0))
	a, b := before.throughput(p, 50), later.throughput(p, 50)
	for i := range 20 {
		if math.Abs(a[i]-b[i]) > 1 {
			t.Errorf("column %d was %.0f and is %.0f", i, a[i], b[i])
		}
	}
	if a[20] >= 0 || b[39] < 0 || b[40] >= 0 {
		t.Errorf("columns of the future are drawn, or those of the past are not: %v", b)
	}
}
