//go:build linux

package launch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pane is a shell with job control in tmux.
type pane struct {
	t      *testing.T
	socket string
	dir    string
}

func inTmux(t *testing.T) *pane {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Fatalf("%v (make deps installs it)", err)
	}
	p := &pane{t: t, dir: t.TempDir()}
	p.socket = filepath.Join(p.dir, "tmux")
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", p.socket, "kill-server").Run() })
	cmd := exec.Command("tmux", "-S", p.socket, "-f", "/dev/null", "-u", "new-session", "-d", "-c", p.dir,
		"-x", "120", "-y", "50", "bash", "--norc", "--noprofile")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "L="+asLauncher+"=run "+os.Args[0])
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tmux: %v: %s", err, out)
	}
	p.types("PS1='ready> '; clear", "Enter")
	p.shows(`^ready>\n`)
	return p
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", p.socket}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

func (p *pane) types(keys ...string) { p.t.Helper(); p.tmux(append([]string{"send-keys"}, keys...)...) }

// runs types a command line, on a clear screen.
func (p *pane) runs(line string) {
	p.t.Helper()
	p.types("clear", "Enter")
	p.shows(`^\w+>\s*$`)
	p.types(line, "Enter")
}

// shows waits for what matches on the screen.
func (p *pane) shows(pattern string) {
	p.t.Helper()
	want := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(hang); ; time.Sleep(10 * time.Millisecond) {
		screen := p.tmux("capture-pane", "-p")
		if want.MatchString(screen) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("never on the screen: %s\n%s", pattern, screen)
		}
	}
}

// returns wants the shell back, after a command that had this status.
func (p *pane) returns(status int) {
	p.t.Helper()
	p.types("echo status $?", "Enter")
	p.shows(fmt.Sprintf(`\nstatus %d\nready>\n`, status))
}

// asCommand, before a command, starts it by the launcher.
const asCommand = "env $L "

