package report

import (
	"regexp"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

// onTerminal is a UTF-8 terminal without colours.
var onTerminal = &term.Look{Glyphs: term.UnicodeGlyphs}

func TestProgramTableGolden(t *testing.T) {
	for name, p := range map[string]*trace.Program{"nginx": tracetest.Nginx(), "sendfile": tracetest.NginxSendfile(), "odd": tracetest.OddProgram(), "empty": {}} {
		tracetest.Golden(t, "program-"+name+".txt", Program(p, Look, 80))
		tracetest.Golden(t, "program-"+name+"-160.txt", Program(p, onTerminal, 160))
	}
	tracetest.Golden(t, "program-difference.txt", ProgramDifference(tracetest.Nginx(), tracetest.NginxSendfile(), "nginx.json", "sendfile.json", 80))
	tracetest.Golden(t, "program-difference-odd.txt", ProgramDifference(tracetest.OddProgram(), tracetest.Nginx(), "odd.json", "nginx.json", 80))
}

// A command line of kilobytes leaves room for the rest of the table.
func TestProgramLongCommand(t *testing.T) {
	p := tracetest.Nginx()
	before := strings.Count(Program(p, Look, 80), "\n")
	p.Scope.Command = []string{"echo", strings.Repeat("x", 4000)}
	p.Run.Command = append([]string{"zctrace", "exec", "--"}, "echo", strings.Repeat("x", 3900))
	if lines := strings.Count(Program(p, Look, 80), "\n"); lines > before+2*13 {
		t.Errorf("%d lines, and %d with a short one", lines, before)
	}
}

// The made-up recordings are such as a session could make.
func TestProgramsAreValid(t *testing.T) {
	for name, p := range map[string]*trace.Program{"nginx": tracetest.Nginx(), "sendfile": tracetest.NginxSendfile(), "odd": tracetest.OddProgram()} {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A recording differs from itself in nothing.
func TestNoProgramDifference(t *testing.T) {
	for _, p := range []*trace.Program{tracetest.Nginx(), tracetest.OddProgram()} {
		if text := ProgramDifference(p, p, "a", "b", 80); strings.Count(text, "!=") != 1 { // in the legend
			t.Errorf("a recording differs from itself:\n%s", text)
		}
	}
}

// Recordings that press against every limit, and those with something hostile in every string, make no line too long,
// nor anything that a terminal would obey, nor lose a number's digits.
func TestProgramTableOfExtremes(t *testing.T) {
	list := tracetest.ExtremePrograms()
	for _, name := range []string{"usual", "odd", "attach"} {
		hostile := tracetest.ExtremePrograms()[name]
		tracetest.Poison(hostile)
		list["hostile "+name] = hostile
	}
	for name, p := range list {
		for _, width := range []int{0, 80, 100, 120, 200} {
			for _, look := range []*term.Look{Look, onTerminal, {Glyphs: term.ASCIIGlyphs, ASCII: true}} {
				text := Program(p, look, width)
				checkLines(t, name, text, max(width, 80))
				if look.ASCII && strings.ContainsFunc(text, func(r rune) bool { return r > 127 }) {
					t.Errorf("%s: not ASCII: %s", name, text)
				}
			}
		}
		for other, q := range list {
			checkLines(t, name+" and "+other, ProgramDifference(p, q, tracetest.Hostile, other, 80), 80)
		}
	}
}

func checkLines(t *testing.T, name, text string, width int) {
	t.Helper()
	if harm := tracetest.Harm(text); harm != "" {
		t.Errorf("%s: %s", name, harm)
	}
	for l := range strings.SplitSeq(text, "\n") {
		if term.Width(l) > width {
			t.Errorf("%s: a line of %d cells, more than %d: %q", name, term.Width(l), width, l)
		}
	}
}

// What was not counted is n/a wherever it stands, with the reason, and the verdict says so.
func TestProgramNullIsNeverShownAsZero(t *testing.T) {
	p := tracetest.Nginx()
	p.Others.Copies.InKernel, p.Others.Moved.Cloned = tracetest.Missing("an overlay"), tracetest.Missing("no hook")
	p.Others.ContextSwitches = trace.ContextSwitches{}
	tracetest.Sum(p)
	text := Program(p, Look, 80)
	for _, want := range []string{
		"The CPU copied 6.40 GiB (at least)", "Not known: copies in the kernel, what was cloned.",
		"copies.in_kernel: an overlay", "moved.cloned: no hook",
	} {
		if !strings.Contains(strings.ReplaceAll(text, "\n", " "), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if line := lineWith(text, "copied in_kernel"); !strings.Contains(line, human.NotCounted) {
		t.Errorf("%q", line)
	}
	if line := lineWith(text, "all 5"); !regexp.MustCompile(`GiB +n/a +n/a$`).MatchString(line) {
		t.Errorf("%q", line)
	}
	if strings.Contains(text, "context switches") {
		t.Errorf("a number that nobody counted:\n%s", text)
	}
}

// A client whose daemon did the work is told right at the top.
func TestProgramOfAClient(t *testing.T) {
	asks := tracetest.CostOf(tracetest.Move{From: trace.EndUnix, To: trace.EndUser, Call: "read", Calls: 3, Bytes: 512})
	p := tracetest.Program([]string{"docker", "run", "nginx"}, trace.ProcessRow{ID: 1, Comm: "docker", Cost: asks})
	tracetest.Sum(p)
	text := Program(p, Look, 200)
	if at := strings.Index(text, "docker is a client, and no more than 512 B moved here: the work is done by other processes"); at < 0 || at > strings.Index(text, "\n\n") {
		t.Errorf("not told at the top:\n%s", text)
	}
}
