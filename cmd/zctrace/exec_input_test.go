//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/session/launch"
)

// An expectation of what there cannot be is refused before the command runs; one of a process that never ran fails, and names those that did.
func TestExecExpectations(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	for _, test := range []struct {
		expect string
		code   int
		says   []string
	}{
		{"total.copies.to_usr == 0", launch.ExitUsage, []string{"total.copies.to_user"}},
		{"total.copies.to_user = 0", launch.ExitUsage, []string{"=="}},
		{`processes["toch"].syscalls.calls == 0`, exitExpectation, []string{"expectation failed", "no process of this name was seen", "did you mean touch"}},
		{`processes["nginx"].syscalls.calls == 0`, exitExpectation, []string{"expectation failed", "no process of this name was seen", "there were touch"}},
		{`processes["touch"].syscalls.calls > 0`, 0, nil},
	} {
		t.Run(test.expect, func(t *testing.T) {
			cmd := command(t, "exec", "--quiet", "--expect", test.expect, "--", "touch", "ran")
			failsWith(t, finish(t, cmd), test.code, test.says...)
			if _, err := os.Stat(filepath.Join(cmd.Dir, "ran")); (err == nil) != (test.code != launch.ExitUsage) {
				t.Errorf("that the command has not run: %v", err)
			}
		})
	}
}

// Where the trace or the table cannot be written in the end the command has run, what can be told is, and the exit status says so unless
// it is the command's own. No part of a file is left.
func TestExecOutputsThatFail(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	disk := t.TempDir()
	if err := unix.Mount("none", disk, "tmpfs", 0, "size=4096"); err != nil {
		cannot(t, "mounting a tmpfs: "+err.Error()+" (run as root)")
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, 0) })
	if err := os.WriteFile(filepath.Join(disk, "full"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	reader, broken, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer broken.Close()
	const title = "zctrace exec touch ran: done"
	for _, test := range []struct {
		name   string
		args   []string
		stdout *os.File
		says   []string
	}{
		{"a full device for the trace", []string{"--json", "/dev/full"}, nil, []string{"no space left on device", title}},
		{"a full disk for the trace", []string{"--json", disk + "/t.json"}, nil, []string{"no space left on device", title}},
		{"a full disk for the table", []string{"-o", disk + "/table"}, nil, []string{"no space left on device"}},
		{"a closed pipe for the trace", []string{"--json", "-"}, broken, []string{"broken pipe", title}},
		{"a closed pipe for the table", []string{"-o", "-"}, broken, []string{"broken pipe"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := command(t, append(append([]string{"exec"}, test.args...), "--", "touch", "ran")...)
			if test.stdout != nil {
				cmd.Stdout = test.stdout
			}
			failsWith(t, finish(t, cmd), exitFailed, test.says...)
			if _, err := os.Stat(filepath.Join(cmd.Dir, "ran")); err != nil {
				t.Errorf("the command has not run: %v", err)
			}
		})
	}
	if r := zctrace(t, "exec", "--json", "/dev/full", "--", "sh", "-c", "exit 3"); r.code != 3 || !strings.Contains(r.stderr, "no space left on device") {
		t.Errorf("of a command that ended with 3: %+v", r)
	}
	if left, err := os.ReadDir(disk); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// More processes than there is room for are a loss, and what to do about it is told, however little else is.
func TestExecTellsHowToMakeRoom(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	args := []string{"exec", "--max-processes", "1", "--", "sh", "-c", "/bin/true; /bin/true"}
	r := zctrace(t, args...)
	failsWith(t, r, exitFailed, "--max-processes makes more", "--max-processes 2, or more")
	if strings.Count(r.stderr, "2, or more") != 1 {
		t.Errorf("the table gives advice, too:\n%s", r.stderr)
	}
	failsWith(t, zctrace(t, append([]string{"exec", "--quiet"}, args[1:]...)...), exitFailed, "no_process", "--max-processes 2, or more")
}

// Flags of other tools say what there is instead, and one that was mistyped which was meant; nothing is run.
func TestForeignFlags(t *testing.T) {
	oncePerMachine(t)
	refused := func(flag, says string) {
		t.Helper()
		root, out := newRoot(), &strings.Builder{}
		root.SetArgs([]string{"exec", flag, "--", "touch", "ran"})
		root.SetOut(out)
		called, err := root.ExecuteC()
		if err == nil || exitCode(err) != launch.ExitUsage || !strings.Contains(complaint(called, err), says) {
			t.Errorf("%s: %v, want %q", flag, err, says)
		}
	}
	own, tried := newExec().Flags(), 0
	for _, row := range foreign {
		for _, name := range row.flags {
			switch {
			case own.Lookup(name) != nil, len(name) == 1 && own.ShorthandLookup(name) != nil:
				continue
			case len(name) == 1:
				refused("-"+name, row.remedy)
			default:
				refused("--"+name, row.remedy)
			}
			tried++
		}
	}
	if tried < 30 {
		t.Errorf("%d flags were tried", tried)
	}
	refused("--expct", "did you mean --expect?")
}
