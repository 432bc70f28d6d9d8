package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// event is a line of `go tool test2json`.
type event struct {
	Action, Test, Output string
	Elapsed              float64
}

// outcome is what one test, or one subtest, came to.
type outcome struct {
	action  string // run, pass, fail, skip
	seconds float64
	output  strings.Builder
}

// result is what a kernel's guests left.
type result struct {
	tests map[string]*outcome // "tracer/TestCountsExactly", "cmd/zctrace/TestExpect/…"
	exits map[string]string   // of the packages' tests in each guest ("1/tracer"); "" if it was never reached

	consoles map[string]string // the end of what each guest printed
}

// read adds a package's events.
func (r *result) read(pkg string, events io.Reader) error {
	decoder := json.NewDecoder(events)
	for {
		var e event
		if err := decoder.Decode(&e); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		name := pkg
		if e.Test != "" {
			name += "/" + e.Test
		}
		o := r.tests[name]
		if o == nil {
			o = &outcome{}
			r.tests[name] = o
		}
		switch e.Action {
		case "run", "pass", "fail", "skip":
			o.action, o.seconds = e.Action, e.Elapsed
		case "output":
			o.output.WriteString(e.Output)
		}
	}
}

// topLevel is the part of a name that the table has, or "".
func topLevel(name string) string {
	i := strings.Index(name, "/Test")
	if i < 0 {
		return ""
	}
	if end := strings.Index(name[i+1:], "/"); end >= 0 {
		return name[:i+1+end]
	}
	return name
}

// elsewhere are the tests that said that they need no guest, as oncePerMachine does in
// cmd/zctrace.
func (r *result) elsewhere() (names []string) {
	for name, o := range r.tests {
		if topLevel(name) == name && o.action == "skip" && strings.Contains(o.output.String(), "needs no guest") {
			names = append(names, name)
		}
	}
	return names
}

func (r *result) counts() counts {
	all, elsewhere := counts{}, r.elsewhere()
	for name, o := range r.tests {
		top := topLevel(name)
		if top == "" || slices.Contains(elsewhere, top) {
			continue
		}
		c := all[top]
		switch o.action {
		case "pass":
			c.passed++
		case "skip":
			c.skipped++
		}
		all[top] = c
	}
	return all
}

// seconds are how long each test took, of those that the guests are there for.
func (r *result) seconds() map[string]int {
	all := map[string]int{}
	for name := range r.counts() {
		all[name] = int(math.Ceil(r.tests[name].seconds))
	}
	return all
}

// failures are what no table can make good: tests that failed or never ended, and
// programs that ended badly, or were not reached.
func (r *result) failures() []string {
	var failures []string
	for _, name := range slices.Sorted(maps.Keys(r.tests)) {
		o := r.tests[name]
		switch {
		case topLevel(name) == "":
		case o.action == "fail":
			failures = append(failures, name+" failed:\n"+indent(o.output.String()))
		case o.action == "run":
			failures = append(failures, name+" did not end:\n"+indent(o.output.String()))
		}
	}
	for _, program := range slices.Sorted(maps.Keys(r.exits)) {
		switch exit := r.exits[program]; exit {
		case "0":
		case "":
			guest, _, _ := strings.Cut(program, "/")
			failures = append(failures, program+": the guest did not get to its end:\n"+indent(r.consoles[guest]))
		default:
			failures = append(failures, program+" exited with "+exit)
		}
	}
	return failures
}

// differences are what does not fit: listed are the tests that there are, of those
// that were to run, and expected is the table's column.
func (r *result) differences(listed []string, expected counts) []string {
	var differences []string
	differ := func(format string, args ...any) {
		differences = append(differences, fmt.Sprintf(format, args...))
	}
	if len(listed) == 0 {
		differ("there is not a single test to run")
	}
	got, elsewhere := r.counts(), r.elsewhere()
	for _, name := range listed {
		want, known := expected[name]
		c, ran := got[name]
		switch {
		case slices.Contains(elsewhere, name):
			if known {
				differ("%s: needs no guest, %v expected to pass in one; if that is right: make accept-vm", name, want)
			}
		case !known && !ran:
			differ("%s: did not run, and passes.txt does not have it", name)
		case !known:
			differ("%s: %v passed, but passes.txt does not have it; if that is right: make accept-vm", name, c)
		case !ran:
			differ("%s: did not run, %v expected", name, want)
		case c != want:
			differ("%s: %v passed, %v expected; if that is right: make accept-vm\n%s", name, c, want, indent(r.subtests(name)))
		}
	}
	return differences
}

// subtests says what became of a test and its subtests.
func (r *result) subtests(top string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.tests)) {
		if o := r.tests[name]; topLevel(name) == top {
			fmt.Fprintf(&b, "%s  %s\n", o.action, name)
			if o.action == "skip" {
				b.WriteString(indent(o.output.String()))
			}
		}
	}
	return b.String()
}

func indent(text string) string {
	if text = strings.TrimRight(text, "\n"); text == "" {
		return ""
	}
	return "    " + strings.ReplaceAll(text, "\n", "\n    ") + "\n"
}
