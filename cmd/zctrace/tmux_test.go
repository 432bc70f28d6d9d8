//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pane is a shell in tmux, which knows what the screen looks like after all that
// was written to it.
type pane struct {
	t      *testing.T
	socket string
	dir    string
}

func inTmux(t *testing.T, columns, rows int) *pane {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Fatalf("%v (make deps installs it)", err)
	}
	p := &pane{t: t, socket: fmt.Sprintf("%s-%d", t.Name(), os.Getpid()), dir: t.TempDir()}
	t.Cleanup(func() { _ = exec.Command("tmux", "-L", p.socket, "kill-server").Run() })
	cmd := exec.Command("tmux", "-L", p.socket, "-f", "/dev/null", "-u", "new-session", "-d", "-c", p.dir,
		"-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows), "sh")
	cmd.Env = append(os.Environ(), asProgram+"=1", "LC_ALL=C.UTF-8", "ENV=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tmux: %v: %s", err, out)
	}
	p.tmux("set-option", "-g", "status", "off")
	p.types("PS1='ready> '; clear", "Enter")
	p.shows(`(?m)^ready>`)
	return p
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-L", p.socket}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

func (p *pane) types(keys ...string) { p.t.Helper(); p.tmux(append([]string{"send-keys"}, keys...)...) }

func (p *pane) screen() string { p.t.Helper(); return p.tmux("capture-pane", "-p") }

// shows waits for what matches on the screen.
func (p *pane) shows(pattern string) {
	p.t.Helper()
	want := regexp.MustCompile(pattern)
	if !holds(func() bool { return want.MatchString(p.screen()) }) {
		p.t.Fatalf("never on the screen: %s\n%s", pattern, p.screen())
	}
}

func (p *pane) resize(columns, rows int) {
	p.tmux("resize-window", "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows))
}

// isSane wants the terminal as a shell needs it.
func (p *pane) isSane() {
	p.t.Helper()
	p.shows(`ready> *\n*$`)
	if got := strings.TrimSpace(p.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}")); got != "0 1 0" {
		p.t.Errorf("alternate screen, cursor, mouse: %s, want 0 1 0", got)
	}
	p.types("stty -a", "Enter")
	p.shows(`[^-]icanon`)
	if screen := p.screen(); strings.Contains(screen, "-icanon") || strings.Contains(screen, "-echo ") || strings.Contains(screen, "-opost") {
		p.t.Errorf("the terminal is not as it was:\n%s", screen)
	}
}

// TestViewsInTmux works with the dashboard as a user does: goes through the views,
// pauses, resizes, saves, looks at the exact numbers in the end, runs it again,
// and leaves.
func TestViewsInTmux(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	p := inTmux(t, 120, 40)
	const payload, calls = "33,554,432", "512"
	sender := held{t: t}
	p.types(os.Args[0]+" run sendfile --bytes 32MiB --rate 16MiB", "Enter")
	sender.next()
	p.shows(`running`)
	p.shows(`page reference 1\.00`)
	p.shows(`socket buffer`)
	p.types("2")
	p.shows(`SENDER'S CALLS`)
	p.types("t")
	p.shows(`RECEIVER'S CALLS`)
	p.types("t", "3")
	p.shows(`CONTEXT SWITCHES  now`)
	p.types("4")
	p.shows(`HOOKS, \d+ of \d+ attached`)
	p.types("PageDown")
	p.shows(`↑↓ [2-9]\d*-`)
	p.types("Tab", "Tab")
	p.shows(`\[1 overview\]`)
	p.types("p")
	p.shows(`paused at`)
	p.resize(80, 24)
	p.shows(`paused at`)
	p.shows(`\[1\] 2  3  4  5`)
	p.types("p", "+")
	p.shows(`sampling every 200ms`)
	sender.goesOn()
	p.shows(`done \d`)
	p.resize(100, 45)
	p.types("5")
	p.shows(`payload_bytes +` + payload + ` d`)
	p.shows(`moved\.page_refs +` + payload)
	p.shows(`copies\.to_user +0 d`)
	p.types("G")
	p.shows(`syscalls\.by_name\.sendfile\.calls +` + calls + `\s`)
	p.shows(`syscalls\.by_name\.sendfile\.bytes +` + payload + `\s`)
	p.types("s")
	p.shows(`saved zctrace-sendfile-`)
	saved, _ := filepath.Glob(filepath.Join(p.dir, "zctrace-sendfile-*.json"))
	if len(saved) != 1 {
		t.Fatalf("%d saved traces, want 1", len(saved))
	}
	if n := readTrace(t, saved[0]).Total.Sender.Syscalls.ByName["sendfile"].Calls.Or(-1); n != 512 {
		t.Errorf("%d calls saved, want %s", n, calls)
	}
	p.types("1", "r")
	sender.next()
	p.shows(`running`)
	sender.goesOn()
	p.shows(`done \d`)
	p.shows(`sendfile +` + calls + ` `)
	p.resize(100, 60) // for the whole table
	p.types("q")
	p.shows(`moved page_refs +` + payload)
	p.isSane()
	workersAreGone(t)
}

// TestShowInTmux goes through a saved trace.
func TestShowInTmux(t *testing.T) {
	oncePerMachine(t)
	p := inTmux(t, 100, 30)
	trace, err := filepath.Abs("../../tracer/trace/testdata/sendfile.json")
	if err != nil {
		t.Fatal(err)
	}
	p.types(os.Args[0]+" show "+trace, "Enter")
	p.shows(`done`)
	p.shows(`space play`)
	p.types("Home")
	p.shows(`at [\d.]+ ms of 24\.4 ms`)
	p.types("3")
	p.shows(`▲`)
	p.types("End")
	p.shows(`done`)
	p.types("Space")
	p.shows(`► \d`)
	p.shows(`done`) // it has played to the end
	p.types("q")
	p.isSane()
	p.types("clear; "+os.Args[0]+" show --plain "+trace+" | grep -c 'sendfile'", "Enter")
	p.shows(`(?m)^[1-9]\d* *$`)
	p.types(os.Args[0]+" show "+trace, "Enter")
	p.shows(`space play`)
	p.types("C-c")
	p.isSane()
	p.types("clear; "+os.Args[0]+" show "+filepath.Join(filepath.Dir(trace), "read-write.json")+" "+trace, "Enter")
	p.shows(`!= strategy +read-write \| sendfile`)
	p.types("1", "x")
	p.shows(`sendfile\.json, 2 of 2`)
	p.types("q")
	p.isSane()
}

// TestShowTwo prints what differs, without rights.
func TestShowTwo(t *testing.T) {
	oncePerMachine(t)
	dir, err := filepath.Abs("../../tracer/trace/testdata")
	if err != nil {
		t.Fatal(err)
	}
	r := zctrace(t, "show", filepath.Join(dir, "read-write.json"), filepath.Join(dir, "sendfile.json"))
	for _, want := range []string{
		`!= strategy +read-write \| sendfile`, ` = source `, `!= sender copied to_user +1\.00 .* 0\.00`, ` = payload, bytes +67,108,864 +67,108,864`,
		`!= sender mode switches +6\d\.\d\d +3\d\.\d\d +0\.\d\dx`,
	} {
		if !regexp.MustCompile(want).MatchString(r.stdout) {
			t.Errorf("no %s in\n%s", want, r.stdout)
		}
	}
	if r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}
