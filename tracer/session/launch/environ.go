//go:build linux

package launch

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zctrace/zctrace/workloads"
)

// job is what the process has to know.
func (s Spec) job() *job {
	j := &job{Argv: s.Argv, Env: os.Environ(), User: s.User, Signals: inherited()}
	if s.User != nil {
		j.Env = environ(j.Env, account(s.User))
	}
	return j
}

// environ is the environment of a user with this line of passwd(5): what sudo set to root's is
// that user's again, all else is as it was. Where nobody knows the user, the name is what sudo
// said.
func environ(env []string, account []string) []string {
	own := map[string]string{}
	if len(account) == 7 {
		name, home, shell := account[0], account[5], account[6]
		if shell == "" {
			shell = "/bin/sh" // passwd(5)
		}
		own = map[string]string{"HOME": home, "USER": name, "LOGNAME": name, "SHELL": shell}
	} else if name := value(env, "SUDO_USER"); name != "" {
		own = map[string]string{"USER": name, "LOGNAME": name}
	}
	env = slices.Clone(env)
	for _, name := range []string{"HOME", "USER", "LOGNAME", "SHELL"} {
		if _, known := own[name]; !known {
			continue
		}
		entry := name + "=" + own[name]
		if i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") }); i >= 0 {
			env[i] = entry
		} else {
			env = append(env, entry)
		}
	}
	return env
}

// value is that of the variable in the environment, "" where it is not set.
func value(env []string, name string) string {
	for _, entry := range env {
		if value, is := strings.CutPrefix(entry, name+"="); is {
			return value
		}
	}
	return ""
}

// account is the user's line of passwd(5), nil where nobody knows the user. Those that are not
// in the file itself (LDAP, systemd-homed) getent(1) knows.
func account(u *workloads.User) []string {
	text, _ := os.ReadFile("/etc/passwd")
	if line := lineOf(string(text), u.UID); line != nil {
		return line
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	text, _ = exec.CommandContext(ctx, "getent", "passwd", strconv.Itoa(int(u.UID))).Output()
	return lineOf(string(text), u.UID)
}

func lineOf(passwd string, uid uint32) []string {
	for line := range strings.Lines(passwd) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) == 7 && fields[2] == strconv.FormatUint(uint64(uid), 10) {
			return fields
		}
	}
	return nil
}
