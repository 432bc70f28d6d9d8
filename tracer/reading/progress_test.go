package reading

import (
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// The limit counts that will be met first.
func TestProgress(t *testing.T) {
	const second = int64(1e9)
	r := trace.Run{ElapsedNS: 2 * second, LimitDurationNS: trace.Known(10 * second)}
	p := ProgressOf(&r, r.ElapsedNS, 6<<30)
	if p.ByBytes || p.Fraction != 0.2 || p.LeftNS != 8*second {
		t.Errorf("by duration: %+v", p)
	}
	r.LimitBytes = trace.Known(12 << 30)
	if p = ProgressOf(&r, r.ElapsedNS, 6<<30); !p.ByBytes || p.Fraction != 0.5 || p.LeftNS != 2*second {
		t.Errorf("by bytes: %+v", p)
	}
	r.LimitBytes, r.LimitDurationNS = trace.Int{}, trace.Int{}
	if p = ProgressOf(&r, r.ElapsedNS, 6<<30); p.Limited {
		t.Errorf("no limit: %+v", p)
	}
}
