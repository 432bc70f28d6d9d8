//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/zctrace/zctrace/workloads"
)

// The textbook's table needs no rights. It has the row of every strategy, with its
// source, and no line is wider than a mail.
func TestListTextbook(t *testing.T) {
	oncePerMachine(t)
	r := zctrace(t, "list", "--textbook")
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	table, sources, ok := strings.Cut(r.stdout, "\nSOURCES\n")
	if !ok {
		t.Fatalf("no sources:\n%s", r.stdout)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(r.stdout) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > tableWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) > 8 {
			rows[strings.Join(fields[:len(fields)-8], " ")] = fields[len(fields)-8:]
		}
	}
	for name, want := range map[string]string{ // of the articles, and where a file differs
		"read-write":        "2 4 1 1 0 0 1 1",
		"mmap-write":        "2 4 0 1 0 0 1 1",
		"sendfile":          "1 2 0 0 0 0 1 1",
		"mmap-copy":         "2 4 0 0 0 1 1 1",
		"direct-io":         "2 4 0 1 0 0 1 1",
		"direct-io to file": "2 4 0 0 0 0 1 1",
	} {
		if got := strings.Join(rows[name], " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	flat := strings.Join(strings.Fields(sources), " ")
	for _, s := range workloads.Strategies {
		if len(rows[s.Name]) != 8 {
			t.Errorf("%s has no row", s.Name)
		}
		if !strings.Contains(flat, s.Name+" "+s.Textbook.Source) {
			t.Errorf("%s has no source", s.Name)
		}
	}
}
