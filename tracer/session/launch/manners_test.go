//go:build linux

package launch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// found is a script that prints all that a process inherits and can see of it. Process ids and
// memory differ from one process to the next.
const found = `
exec 9>&-
cat /proc/self/status | grep -vE '^(Pid|PPid|Tgid|Ngid|NStgid|NSpid|Vm|Rss|Hugetlb|.*ctxt_switches|TracerPid|Threads|SigQ|State)'
cat /proc/self/limits
cut -d')' -f2 /proc/self/stat | cut -d' ' -f4-7,17,18,39,40
ls /proc/self/fd
cat <&3; readlink /proc/self/fd/3 /proc/self/cwd /proc/self/root
cat /proc/self/oom_score_adj /proc/self/timerslack_ns /proc/self/personality /proc/self/cgroup /proc/self/loginuid
ls -l /proc/self/ns | sed 's/.* //'
umask; nice; ulimit -a
env | grep -av ^_=
`

// The command finds what it finds without zctrace: rights, signals, limits, descriptors,
// terminal, environment.
func TestNothingOfZctraceIsLeft(t *testing.T) {
	binary := withSymbols(t)
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(data, []byte("read from descriptor 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, before string }{
		{"as usual", `exec "$@"`},
		{"limits", `ulimit -Sn 100; ulimit -Ss 4096; ulimit -c 0; ulimit -l 32; umask 027; exec nice -n 3 "$@"`},
		{"descriptors", `exec 4<&0 7>/dev/null 40</dev/zero; exec "$@"`},
		{"ignored signals", `exec env --ignore-signal=HUP,INT,QUIT,TERM,PIPE,CHLD,TSTP,TTOU,USR1,URG,PROF,RTMIN+3 "$@"`},
		{"blocked signals", `exec env --block-signal=HUP,CHLD,PROF,USR2,URG,TSTP "$@"`},
		{"no new privileges", `exec setpriv --no-new-privs "$@"`},
		{"capabilities", `exec capsh --inh=cap_net_raw,cap_chown --addamb=cap_net_raw --drop=cap_sys_boot -- -c '"$0" "$@"' "$@"`},
		{"oom score and timer slack", `echo 500 >/proc/self/oom_score_adj; exec "$@"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "capabilities" {
				needRoot(t)
			}
			run := func(through ...string) string {
				script := `exec 3<"$DATA"; ` + test.before
				cmd := exec.CommandContext(t.Context(), "bash", append(append([]string{"-c", script, "bash"}, through...), "sh", "-c", found)...)
				cmd.Env = append(os.Environ(), "DATA="+data, "ODD=\xff\x00"[:5], "GODEBUG=madvdontneed=1")
				if len(through) > 0 {
					cmd.Env = append(cmd.Env, asLauncher+"=1")
				}
				cmd.Dir = filepath.Dir(data)
				r := finish(t, cmd)
				if r.code != 0 || r.stderr != "" {
					t.Fatalf("status %d: %s", r.code, r.stderr)
				}
				return numbers.ReplaceAllString(r.stdout, "")
			}
			directly, launched := run(), run(binary)
			if directly != launched {
				t.Errorf("differs:\n%s", difference(directly, launched))
			}
			if !strings.Contains(directly, "read from descriptor 3\n") {
				t.Errorf("the script did not run:\n%s", directly)
			}
		})
	}
}

// numbers of sessions and groups that differ from one process to the next.
var numbers = regexp.MustCompile(`(?m)^(NSpgid|NSsid):.*\n`)

// difference is the lines that only one of them has.
func difference(a, b string) string {
	var text strings.Builder
	for _, side := range []struct{ sign, has, other string }{{"without", a, b}, {"with", b, a}} {
		for line := range strings.Lines(side.has) {
			if !strings.Contains("\n"+side.other, "\n"+line) {
				fmt.Fprintf(&text, "%s zctrace: %s", side.sign, line)
			}
		}
	}
	return text.String()
}

// withSymbols is this test binary with a symbol table, as a release has it; go test strips
// those that it runs itself.
func withSymbols(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "launch.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// A make below make finds its jobserver: two jobs that wait for each other run at once.
func TestJobserver(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"Makefile": "all:\n\t+" + os.Args[0] + " $(MAKE) --no-print-directory -f sub.mk\n",
		"sub.mk":   "all: a b\na:\n\t@echo to b >fifo\nb:\n\t@cat fifo\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "make", "-s", "-j2")
	cmd.Env, cmd.Dir = append(os.Environ(), asLauncher+"=run", "MAKEFLAGS="), dir // as if no other make ran the tests
	if r := finish(t, cmd); r != (result{stdout: "to b\n"}) {
		t.Errorf("%+v", r)
	}
}
