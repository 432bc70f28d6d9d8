//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/ui/report"
	"github.com/zctrace/zctrace/workloads"
)

// Pacing keeps to the rate, is counted and shown, and is no transfer.
func TestRate(t *testing.T) {
	oncePerMachine(t)
	tr := traced(t, "read-write", "--bytes", "5MiB", "--rate", "10MiB", "--chunk", "256KiB")
	// Each of 20 chunks is sent when it is due, 25 ms after the one before.
	if elapsed := time.Duration(tr.Run.ElapsedNS); elapsed < 500*time.Millisecond || elapsed > 10*time.Second {
		t.Errorf("5 MiB at 10 MiB/s took %v", elapsed)
	}
	want{"sender.syscalls.transfer_calls": 40, "sender.payload_bytes": 5 * mib}.check(t, tr)
	if naps := callNames(tr)["clock_nanosleep"]; naps < 1 { // none for a chunk that is late on a busy machine
		t.Errorf("%d calls of clock_nanosleep", naps)
	}
	if tr.Run.LimitRate != trace.Known(10*mib) {
		t.Errorf("the rate is %v in the trace", tr.Run.LimitRate)
	}
	if text := report.Table(tr, 80); !strings.Contains(text, "at most 10 MiB/s") {
		t.Errorf("the table does not tell the rate:\n%s", text)
	}
}

func TestLatencyOff(t *testing.T) {
	oncePerMachine(t)
	tr := traced(t, "sendfile", "--bytes", "64MiB", "--latency", "off")
	checkTextbook(t, 2, tr)
	if s := tr.Total.Sender.Syscalls.ByName["sendfile"]; s.TimeNS.Known() || s.LatencyLog2 != nil {
		t.Errorf("the time is %v, want null", s.TimeNS)
	}
	if o := tr.Total.Sender.Origin("syscalls.by_name.sendfile.time_ns"); o.Reason == "" {
		t.Error("nothing says why the time is null")
	}
	for _, h := range tr.Hooks {
		if h.Name == "tp_btf/sys_enter" && (h.Attached || h.Reason == "") {
			t.Errorf("%s is attached, or without a reason not: %+v", h.Name, h)
		}
	}
}

