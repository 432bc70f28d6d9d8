//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Whatever rights, root, ids and namespaces a program takes, it can take them under exec, and is counted to the byte.
func TestExecIntoOtherWorlds(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	if os.Geteuid() != 0 {
		cannot(t, "needs root, to be another user")
	}
	dir := worldWritable(t)
	found, err := exec.LookPath("dd")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(found)
	if err != nil {
		t.Fatal(err)
	}
	dd, secret := filepath.Join(dir, "dd"), filepath.Join(dir, "secret")
	writes := []string{dd, "if=/dev/zero", "of=" + secret, "bs=1000", "count=3", "status=none"}
	for _, test := range []struct {
		name   string
		mode   os.FileMode // of dd
		user   string      // who called sudo
		before []string
		below  []int64 // the process's numbers in pid namespaces of its own
	}{
		{"set-user-id", os.ModeSetuid | 0o755, fmt.Sprint(nobody), nil, nil},
		{"chroot", 0o755, "", []string{"chroot", "/proc/self/root"}, nil},
		{"user and pid namespaces", 0o755, "", []string{"unshare", "--user", "--map-root-user", "--pid", "--fork"}, []int64{2}},
		{"mount and network namespaces", 0o755, "", []string{"unshare", "--mount", "--net"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if len(test.before) > 1 && test.before[0] == "unshare" {
				needNamespaces(t, test.before[1:]...)
			}
			if err := os.WriteFile(dd, binary, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dd, test.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(secret, nil, 0o600); err != nil { // which only root may write to
				t.Fatal(err)
			}
			file := filepath.Join(dir, "p.json")
			child := []string{"sh", "-c", `"$@"; exit $?`, "sh"}
			cmd := command(t, slices.Concat([]string{"exec", "--quiet", "--json", file, "--"}, test.before, child, writes)...)
			if test.user != "" {
				cmd.Env = append(cmd.Env, "SUDO_UID="+test.user, "SUDO_GID="+test.user)
			}
			failsWith(t, finish(t, cmd), 0)
			p := readProgram(t, file)
			nothingLost(t, p)
			row := rowOf(t, p, "dd")
			for path, name := range map[string]string{"device->user": "read", "user->file": "write"} {
				if got, want := row.ByPath[path].ByName[name], (trace.PathCall{Calls: trace.Known(3), Bytes: trace.Known(3000)}); got != want {
					t.Errorf("%s by %s: %v, want %v", path, name, got, want)
				}
			}
			if !slices.Equal(row.NamespacePIDs, test.below) {
				t.Errorf("it is %v in pid namespaces below, want %v", row.NamespacePIDs, test.below)
			}
			if text, err := os.ReadFile(secret); err != nil || len(text) != 3000 {
				t.Errorf("it has written %d bytes: %v", len(text), err)
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// rowOf is that of the only process of that name.
func rowOf(t *testing.T, p *trace.Program, comm string) *trace.ProcessRow {
	t.Helper()
	i := slices.IndexFunc(p.Processes, func(r trace.ProcessRow) bool { return r.Comm == comm })
	if i < 0 {
		t.Fatalf("there is no process %s", comm)
	}
	return &p.Processes[i]
}

// What a shell opened for the command is open in it, and nothing of zctrace's.
func TestExecDescriptors(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	data, file := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "p.json")
	if err := os.WriteFile(data, make([]byte, 1234), 0o600); err != nil {
		t.Fatal(err)
	}
	const opens, uses = `exec 3<"$DATA" 7>/dev/null; exec "$@"`, `ls /proc/self/fd; wc -c <&3`
	said := map[bool]string{}
	for _, traced := range []bool{false, true} {
		cmd := command(t, "exec", "--quiet", "--json", file, "--", "sh", "-c", uses)
		if !traced {
			cmd.Args = []string{"sh", "-c", uses}
		}
		cmd.Env = append(cmd.Env, "DATA="+data)
		r := finish(t, inShell(t, cmd, opens))
		failsWith(t, r, 0)
		said[traced] = r.stdout
	}
	if said[true] != said[false] || !strings.HasSuffix(said[true], "\n1234\n") {
		t.Errorf("%q, without zctrace %q", said[true], said[false])
	}
	nothingLost(t, readProgram(t, file))
}

// A command that has a daemon do its work is told from one that does it.
func TestExecOfAClient(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	daemon, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	go func() {
		if c, err := daemon.Accept(); err == nil {
			_, _ = io.WriteString(c, "done\n")
			c.Close()
		}
	}()
	client := filepath.Join(t.TempDir(), "docker")
	script := fmt.Sprintf("#!/bin/bash\nread -r line </dev/tcp/127.0.0.1/%d; echo $line\n", daemon.Addr().(*net.TCPAddr).Port)
	if err := os.WriteFile(client, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r := zctrace(t, "exec", "--", client, "run")
	if told := strings.Join(strings.Fields(r.stderr), " "); r.code != 0 || r.stdout != "done\n" || !strings.Contains(told, "docker is a client") || !strings.Contains(told, "its containers, which exec does not follow") {
		t.Errorf("%+v", r)
	}
}

// A command that is stopped and continued by somebody else, off any terminal, is counted to its end, and so is what was killed.
func TestExecStoppedAndKilled(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	const dd = "dd if=/dev/zero of=/dev/null bs=1000 count=3 status=none"
	for script, code := range map[string]int{
		"echo $$ >pid; kill -STOP $$; exec " + dd: 0,
		dd + "; echo >pid; kill -KILL $$":         128 + int(unix.SIGKILL),
	} {
		cmd := command(t, "exec", "--quiet", "--json", "p.json", "--", "sh", "-c", script)
		cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true} // else whoever started the test has to continue zctrace, as one job with it
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the command is stopped, or gone", func() bool {
			text, _ := os.ReadFile(filepath.Join(cmd.Dir, "pid"))
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				return strings.HasSuffix(string(text), "\n")
			}
			stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			return strings.Contains(string(stat), ") T ") && unix.Kill(pid, unix.SIGCONT) == nil
		})
		if got := exitStatus(t, cmd.Wait()); got != code {
			t.Errorf("%s: exit code %d, want %d", script, got, code)
		}
		p := readProgram(t, filepath.Join(cmd.Dir, "p.json"))
		nothingLost(t, p)
		if got, want := rowOf(t, p, "dd").ByPath["user->device"].ByName["write"], (trace.PathCall{Calls: trace.Known(3), Bytes: trace.Known(3000)}); got != want {
			t.Errorf("%s: %v, want %v", script, got, want)
		}
		if p.Run.ExitStatus != trace.Known(int64(code)) {
			t.Errorf("%s: it ended with %v, want %d", script, p.Run.ExitStatus, code)
		}
	}
}
