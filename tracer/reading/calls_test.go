package reading

import (
	"slices"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Errnos come in an order that stays, and what the trace does not name comes last, unless it names none.
func TestErrnosOfACall(t *testing.T) {
	for _, test := range []struct {
		errors int64
		errnos map[string]trace.Int
		want   []string
	}{
		{0, nil, nil},
		{5, nil, nil}, // of before errnos were written
		{9, map[string]trace.Int{"EAGAIN": trace.Known(2), "ENOBUFS": trace.Known(5), "EPIPE": trace.Known(2)}, []string{"ENOBUFS 5", "EAGAIN 2", "EPIPE 2"}},
		{12, map[string]trace.Int{"EAGAIN": trace.Known(2), "ENOBUFS": trace.Known(3)}, []string{"ENOBUFS 3", "EAGAIN 2", "others 7"}},
	} {
		c := trace.Counters{Syscalls: trace.Syscalls{ByName: map[string]trace.Syscall{"read": {Errors: trace.Known(test.errors), Errnos: test.errnos}}}}
		var got []string
		for _, e := range CallOf(&c, "read").Errnos {
			got = append(got, e.Name+" "+e.Count.Int.String())
			if e.Count.Origin.Provenance != trace.Observed {
				t.Errorf("%s is %s", e.Name, e.Count.Origin.Provenance)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%v of %d errors: %q, want %q", test.errnos, test.errors, got, test.want)
		}
	}
}
