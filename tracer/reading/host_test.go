package reading

import (
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

func TestCPUsText(t *testing.T) {
	for want, host := range map[string]trace.Host{
		"":                    {},
		"1 CPU":               {CPUs: 1, CPUsAllowed: 1},
		"2 CPUs":              {CPUs: 2}, // of a trace that does not say more
		"4 CPUs":              {CPUs: 4, CPUsAllowed: 4},
		"1 of 2 CPUs allowed": {CPUs: 2, CPUsAllowed: 1},
		"3 CPUs allowed":      {CPUsAllowed: 3},
	} {
		if got := CPUsText(host); got != want {
			t.Errorf("%+v: %q, want %q", host, got, want)
		}
	}
}
