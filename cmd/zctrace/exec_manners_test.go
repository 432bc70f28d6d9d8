//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zctrace/zctrace/tracer/session/launch"
)

// What package launch promises of a command, whose tests are the thorough ones, holds for zctrace exec, too.

// On a terminal the command is interrupted, stopped and continued as if zctrace were not there, and the table comes in
// the end.
func TestExecOnATerminal(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	p := inTmux(t, 100, 40)
	exec := os.Args[0] + " exec -o table -- "
	status := func(want int) {
		t.Helper()
		p.shows(`ready>( \^C)?\s*$`) // which the kernel echoes after the signal, and maybe after what that leads to
		p.types("echo status $?", "Enter")
		p.shows(fmt.Sprintf(`\nstatus %d\nready>\s*$`, want))
		p.types("clear", "Enter")
		p.shows(`^ready>\s*$`)
	}
	p.types(exec+"python3 -q", "Enter")
	p.shows(`(?m)^>>>`)
	for n := 1; n <= 2; n++ {
		p.types("C-c")
		p.shows(fmt.Sprintf(`(?s)(KeyboardInterrupt.*){%d}>>>\s*$`, n))
	}
	p.types("exit(4)", "Enter")
	status(4)

	p.types(exec+`sh -c 'echo begun; read x; echo heard $x; exit 3'`, "Enter")
	p.shows(`(?m)^begun\n`)
	p.types("C-z")
	p.shows(`(?s)(Suspended|Stopped).*ready>( \^Z)?\s*$`)
	p.types("clear; fg", "Enter")
	p.shows(`(?m)^/.* exec -o table`)
	p.types("you", "Enter")
	p.shows(`(?m)^heard you\n`)
	status(3)

	p.types(exec+"sh -c 'echo begun; exec sleep 1000'", "Enter")
	p.shows(`(?m)^begun\n`)
	p.types("C-c")
	status(130)
	if table, err := os.ReadFile(filepath.Join(p.dir, "table")); err != nil || !strings.Contains(string(table), "sleep") {
		t.Errorf("%v; the table:\n%s", err, table)
	}
	p.isSane()
}

// zctrace killed at any moment: the command has not begun and never will, or it goes on to its end. Nothing of zctrace is
// left.
func TestExecKilledAtAnyTime(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	began, held := 0, 0
	for i := range 10 {
		cmd := command(t, "exec", "--", "sh", "-c", "echo >begun; sleep 0.5; echo >ended")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		is := func(name string) bool {
			_, err := os.Stat(filepath.Join(cmd.Dir, name))
			return err == nil
		}
		if i == 0 {
			eventually(t, "the command begins", func() bool { return is("begun") })
		} else {
			time.Sleep(time.Duration(i*i*8) * time.Millisecond)
		}
		begun := is("begun")
		programs := programsOf(t, cmd.Process.Pid)
		over := is("ended") // where it has not, it was counted all that time
		held += len(programs)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		eventually(t, "the process that waits to become the command is gone", func() bool { return !waiting(t, cmd.Dir) })
		if is("begun") {
			began++
			if begun && !over && len(programs) == 0 {
				t.Error("the command ran, and nothing counted it")
			}
			eventually(t, "the command ends by itself", func() bool { return is("ended") })
		}
		areUnloaded(t, programs)
	}
	if held == 0 || began == 0 || began == 10 {
		t.Errorf("it was killed with %d programs, and %d of 10 times after the command had begun: the test saw too little", held, began)
	}
}

// waiting is whether a process waits in this directory to become a command.
func waiting(t *testing.T, dir string) bool {
	t.Helper()
	return slices.ContainsFunc(allPIDs(t), func(pid int) bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		at, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		return at == dir && strings.Contains(string(text), "\x00"+launch.Stub+"\x00")
	})
}

// The tree outlives the command: --wait tree waits for the daemon, or until it is told not to, and --wait command does
// not. Whatever ends the wait, the daemon lives on.
func TestExecDaemon(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	for _, test := range []struct {
		name, wait, end string
	}{
		{"until it ends", "tree", "daemon"}, {"until SIGTERM", "tree", "signal"}, {"not at all", "command", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := command(t, "exec", "--wait", test.wait, "--", "sh", "-c", "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >pid; exit 6")
			said := &screen{}
			cmd.Stderr = said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			pid := 0
			eventually(t, "there is a daemon", func() bool {
				text, _ := os.ReadFile(filepath.Join(cmd.Dir, "pid"))
				pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
				return pid > 0
			})
			defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
			const told = "the command has ended; waiting for what it has started"
			if test.end != "" {
				eventually(t, "what it waits for is told", func() bool { return strings.Contains(said.String(), told) })
				time.Sleep(patience) // sooner it might be the signal that ended the command, too
				if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid)); bytes.Contains(text, []byte(") Z ")) {
					t.Error("it did not wait")
				}
			}
			switch test.end {
			case "daemon":
				_ = syscall.Kill(pid, syscall.SIGKILL)
			case "signal":
				_ = cmd.Process.Signal(syscall.SIGTERM)
			}
			if code := exitStatus(t, cmd.Wait()); code != 6 {
				t.Errorf("exit code %d, want 6", code)
			}
			if test.end != "daemon" && syscall.Kill(pid, 0) != nil {
				t.Error("the daemon is gone")
			}
			if test.wait != "tree" && strings.Contains(said.String(), told) {
				t.Error("it says that it waits, and does not")
			}
		})
	}
}

