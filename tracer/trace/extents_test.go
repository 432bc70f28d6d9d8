package trace

import (
	"strings"
	"testing"
)

func TestValidateExtents(t *testing.T) {
	for _, c := range []struct {
		name  string
		broke func(*Trace)
		want  string
	}{
		{"extents", func(t *Trace) { t.Run.Source.Extents = &Extents{Bytes: Known(-1), Reason: "x"} }, "run.source.extents.bytes is -1"},
		{"extents without a reason", func(t *Trace) { t.Run.Sink.Extents = &Extents{} }, "run.sink.extents.bytes is null without a reason"},
		{"more extents than bytes", func(t *Trace) {
			t.Run.Sink2 = &Sink{Extents: &Extents{Bytes: Known(9), MappedBytes: Known(8), HoleBytes: Known(2), Reason: "x"}}
		}, "run.sink2.extents has 10 bytes mapped and in holes, want 9"},
		{"more of a kind", func(t *Trace) {
			t.Run.Source.Extents = &Extents{MappedBytes: Known(8), UnwrittenBytes: Known(5), EncodedBytes: Known(4), InlineBytes: Known(0), UnknownBytes: Known(0), Reason: "x"}
		}, "run.source.extents has 9 bytes of a kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			trace := goldenTraces()["read-write.json"]
			c.broke(trace)
			if err := trace.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	whole := goldenTraces()["read-write.json"]
	n, none := Known(8), Known(0)
	whole.Run.Source.Extents = &Extents{n, n, none, Known(3), Known(5), none, none, n, ""}
	if err := whole.Validate(); err != nil {
		t.Error(err)
	}
}
