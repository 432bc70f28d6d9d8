package export

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/tracetest"
)

func TestCSVNeverShowsNullAsZero(t *testing.T) {
	var text strings.Builder
	if err := csvFormat.Set(&text, tracetest.Odd()); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int {
		for i, head := range records[0] {
			if head == name {
				return i
			}
		}
		t.Fatalf("no column %s", name)
		return 0
	}
	for _, record := range records[1:] {
		for name, want := range map[string]map[string]string{
			"per_mib.context_switches": {"mmap-write": "n/a", "splice": "n/a"},
			"passes.in_kernel":         {"mmap-write": "n/a", "sendfile": "0.25"},
			"rank":                     {"splice": "n/a", "read-write": "n/a", "sendfile": "2"},
			"failed":                   {"splice": "1", "read-write": "1", "sendfile": "0"},
			"varies":                   {"sendfile": "passes.in_kernel passes.disk_read"},
		} {
			if text, ok := want[record[column("strategy")]]; ok && record[column(name)] != text {
				t.Errorf("%s of %s is %q, want %q", name, record[column("strategy")], record[column(name)], text)
			}
		}
	}
}
