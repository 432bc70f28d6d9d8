package report

import (
	"regexp"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/tracetest"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/term"
)

func TestDifferenceGolden(t *testing.T) {
	tracetest.Golden(t, "difference.txt", Difference(tracetest.Small("read-write"), tracetest.Small("sendfile"), "read-write.json", "sendfile.json", 80))
	tracetest.Golden(t, "difference-failing.txt", Difference(tracetest.Failing(), tracetest.Small("sendfile"), "failing.json", "sendfile.json", 80))
	tracetest.Golden(t, "difference-file.txt", Difference(tracetest.ToFile(), tracetest.Whole("mmap-write"), "a.json", strings.Repeat("very/", 20)+"long.json", 80))
}

func TestNoDifference(t *testing.T) {
	text := Difference(tracetest.Small("sendfile"), tracetest.Small("sendfile"), "a", "b", 80)
	if strings.Count(text, "!=") != 1 { // in the legend
		t.Errorf("a trace differs from itself:\n%s", text)
	}
}

// What was not counted is not said to be as in the textbook, nor does it hide what differs.
func TestDifferenceOfWhatWasNotCounted(t *testing.T) {
	unknown := func(strategy string) *trace.Trace {
		tr := tracetest.Small(strategy)
		tr.Total.Sender.Copies.ToUser = tracetest.Missing("the engine cannot tell")
		return tr
	}
	differing := unknown("read-write")
	differing.Total.Sender.Copies.FromUser = tracetest.Derived(0)
	for _, c := range []struct {
		a, b *trace.Trace
		want string
	}{
		{tracetest.Small("sendfile"), tracetest.Small("sendfile"), "   = textbook  as in the textbook\n"},
		{unknown("sendfile"), unknown("sendfile"), "   = textbook  as in the textbook, as far as counted\n"},
		{unknown("sendfile"), tracetest.Small("sendfile"), "  != textbook  as in the textbook, as far as counted | as in the textbook\n"},
		{differing, differing, "   = textbook  not as in the textbook\n"},
	} {
		if text := Difference(c.a, c.b, "a", "b", 80); !strings.Contains(text, c.want) {
			t.Errorf("no %q in\n%s", c.want, text)
		}
	}
}

// What the legend explains stands in the tables above it, and whatever mark stands there is explained.
func TestDifferenceExplainsWhatOccurs(t *testing.T) {
	list := tracetest.Extreme()
	list["small"], list["estimated"] = tracetest.Small("sendfile"), tracetest.Small("read-write")
	list["estimated"].Total.Sender.Provenance["syscalls.by_name.*.calls"] = trace.Origin{Provenance: trace.Estimated, Reason: "guessed"}
	list["estimated"].Total.Sender.Provenance["page_faults.minor"] = trace.Origin{Provenance: trace.Estimated, Reason: "guessed"}
	list["estimated"].Total.Sender.PageFaults.Minor = trace.Known(5)
	marks := map[string]int{}
	for nameA, a := range list {
		for nameB, b := range list {
			tables, legend, _ := strings.Cut(Difference(a, b, "a", "b", 80), "\n!= differs")
			for mark, occurs := range map[string]*regexp.Regexp{
				"? one":   regexp.MustCompile(`(?m)^   \? `),
				"d der":   regexp.MustCompile(`(?m)[\d>] d( |$)`),
				"~ est":   regexp.MustCompile(`(?m)[\d>] ~( |$)`),
				"n/a not": regexp.MustCompile(`(?m)  n/a( |$)`),
			} {
				there, told := occurs.MatchString(tables), strings.Contains(strings.ReplaceAll(legend, "\n", " "), mark)
				if there != told {
					t.Errorf("%s and %s: %q stands in the tables: %v, in the legend: %v\n%s\n%s", nameA, nameB, mark, there, told, tables, legend)
				}
				if there {
					marks[mark]++
				}
			}
		}
	}
	if len(marks) != 4 {
		t.Errorf("only %v were seen", marks)
	}
}

// The errors of a call add up: those whose errno the trace does not name are there, too.
func TestDifferenceOfOtherErrnos(t *testing.T) {
	text := Difference(tracetest.Failing(), tracetest.Small("read-write"), "a", "b", 80)
	for _, want := range []string{`write, EAGAIN +9\.69 +0\.00`, `write, others +0\.05 +0\.00`} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// Requests that the other run did not make are 0 if it counted them, and not known if nobody did.
func TestDifferenceOfRequests(t *testing.T) {
	counted := tracetest.Small("read-write")
	counted.Total.Sender.Requests = map[string]trace.Request{"IORING_OP_SEND_ZC": {Completed: trace.Known(1024), Errors: trace.Known(0)}}
	for other, want := range map[*trace.Trace][]string{
		counted:                     {`!= IORING_OP_SEND_ZC +17\.00 +16\.00`, `!= IORING_OP_SEND_ZC, errors +1\.02 +0\.00`, `!= IORING_OP_SEND_ZC, ENOMEM +0\.62 +0\.00`, `!= IOCB_CMD_PREAD +0\.11 +0\.00`},
		tracetest.Small("sendfile"): {`\? IORING_OP_SEND_ZC +17\.00 +n/a`, `\? IORING_OP_SEND_ZC, ENOMEM +0\.62 +n/a`},
	} {
		text := Difference(tracetest.Failing(), other, "a", "b", 80)
		for _, want := range want {
			if !regexp.MustCompile(want).MatchString(text) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
	}
}

// Traces that press against every limit make no line too long, nor anything
// that the terminal would obey.
func TestDifferenceOfExtremes(t *testing.T) {
	list := tracetest.Extreme()
	hostiles := tracetest.Failing()
	tracetest.Poison(hostiles)
	list["hostile"] = hostiles
	for nameA, a := range list {
		for nameB, b := range list {
			for _, l := range strings.Split(Difference(a, b, tracetest.Hostile, nameB, 80), "\n") {
				if term.Width(l) > 80 || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e }) {
					t.Fatalf("%s and %s: %q", nameA, nameB, l)
				}
			}
		}
	}
}
