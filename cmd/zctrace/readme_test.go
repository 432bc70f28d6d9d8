//go:build linux

package main

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// How the README's commands are run that do not simply have to succeed.
var (
	// They go on for a long time: each is interrupted, as by Ctrl-C, once it has printed
	// this, and must end by it.
	readmeInterrupted = map[string]string{
		"make run": `iB/s`,
		"zctrace compare read-write mmap-write sendfile --bytes 1GiB --rounds 9": `iB/s`,
		"zctrace sweep":        `iB/s`,
		"sudo zctrace compare": `iB/s`,
		"sudo zctrace sweep read-write sendfile --chunk 512..1MiB":                             `iB/s`,
		"sudo zctrace sweep mmap-write sendfile --chunk 512..1MiB --duration 500ms --rounds 9": `iB/s`,
	}
	// It serves until the page ends.
	readmeServer = "zctrace serve --listen 192.0.2.1:7373"
	// They are more than a test may take: only that make knows how is tested.
	readmeNotRun = []string{"make test", "make bench"}
	// What is in the text and is no whole command.
	readmeNoCommand = []string{"zctrace COMMAND --help", "zctrace man DIRECTORY", "zctrace serve", "zctrace serve --listen"}
)

// newcomersMachine is where somebody works who has read nothing yet but the README: in a
// directory and a network of their own, with nothing of zctrace installed.
type newcomersMachine struct {
	t       *testing.T
	network namespace
	dir     string
	env     []string
	ran     map[string]bool
}

// Every command of the README does what the page says, as it is written there, in the
// order of the page, with what make install installed.
func TestReadmeCommands(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	for _, name := range []string{"git", "make", "jq", "ip", "unshare"} {
		needProgram(t, name)
	}
	if os.Geteuid() != 0 {
		cannot(t, "needs root, for an address of its own")
	}
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := newNewcomer(t)
	for _, line := range readmeCommands(string(page)) {
		m.does(line)
	}
	for _, line := range slices.Concat(slices.Collect(maps.Keys(readmeInterrupted)), readmeNotRun, readmeNoCommand, []string{readmeServer}) {
		if !m.ran[line] {
			t.Errorf("the README has no %q: take it from the lists of this test", line)
		}
	}
}

// readmeCommands are the lines of the page's shell blocks, and then what stands in its text
// as a command of zctrace, which a reader meets before there is one.
func readmeCommands(page string) (lines []string) {
	var inText []string
	comment := regexp.MustCompile(`\s+# .*`)
	for i, part := range strings.Split(page, "\n```") {
		block, isShell := strings.CutPrefix(part, "sh\n")
		switch {
		case isShell:
			for line := range strings.Lines(block) {
				lines = append(lines, strings.TrimSpace(comment.ReplaceAllString(line, "")))
			}
		case i%2 == 0:
			for _, found := range regexp.MustCompile("`((?:sudo )?zctrace [^`]+)`").FindAllStringSubmatch(part, -1) {
				inText = append(inText, strings.Join(strings.Fields(found[1]), " "))
			}
		}
	}
	return append(lines, inText...)
}

func newNewcomer(t *testing.T) *newcomersMachine {
	dir := t.TempDir()
	m := &newcomersMachine{t: t, network: newNamespace(t), dir: filepath.Join(dir, "home"), ran: map[string]bool{}}
	m.network.shell("ip link set lo up; ip address add 192.0.2.1/32 dev lo")
	// What git clone gets is the tree as it is here. This sudo is found before any other: the
	// real one looks for programs where root's are, which the test's are not among.
	script := `mkdir home bin upstream
		git -c safe.directory='*' -C "$1" ls-files -zco --exclude-standard | tar -C "$1" --ignore-failed-read --null -T - -cf - | tar -C upstream -xf -
		cd upstream; git init -q; git add -A; git -c user.name=test -c user.email= commit -qm test; cd ..
		printf '[url "file://%s/upstream"]\n\tinsteadOf = https://github.com/zctrace/zctrace\n[safe]\n\tdirectory = *\n' "$PWD" >gitconfig
		printf '#!/bin/sh\nexec "$@"\n' >bin/sudo; chmod +x bin/sudo`
	tree, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", script, "-", tree)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	path := []string{filepath.Join(dir, "bin"), filepath.Join(dir, "prefix/bin"), os.Getenv("PATH")}
	m.env = append(os.Environ(), "PATH="+strings.Join(path, ":"), "PREFIX="+filepath.Join(dir, "prefix"),
		"GIT_CONFIG_GLOBAL="+filepath.Join(dir, "gitconfig"), "TMPDIR="+dir, "CI=",
		"GOFLAGS=-buildvcs=false") // which would write into the module cache
	if info, err := os.Stat(os.Getenv("HOME")); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
		m.env = append(m.env, "GOCACHE="+filepath.Join(dir, "cache")) // nothing of root's in that of the user who called sudo
	}
	build := exec.CommandContext(t.Context(), "make", "-C", filepath.Join(dir, "upstream"), "build") // or make run's first word is long in coming
	build.Env = m.env
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return m
}

// does what the line says, and tells how that went wrong.
func (m *newcomersMachine) does(line string) {
	m.t.Helper()
	m.ran[line] = true
	if to, is := strings.CutPrefix(line, "cd "); is {
		m.dir = filepath.Join(m.dir, to)
		return
	}
	if slices.Contains(readmeNoCommand, line) {
		return
	}
	if slices.Contains(readmeNotRun, line) {
		line = strings.Replace(line, "make", "make -n", 1)
	}
	limit, cancel := context.WithTimeout(m.t.Context(), 5*time.Minute) // the server's is the whole page
	m.t.Cleanup(cancel)
	cmd := m.network.command(exec.CommandContext(limit, "sh", "-c", `cd "$1" && exec sh -c "$2"`, "-", m.dir, line))
	cmd.Env = m.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell's job
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out := &screen{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	interrupt := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	if line == readmeServer {
		m.t.Cleanup(func() { interrupt(); _ = cmd.Wait() })
		eventually(m.t, "a server", func() bool { return strings.Contains(out.String(), "192.0.2.1:7373") })
		return
	}
	shown, code := readmeInterrupted[line], 0
	if shown != "" {
		code = signalExit(syscall.SIGINT)
		eventually(m.t, line+" printing "+shown, func() bool { return regexp.MustCompile(shown).MatchString(out.String()) })
		interrupt()
	}
	if got := exitStatus(m.t, cmd.Wait()); got != code && got != -1 || got == -1 && code == 0 { // -1: ended by the signal, as make is
		m.t.Errorf("%s\nexit code %d, want %d:\n%s", line, got, code, out)
	}
}