// A second SIGTERM ends zctrace with a table, and leaves the command alone.
func TestExecSecondSIGTERM(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	cmd := command(t, "exec", "-o", "table", "--", "sh", "-c", `trap "echo >>terminated" TERM; echo $$ >pid; while :; do sleep 0.1; done`)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(cmd.Dir, name))
		return strings.TrimRight(string(text), " ")
	}
	eventually(t, "the command begins", func() bool { return strings.HasSuffix(file("pid"), "\n") })
	pid, err := strconv.Atoi(strings.TrimSpace(file("pid")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	eventually(t, "the command gets it", func() bool { return file("terminated") == "\n" })
	time.Sleep(1500 * time.Millisecond) // sooner it would count as the same
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if code := exitStatus(t, cmd.Wait()); code != 143 {
		t.Errorf("exit code %d, want 143", code)
	}
	if syscall.Kill(pid, 0) != nil || file("terminated") != "\n" {
		t.Error("the command was not left alone")
	}
	if !strings.Contains(file("table"), "interrupted") {
		t.Errorf("the table does not say how it ended:\n%s", file("table"))
	}
}

// What is no command is told before anything is loaded, with env(1)'s exit codes; so are missing rights.
func TestExecNotStarted(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	for _, test := range []struct {
		argv []string
		code int
		says string
	}{
		{[]string{"exec"}, launch.ExitUsage, "exec takes a command"},
		{[]string{"exec", "--", ""}, launch.ExitNotFound, "name is empty"},
		{[]string{"exec", "--", "no-such-command"}, launch.ExitNotFound, "no directory of PATH"},
		{[]string{"exec", "--", "/etc"}, launch.ExitNotExecutable, "it is a directory"},
		{[]string{"exec", "--", "/etc/passwd"}, launch.ExitNotExecutable, "permission denied"},
		{[]string{"exec", "-o", "", "touch", "ran"}, launch.ExitUsage, "take a file, or - for standard output"},
		{[]string{"exec", "-o", "/etc", "touch", "ran"}, launch.ExitUsage, "is a directory"},
		{[]string{"exec", "-o", "/nowhere/t", "touch", "ran"}, launch.ExitUsage, "no such file or directory"},
		{[]string{"exec", "-o", "t", "--json", "t", "touch", "ran"}, launch.ExitUsage, "the trace goes there, too"},
		{[]string{"exec", "-o", "-", "--json", "-", "touch", "ran"}, launch.ExitUsage, "the trace goes there, too"},
		{[]string{"exec", "--live", "touch", "ran"}, launch.ExitUsage, "--live needs a terminal"},
		{[]string{"exec", "--live", "--quiet", "touch", "ran"}, launch.ExitUsage, "leave one of them out"},
		{[]string{"exec", "--live", "--json", "-", "touch", "ran"}, launch.ExitUsage, "take a file instead of -"},
		{[]string{"exec", "--max-threads", "-1", "touch", "ran"}, launch.ExitUsage, "take 1 to 1048576"},
		{[]string{"exec", "-c", "ls"}, launch.ExitUsage, "did you mean zctrace exec -- COMMAND"},
	} {
		r := zctrace(t, test.argv...)
		if r.code != test.code || !strings.Contains(r.stderr, test.says) || r.stdout != "" {
			t.Errorf("%v: %+v, want exit code %d and %q", test.argv, r, test.code, test.says)
		}
	}
	cmd := command(t, "exec", "--", "touch", "ran")
	r := finish(t, inShell(t, cmd, `exec setpriv --bounding-set=-bpf,-sys_admin,-perfmon "$@"`))
	if r.code != launch.ExitCannot || r.stderr == "" {
		t.Errorf("without rights: %+v, want exit code %d", r, launch.ExitCannot)
	}
	leftovers(t, cmd.Dir)
}
