//go:build linux

package docs

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/workloads"
)

// table is the cells of a page's table that begins with this line.
func table(t *testing.T, page, head string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+head+"\n")
	if !found {
		t.Fatalf("%s has no table that begins with %s", page, head)
	}
	for line := range strings.Lines(rest) {
		cells, is := strings.CutPrefix(strings.TrimSpace(line), "| ")
		if !is && !strings.HasPrefix(line, "|---") {
			break
		}
		if is {
			rows = append(rows, strings.Split(strings.TrimSuffix(cells, " |"), " | "))
		}
	}
	return rows
}

// quoted is what stands in backticks.
func quoted(text string) (words []string) {
	for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		words = append(words, found[1])
	}
	return words
}

// same wants a table of the docs to have a row for each thing that there is, and no others.
func same(t *testing.T, where string, rows, there []string) {
	t.Helper()
	if len(rows) == 0 {
		t.Errorf("%s: the table has no row, or is not read as it is written", where)
	}
	for _, name := range there {
		if !slices.Contains(rows, name) {
			t.Errorf("%s: there is %s, but no row for it: write one", where, name)
		}
	}
	for _, name := range rows {
		if !slices.Contains(there, name) {
			t.Errorf("%s: there is a row for %s, but no such thing: remove the row, or correct the name", where, name)
		}
	}
}

func receiverNames() (names []string) {
	for _, m := range workloads.ReceiveMethods {
		names = append(names, m.Name)
	}
	return names
}

func TestStrategiesInTheReadme(t *testing.T) {
	var rows []string
	digit := regexp.MustCompile(`\d+`)
	for _, row := range table(t, "../README.md", "| strategy | what it does with a chunk | CPU copies, as the textbook has it |") {
		name := quoted(row[0])[0]
		rows = append(rows, name)
		s, err := workloads.Find(name)
		if err != nil {
			continue // same says so
		}
		if strings.Contains(row[2], "in user space") {
			continue // which no system call is to be charged with
		}
		copies := digit.FindAllString(row[2], -1)
		for _, sink := range []workloads.SinkKind{workloads.SinkTCP, workloads.SinkFile} {
			book := s.TextbookTo(sink)
			if n := strconv.Itoa(book.ToUser + book.FromUser + book.InKernel); !slices.Contains(copies, n) {
				t.Errorf("README.md: %s to %s makes %s CPU copies in workloads, %q in the table", name, sink, n, row[2])
			}
		}
	}
	same(t, "README.md, Strategies", rows, workloads.AllNames())
}

func TestMappingStrategiesInTheReadme(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := regexp.MustCompile(`Those with a mapping of the source \(([^)]*)\)`).FindSubmatch(page)
	if listed == nil {
		t.Fatal("README.md does not say which strategies map the source")
	}
	same(t, "README.md, those with a mapping of the source", quoted(string(listed[1])), workloads.Names((*workloads.Strategy).Mapped))
}

func TestReceiversInTheReadme(t *testing.T) {
	var rows []string
	for _, row := range table(t, "../README.md", "| receiver | what it does | CPU copies |") {
		rows = append(rows, quoted(row[0])[0])
	}
	same(t, "README.md, receivers", rows, receiverNames())
}

// What each strategy and receiver moves is in the last table of kernels.md: one or
// several to a row, before an arrow or, if they are receivers, in backticks.
func TestMovesInKernels(t *testing.T) {
	var strategies, receivers []string
	for _, row := range table(t, "kernels.md", "| strategy → sink | to_user | from_user | in_kernel | by reference | mapped |") {
		if names, _, is := strings.Cut(row[0], " → "); is {
			for name := range strings.SplitSeq(names, ", ") {
				if slices.Contains(workloads.AllNames(), name) || !onFilesystem(name) {
					strategies = append(strategies, name)
				}
			}
		} else {
			receivers = append(receivers, quoted(row[0])...)
		}
	}
	same(t, "kernels.md, How it was checked, strategies", strategies, workloads.AllNames())
	same(t, "kernels.md, How it was checked, receivers", receivers, receiverNames())
}

