package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zctrace/zctrace/tracer/trace"
)

// What is run, by what was asked for.
func TestJobs(t *testing.T) {
	for _, test := range []struct {
		names string
		all   bool
		want  string
	}{
		{"", false, "6.12 newest 6.1-part 6.12-preempt-part 6.12-arm64-part"},
		{"", true, "6.1 6.12 6.12-preempt 6.12-arm64 newest"},
		{"newest 6.1", false, "6.1 newest"},
		{"7.3", false, ""},
	} {
		list, err := jobs(strings.Fields(test.names), test.all)
		var got, parts []string
		for _, j := range list {
			got = append(got, j.column())
			if !slices.Contains(columns(), j.column()) {
				t.Errorf("passes.txt has no column %s", j.column())
			}
			if j.part != "" {
				parts = append(parts, j.part)
			}
		}
		if strings.Join(got, " ") != test.want || (err != nil) != (test.want == "") {
			t.Errorf("for %q, all %v: %q, %v; want %q", test.names, test.all, got, err, test.want)
		}
		if len(slices.Compact(slices.Sorted(slices.Values(parts)))) != len(parts) {
			t.Errorf("two kernels have the same part: %v", parts)
		}
	}
}

// The list is as scripts/vm reads it: fields of words that it knows.
func TestListOfKernels(t *testing.T) {
	for _, k := range kernels {
		if !slices.Contains([]string{"amd64", "arm64"}, k.arch) || !slices.Contains([]string{"full", "part"}, k.ci) {
			t.Errorf("%+v is of no architecture, or neither full nor part", k)
		}
		for engine := range strings.SplitSeq(k.engines, ",") {
			if !slices.Contains(engines, engine) {
				t.Errorf("%s: there is no engine %s", k.name, engine)
			}
		}
	}
	if sorted := slices.Sorted(slices.Values(kernelNames())); len(sorted) < 5 || len(slices.Compact(sorted)) != len(kernels) {
		t.Errorf("the kernels are %v", kernelNames())
	}
}

// The page has a row for each kernel of the list and for no other, and says of all engines that work there,
// and only of those, what they see.
func TestRowsOfThePage(t *testing.T) {
	text, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, after := rows(string(text), "")
	if after < 0 {
		t.Fatal("no table of the kernels")
	}
	for _, k := range kernels {
		at, _ := rows(string(text), k.name)
		if at == nil {
			t.Errorf("no row of %s: make test-vm KERNELS=%[1]s, and then make accept-vm KERNELS=%[1]s", k.name)
			continue
		}
		cells := strings.Split(strings.Trim(string(text[at[0]:at[1]]), "| \n"), " | ")
		if len(cells) != 4+len(classes) {
			t.Errorf("the row of %s has %d cells, want %d", k.name, len(cells), 4+len(classes))
			continue
		}
		for _, cell := range cells[4:] {
			marks := strings.Fields(cell)
			if !regexp.MustCompile(`^[ODEx-] [ODEx-] [ODEx-]$`).MatchString(cell) {
				t.Errorf("%s: a cell is %q", k.name, cell)
				continue
			}
			for i, engine := range engines {
				if works := strings.Contains(k.engines, engine); works == (marks[i] == "x") {
					t.Errorf("%s: engine %s is %q, works: %v", k.name, engine, marks[i], works)
				}
			}
		}
	}
	names := regexp.MustCompile(`(?m)^\| kernel \| release \|.*\n\|[-|]*\n((?:\|.*\n)*)`).FindStringSubmatch(string(text))
	if n := strings.Count(names[1], "\n"); n != len(kernels) {
		t.Errorf("the table has %d rows, and there are %d kernels", n, len(kernels))
	}
}

