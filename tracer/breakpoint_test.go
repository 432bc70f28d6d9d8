//go:build linux

package tracer

import "testing"

func TestParseCPUList(t *testing.T) {
	for text, want := range map[string]int{"0": 1, "0-3": 4, "0-1,4,6-7": 5} {
		if got, err := parseCPUList(text); err != nil || len(got) != want {
			t.Errorf("%q: %v, %v; want %d CPUs", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "0-", "1,,2"} {
		if got, err := parseCPUList(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}
