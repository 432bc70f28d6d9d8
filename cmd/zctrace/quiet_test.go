//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// --quiet leaves what was asked for, and errors: no table, no line meanwhile, and the exit
// codes are the same.
func TestQuiet(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	run := []string{"run", "sendfile", "--bytes", "1MiB", "--quiet"}
	compare := []string{"compare", "sendfile", "read-write", "--bytes", "1MiB", "--rounds", "1", "--quiet"}
	sweep := []string{"sweep", "sendfile", "--chunk", "4KiB..8KiB", "--bytes", "1MiB", "--rounds", "1", "--quiet"}
	corrupt := "ZCTRACE_TEST_CORRUPT_AT=777777"
	for _, test := range []struct {
		args, more     []string
		env            string
		code           int
		stdout, stderr string // what each begins with; "": it is empty
	}{
		{run, nil, "", 0, "", ""},
		{run, []string{"--plain", "--interval", "1ms", "--baseline"}, "", 0, "", ""},
		{run, []string{"--json", "-"}, "", 0, "{", ""},
		{run, []string{"--expect", "sender.copies.from_user == 1"}, "", exitExpectation, "", "zctrace: expectation failed: "},
		{[]string{"run", "read-write", "--bytes", "1MiB", "--quiet"}, []string{"--verify"}, corrupt, exitFailed, "", "zctrace: verification failed: byte 777777 "},
		{run, []string{"--cpu", "0"}, "", exitUsage, "", "zctrace: --cpu "},
		{compare, nil, "", 0, "", ""},
		{compare[:1], append(compare[3:], "--sink", "file", "--source", "auto:1000"), "", 0, "", ""}, // with strategies left out
		{compare, []string{"--json", "-"}, "", 0, "{", ""},
		{compare, []string{"--csv"}, "", 0, "rank,strategy,", ""},
		{compare, []string{"--expect", "sender.copies.from_user == 1"}, "", exitExpectation, "", "zctrace: expectation failed: "},
		{[]string{"compare", "read-write", "readv-writev", "--bytes", "1MiB", "--rounds", "1", "--quiet"}, []string{"--verify"}, corrupt, exitFailed, "", "zctrace: read-write, round 1: verification failed: "},
		{sweep, nil, "", 0, "", ""},
		{sweep, []string{"--markdown"}, "", 0, "| ", ""},
	} {
		args := append(append([]string{}, test.args...), test.more...)
		cmd := command(t, args...)
		if test.env != "" {
			cmd.Env = append(cmd.Env, test.env)
		}
		r := finish(t, cmd)
		begins := func(text, with string) bool { return strings.HasPrefix(text, with) && (with != "" || text == "") }
		if r.code != test.code || !begins(r.stdout, test.stdout) || !begins(r.stderr, test.stderr) {
			t.Errorf("%v: exit code %d, want %d\nstdout, want %q: %.200s\nstderr, want %q: %.200s", args, r.code, test.code, test.stdout, r.stdout, test.stderr, r.stderr)
		}
	}
}

// - is standard input, of show as of others.
func TestShowStandardInput(t *testing.T) {
	oncePerMachine(t)
	file, err := filepath.Abs("../../tracer/trace/testdata/sendfile.json")
	if err != nil {
		t.Fatal(err)
	}
	want := zctrace(t, "show", file)
	for _, args := range [][]string{{"-"}, {"-", file}, {file, "-"}} {
		saved, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer saved.Close()
		cmd := command(t, append([]string{"show"}, args...)...)
		cmd.Stdin = saved
		got := finish(t, cmd)
		if got.code != 0 || len(got.stdout) < 1000 || len(args) == 1 && got.stdout != want.stdout {
			t.Errorf("show %v: exit code %d: %s%s", args, got.code, got.stdout, got.stderr)
		}
	}
}
