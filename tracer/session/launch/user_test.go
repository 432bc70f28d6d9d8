//go:build linux

package launch

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Under sudo the command is that user's: ids, groups, capabilities, who it is; the rest of the
// environment is what sudo passed on.
func TestAsUser(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"passwd": "root:x:0:0:root:/root:/bin/bash\nzctest:x:4711:4711::/home/zctest:/bin/zcshell\n",
		"group":  "root:x:0:\nzctest:x:4711:\nzcgroup:x:4712:zctest\nother:x:4713:\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	known := `mount --bind ` + dir + `/passwd /etc/passwd; mount --bind ` + dir + `/group /etc/group; `
	for _, test := range []struct{ name, before string }{
		{"as sudo starts it", `exec "$@"`},
		{"with what would keep capabilities", `exec capsh --keep=1 --secbits=0x4 --inh=cap_net_raw,cap_setuid -- -c '"$0" "$@"' "$@"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := launched(t, "sh", "-c", `grep -E '^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Amb)|NoNewPrivs):' /proc/self/status; env | grep -vE '^(_|SHLVL|OLDPWD)='`)
			cmd.Env = []string{
				asLauncher + "=1", "PATH=" + os.Getenv("PATH"), "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash",
				"MAIL=/var/mail/root", "SUDO_UID=4711", "SUDO_GID=4711", "SUDO_USER=zctest", "LANG=C",
			}
			r := finish(t, before(t, cmd, known+test.before))
			got := strings.Split(strings.TrimSpace(r.stdout), "\n")
			want := []string{
				"Uid:\t4711\t4711\t4711\t4711", "Gid:\t4711\t4711\t4711\t4711", "Groups:\t4711 4712 ", "NoNewPrivs:\t0",
				"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapAmb:\t0000000000000000",
				"PATH=" + os.Getenv("PATH"), "HOME=/home/zctest", "USER=zctest", "LOGNAME=zctest", "SHELL=/bin/zcshell",
				"MAIL=/var/mail/root", "SUDO_UID=4711", "SUDO_GID=4711", "SUDO_USER=zctest", "LANG=C", "PWD=" + cmd.Dir,
			}
			slices.Sort(got)
			slices.Sort(want)
			if r.code != 0 || !slices.Equal(got, want) {
				t.Errorf("status %d: %s\n%s", r.code, r.stderr, difference(strings.Join(want, "\n")+"\n", strings.Join(got, "\n")+"\n"))
			}
		})
	}
}

// before starts it behind a script, which may mount what it likes.
func before(t *testing.T, cmd *exec.Cmd, script string) *exec.Cmd {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "unshare", append([]string{"--mount", "bash", "-c", script, "bash"}, cmd.Args...)...)
	shell.Env, shell.Dir = cmd.Env, cmd.Dir
	return shell
}

// A program with the set-user-id bit gets its rights: sudo within works.
func TestSetUserID(t *testing.T) {
	needRoot(t)
	dir := reachable(t)
	id := filepath.Join(dir, "id")
	text, err := os.ReadFile("/usr/bin/id")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(id, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(id, os.ModeSetuid|0o755); err != nil {
		t.Fatal(err)
	}
	cmd := launched(t, "sh", "-c", `"$0" -u; id -u`, id)
	cmd.Env = append(cmd.Env, "SUDO_UID=65534", "SUDO_GID=65534")
	if r := finish(t, cmd); r != (result{stdout: "0\n65534\n"}) {
		t.Errorf("%+v", r)
	}
}

// What only root may execute, or reach, the user may not.
func TestNotTheUsers(t *testing.T) {
	needRoot(t)
	script := filepath.Join(reachable(t), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := launched(t, script)
	cmd.Env = append(cmd.Env, "SUDO_UID=65534", "SUDO_GID=65534")
	if r := finish(t, cmd); r.code != ExitNotExecutable || !strings.Contains(r.stderr, "permission denied") {
		t.Errorf("%+v", r)
	}
}

// Where the user's rights cannot be had, nothing runs with root's.
func TestCannotBecomeTheUser(t *testing.T) {
	needRoot(t)
	for _, capability := range []string{"setuid", "setgid"} {
		cmd := launched(t, "id")
		cmd.Env = append(cmd.Env, "SUDO_UID=65534", "SUDO_GID=65534")
		r := finish(t, before(t, cmd, `exec setpriv --bounding-set=-`+capability+` "$@"`))
		if r.code != ExitCannot || r.stdout != "" || !strings.Contains(r.stderr, "as the user who called sudo, 65534") {
			t.Errorf("without CAP_%s: %+v", strings.ToUpper(capability), r)
		}
	}
}

// The command works in a namespace and a root of its own.
func TestNamespacesAndChroot(t *testing.T) {
	needRoot(t)
	for _, test := range []struct {
		argv []string
		want string
	}{
		{[]string{"unshare", "--user", "--map-root-user", "id", "-u"}, "0\n"},
		{[]string{"unshare", "--pid", "--fork", "sh", "-c", "echo $$"}, "1\n"},
		{[]string{"chroot", "/proc/self/root", "pwd"}, "/\n"},
	} {
		if r := finish(t, launched(t, test.argv...)); r != (result{stdout: test.want}) {
			t.Errorf("%v: %+v, want %q", test.argv, r, test.want)
		}
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, as sudo gives it")
	}
}

// reachable is a directory that any user may reach.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