// A pipe of one page takes a page at a time, whatever the chunk.
func TestPipeSize(t *testing.T) {
	oncePerMachine(t)
	tr := traced(t, "splice", "--bytes", "1MiB", "--chunk", "64KiB", "--pipe-size", "4KiB")
	want{
		"sender.syscalls.by_name.splice.calls": 512, "sender.syscalls.short_transfers": 240,
		"sender.moved.page_refs": 2 * mib, "sender.copies.in_kernel": 0,
	}.check(t, tr)
	r := zctrace(t, "run", "sendfile", "--pipe-size", "4KiB")
	if r.code != exitUsage || !strings.Contains(r.stderr, "of no use to sendfile, without a pipe of its own") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

// A file that the user names gets the payload, and is kept.
func TestSinkFile(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	dir := t.TempDir()
	source, sink := filepath.Join(dir, "source"), filepath.Join(dir, "sink")
	text := bytes.Repeat([]byte("payload, "), 12345)
	if err := os.WriteFile(source, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, strategy := range workloads.AllNames() {
		_ = os.Remove(sink)
		if !takes(strategy, "file") {
			continue
		}
		args := []string{strategy, "--source", source, "--bytes", "111105", "--verify", "--sink", "file:" + sink}
		if strategy == "tee" {
			args = append(args, "--sink", "unix")
		}
		tr := traced(t, args...)
		want{"sender.payload_bytes": int64(len(text))}.check(t, tr)
		if got, err := os.ReadFile(sink); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: the sink has %d bytes that are not the source's %d, %v", strategy, len(got), len(text), err)
		}
	}
}

func TestDurationOrBytes(t *testing.T) {
	oncePerMachine(t)
	tr := traced(t, "sendfile", "--bytes", "1MiB", "--duration", "60s")
	want{"run.payload_bytes": mib}.check(t, tr)
	tr = traced(t, "sendfile", "--bytes", "1TiB", "--duration", "300ms")
	// The window opens a moment after the time begins to run, which is what is missing at its end.
	if e := time.Duration(tr.Run.ElapsedNS); e < 100*time.Millisecond || e > 10*time.Second {
		t.Errorf("300 ms took %v", e)
	}
	if tr.Run.Ended != "done" {
		t.Errorf("it ended %q", tr.Run.Ended)
	}
}

// The kernel pins to any CPU of the cpuset, also to one that taskset left out.
func TestCPU(t *testing.T) {
	oncePerMachine(t)
	traced(t, "sendfile", "--bytes", "1MiB", "--cpu", "0,0")
	// Of any CPU, for these tests themselves may run under taskset.
	list, err := exec.Command("sh", "-c", "taskset -c 0-$(($(getconf _NPROCESSORS_CONF) - 1)) grep Cpus_allowed_list /proc/self/status | cut -f2").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, limit := range map[string][]string{"all": nil, "one": {"taskset", "-c", "0"}} {
		t.Run(name, func(t *testing.T) {
			cmd := command(t, "run", "sendfile", "--bytes", "1MiB", "--cpu", "0,1000")
			under(t, cmd, limit...)
			r := finish(t, cmd)
			if want := "CPUs that may be used: " + string(list); r.code != exitUsage || !strings.Contains(r.stderr, want) {
				t.Errorf("exit code %d, want %q in %s", r.code, want, r.stderr)
			}
		})
	}
}

// Of the machine's CPUs it is said how many are online, and how many of them are allowed.
func TestCPUsOnlineAndAllowed(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	online, err := tracer.OnlineCPUs()
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "run", "sendfile", "--bytes", "1MiB", "--json", "t.json")
	under(t, cmd, "taskset", "-c", "0")
	r := finish(t, cmd)
	tr := readTrace(t, filepath.Join(cmd.Dir, "t.json"))
	if tr.Host.CPUs != len(online) || tr.Host.CPUsAllowed != 1 || !strings.Contains(r.stdout, ", "+reading.CPUsText(tr.Host)+", ") {
		t.Errorf("%+v of %d: %s", tr.Host, len(online), r.stdout)
	}
}

// under makes the command run under another one, if there is one.
func under(t *testing.T, cmd *exec.Cmd, other ...string) {
	t.Helper()
	if len(other) == 0 {
		return
	}
	path, err := exec.LookPath(other[0])
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Args = path, append(other, cmd.Args...)
}

// Each command has a page, which says what each flag takes and is by default, and what the
// exit codes mean, and in which no text is taken for a command of roff.
func TestMan(t *testing.T) {
	oncePerMachine(t)
	dir := t.TempDir()
	if r := zctrace(t, "man", dir); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	root := newRoot()
	for _, cmd := range append(root.Commands(), root) {
		text, err := os.ReadFile(filepath.Join(dir, pageName(cmd)+".1"))
		if err != nil {
			t.Fatal(err)
		}
		page := strings.ReplaceAll(string(text), `\-`, "-")
		for _, row := range exitTable {
			if !strings.Contains(page, ".TP\n.B "+row.written()+"\n"+row.meaning+"\n") {
				t.Errorf("%s does not say what %s means", pageName(cmd), row.written())
			}
		}
		for line := range strings.Lines(page) {
			if command := regexp.MustCompile(`^[.'](\w*)`).FindStringSubmatch(line); command != nil && !slices.Contains([]string{"TH", "SH", "PP", "TP", "B", "BR", "nf", "fi"}, command[1]) {
				t.Errorf("%s: %q is no command", pageName(cmd), line)
			}
		}
		if wrong := regexp.MustCompile(`=0s|=""|\[=|\(default (0|0s|false|\[\])?\)`).FindString(page); wrong != "" {
			t.Errorf("%s has %q", pageName(cmd), wrong)
		}
	}
	page, _ := os.ReadFile(filepath.Join(dir, "zctrace-run.1"))
	for _, want := range []string{
		".B \\-d, \\-\\-duration TIME\nstop after TIME, e.g. 5s; with \\-\\-bytes, whichever comes first (default 10s without \\-\\-bytes)\n",
		".B \\-\\-chunk SIZE\npayload per transfer, e.g. 64KiB (default 64KiB)\n",
		".B \\-\\-verify\ncompare", "(default warm)",
	} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page of run lacks %q", want)
		}
	}
}