// onFilesystem is whether the word is where a strategy's source is.
func onFilesystem(word string) bool {
	return strings.HasPrefix(word, "tmpfs") || slices.Contains([]string{"ext4", "xfs", "btrfs"}, word)
}

func TestEnginesInKernels(t *testing.T) {
	var rows, there []string
	for _, row := range table(t, "kernels.md", "| engine | how it sees a copy | events | where it works |") {
		rows = append(rows, quoted(row[0])...)
	}
	for _, e := range ledger.Engines {
		there = append(there, string(e))
	}
	same(t, "kernels.md, Three engines", rows, there)
}

// Every tracepoint is in ARCHITECTURE.md: `tp_btf/name`, or `tp_btf/name` (`program`)
// where the program is called something else.
func TestTracepointsInArchitecture(t *testing.T) {
	var rows, there []string
	hook := regexp.MustCompile("`(?:tp_btf/)?(\\w+)`( \\(`\\w+`\\))?")
	for _, row := range table(t, "../ARCHITECTURE.md", "| hook | feeds | without it |") {
		for _, found := range hook.FindAllStringSubmatch(row[0], -1) {
			rows = append(rows, "tp_btf/"+found[1]+found[2])
		}
	}
	for _, h := range tracer.Hooks {
		if h.Kind == tracer.Tracepoint {
			name := h.Name()
			if len(h.Targets) > 0 {
				name += " (`" + h.Program + "`)"
			}
			there = append(there, name)
		}
	}
	same(t, "ARCHITECTURE.md, Hooks", rows, there)
}

// Every function that the other engines hook is in kernels.md, by its names in all
// kernels: fexit `name`, `name`, fentry `name`.
func TestFunctionsInKernels(t *testing.T) {
	var rows, there []string
	word := regexp.MustCompile("fentry|fexit|breakpoint|`[^`]+`")
	for _, head := range []string{"| payload passes | hook | bytes |", "| the bytes move | breakpoint on |"} {
		for _, row := range table(t, "kernels.md", head) {
			kind := "breakpoint"
			for _, w := range word.FindAllString(row[1], -1) {
				if name, is := strings.CutPrefix(w, "`"); is {
					rows = append(rows, kind+"/"+strings.TrimSuffix(name, "`"))
				} else {
					kind = w
				}
			}
		}
	}
	for _, h := range tracer.Hooks {
		if h.Kind == tracer.Tracepoint {
			continue
		}
		targets := h.Targets
		if len(targets) == 0 {
			targets = []string{h.Program}
		}
		for _, name := range targets {
			there = append(there, string(h.Kind)+"/"+name)
		}
	}
	same(t, "kernels.md, what the engines hook", rows, there)
}

func TestLossesInTheDocs(t *testing.T) {
	var there []string
	for cause := range ledger.Losses(&ledger.Snapshot{}, ledger.Party{}, ledger.Party{}) {
		there = append(there, cause)
	}
	var rows []string
	for _, row := range table(t, "kernels.md", "| loss | what it means |") {
		rows = append(rows, quoted(row[0])...)
	}
	same(t, "kernels.md, Losses", rows, there)
	page, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	rows = nil
	for _, found := range regexp.MustCompile("(?m)^- `(\\w+)`: ").FindAllStringSubmatch(string(page), -1) {
		rows = append(rows, found[1])
	}
	same(t, "ARCHITECTURE.md, Checks that every run makes on itself", rows, there)
}

// Each call whose bytes are counted has its place in the table of calls.
func TestCallsInTheDocs(t *testing.T) {
	var rows []string
	for _, row := range table(t, "calls.md", "| calls | from -> to | bytes are |") {
		rows = append(rows, quoted(row[0])...)
	}
	for nr, call := range ledger.CallTable() {
		if name := syscalls.Name(uint32(nr)); call.Result != 0 && !slices.Contains(rows, name) {
			t.Errorf("calls.md: the bytes of %s are counted, but there is no row for it", name)
		}
	}
}
