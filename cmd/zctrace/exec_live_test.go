//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
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
		p.types("echo status $?", "Enter")
		p.shows(fmt.Sprintf(`\nstatus %d\nready>\s*$`, want))
	}
	p.types(exec+`sh -c 'trap "echo interrupted; exit 5" INT; echo begun; while :; do sleep 0.1; done'`, "Enter")
	p.shows(`running \d.*\n.* copied, .* calls/s; \d process`)
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

	p.types(exec+`sh -c 'echo $$; exec sleep 1000'`, "Enter")
	p.shows(`running \d`)
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
}