// What has no default shows none, and what has one shows it.
func TestDefaultsInTheHelp(t *testing.T) {
	oncePerMachine(t)
	for _, cmd := range newRoot().Commands() {
		if wrong := regexp.MustCompile(`\(default (0|0s|false|""|\[\])?\)`).FindString(cmd.Flags().FlagUsages()); wrong != "" {
			t.Errorf("%s --help says %s", cmd.Name(), wrong)
		}
	}
}

// Wherever there is a duration or an interval, it has one letter, too; exec takes strace's -f.
func TestShortFlags(t *testing.T) {
	oncePerMachine(t)
	short := map[string]string{"duration": "d", "interval": "i", "follow-forks": "f", "output": "o"}
	found := 0
	for _, cmd := range newRoot().Commands() {
		for name, letter := range short {
			if flag := cmd.Flags().Lookup(name); flag != nil {
				found++
				if flag.Shorthand != letter {
					t.Errorf("--%s of %s is -%s, want -%s", name, cmd.Name(), flag.Shorthand, letter)
				}
			}
		}
	}
	if found != 10 { // run, compare, sweep and exec have the first two, exec the others
		t.Errorf("%d flags with a letter", found)
	}
}

// A shell offers for each place what can stand there.
func TestCompletion(t *testing.T) {
	oncePerMachine(t)
	strategies := strings.Join(workloads.AllNames(), " ")
	for _, test := range []struct {
		typed     string // the last word is under way
		want      string
		directive string // 0: files, 4: no files, 8: files of that extension, 16: directories
	}{
		{"run |", strategies, "4"},
		{"run sendfile |", "", "4"},
		{"compare |", strategies, "4"},
		{"compare sendfile splice |", strings.Replace(strategies, "sendfile splice ", "", 1), "4"},
		{"sweep tee |", strings.Replace(strategies, "tee ", "", 1), "4"},
		{"run sendfile --sink |", "tcp unix pipe file null", "4"},
		{"run sendfile --sink |file:", "", "0"},
		{"run sendfile --source |", "auto zero", "0"},
		{"run sendfile --copies |", "auto fentry breakpoint derived all", "4"},
		{"run sendfile --receiver |", "read splice zerocopy trunc", "4"},
		{"run sendfile --cache |", "warm cold", "4"},
		{"run sendfile --duration |", "", "4"},
		{"run sendfile --json |", "", "0"},
		{"compare --rounds |", "", "4"},
		{"show |", "json", "8"},
		{"show a b |", "", "4"},
		{"man |", "", "16"},
		{"completion |", "bash zsh fish powershell", "4"},
		{"help run |", "", "4"},
		{"doctor |", "", "4"},
	} {
		before, last, _ := strings.Cut(test.typed, "|")
		r := zctrace(t, append([]string{"__completeNoDesc"}, append(strings.Fields(before), last)...)...)
		lines := strings.Fields(r.stdout)
		offered, directive := "", ""
		if n := len(lines); n > 0 {
			offered, directive = strings.Join(lines[:n-1], " "), strings.TrimPrefix(lines[n-1], ":")
		}
		if offered != test.want || directive != test.directive {
			t.Errorf("%s: offered %q and :%s, want %q and :%s", test.typed, offered, directive, test.want, test.directive)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := zctrace(t, "completion", shell); r.code != 0 || !strings.Contains(r.stdout, "__complete") {
			t.Errorf("%s: exit code %d: %s", shell, r.code, r.stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	oncePerMachine(t)
	want := zctrace(t, "version")
	for _, flag := range []string{"--version", "-v"} {
		if r := zctrace(t, flag); r != want || r.code != 0 || !strings.HasPrefix(r.stdout, "zctrace ") {
			t.Errorf("%s: %+v, want %+v", flag, r, want)
		}
	}
}
