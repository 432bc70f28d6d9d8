package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/tracer/trace"
)

// page has a row for each kernel of what the engines saw on it.
const page = "docs/kernels.md"

// engines are the columns of a cell of the page, in its order.
var engines = []string{"fentry", "breakpoint", "derived"}

// classes are the page's columns.
var classes = []trace.Number{
	trace.ToUser, trace.FromUser, trace.InKernel, trace.COW, trace.NetInternal, trace.PageRefs, trace.Mapped, trace.ReadaheadBytes,
}

// finding is what the first guest of a job saw: a trace by each engine of the same work.
type finding struct {
	job

	preemption string
	traces     map[string]*trace.Trace // by engine
}

// found reads what a job's first guest left (guest.sh).
func found(j job) (*finding, error) {
	dir := filepath.Join(logs, j.column(), "1")
	preemption, err := os.ReadFile(filepath.Join(dir, "preemption"))
	if err != nil {
		return nil, fmt.Errorf("what the engines see was not found out: %w", err)
	}
	said, _ := os.ReadFile(filepath.Join(dir, "found.log"))
	if exit, _ := os.ReadFile(filepath.Join(dir, "doctor.exit")); strings.TrimSpace(string(exit)) != "0" {
		return nil, fmt.Errorf("zctrace doctor exited with %s\n%s", exit, indent(string(said)))
	}
	f := &finding{job: j, preemption: strings.TrimSpace(string(preemption)), traces: map[string]*trace.Trace{}}
	if chosen := regexp.MustCompile(`\((\w+)\)`).FindStringSubmatch(f.preemption); chosen != nil { // "none voluntary (full)"
		f.preemption = chosen[1]
	}
	for engine := range strings.SplitSeq(j.engines, ",") {
		saved, err := trace.ReadFile(filepath.Join(dir, engine+".json"))
		t := saved.Trace
		if err != nil {
			return nil, fmt.Errorf("what engine %s sees was not found out: %w\n%s", engine, err, indent(lastLines(said, 15)))
		}
		f.traces[engine] = t
	}
	return f, nil
}

// release is the kernel's, as the guest calls it.
func (f *finding) release() string { return f.traces["derived"].Host.Kernel }

// image says of which file the guest's kernel was.
func (f *finding) image() string {
	image, err := os.ReadFile(filepath.Join(".bin/vm/kernels", f.release(), "vmlinuz"))
	if err != nil {
		return fmt.Sprintf("%s, %v", f.release(), err)
	}
	return fmt.Sprintf("%s, sha256 %.6x", f.release(), sha256.Sum256(image))
}

// mark is how an engine knows a number: O observed, D derived, E estimated, - not at all.
func mark(v trace.Value) string {
	switch v.Origin.Provenance {
	case trace.Observed:
		return "O"
	case trace.Estimated:
		return "E"
	case trace.Unavailable:
		return "-"
	}
	return "D"
}

// row is the page's for the kernel.
func (f *finding) row() string {
	var hook string
	for _, h := range f.traces["derived"].Hooks {
		if h.Attached && strings.HasPrefix(h.Counter, "syscalls,") {
			hook = h.Name
		}
	}
	cells := []string{f.name, f.release(), f.preemption, "`" + hook + "`"}
	for _, class := range classes {
		cell := ""
		for _, engine := range engines {
			m := "x"
			if t := f.traces[engine]; t != nil {
				m = mark(t.Total.Sender.Value(class))
			}
			cell += " " + m
		}
		cells = append(cells, cell[1:])
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

// rows finds a kernel's row, and the place after the last of those of the kernels before it.
func rows(text, name string) (row []int, after int) {
	head := regexp.MustCompile(`(?m)^\| kernel \| release \|.*\n\|[-|]*\n`).FindStringIndex(text)
	if head == nil {
		return nil, -1
	}
	after = head[1]
	for _, k := range kernels {
		at := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(k.name) + ` \|.*\n`).FindStringIndex(text[head[1]:])
		if at != nil {
			at[0], at[1] = at[0]+head[1], at[1]+head[1]
			after = at[1]
		}
		if k.name == name {
			return at, after
		}
	}
	return nil, after
}

// but its release, which is whatever it was the last time.
func withoutRelease(row string) string {
	return strings.Join(slices.Delete(strings.Split(strings.TrimSpace(row), "|"), 2, 3), "|")
}

// differs says if the page has another row.
func (f *finding) differs() error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	at, _ := rows(string(text), f.name)
	if at == nil {
		return fmt.Errorf("%s has no row of it; if this is right: make accept-vm\n    %s", page, f.row())
	}
	if row := string(text[at[0]:at[1]]); withoutRelease(row) != withoutRelease(f.row()) {
		return fmt.Errorf("%s has\n    %s    but the engines saw, if that is right make accept-vm:\n    %s", page, row, f.row())
	}
	return nil
}

// accept writes the row.
func (f *finding) accept() error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	at, after := rows(string(text), f.name)
	if after < 0 {
		return errors.New(page + " has no table of the kernels")
	}
	if at == nil {
		at = []int{after, after}
	}
	return os.WriteFile(page, []byte(string(text[:at[0]])+f.row()+"\n"+string(text[at[1]:])), 0o644)
}
