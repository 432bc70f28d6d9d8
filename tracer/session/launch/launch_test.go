//go:build linux

package launch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// asLauncher makes the test binary be what zctrace exec is without its tracing.
const asLauncher = "ZCTRACE_TEST_AS_LAUNCHER"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Stub {
		os.Exit(Main(os.Args[2:]))
	}
	if os.Getenv(asLauncher) != "" {
		_ = os.Unsetenv(asLauncher)
		os.Exit(launcher(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// launcher runs the command to its end.
func launcher(argv []string) int {
	c, err := Prepare(Spec{Argv: argv})
	if err == nil {
		err = c.Release()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "launcher:", err)
		return ExitCode(err)
	}
	<-c.Ended()
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
