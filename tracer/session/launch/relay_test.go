//go:build linux

package launch

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// conversation is a launcher whose command says lines, and hears them.
type conversation struct {
	*exec.Cmd
	t      *testing.T
	says   *bufio.Scanner
	hears  io.WriteCloser
	stderr bytes.Buffer
}

// converse starts it in a session of its own, off any terminal.
func converse(t *testing.T, how string, argv ...string) *conversation {
	t.Helper()
	c := &conversation{Cmd: launched(t, argv...), t: t}
	c.Env = append(c.Env, asLauncher+"="+how)
	c.Stderr = &c.stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	c.WaitDelay = 5 * time.Second // what the command leaves behind has its stderr, too
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.hears, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	c.says = bufio.NewScanner(stdout)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	return c
}

// wants the next line to begin so, and returns the rest of it.
func (c *conversation) wants(begin string) string {
	c.t.Helper()
	if !c.says.Scan() {
		c.t.Fatalf("%q is never said; %s", begin, c.stderr.String())
	}
	rest, is := strings.CutPrefix(c.says.Text(), begin)
	if !is {
		c.t.Fatalf("%q, want %q", c.says.Text(), begin)
	}
	return strings.TrimSpace(rest)
}

func (c *conversation) pid(begin string) int {
	c.t.Helper()
	pid, err := strconv.Atoi(c.wants(begin))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { // a test that fails leaves nobody behind
		if session, err := unix.Getsid(pid); err == nil && session == c.Process.Pid {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return pid
}

func (c *conversation) gets(s syscall.Signal) {
	c.t.Helper()
	if err := c.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// exits wants it to end with this status, having said this on stderr.
func (c *conversation) exits(code int, stderr string) {
	c.t.Helper()
	_ = c.Wait()
	if got := c.ProcessState.ExitCode(); got != code || c.stderr.String() != stderr {
		c.t.Fatalf("status %d, want %d; %q, want %q", got, code, c.stderr.String(), stderr)
	}
}

// hang is how long a test waits for what must happen. None waits that long unless it fails.
const hang = time.Minute

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hang); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// state is the letter of the process's state, "" once it is gone.
func state(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if _, after, is := strings.Cut(string(text), ") "); is && after[:1] != "Z" {
		return after[:1]
	}
	return ""
}

// Whatever ends zctrace before the release ends the process, and nothing of the command runs.
func TestEndedBeforeTheRelease(t *testing.T) {
	for _, test := range []struct {
		signal syscall.Signal
		code   int
		stderr string
	}{
		{syscall.SIGKILL, -1, ""},
		{syscall.SIGTERM, 143, "launcher: the process of the command was ended before it began, by SIGTERM\n"},
		{syscall.SIGINT, 130, "launcher: the process of the command was ended before it began, by SIGINT\n"},
	} {
		ran := filepath.Join(t.TempDir(), "ran")
		c := converse(t, "hold", "touch", ran)
		pid := c.pid("holds ")
		c.gets(test.signal)
		c.exits(test.code, test.stderr)
		eventually(t, "the waiting process is gone", func() bool { return state(pid) == "" })
		if _, err := os.Stat(ran); err == nil {
			t.Errorf("%v: the command ran", test.signal)
		}
	}
}

// A process that is ended before it has said anything, as by an interrupt that comes at once, is not waited for.
func TestEndedAtOnce(t *testing.T) {
	for range 5 {
		failed, killed := make(chan error, 1), make(chan bool)
		go func() {
			c, err := Prepare(Spec{Argv: []string{"true"}})
			if err == nil { // it is killed later
				<-killed
				c.Cancel()
			}
			failed <- err
		}()
		var children []byte
		eventually(t, "there is a process", func() bool {
			files, _ := filepath.Glob("/proc/self/task/*/children")
			for _, file := range files {
				if text, _ := os.ReadFile(file); len(text) > 0 {
					children = text
				}
			}
			return len(children) > 0
		})
		for _, child := range strings.Fields(string(children)) {
			if pid, err := strconv.Atoi(child); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		close(killed)
		select {
		case err := <-failed:
			if err != nil && !strings.Contains(err.Error(), "was ended before it began, by SIGKILL") {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("it is waited for")
		}
	}
}

// zctrace killed: the command goes on.
func TestKilledAfterTheRelease(t *testing.T) {
	c := converse(t, "run", "sh", "-c", `echo "is $$"; read line; echo "heard $line"`)
	pid := c.pid("is ")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Process.Wait(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the command waits", func() bool { return state(pid) == "S" })
	fmt.Fprintln(c.hears, "you")
	c.wants("heard you")
	eventually(t, "the command has ended by itself", func() bool { return state(pid) == "" })
}

const counting = `
for s in HUP INT QUIT TERM USR1 USR2; do trap "echo got $s" $s; done
echo "is $$"
# A signal between bash's look for one and its read would wait for a line.
until read -t 0.1 line; do [ $? -gt 128 ] || exit 4; done
exit 3
`

// Off a terminal each signal is passed on once, as often as it comes; after the second SIGTERM
// the command is left alone, and alive.
func TestSignalsArePassedOn(t *testing.T) {
	c := converse(t, "run", "bash", "-c", counting)
	pid := c.pid("is ")
	for range 3 {
		for _, s := range []string{"HUP", "INT", "QUIT", "USR1", "USR2"} {
			c.gets(map[string]syscall.Signal{
				"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
			}[s])
			c.wants("got " + s)
		}
	}
	first := time.Now()
	c.gets(syscall.SIGTERM)
	c.wants("got TERM")
	c.gets(syscall.SIGTERM) // as timeout(1) does
	time.Sleep(patience / 5)
	if state(c.Process.Pid) == "" && time.Since(first) <= patience { // else the machine was too slow to tell
		t.Fatal("abandoned at a SIGTERM that counts as one with the first")
	}
	time.Sleep(patience)
	c.gets(syscall.SIGTERM)
	eventually(t, "abandoned", func() bool { return state(c.Process.Pid) == "" })
	fmt.Fprintln(c.hears, "end")
	if c.says.Scan() {
		t.Errorf("it was sent another signal: %s", c.says.Text())
	}
	eventually(t, "the command ends by itself", func() bool { return state(pid) == "" })
	c.exits(143, "launcher: abandoned by SIGTERM\n")
}

// What the command ends by is zctrace's status, also where it was passed on.
func TestTerminated(t *testing.T) {
	c := converse(t, "run", "sh", "-c", `echo "is $$"; exec sleep 1000`)
	c.pid("is ")
	c.gets(syscall.SIGTERM)
	c.exits(143, "")
}

// The command is stopped and continued with zctrace where a shell sees that; off a terminal it
// can be stopped alone, and SIGTSTP and SIGCONT are passed on.
func TestStopped(t *testing.T) {
	c := converse(t, "run", "sh", "-c", `echo "is $$"; read line; exit 5`)
	pid := c.pid("is ")
	c.gets(syscall.SIGTSTP) // which the kernel drops in an orphaned group, unless it is handled
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the command is stopped", func() bool { return state(pid) == "T" })
	if state(c.Process.Pid) == "T" {
		t.Error("zctrace is stopped, and nobody would notice")
	}
	c.gets(syscall.SIGCONT)
	eventually(t, "the command is continued", func() bool { return state(pid) == "S" })
	fmt.Fprintln(c.hears)
	c.exits(5, "")
}

const daemon = `setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo "is $!"; exit 6`

// parent is the id of the process's parent.
func parent(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')'):]))[2]
}

// A daemon that outlives the command has nothing of zctrace's to wait for, or to die with: its
// parent is the one that it has without. Any signal ends the waiting, and not the daemon.
func TestDaemon(t *testing.T) {
	out, _ := exec.CommandContext(t.Context(), "sh", "-c", daemon).Output()
	directly, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(string(out), "is ")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(directly, syscall.SIGKILL) }()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		c := converse(t, "tree", "sh", "-c", daemon)
		pid := c.pid("is ")
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
		c.wants("the command has ended")
		if got, want := parent(t, pid), parent(t, directly); got != want {
			t.Errorf("its parent is %s, want %s", got, want)
		}
		if s == syscall.SIGKILL {
			c.gets(s)
			c.exits(-1, "")
		} else {
			time.Sleep(patience) // until it is no more the signal that ended the command
			c.gets(s)
			c.exits(6, "launcher: abandoned by "+unix.SignalName(s)+"\n")
		}
		if state(pid) == "" {
			t.Errorf("%v: the daemon is gone", s)
		}
	}
}

// Ctrl-C ends the command and comes to zctrace, too: that asks for one end, and not for two.
func TestOneSignalIsOne(t *testing.T) {
	c := converse(t, "tree", "sh", "-c", "read line; "+daemon)
	before := time.Now()
	fmt.Fprintln(c.hears)
	pid := c.pid("is ")
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	c.wants("the command has ended")
	c.gets(syscall.SIGINT)
	time.Sleep(patience / 2)
	if state(c.Process.Pid) == "" && time.Since(before) <= patience { // else the machine was too slow to tell
		t.Error("it waits no more for what the command left behind")
	}
}
