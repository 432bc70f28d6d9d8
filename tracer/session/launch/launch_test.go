//go:build linux

package launch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/workloads"
)

// asLauncher makes the test binary be what zctrace exec is without its tracing: "hold" never
// releases the command, "tree" waits for what the command leaves behind, that is for a signal,
// "apart" gives the command files in place of the terminal.
const asLauncher = "ZCTRACE_TEST_AS_LAUNCHER"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Stub {
		os.Exit(Main(os.Args[2:]))
	}
	if how := os.Getenv(asLauncher); how != "" {
		_ = os.Unsetenv(asLauncher)
		os.Exit(launcher(how, os.Args[1:]))
	}
	// The tests say themselves who called sudo.
	for _, name := range []string{"SUDO_UID", "SUDO_GID", "SUDO_USER"} {
		_ = os.Unsetenv(name)
	}
	// What was started in the background or by nohup ignores signals, and so would what the
	// tests start; a handler is not inherited.
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGHUP} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	// A user's PATH, which sudo may hand on, lacks where capsh and chroot are.
	_ = os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	os.Exit(m.Run())
}

// launcher runs the command to its end.
func launcher(how string, argv []string) int {
	signal.Ignore(syscall.SIGPIPE) // as zctrace does
	user, err := workloads.InvokingUser()
	if err != nil {
		panic(err)
	}
	spec := Spec{Argv: argv, User: user}
	if how == "apart" {
		spec.Files[0], _ = os.Open(os.DevNull)
		spec.Files[1], _ = os.Create("output")
		spec.Files[2] = spec.Files[1]
	}
	c, err := Prepare(spec)
	if err != nil {
		fmt.Fprintln(os.Stderr, "launcher:", err)
		return ExitCode(err)
	}
	abandoned := make(chan syscall.Signal, 1)
	defer c.Relay(func(s syscall.Signal) { abandoned <- s })()
	if how == "hold" {
		fmt.Println("holds", c.PID())
		select {
		case <-c.Ended():
		case <-abandoned:
		}
	}
	if err := c.Release(); err != nil {
		fmt.Fprintln(os.Stderr, "launcher:", err)
		return ExitCode(err)
	}
	select {
	case <-c.Ended():
	case s := <-abandoned:
		fmt.Fprintln(os.Stderr, "launcher: abandoned by", unix.SignalName(s))
		return 128 + int(s)
	}
	if how == "tree" {
		fmt.Println("the command has ended")
		fmt.Fprintln(os.Stderr, "launcher: abandoned by", unix.SignalName(<-abandoned))
	}
	return c.Status().ExitCode()
}

// launched is the launcher with this command, not started.
func launched(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], argv...)
	cmd.Env = append(os.Environ(), asLauncher+"=1")
	cmd.Dir = t.TempDir()
	return cmd
}

type result struct {
	stdout, stderr string
	code           int
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		script string
		want   int
	}{{"exit 0", 0}, {"exit 7", 7}, {"kill -KILL $$", 137}, {"kill -TERM $$", 143}} {
		if r := finish(t, launched(t, "sh", "-c", test.script)); r.code != test.want || r.stdout+r.stderr != "" {
			t.Errorf("%s: %+v, want %d", test.script, r, test.want)
		}
	}
}
