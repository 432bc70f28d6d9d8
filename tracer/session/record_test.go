//go:build linux

package session

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// A trace of any command line is read again, and has its beginning.
func TestShortCommand(t *testing.T) {
	many := slices.Repeat([]string{"12345"}, 200_000)
	for _, test := range []struct {
		name       string
		args, want []string
	}{
		{"nothing", nil, nil},
		{"short", []string{"sh", "-c", ""}, []string{"sh", "-c", ""}},
		{"a long word", []string{"echo", strings.Repeat("x", 100_000)}, []string{"echo", strings.Repeat("x", 4091) + " ..."}},
		{"many words", many, append(slices.Clone(many[:682]), "1234 ...", "... (199317 more)")},
		{"a long word of what is escaped", []string{strings.Repeat("\x1b", 70_000)}, []string{strings.Repeat("\x1b", 4096) + " ..."}},
	} {
		got := shortCommand(test.args)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %d words, %.200q", test.name, len(got), got)
		}
		var out bytes.Buffer
		if err := trace.WriteProgram(&out, &trace.Program{Schema: trace.ProgramSchema, Run: trace.ProgramRun{Command: got}}); err != nil {
			t.Fatal(err)
		}
		file, err := trace.Read(&out)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if !slices.Equal(file.Program.Run.Command, test.want) {
			t.Errorf("%s is read as %.200q", test.name, file.Program.Run.Command)
		}
	}
}
