//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// Under sudo the workers run as the user who called it, can gain no rights, and
// the files belong to that user.
func TestUnderSudo(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	if os.Geteuid() != 0 {
		cannot(t, "needs root, as sudo gives it")
	}
	t.Setenv("SUDO_UID", fmt.Sprint(nobody))
	t.Setenv("SUDO_GID", fmt.Sprint(nobody))
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("root's"), 0o600); err != nil {
		t.Fatal(err)
	}

	cmd, _, _ := running(t, "--json", filepath.Join(worldWritable(t), "t.json"))
	for role, pid := range workerPIDs(t) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "NoNewPrivs:\t1", "CapEff:\t0000000000000000"} {
			if !strings.Contains(string(status), line) {
				t.Errorf("the %s does not have %q", role, line)
			}
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	file := cmd.Args[len(cmd.Args)-1]
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != nobody {
		t.Errorf("the trace belongs to user %d, want %d", uid, nobody)
	}

	if r := zctrace(t, "run", "sendfile", "--source", secret); r.code != exitUnsupported || !strings.Contains(r.stderr, "permission denied") {
		t.Errorf("root's file as the source: exit code %d: %s", r.code, r.stderr)
	}
	if r := zctrace(t, "run", "sendfile", "--json", secret); r.code == 0 || !strings.Contains(r.stderr, "permission denied") {
		t.Errorf("a file in root's directory for the trace: exit code %d: %s", r.code, r.stderr)
	}
}

// Where the user who called sudo cannot be worked for, it says so before anything begins.
func TestUnderSudoWithoutRights(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root, as sudo gives it")
	}
	for _, test := range []struct{ name, uid, shell string }{
		{"without CAP_SETUID", "1000", `exec setpriv --bounding-set=-setuid "$@"`},
		{"without CAP_SETGID", "1000", `exec setpriv --bounding-set=-setgid "$@"`},
		{"no such user can be", "4294967295", `exec "$@"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := command(t, "run", "sendfile", "--source", "zero", "--bytes", "1MiB", "--plain")
			cmd.Env = append(cmd.Env, "SUDO_UID="+test.uid, "SUDO_GID=1000")
			r := finish(t, inShell(t, cmd, test.shell))
			failsWith(t, r, exitUnsupported, "work for the user who called sudo, "+test.uid, "unset SUDO_UID", "CAP_SETUID")
			leftovers(t, cmd.Dir)
		})
	}
}

// worldWritable is a directory that any user may write to and reach.
func worldWritable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}
