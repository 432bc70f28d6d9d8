//go:build linux

package main

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"unicode"
)

// show refuses what is no trace with one short message of harmless characters, and
// within bounded memory, however large the file is.
func TestHostileTraces(t *testing.T) {
	oncePerMachine(t)
	forgetPeak()
	const most = 256 << 10 // KiB resident, four times the largest file that is read
	with := func(members string) string { return `{"schema":"zctrace/1",` + members }
	for _, test := range []struct {
		name, head, repeated string // so that it grows to
		size                 int64  // bytes
		tail                 string
		says                 string
	}{
		{"gigabytes of zeros", "\x00", "", 8 << 30, "", "larger than 64 MiB"},
		{"a string of gigabytes", with(`"host":{"kernel":"`), "", 8 << 30, "", "larger than 64 MiB"},
		{"a string of 30 MiB", with(`"host":{"kernel":"`), "kernel", 30 << 20, `"}}`, "a string of"},
		{"30 MiB of lists", with(`"samples":`), "[", 30 << 20, "", "depth"},
		{"60 MiB of samples", with(`"samples":[{}`), ",{}", 60 << 20, "]}", "elements"},
		{"NaN", with(`"run":{"elapsed_ns":NaN}}`), "", 0, "", "is not JSON"},
		{"infinity", with(`"run":{"elapsed_ns":1e999}}`), "", 0, "", "elapsed_ns"},
		{"a fraction", with(`"run":{"elapsed_ns":0.5}}`), "", 0, "", "elapsed_ns"},
		{"a negative count", with(`"total":{"sender":{"payload_bytes":-1}}}`), "", 0, "", "payload_bytes"},
		{"control characters", with(`"losses":{"\u001b[2J\u009b\u202e":null}}`), "", 0, "", "losses"},
		{"control characters in the schema", `{"schema":"zctrace/\u001b]0;x\u0007"}`, "", 0, "", "schema"},
		{"another version", `{"schema":"zctrace/2"}`, "", 0, "", `reads "zctrace/1" only`},
		{"another version of a set", `{"schema":"zctrace-set/2"}`, "", 0, "", "zctrace-set/2"},
		{"60,000 times one strategy", `{"schema":"zctrace-set/1","traces":[],"ranking":[{"strategy":"a","rounds":2,` +
			`"throughput":{"median":1,"min":1,"max":1,"provenance":"observed"}}],"overlaps":[{"strategies":["a"`, `,"a"`, 240e3, "]}]}", "overlaps"},
		{"another version of programs", `{"schema":"zctrace-program/2"}`, "", 0, "", `reads "zctrace-program/1" only`},
		{"60,000 processes", `{"schema":"zctrace-program/1","others":{},"processes":[{}`, `,{}`, 180e3, "]}", "processes, the most is 4096"},
		{"a process with control characters", `{"schema":"zctrace-program/1","total":{"by_path":{"\u001b[2J->\u202e":{}}}}`, "", 0, "", "which is no path"},
		{"two documents", `{"schema":"zctrace/1"}{"schema":"zctrace/1"}`, "", 0, "", "is not JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "t.json")
			writeLarge(t, file, test.head, test.repeated, test.size, test.tail)
			cmd := command(t, "show", file)
			r := finish(t, cmd)
			failsWith(t, r, exitFailed, test.says)
			if r.stdout != "" || strings.Count(r.stderr, "\n") > 2 || len(r.stderr) > 500 {
				t.Errorf("not one short message on stderr alone: %d and %d bytes", len(r.stdout), len(r.stderr))
			}
			for _, c := range r.stderr {
				if c != '\n' && !unicode.IsPrint(c) {
					t.Errorf("%q reaches the terminal", c)
				}
			}
			if usage := cmd.ProcessState.SysUsage().(*syscall.Rusage); usage.Maxrss > most {
				t.Errorf("it took %d MiB of memory", usage.Maxrss>>10)
			}
		})
	}
}

// forgetPeak makes this process small, as if it had never been large: what it has had resident counts for its children
// (fs/exec.c: exec_mmap).
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// writeLarge keeps it so. A file that repeats nothing has a hole.
func writeLarge(t *testing.T, path, head, repeated string, size int64, tail string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := bufio.NewWriter(f)
	n, err := out.WriteString(head)
	for at := int64(n); err == nil && at < size && repeated != ""; at += int64(n) {
		n, err = out.WriteString(repeated)
	}
	if err == nil {
		_, err = out.WriteString(tail)
	}
	err = errors.Join(err, out.Flush())
	if err == nil && repeated == "" && size > 0 {
		err = f.Truncate(size)
	}
	if err != nil {
		t.Fatal(err)
	}
}