// Rows are told apart by their name, and put where the list has the kernel.
func TestRows(t *testing.T) {
	text := "before\n| kernel | release | x |\n|---|---|---|\n| 6.1 | a | 1 |\n| 6.12-preempt | b | 2 |\n\nafter\n"
	for name, want := range map[string]struct {
		row   string
		after string // what stands behind the place where it belongs
	}{
		"6.1":          {"| 6.1 | a | 1 |\n", "| 6.12-preempt"},
		"6.12":         {"", "| 6.12-preempt"},
		"6.12-preempt": {"| 6.12-preempt | b | 2 |\n", "\nafter"},
		"newest":       {"", "\nafter"},
	} {
		at, after := rows(text, name)
		got := ""
		if at != nil {
			got = text[at[0]:at[1]]
		}
		if got != want.row || !strings.HasPrefix(text[after:], want.after) {
			t.Errorf("%s: the row is %q, want %q, and what follows is %q", name, got, want.row, text[after:])
		}
	}
	if at, after := rows("no table", "6.1"); at != nil || after >= 0 {
		t.Errorf("a row in no table: %v, %d", at, after)
	}
	if a, b := withoutRelease("| 6.1 | a | 1 |\n"), withoutRelease("| 6.1 | b | 1 |"); a != b || a == withoutRelease("| 6.1 | a | 2 |") {
		t.Errorf("but for the release they are %q and %q", a, b)
	}
}

// A part leaves out what the table has of its kernel in full only; a test that is new, or that the kernel does not have, runs.
func TestLeavesOut(t *testing.T) {
	all, err := readTable(strings.NewReader("test K K-part\nTestA 2 -\nTestB 2 1\nTestC - -\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ part, want string }{{"", ""}, {"1", "TestA "}} {
		got := ""
		for _, name := range []string{"TestA", "TestB", "TestC", "TestNew"} {
			if all.leavesOut(job{kernel: kernel{name: "K"}, part: test.part}, name) {
				got += name + " "
			}
		}
		if got != test.want {
			t.Errorf("part %q leaves out %q, want %q", test.part, got, test.want)
		}
	}
}

// The line of a job names the kernel that ran, and says so where only a part of the tests did.
func TestSummary(t *testing.T) {
	for _, test := range []struct {
		part     string
		problems []string
		want     string
	}{
		{"", nil, "ok    6.1                  9 of 10 tests, 30 passes with subtests, 1m0s, on 6.1.0-56, sha256 abc; logs in .bin/vm/log/6.1\n"},
		{"2", []string{"TestA failed"}, "6.1-part: TestA failed\nFAIL  6.1-part             9 of 10 tests, 30 passes with subtests, " +
			"each strategy with one file system, of some tables every other row, without 3 tests that make test-all runs here, 1m0s, on 6.1.0-56, sha256 abc; logs in .bin/vm/log/6.1-part\n"},
	} {
		s := summary{problems: test.problems, image: "6.1.0-56, sha256 abc", tests: 9, passes: 30, elsewhere: 2, leftOut: 3}
		if got := s.text(job{kernel: kernel{name: "6.1"}, part: test.part}, 12, time.Minute); got != test.want {
			t.Errorf("part %q: it says\n%swant\n%s", test.part, got, test.want)
		}
	}
}

// A row says how each engine knew each number, and which did not work.
func TestRowOfAFinding(t *testing.T) {
	known := trace.Amount{Bytes: trace.Known(1), Provenance: trace.Observed}
	derived := trace.Amount{Bytes: trace.Known(1), Provenance: trace.Derived}
	fentry, rules := &trace.Trace{}, &trace.Trace{}
	fentry.Total.Sender.Copies.ToUser, fentry.Total.Sender.PageCache.ReadaheadBytes = known, trace.Known(0)
	rules.Total.Sender.Copies.ToUser = derived
	rules.Host.Kernel = "6.1.0-56"
	rules.Hooks = []trace.Hook{{Name: "tp_btf/sys_enter", Counter: "syscalls time_ns", Attached: true}, {Name: "tp/x", Counter: "syscalls, copies", Attached: true}, {Name: "tp_btf/x", Counter: "syscalls, copies"}}
	f := finding{job: job{kernel: kernel{name: "6.1"}}, preemption: "full", traces: map[string]*trace.Trace{"fentry": fentry, "derived": rules}}
	if got, want := f.row(), "| 6.1 | 6.1.0-56 | full | `tp/x` | O x D | - x - | - x - | - x - | - x - | - x - | - x - | O x - |"; got != want {
		t.Errorf("the row is\n%s, want\n%s", got, want)
	}
}
