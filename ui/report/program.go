package report

import (
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// Program is the final table of a recording of programs.
func Program(p *trace.Program, look *term.Look, _ int) string {
	return look.Text(string(p.Run.Ended)) + "\n"
}

// ProgramDifference puts two of them side by side.
func ProgramDifference(a, b *trace.Program, nameA, nameB string, width int) string {
	return Program(a, Look, width) + nameA + nameB + Program(b, Look, width)
}
