//go:build linux

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// execTrace has exec run a command, and returns its trace, which has to be valid and to have lost nothing.
func execTrace(t *testing.T, flags []string, argv ...string) *trace.Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.json")
	args := append(append([]string{"exec", "--quiet", "--json", path}, flags...), "--")
	if r := zctrace(t, append(args, argv...)...); r.code != 0 {
		t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	file, err := trace.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := file.Program
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	for cause, n := range p.Losses {
		if n != 0 {
			t.Errorf("%s: %d", cause, n)
		}
	}
	return p
}

// 64 MiB that dd reads and writes by itself: each byte by its path, and nothing of what was before its first instruction.
func TestExecCounts(t *testing.T) {
	oncePerMachine(t)
	p := execTrace(t, nil, "dd", "if=/dev/zero", "of=/dev/null", "bs=1M", "count=64", "status=none")
	for path, name := range map[string]string{"device->user": "read", "user->device": "write"} {
		if got, want := p.Total.ByPath[path].ByName[name], (trace.PathCall{Calls: trace.Known(64), Bytes: trace.Known(64 << 20)}); got != want {
			t.Errorf("%s by %s: %v, want %v", path, name, got, want)
		}
	}
	if p.Total.Copies.Fill.Bytes != trace.Known(64<<20) || p.Total.Copies.InKernel.Bytes != trace.Known(0) {
		t.Errorf("filled %v, copied in the kernel %v", p.Total.Copies.Fill.Bytes, p.Total.Copies.InKernel.Bytes)
	}
	if len(p.Processes) != 1 || p.Processes[0].Comm != "dd" || p.Processes[0].ExitStatus != trace.Known(0) {
		t.Errorf("processes: %+v", p.Processes)
	}
	if n := p.Total.Syscalls.ByName["execve"].Calls; n != trace.Known(1) {
		t.Errorf("%v execve, want the one that began it", n)
	}
}

// A pipeline: what one process writes another reads, and those that ended under one name are one row.
func TestExecFolds(t *testing.T) {
	oncePerMachine(t)
	p := execTrace(t, []string{"--latency", "on"}, "sh", "-c", "head -c 1000000 /dev/zero | cat >/dev/null; for i in 1 2 3; do /bin/true; done")
	rows := map[string]trace.ProcessRow{}
	for _, r := range p.Processes {
		rows[r.Comm] = r
	}
	if n := rows["true"].Folded; n != 3 {
		t.Errorf("%d true, want 3", n)
	}
	if n := rows["head"].ByPath["user->pipe"].Bytes; n != trace.Known(1000000) {
		t.Errorf("head wrote %v", n)
	}
	if n := rows["cat"].ByPath["pipe->user"].Bytes; n != trace.Known(1000000) {
		t.Errorf("cat read %v", n)
	}
	if ns := rows["cat"].Syscalls.ByName["read"].TimeNS.Or(0); ns <= 0 {
		t.Errorf("reads took %d ns", ns)
	}
}

func TestExecExitStatus(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	for _, test := range []struct {
		code int
		args []string
	}{
		{0, []string{"exec", "-f", "--", "true"}},
		{7, []string{"exec", "--", "sh", "-c", "exit 7"}},
		{128 + 9, []string{"exec", "--", "sh", "-c", "kill -9 $$"}},
		{4, []string{"exec", "--expect", "total.syscalls.calls == 0", "--", "true"}},
		{1, []string{"exec", "--expect", "total.syscalls.calls == 0", "--", "false"}},
		{2, []string{"exec"}},
		{2, []string{"exec", "--max-threads", "0", "--", "true"}},
		{127, []string{"exec", "--", "no-such-command"}},
		{126, []string{"exec", "--", "/"}},
	} {
		if r := zctrace(t, test.args...); r.code != test.code {
			t.Errorf("%v: exit code %d, want %d\n%s", test.args, r.code, test.code, r.stderr)
		}
	}
}

// The table is on standard error, or where it is asked for; one that cannot be seen there is no matter of standard output's.
func TestExecTable(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	const title = "zctrace exec echo hello: done"
	r := zctrace(t, "exec", "-o", "-", "--", "echo", "hello")
	if r.code != 0 || strings.Contains(r.stderr, title) || !strings.HasPrefix(r.stdout, "hello\n"+title) {
		t.Errorf("on standard output: %+v", r)
	}
	r = finish(t, inShell(t, command(t, "exec", "--", "echo", "hello"), `exec "$@" >&-`))
	if strings.Contains(r.stderr, "standard output is closed") || !strings.Contains(r.stderr, title) {
		t.Errorf("standard output is closed: %+v", r)
	}
	r = zctrace(t, "exec", "-d", "100ms", "-i", "20ms", "--", "sh", "-c", "exec sleep 5 >/dev/null 2>&1")
	if !strings.Contains(strings.Join(strings.Fields(r.stderr), " "), ": done, before the command had ended ") {
		t.Errorf("not to its end: %+v", r)
	}
}