// Ctrl-C is the command's, as often as it comes. The kernel echoes it after the signal: what that makes the command
// say may be on the screen before.
func TestInterruptedOnATerminal(t *testing.T) {
	p := inTmux(t)
	p.runs(asCommand + "python3 -q")
	p.shows(`(?m)^>>>`)
	for n := 1; n <= 2; n++ {
		p.types("C-c")
		p.shows(fmt.Sprintf(`(?s)(KeyboardInterrupt.*){%d}>>>\n`, n))
	}
	p.types("import time; time.sleep(1000)", "Enter", "C-c")
	p.shows(`(?s)(KeyboardInterrupt.*){3}>>>`)
	p.types("exit(4)", "Enter")
	p.returns(4)

	p.runs(asCommand + `bash -c 'trap "echo interrupted" INT; trap "echo quit" QUIT; echo begun; while ! read -t 0.1 x; do :; done; exit 5'`)
	p.shows(`(?m)^begun`)
	p.types("C-c")
	p.shows(`interrupted(\^.)*\n`)
	p.types(`C-\`)
	p.shows(`quit(\^.)*\n`)
	p.types("C-c")
	p.shows(`(?s)interrupted(\^.)*\n.*interrupted(\^.)*\n`)
	screen := p.tmux("capture-pane", "-p")
	said := regexp.MustCompile(`(interrupted|quit)(\^.)*\n`).FindAllStringSubmatch(screen, -1)
	if len(said) != 3 || said[0][1] != "interrupted" || said[1][1] != "quit" || said[2][1] != "interrupted" {
		t.Errorf("a signal came twice:\n%s", screen)
	}
	p.types("Enter")
	p.returns(5)

	p.runs(asCommand + "sh -c 'echo begun; exec sleep 1000'")
	p.shows(`(?m)^begun`)
	p.types("C-c")
	p.returns(130)
}

// states are those of the launcher and of its command, and of a child of this one if it has one.
func (p *pane) states() string {
	p.t.Helper()
	pid, text := strings.TrimSpace(p.tmux("display-message", "-p", "#{pane_pid}")), ""
	for {
		children := childrenOf(pid)
		if len(children) != 1 {
			return text
		}
		pid = children[0]
		n, _ := strconv.Atoi(pid)
		text += state(n)
	}
}

// childrenOf are those of all of a process's threads: Go forks on any of them.
func childrenOf(pid string) (children []string) {
	lists, _ := filepath.Glob("/proc/" + pid + "/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		children = append(children, strings.Fields(string(text))...)
	}
	return children
}

// Ctrl-Z stops both, a command that stops itself stops zctrace, and fg continues both.
func TestStoppedOnATerminal(t *testing.T) {
	p := inTmux(t)
	for _, test := range []struct{ name, command, keys string }{
		{"by Ctrl-Z", `sh -c 'echo begun; read x; echo heard $x; exit 3'`, "C-z"},
		{"by itself", `sh -c 'echo begun; kill -STOP $$; read x; echo heard $x; exit 3'`, ""},
		{"behind a handler", `bash -c 'trap "sleep 0.1; echo cleaned; kill -STOP \$\$" TSTP; echo begun; x=; while ! read -t 0.1 y; do x=$x$y; done; echo heard $x$y; exit 3'`, "C-z"}, // y may be half a line
	} {
		p.runs(asCommand + test.command)
		p.shows(`(?m)^begun`)
		if test.keys != "" {
			p.types(test.keys)
		}
		p.shows(`(?s)\n\[1\]\+ +Stopped.*\nready>`)
		if got := p.states(); got != "TT" {
			t.Errorf("%s: the states are %s, want TT", test.name, got)
		}
		p.runs("fg")
		p.shows(`(?m)^env `)
		p.types("you", "Enter")
		p.shows(`(?m)^heard you\nready>\n`)
		p.returns(3)
	}
}

// A command that takes no notice of Ctrl-Z keeps the terminal.
func TestNotStoppedOnATerminal(t *testing.T) {
	p := inTmux(t)
	p.runs(asCommand + `sh -c 'trap "" TSTP; echo begun; read x; echo heard $x; exit 3'`)
	p.shows(`(?m)^begun`)
	p.types("C-z", "you", "Enter")
	p.shows(`(?m)^heard you\nready>\n`)
	p.returns(3)
}

// A job in the background that reads is stopped, and continued in the foreground.
func TestInTheBackground(t *testing.T) {
	p := inTmux(t)
	p.runs(asCommand + `sh -c 'read x; echo heard $x; exit 3' &`)
	eventually(t, "both are stopped", func() bool { return p.states() == "TT" })
	eventually(t, "the shell says so at a prompt", func() bool {
		p.types("Enter")
		return strings.Contains(p.tmux("capture-pane", "-p"), "\n[1]+  Stopped")
	})
	p.runs("fg")
	p.shows(`(?m)^env `)
	p.types("you", "Enter")
	p.shows(`(?m)^heard you\nready>\n`)
	p.returns(3)
}

// A shell is a shell: its jobs have the terminal in turn, are interrupted, stopped, continued;
// it can be suspended itself.
func TestShellOnATerminal(t *testing.T) {
	p := inTmux(t)
	p.runs(asCommand + "bash --norc --noprofile")
	p.types("PS1='inner> '; clear", "Enter")
	p.shows(`^inner>\n`)
	p.runs("sh -c 'echo begun; exec sleep 1000'")
	p.shows(`(?m)^begun`)
	p.types("C-c")
	p.shows(`(?m)^inner>( \^C)?\n`)
	p.runs("sh -c 'echo begun; exec cat'")
	p.shows(`(?m)^begun`)
	p.types("C-z")
	p.shows(`(?m)^\[1\]\+ +Stopped .*\ninner>\n`)
	p.runs("fg")
	p.shows(`(?m)^sh `)
	p.types("to cat", "Enter")
	p.shows(`(?m)^to cat\nto cat\n`)
	p.types("C-d")
	p.shows(`(?m)^inner>\n`)
	p.types("suspend", "Enter")
	p.shows(`(?s)\n\[1\]\+ +Stopped.*\nready>`)
	p.runs("fg")
	p.shows(`(?m)^inner>`)
	p.runs("echo back")
	p.shows(`(?m)^back\ninner>\n`)
	p.types("exit 7", "Enter")
	p.shows(`(?m)^ready>\n`)
	p.returns(7)
	p.runs("stty -a")
	p.shows(`isig icanon iexten echo `)
}

// When the terminal is gone, the command is told, and ends as it would without zctrace.
func TestHangUp(t *testing.T) {
	p := inTmux(t)
	p.runs(asCommand + `bash -c 'trap "echo hung up >>log; exit" HUP; echo $$ >pid; echo begun; while :; do read x || sleep 0.1; done'`)
	p.shows(`(?m)^begun`)
	text, err := os.ReadFile(filepath.Join(p.dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	p.tmux("kill-server")
	eventually(t, "the command ends", func() bool { return state(pid) == "" })
	if log, _ := os.ReadFile(filepath.Join(p.dir, "log")); !strings.HasPrefix(string(log), "hung up\n") {
		t.Errorf("it was not told: %q", log)
	}
}

// A command that has not the terminal reads nothing from it and writes nothing to it, is interrupted from it all the same,
// and stops alone.
func TestApartFromTheTerminal(t *testing.T) {
	p := inTmux(t)
	output := func(want string) {
		t.Helper()
		eventually(t, "it prints "+want, func() bool {
			text, _ := os.ReadFile(filepath.Join(p.dir, "output"))
			return string(text) == want
		})
	}
	p.runs("env " + asLauncher + "=apart " + os.Args[0] + ` sh -c 'trap "echo interrupted; exit 5" INT; echo begun; read x || echo nothing >&2; kill -STOP $$; while :; do sleep 0.1; done'`)
	output("begun\nnothing\n")
	eventually(t, "the command is stopped, and the launcher is not", func() bool { return p.states() == "ST" })
	p.types("C-c")
	shell := strings.TrimSpace(p.tmux("display-message", "-p", "#{pane_pid}"))
	command, err := strconv.Atoi(childrenOf(childrenOf(shell)[0])[0])
	if err == nil {
		err = syscall.Kill(command, syscall.SIGCONT)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.returns(5)
	output("begun\nnothing\ninterrupted\n")
}
