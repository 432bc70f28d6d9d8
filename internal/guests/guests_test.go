package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func eventLine(action, test string) string {
	return `{"Action":"` + action + `","Test":"` + test + `"}` + "\n"
}

// noGuest is what a test that says oncePerMachine leaves in a guest.
func noGuest(test string) string {
	said := `{"Action":"output","Test":"` + test + `","Output":"    main_test.go:1: needs no guest\n"}` + "\n"
	return eventLine("run", test) + said + eventLine("skip", test)
}

// good is a run in which all is as expected.
const good = `{"Action":"run","Test":"TestA"}
{"Action":"run","Test":"TestA/x"}
{"Action":"pass","Test":"TestA/x"}
{"Action":"pass","Test":"TestA"}
{"Action":"run","Test":"TestB"}
{"Action":"pass","Test":"TestB"}
{"Action":"pass"}
`

func TestWhatDoesNotFit(t *testing.T) {
	listed := []string{"tracer/TestA", "tracer/TestB"}
	expected := counts{"tracer/TestA": {passed: 2}, "tracer/TestB": {passed: 1}}
	for _, test := range []struct {
		name   string
		listed []string
		events string
		exit   string
		says   []string // one for each problem
	}{
		{"all is well", listed, good, "0", nil},
		{"nothing ran", listed, "", "0", []string{"TestA: did not run, 2 expected", "TestB: did not run, 1 expected"}},
		{"nothing is to run", nil, "", "0", []string{"not a single test"}},
		{"it hung at once", listed, "", "", []string{"did not get to its end", "TestA: did not run", "TestB: did not run"}},
		{
			"it crashed in a subtest", listed, eventLine("run", "TestA") + eventLine("run", "TestA/x"), "",
			[]string{"TestA did not end", "TestA/x did not end", "did not get to its end", "TestA: 0 passed, 2 expected", "TestB: did not run"},
		},
		{"a test failed", listed, strings.Replace(good, `"pass","Test":"TestB"`, `"fail","Test":"TestB"`, 1), "1", []string{"TestB failed", "exited with 1", "TestB: 0 passed, 1 expected"}},
		{"a test was skipped", listed, strings.Replace(good, `"pass","Test":"TestB"`, `"skip","Test":"TestB"`, 1), "0", []string{"TestB: 0+1skip passed, 1 expected"}},
		{"a subtest is missing", listed, strings.Replace(good, "TestA/x", "TestB/x", 2), "0", []string{"TestA: 1 passed, 2 expected", "TestB: 2 passed, 1 expected"}},
		{"it is new", append(listed, "tracer/TestC"), good + eventLine("run", "TestC") + eventLine("pass", "TestC"), "0", []string{"TestC: 1 passed, but passes.txt does not have it"}},
		{"it needs no guest", append(listed, "tracer/TestC"), good + noGuest("TestC"), "0", nil},
		{"it is expected and needs no guest", listed, good + noGuest("TestB"), "0", []string{"TestB: needs no guest, 1 expected"}},
		{"a subtest needs no guest", listed, good + noGuest("TestA/y"), "0", []string{"TestA: 2+1skip passed, 2 expected"}},
		{"it is new and was skipped", append(listed, "tracer/TestC"), good + eventLine("run", "TestC") + eventLine("skip", "TestC"), "0", []string{"TestC: 0+1skip passed, but"}},
		{"it is new and did not run", append(listed, "tracer/TestC"), good, "0", []string{"TestC: did not run"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &result{tests: map[string]*outcome{}, exits: map[string]string{"tracer": test.exit}}
			if err := r.read("tracer", strings.NewReader(test.events)); err != nil {
				t.Fatal(err)
			}
			problems := append(r.failures(), r.differences(test.listed, expected)...)
			for i, p := range problems {
				if i >= len(test.says) || !strings.Contains(p, test.says[i]) {
					t.Errorf("problem %d is %q", i, p)
				}
			}
			if len(problems) != len(test.says) {
				t.Errorf("%d problems, want %d", len(problems), len(test.says))
			}
		})
	}
}

