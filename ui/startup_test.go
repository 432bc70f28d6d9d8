package ui

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zctrace/zctrace/ui/term"
)

// queries are what a program may ask a terminal, and then wait for.
var queries = []string{"\x1b]10;", "\x1b]11;", "\x1b[6n", "\x1b[c"}

func helper(t *testing.T, kind string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = environment(append([]string{helperVariable + "=" + kind}, env...)...)
	return cmd
}

// environment is one in which termenv would ask: no CI, no tmux, no dumb TERM.
func environment(extra ...string) []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case "CI", "TERM", "TMUX", "COLORTERM", "COLORFGBG", "NO_COLOR", "GODEBUG", "LC_ALL", "LC_CTYPE", "LANG":
			continue
		}
		env = append(env, e)
	}
	return append(env, append([]string{"TERM=xterm-256color", "LANG=C.UTF-8"}, extra...)...)
}

// TestMainIsReachedAtOnce is the promise that --help is instant, also on a
// terminal that never answers.
func TestMainIsReachedAtOnce(t *testing.T) {
	least := hang
	for range 3 { // termenv would wait for 5 s each time, a machine that is busy elsewhere once
		started := time.Now()
		s := start(t, helper(t, "main"), 80, 24)
		s.waitFor(`main reached, TERM="xterm-256color"`, 0)
		least = min(least, time.Since(started))
		<-s.done
		for _, q := range queries {
			if strings.Contains(s.output(), q) {
				t.Errorf("the terminal was asked %q", q)
			}
		}
	}
	if least > 2500*time.Millisecond {
		t.Errorf("main was reached after %v at the least", least)
	}
}

// TestBubbleteaAsksByItself is the control: without our package, the same
// terminal is asked. Should this fail after an update, package background can go.
func TestBubbleteaAsksByItself(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	bare := filepath.Join(t.TempDir(), "bare")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", bare, "./testdata/bare").CombinedOutput(); err != nil {
		t.Fatalf("build ./testdata/bare: %v\n%s", err, out)
	}
	cmd := exec.Command(bare)
	cmd.Env = environment()
	s := start(t, cmd, 80, 24)
	s.waitFor("\x1b]11;?", 0)
}

// TestBackgroundComesFirst reads the order of initialisation from the runtime.
func TestBackgroundComesFirst(t *testing.T) {
	cmd := helper(t, "main", "GODEBUG=inittrace=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for i, m := range regexp.MustCompile(`(?m)^init (\S+) @`).FindAllStringSubmatch(stderr.String(), -1) {
		place[m[1]] = i + 1
	}
	ours, theirs := place["github.com/zctrace/zctrace/ui/background"], place["github.com/charmbracelet/bubbletea"]
	if ours == 0 || theirs == 0 {
		t.Fatalf("not in the init trace: background %d, bubbletea %d\n%s", ours, theirs, &stderr)
	}
	if ours > theirs {
		t.Errorf("background is initialised as number %d, bubbletea as %d", ours, theirs)
	}
	if env := place["os"]; env != 0 && ours > env {
		t.Errorf("background is initialised as number %d, os as %d: has it got an import?", ours, env)
	}
}

func TestDetectTerminal(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want term.Terminal
	}{
		{"nothing is set: the C locale", nil, term.Terminal{ASCII: true}},
		{"UTF-8", map[string]string{"LANG": "de_DE.UTF-8"}, term.Terminal{}},
		{"utf8 in other spellings", map[string]string{"LANG": "C.utf8"}, term.Terminal{}},
		{"LC_ALL wins", map[string]string{"LC_ALL": "C", "LANG": "C.UTF-8"}, term.Terminal{ASCII: true}},
		{"LC_CTYPE before LANG", map[string]string{"LC_CTYPE": "en_GB.UTF-8", "LANG": "C"}, term.Terminal{}},
		{"NO_COLOR", map[string]string{"LANG": "C.UTF-8", "NO_COLOR": "1"}, term.Terminal{NoColor: true}},
		{"black on white", map[string]string{"LANG": "C.UTF-8", "COLORFGBG": "0;15"}, term.Terminal{Light: true}},
		{"rxvt's three fields", map[string]string{"LANG": "C.UTF-8", "COLORFGBG": "0;default;15"}, term.Terminal{Light: true}},
		{"white on black", map[string]string{"LANG": "C.UTF-8", "COLORFGBG": "15;0"}, term.Terminal{}},
		{"default background", map[string]string{"LANG": "C.UTF-8", "COLORFGBG": "7;default"}, term.Terminal{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := term.DetectTerminal(func(name string) string { return c.env[name] }); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
