//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/zctrace/zctrace/tracer/session"
	"github.com/zctrace/zctrace/tracer/trace"
)

// The dashboard has the terminal; what the command prints comes afterwards, its exit status is zctrace's, Ctrl-C is its
// own, and who leaves before its end leaves it alone.
func TestExecLive(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	p := inTmux(t, 100, 30)
	exec := "clear; TMPDIR=. " + os.Args[0] + " exec --live -o table -- "
	status := func(want int) {
		t.Helper()
		p.shows(`ready>\s*$`)
		p.types("echo status $?", "Enter")
		p.shows(fmt.Sprintf(`\nstatus %d\nready>\s*$`, want))
	}
	farEnough := func() {
		t.Helper()
		far := filepath.Join(p.dir, "far")
		eventually(t, "the command has begun", func() bool { return os.Remove(far) == nil })
	}
	p.types(exec+`sh -c 'trap "echo interrupted; exit 5" INT; echo begun; >far; while :; do sleep 0.1; done'`, "Enter")
	p.shows(`running \d.*\n.* copied, .* calls/s; \d process`)
	farEnough() // the dashboard may be there before
	if screen := p.screen(); strings.Contains(screen, "begun\n") {
		t.Errorf("the command prints onto the dashboard:\n%s", screen)
	}
	p.types("C-c")
	p.shows(`(?m)^begun\ninterrupted\nready>`)
	status(5)
	if table, err := os.ReadFile(filepath.Join(p.dir, "table")); err != nil || !strings.Contains(string(table), "exit status 5") {
		t.Errorf("%v; the table:\n%s", err, table)
	}
	if kept, _ := filepath.Glob(filepath.Join(p.dir, "zctrace-output-*")); len(kept) > 0 {
		t.Errorf("it leaves %v behind", kept)
	}

	p.types(exec+`sh -c 'echo $$; >far; exec sleep 1000'`, "Enter")
	p.shows(`running \d`)
	farEnough()
	p.types("q")
	p.shows(`the command goes on, and prints to \S*zctrace-output-`)
	printed := regexp.MustCompile(`(?m)^(\d+)$`).FindStringSubmatch(p.screen())
	if printed == nil {
		t.Fatalf("nothing was printed:\n%s", p.screen())
	}
	if pid, err := strconv.Atoi(printed[1]); err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Errorf("the command %s is gone", printed[1])
	}
	status(0)
	p.isSane()

	kept := func() int {
		list, err := filepath.Glob(filepath.Join(p.dir, "zctrace-output-*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if n := kept(); n != 1 {
		t.Errorf("%d files have what the command prints that goes on", n)
	}
	p.types(exec+`sh -c 'echo begun; kill -9 $PPID; echo >killed'`, "Enter")
	eventually(t, "zctrace is killed", func() bool {
		_, err := os.Stat(filepath.Join(p.dir, "killed"))
		return err == nil
	})
	if n := kept(); n != 1 {
		t.Errorf("zctrace that is killed leaves %d files behind", n-1)
	}
}

// With --names none nothing tells what a command is called: no dashboard, table or trace, nor an expectation that is not met,
// though it goes by names all the same. With base the last part of paths does.
func TestExecNames(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	p := inTmux(t, 100, 30)
	if err := os.Mkdir(filepath.Join(p.dir, "secret-dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(p.dir, "secret-dir/secret-exe")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n[ -n \"$1\" ] || sleep 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for names, told := range map[string][]string{
		"full": {"secret-dir", "secret-exe", "secret-arg"}, "base": {"secret-exe"}, "none": nil,
	} {
		file := filepath.Join(t.TempDir(), "t.json")
		r := zctrace(t, "exec", "--names", names, "--json", file, "--expect", `processes["other"].syscalls.calls > 0`,
			"--expect", `processes["secret-exe"].syscalls.calls > 0`, "--", script, "secret-arg")
		if r.code != exitExpectation || strings.Count(r.stderr, "expectation failed") != 1 {
			t.Errorf("%s: %+v", names, r)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{"trace": string(text), "table": r.stdout + r.stderr, "table of show": zctrace(t, "show", file).stdout} {
			for _, secret := range []string{"secret-dir", "secret-exe", "secret-arg"} {
				if is := strings.Contains(text, secret); is != slices.Contains(told, secret) {
					t.Errorf("%s, %s: that %s is told is %v:\n%s", names, what, secret, is, text)
				}
			}
		}
	}
	p.types("clear; "+os.Args[0]+" exec --live --names none -o table -- "+script, "Enter")
	p.shows(`Processes.*\n\s+\? `)
	if screen := p.screen(); strings.Contains(screen, "secret") {
		t.Errorf("the dashboard tells:\n%s", screen)
	}
	p.types("C-c")
	p.shows(`ready>\s*$`)
	if table, err := os.ReadFile(filepath.Join(p.dir, "table")); err != nil || strings.Contains(string(table), "secret") {
		t.Errorf("%v; the table:\n%s", err, table)
	}
}

// growingFile is one that grows by twice as much as is written to it, and keeps that.
type growingFile struct {
	file *os.File
	text strings.Builder
}

func (f *growingFile) Write(text []byte) (int, error) {
	if f.text.Write(text); f.text.Len() > mib {
		return 0, errors.New("and on")
	}
	_, err := f.file.Write(bytes.Repeat(text, 2))
	return len(text), err
}

// What a command has printed is shown to its end as it is then, however fast it prints more. It is kept for those who go on,
// the command or others that it has started.
func TestKeptOutput(t *testing.T) {
	oncePerMachine(t)
	over, said := trace.Known(0), strings.Repeat("said\n", 20000)
	for name, test := range map[string]struct {
		p    *trace.Program
		kept int
	}{
		"not begun":    {nil, 0},
		"ended":        {&trace.Program{Run: trace.ProgramRun{ExitStatus: over}, Processes: []trace.ProcessRow{{EndedNS: over}}}, 0},
		"goes on":      {&trace.Program{Processes: []trace.ProcessRow{{}}}, 1},
		"has children": {&trace.Program{Run: trace.ProgramRun{ExitStatus: over}, Processes: []trace.ProcessRow{{EndedNS: over}, {}}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := worldWritable(t)
			t.Setenv("TMPDIR", dir)
			var cfg session.ProgramConfig
			k, err := keepOutput(&cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer cfg.Files[0].Close()
			if _, err := cfg.Files[1].WriteString(said); err != nil {
				t.Fatal(err)
			}
			out := &growingFile{file: cfg.Files[1]}
			if err := k.show(out, test.p); err != nil || out.text.String() != said {
				t.Errorf("%d bytes are shown: %v", out.text.Len(), err)
			}
			if kept, err := os.ReadDir(dir); err != nil || len(kept) != test.kept {
				t.Errorf("%d files are kept, want %d (%v)", len(kept), test.kept, err)
			}
		})
	}
}

// Who opens it by another name truncates it, as any file; what is printed behind that stands there, and nothing in between.
func TestKeptOutputOpenedAnew(t *testing.T) {
	oncePerMachine(t)
	t.Setenv("TMPDIR", worldWritable(t))
	var cfg session.ProgramConfig
	k, err := keepOutput(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer cfg.Files[0].Close()
	cmd := exec.Command("sh", "-c", "echo first of all; echo second >/dev/stderr; echo third; echo fourth >>/dev/stderr; echo fifth")
	cmd.Stdout, cmd.Stderr = cfg.Files[1], cfg.Files[1]
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	const want = "second\nthird\nfourth\nfifth\n"
	if err := k.show(&out, nil); err != nil || out.String() != want {
		t.Errorf("%q is shown, want %q: %v", &out, want, err)
	}
}