// Every test is in one share, also where there are fewer than shares, and the shares take about as long.
func TestDeal(t *testing.T) {
	seconds := map[string]int{"d": 9, "e": 5, "f": 4, "g": 3, "h": 0}
	for text, want := range map[string][]string{
		"":                {""},
		"a":               {"a"},
		"a b c":           {"a", "b", "c"},
		"d e f g":         {"d", "e", "f", "g"},
		"a b h d e f g c": {"d", "e c", "f b", "g a h"},
	} {
		var got []string
		for _, share := range deal(strings.Fields(text), seconds, 4) {
			got = append(got, strings.Join(share, " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q is dealt out as %q, want %q", text, got, want)
		}
	}
}

// The times that are committed read, are as they would be written, and are of tests that guests run.
func TestCommittedSeconds(t *testing.T) {
	text, err := os.ReadFile("seconds.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, err := readSeconds(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := secondsText(all); got != string(text) {
		t.Errorf("it would be written as\n%s", got)
	}
	if _, err := readSeconds("tracer/TestA\n"); err == nil {
		t.Error("a line without a number is read")
	}
	r := &result{tests: map[string]*outcome{}}
	events := `{"Action":"run","Test":"TestA"}` + "\n" + `{"Action":"pass","Test":"TestA","Elapsed":1.2}` + "\n" + noGuest("TestB")
	if err := r.read("tracer", strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	if got := secondsText(r.seconds()); !strings.HasSuffix(got, "make accept-vm\ntracer/TestA 2\n") {
		t.Errorf("what took 1.2 s is written as\n%s", got)
	}
}

// What is committed reads, and is as it would be written.
func TestCommittedTable(t *testing.T) {
	text, err := os.ReadFile("passes.txt")
	if err != nil {
		t.Fatal(err)
	}
	table, err := readTable(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for kernel, column := range table {
		if len(column) == 0 {
			t.Errorf("%s has no test", kernel)
		}
		for name, c := range column {
			if c.passed+c.skipped == 0 || topLevel(name) != name {
				t.Errorf("%s: %s: %v", kernel, name, c)
			}
		}
	}
	var b bytes.Buffer
	if err := table.write(&b); err != nil {
		t.Fatal(err)
	}
	if b.String() != string(text) {
		t.Errorf("it would be written as\n%s", b.String())
	}
}

func TestTableThatDoesNotRead(t *testing.T) {
	for _, text := range []string{"test 6.1\ntracer/TestA\n", "test 6.1\ntracer/TestA many\n", "test 6.1\ntracer/TestA 1 2\n"} {
		if _, err := readTable(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// A guest is told of when it boots, once in each period, and when it has ended.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	told, out := io.Pipe()
	lines := bufio.NewScanner(told)
	next := func() string {
		if !lines.Scan() {
			t.Fatal("nothing is told")
		}
		return strings.TrimSpace(lines.Text())
	}
	finished := make(chan func(), 1)
	go func() { finished <- follow(out, "6.12, guest 1 of 4", dir, 7, 10*time.Millisecond) }()
	for line := next(); !strings.Contains(line, ": booting, "); line = next() {
		if want := "6.12, guest 1 of 4: boots, to run 7 tests"; line != want {
			t.Errorf("it says %q, want %q", line, want)
		}
	}
	log := "\x16=== RUN   TestA\n\x16=== RUN   TestA/sub\n\x16--- FAIL: TestA/sub (0.00s)\n\x16--- FAIL: TestA (0.01s)\n=== RUN   TestB\n--- SKIP: TestB (0.00s)\n\x16=== RUN   TestC\n"
	if err := os.WriteFile(filepath.Join(dir, "tracer.log"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	line := next()
	for strings.Contains(line, ": booting, ") {
		line = next()
	}
	if !strings.Contains(line, ": 2 of 7 tests done, 1 FAILED, now TestC, ") {
		t.Errorf("it says %q", line)
	}
	go (<-finished)()
	for line = next(); strings.Contains(line, "now TestC"); line = next() {
	}
	if !strings.Contains(line, ": ended, 2 of 7 tests done, 1 FAILED, ") {
		t.Errorf("it says %q at the end", line)
	}
}
