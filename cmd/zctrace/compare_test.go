//go:build linux

package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/zctrace/zctrace/internal/outfile"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// comparing compares the textbook's strategies, 4 MiB each in 64 chunks, and
// returns what was printed, and the set.
func comparing(t *testing.T, args ...string) (result, *trace.Set) {
	t.Helper()
	needTracing(t)
	cmd := command(t, append([]string{"compare", "read-write", "mmap-write", "sendfile", "--bytes", "4MiB", "--json", "c.json"}, args...)...)
	r := finish(t, cmd)
	if r.code != 0 {
		t.Fatalf("%v: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return r, readSet(t, filepath.Join(cmd.Dir, "c.json"))
}

func TestCompare(t *testing.T) {
	oncePerMachine(t)
	r, set := comparing(t, "--rounds", "3")
	const bytes = 4 * mib
	for strategy, w := range map[string]want{
		"read-write": {"sender.syscalls.calls": 128, "sender.mode_switches": 256, "sender.copies.to_user": bytes, "sender.copies.from_user": bytes, "sender.moved.page_refs": 0},
		"mmap-write": {"sender.syscalls.calls": 66, "sender.mode_switches": 132, "sender.copies.to_user": 0, "sender.copies.from_user": bytes, "sender.moved.page_refs": 0},
		"sendfile":   {"sender.syscalls.calls": 64, "sender.mode_switches": 128, "sender.copies.to_user": 0, "sender.copies.from_user": 0, "sender.moved.page_refs": bytes},
	} {
		n := 0
		for _, tr := range set.Traces {
			if tr.Run.Strategy == strategy {
				n++
				w.check(t, tr)
				want{"sender.payload_bytes": bytes, "sender.copies.in_kernel": 0, "sender.disk.read_bytes": 0, "receiver.payload_bytes": bytes}.check(t, tr)
			}
		}
		if n != 3 {
			t.Errorf("%d runs of %s, want 3", n, strategy)
		}
	}
	var order []string
	for _, tr := range set.Traces {
		order = append(order, tr.Run.Strategy)
		if tr.Run.Source.Kind != "auto" || len(tr.Samples) != 0 {
			t.Errorf("source %+v, %d samples", tr.Run.Source, len(tr.Samples))
		}
	}
	if want := strings.Fields("read-write mmap-write sendfile mmap-write sendfile read-write sendfile read-write mmap-write"); !slices.Equal(order, want) {
		t.Errorf("they ran in the order %v, want %v", order, want)
	}
	checkRanking(t, set)

	for strategy, w := range map[string][7]float64{ // calls, mode switches, to_user, from_user, in_kernel, page_refs, disk read
		"read-write": {32, 64, 1, 1, 0, 0, 0}, "mmap-write": {16.5, 33, 0, 1, 0, 0, 0}, "sendfile": {16, 32, 0, 0, 0, 1, 0},
	} {
		for _, row := range set.Ranking {
			if row.Strategy != strategy {
				continue
			}
			for i, s := range []trace.Spread{row.PerMiB.Calls, row.PerMiB.ModeSwitches, row.Passes.ToUser, row.Passes.FromUser, row.Passes.InKernel, row.Passes.PageRefs, row.Passes.DiskRead} {
				if s.Median != trace.KnownReal(w[i]) || s.Varies() {
					t.Errorf("%s: number %d is %s (%s to %s), want %v in every round", strategy, i, s.Median, s.Min, s.Max, w[i])
				}
			}
		}
		if line := lineOf(r.stdout, "Measured", "  "+strategy+" "); !strings.Contains(line, "  as in the textbook") {
			t.Errorf("next to the textbook it says %q of %s", line, strategy)
		}
	}
	if n := strings.Count(r.stderr, "\nround ") + strings.Count(r.stderr[:min(6, len(r.stderr))], "round "); n != 9 {
		t.Errorf("%d lines for 9 runs:\n%s", n, r.stderr)
	}
	file := filepath.Join(t.TempDir(), "c.json")
	if err := outfile.Write(file, func(w io.Writer) error { return trace.WriteSet(w, set) }); err != nil {
		t.Fatal(err)
	}
	if shown := zctrace(t, "show", file); shown.stdout != r.stdout {
		t.Errorf("show prints\n%s\nand compare\n%s", shown.stdout, r.stdout)
	}
}

// checkRanking makes the ranking again from the traces.
func checkRanking(t *testing.T, set *trace.Set) {
	t.Helper()
	before := 0.0
	for i, row := range set.Ranking {
		var rates []float64
		for _, tr := range set.Traces {
			if tr.Run.Strategy == row.Strategy && tr.Run.Ended == trace.Done {
				rates = append(rates, float64(tr.Run.PayloadBytes.Or(0))*1e9/float64(tr.Run.ElapsedNS))
			}
		}
		slices.Sort(rates)
		near := func(r trace.Real, v float64) bool { return r.Or(-1) > v-1 && r.Or(-1) < v+1 }
		s := row.Throughput
		if row.Rank != trace.Known(int64(i+1)) || row.Rounds != int64(len(rates)) || len(rates) == 0 {
			t.Fatalf("place %d: %+v, with %d runs", i+1, row, len(rates))
		}
		n := len(rates)
		if !near(s.Min, rates[0]) || !near(s.Median, (rates[(n-1)/2]+rates[n/2])/2) || !near(s.Max, rates[n-1]) {
			t.Errorf("%s: %+v, and the runs %v", row.Strategy, s, rates)
		}
		if i > 0 && s.Median.Or(0) > before {
			t.Errorf("%s is faster than the place before it", row.Strategy)
		}
		before = s.Median.Or(0)
	}
}

// lineOf is the first line after a heading that begins so.
func lineOf(text, heading, prefix string) string {
	_, after, _ := strings.Cut(text, "\n"+heading)
	for _, l := range strings.Split(after, "\n") {
		if strings.HasPrefix(l, prefix) {
			return l
		}
	}
	return ""
}

// Without names all are compared that the sink allows; each form of the table
// goes where it should.
func TestCompareForms(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	common := []string{"compare", "--bytes", "1MiB", "--rounds", "1", "--source", "auto:1MiB", "--sink", "null"}
	r := zctrace(t, append(common, "--csv")...)
	records, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
	if r.code != 0 || err != nil || len(records) < 4 {
		t.Fatalf("exit code %d, %v\n%s%s", r.code, err, r.stdout, r.stderr)
	}
	left := strings.Count(r.stderr, "zctrace: left out: ")
	if len(records)-1+left != len(workloads.AllNames()) {
		t.Errorf("%d strategies ranked and %d left out of %d", len(records)-1, left, len(workloads.AllNames()))
	}
	if r := zctrace(t, append(common, "--markdown", "sendfile")...); r.code != 0 || !strings.HasPrefix(r.stdout, "| rank | strategy |") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	cmd := command(t, append(common, "--json", "-", "sendfile")...)
	r = finish(t, cmd)
	file := filepath.Join(cmd.Dir, "c.json")
	if err := os.WriteFile(file, []byte(r.stdout), 0o644); err != nil {
		t.Fatal(err)
	}
	if set := readSet(t, file); r.code != 0 || len(set.Traces) != 1 || !strings.Contains(r.stderr, "Rank  strategy") {
		t.Errorf("exit code %d, %d traces\n%s", r.code, len(set.Traces), r.stderr)
	}
	checkRanking(t, readSet(t, file))
}

// What a source does not allow is left out, and refused if it was named. Files of
// sysfs can be read and not be mapped.
func TestCompareLeavesOut(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	args := []string{"--source", "/sys/kernel/notes", "--bytes", "16", "--chunk", "8", "--sink", "null", "--rounds", "1"}
	r := zctrace(t, append([]string{"compare"}, args...)...)
	if r.code != 0 || !strings.Contains(r.stderr, "zctrace: left out: mmap-write from file to null is not possible here: mmap: ") ||
		strings.Contains(r.stdout, "mmap-write") || !strings.Contains(r.stdout, "read-write") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	r = zctrace(t, append([]string{"compare", "read-write", "mmap-write"}, args...)...)
	if r.code != exitUnsupported || !strings.Contains(r.stderr, "mmap-write from file to null is not possible here") || r.stdout != "" {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// With two sinks only tee is left; without, it is what is left out.
func TestCompareTwoSinks(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	args := []string{"compare", "--bytes", "1MiB", "--rounds", "1", "--source", "auto:1MiB", "--sink", "unix"}
	r := zctrace(t, args...)
	if r.code != 0 || !strings.Contains(r.stderr, "zctrace: left out: tee takes two sinks") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	r = zctrace(t, append(args, "--sink", "file", "--json", "c.json")...)
	left := strings.Count(r.stderr, "zctrace: left out: only tee takes two sinks")
	if r.code != 0 || left != len(workloads.AllNames())-1 || !strings.Contains(r.stdout, "unix and file") {
		t.Errorf("exit code %d, %d left out\n%s%s", r.code, left, r.stdout, r.stderr)
	}
}

func TestCompareExpect(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	args := []string{"compare", "read-write", "sendfile", "--bytes", "1MiB", "--rounds", "2", "--source", "auto:1MiB", "--sink", "unix"}
	if r := zctrace(t, append(args, "--expect", "sendfile: sender.copies.to_user == 0", "--expect", "sender.payload_bytes == 1MiB")...); r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	r := zctrace(t, append(args, "--expect", "sender.copies.to_user == 0")...)
	if r.code != exitExpectation || !strings.Contains(r.stderr, "expectation failed: read-write: sender.copies.to_user == 0: found 1048576") || strings.Contains(r.stderr, "failed: sendfile") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

// Under sudo each run opens the user's source again with the user's rights.
func TestCompareUnderSudo(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	if os.Geteuid() != 0 {
		cannot(t, "needs root, as sudo gives it")
	}
	dir := worldWritable(t)
	cmd := command(t, "compare", "--bytes", "1MiB", "--rounds", "1", "--sink", "file", "--json", filepath.Join(dir, "c.json"))
	cmd.Env = append(cmd.Env, fmt.Sprintf("SUDO_UID=%d", nobody), fmt.Sprintf("SUDO_GID=%d", nobody), "TMPDIR="+dir)
	if r := finish(t, cmd); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	info, err := os.Stat(filepath.Join(dir, "c.json"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != nobody {
		t.Errorf("the set belongs to user %d, want %d", uid, nobody)
	}
}

// One strategy fails: it is named, the exit code is 1, and the others' results
// are there.
func TestCompareWithAFailure(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	cmd := command(t, "compare", "read-write", "sendfile", "--bytes", "4MiB", "--rate", "4MiB", "--rounds", "2", "--json", "c.json")
	stdout, stderr := &screen{}, &screen{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(senderMoves(t, 0), syscall.SIGKILL); err != nil { // of 4 MiB, which take a second
		t.Fatal(err)
	}
	if code := exitStatus(t, cmd.Wait()); code != exitFailed || !strings.Contains(stderr.String(), "zctrace: read-write, round 1: ") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	for _, text := range []string{"   1  sendfile", "   -  read-write", "!! read-write: 1 run FAILED, NOT COUNTED: "} {
		if !strings.Contains(stdout.String(), text) {
			t.Errorf("it does not say %q:\n%s", text, stdout)
		}
	}
	set := readSet(t, filepath.Join(cmd.Dir, "c.json"))
	if first, last := set.Ranking[0], set.Ranking[1]; first.Rounds != 2 || last.Failed != 1 || last.Throughput.Median.Known() {
		t.Errorf("%d traces, ranking %+v", len(set.Traces), set.Ranking)
	}
	workersAreGone(t)
}

// Ended in the middle, it shows and writes what there is.
func TestCompareInterrupted(t *testing.T) {
	oncePerMachine(t)
	raced(t)
	t.Run("SIGINT", func(t *testing.T) {
		needTracing(t)
		cmd := command(t, "compare", "read-write", "sendfile", "--duration", "1s", "--rounds", "100", "--json", "c.json")
		stdout, stderr := &screen{}, &screen{}
		cmd.Stdout, cmd.Stderr = stdout, stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a run has ended", func() bool { return strings.Contains(stderr.String(), "round 1/100  read-write") })
		senderMoves(t, 0)
		_ = cmd.Process.Signal(syscall.SIGINT)
		if code := exitStatus(t, cmd.Wait()); code != 130 {
			t.Errorf("exit code %d: %s", code, stderr)
		}
		checkInterrupted(t, filepath.Join(cmd.Dir, "c.json"), stdout.String())
		workersAreGone(t)
	})
	for name, test := range map[string]struct {
		leave func(*terminal)
		code  int
	}{
		"Ctrl-C":  {func(term *terminal) { term.types("\x03") }, 130},
		"q":       {func(term *terminal) { term.types("q") }, 0},
		"SIGTERM": {func(term *terminal) { _ = term.cmd.Process.Signal(syscall.SIGTERM) }, 143},
	} {
		t.Run(name, func(t *testing.T) {
			term := onTerminal(t, 24, 80, "compare", "read-write", "sendfile", "--duration", "1s", "--rounds", "100", "--json", "c.json")
			term.shows("1 of 200 runs")
			senderMoves(t, 0)
			test.leave(term)
			term.exits(test.code)
			term.isNormal()
			_, after, _ := strings.Cut(term.screen.String(), leaveAltScreen)
			checkInterrupted(t, filepath.Join(term.cmd.Dir, "c.json"), after)
			workersAreGone(t)
		})
	}
}

func checkInterrupted(t *testing.T, file, table string) {
	t.Helper()
	set := readSet(t, file)
	if row := set.Ranking[0]; row.Rank != trace.Known(1) || row.Rounds < 1 {
		t.Errorf("the first place is %+v", row)
	}
	if !strings.Contains(table, "Rank  strategy") || !strings.Contains(table, "   1  ") {
		t.Errorf("the table is not there:\n%s", table)
	}
}

// sweep runs each strategy with each size, and counts exactly with all of them.
func TestSweep(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	cmd := command(t, "sweep", "read-write", "sendfile", "--chunk", "4KiB..16KiB", "--bytes", "1MiB", "--source", "auto:1MiB", "--rounds", "2", "--json", "s.json")
	r := finish(t, cmd)
	if r.code != 0 || !strings.Contains(r.stdout, "swept 2 strategies over 3 chunk sizes in 2 rounds") {
		t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	set := readSet(t, filepath.Join(cmd.Dir, "s.json"))
	if len(set.Traces) != 12 || len(set.Ranking) != 6 {
		t.Fatalf("%d traces, %d rows; want 12, 6", len(set.Traces), len(set.Ranking))
	}
	for i, row := range set.Ranking {
		calls := float64(mib / row.ChunkBytes)
		if row.Strategy == "read-write" {
			calls *= 2
		}
		if chunk := int64(4096) << (i / 2); row.ChunkBytes != chunk || row.Rank != trace.Known(int64(1+i%2)) {
			t.Errorf("row %d is rank %s with %d bytes, want %d with %d", i, row.Rank, row.ChunkBytes, 1+i%2, chunk)
		}
		if s := row.PerMiB.Calls; s.Median != trace.KnownReal(calls) || s.Varies() {
			t.Errorf("%s, %d: %s calls per MiB, want %v", row.Strategy, row.ChunkBytes, s.Median, calls)
		}
	}
	if shown := zctrace(t, "show", filepath.Join(cmd.Dir, "s.json")); shown.stdout != r.stdout {
		t.Errorf("show prints\n%s\nand sweep\n%s", shown.stdout, r.stdout)
	}
}

// Sizes that a strategy cannot do are left out of a sweep, and only those; whoever can
// do none of them is left out, and refused if it was named.
func TestSizesThatAStrategyCannotDo(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	common := []string{"--source", "auto:1MiB", "--rounds", "1", "--plain", "--sink", "null"}
	all := len(workloads.AllNames())
	const blocks = "moves whole blocks of 4 KiB"
	for _, test := range []struct {
		args []string
		rows map[string]int // of the ranking; without an entry there is one for each size
		says []string
	}{
		{[]string{"sweep", "--chunk", "512..8KiB", "--bytes", "1MiB"}, map[string]int{"direct-io": 2, "aio": 2, "read-write": 5},
			[]string{"left out: direct-io at 512 B, 1 KiB, 2 KiB: direct-io " + blocks, "left out: aio at 512 B, 1 KiB, 2 KiB: aio " + blocks}},
		{[]string{"sweep", "direct-io", "--chunk", "2KiB..4KiB", "--bytes", "1MiB"}, map[string]int{"direct-io": 1}, []string{"left out: direct-io at 2 KiB: "}},
		{[]string{"sweep", "--chunk", "1000..2000", "--bytes", "1MiB"}, map[string]int{"direct-io": 0, "aio": 0, "sendfile": 2}, []string{"left out: direct-io " + blocks, "left out: aio " + blocks}},
		{[]string{"compare", "--chunk", "1000", "--bytes", "1MiB"}, map[string]int{"direct-io": 0, "aio": 0, "sendfile": 1}, []string{"left out: direct-io " + blocks, "left out: aio " + blocks}},
		{[]string{"compare", "--bytes", "100000"}, map[string]int{"direct-io": 0, "aio": 0, "sendfile": 1}, []string{"left out: direct-io " + blocks, "--bytes 100000 ends within a block"}},
	} {
		cmd := command(t, append(append(test.args, common...), "--json", "s.json")...)
		r := finish(t, cmd)
		if r.code != 0 {
			t.Errorf("%v: exit code %d\n%s%s", test.args, r.code, r.stdout, r.stderr)
			continue
		}
		for _, text := range test.says {
			if !strings.Contains(r.stderr, text) {
				t.Errorf("%v: it does not say %q: %s", test.args, text, r.stderr)
			}
		}
		rows := map[string]int{}
		for _, row := range readSet(t, filepath.Join(cmd.Dir, "s.json")).Ranking {
			rows[row.Strategy]++
			if row.Rounds != 1 || row.Failed != 0 {
				t.Errorf("%v: %+v", test.args, row)
			}
		}
		for name, n := range test.rows {
			if rows[name] != n {
				t.Errorf("%v: %s was run with %d sizes, want %d", test.args, name, rows[name], n)
			}
		}
		if len(rows) >= all {
			t.Errorf("%v: %d strategies ran: %v", test.args, len(rows), rows)
		}
	}
	for _, test := range []struct {
		args []string
		says []string
	}{
		{[]string{"sweep", "sendfile", "direct-io", "--chunk", "1000..2000", "--bytes", "1MiB"}, []string{"direct-io " + blocks, "leave direct-io out"}},
		{[]string{"compare", "sendfile", "aio", "--chunk", "1000", "--bytes", "1MiB"}, []string{"aio " + blocks, "take --chunk 4KiB"}},
		{[]string{"compare", "aio", "sendfile", "--bytes", "100000"}, []string{"aio " + blocks, "take --bytes 96KiB"}},
	} {
		r := zctrace(t, append(test.args, common...)...)
		if r.code != exitUsage || r.stdout != "" || strings.Contains(r.stderr, "round 1/1") {
			t.Errorf("%v: exit code %d\n%s%s", test.args, r.code, r.stdout, r.stderr)
		}
		for _, text := range test.says {
			if !strings.Contains(r.stderr, text) {
				t.Errorf("%v: it does not say %q: %s", test.args, text, r.stderr)
			}
		}
	}
}

// A comparison on a terminal to its end: the view goes, the table stays.
func TestCompareOnATerminal(t *testing.T) {
	oncePerMachine(t)
	term := onTerminal(t, 24, 80, "compare", "--bytes", "1MiB", "--rounds", "2", "--source", "auto:1MiB")
	term.shows("STRATEGY")
	term.exits(0)
	term.isNormal()
	if _, after, _ := strings.Cut(term.screen.String(), leaveAltScreen); !strings.Contains(after, "in 2 rounds") || strings.Contains(after, "round 1/2") {
		t.Errorf("on the normal screen:\n%s", term.shown())
	}
}

// The curves of a sweep have gaps where a strategy cannot do a size.
func TestSweepWithGapsOnATerminal(t *testing.T) {
	oncePerMachine(t)
	term := onTerminal(t, 30, 90, "sweep", "sendfile", "direct-io", "--chunk", "1KiB..8KiB", "--bytes", "1MiB", "--rounds", "1", "--source", "auto:1MiB")
	term.shows("THROUGHPUT BY CHUNK SIZE")
	term.exits(0)
	term.isNormal()
	_, after, _ := strings.Cut(term.screen.String(), leaveAltScreen)
	for _, text := range []string{"swept 2 strategies over 4 chunk sizes", "left out: direct-io at 1 KiB, 2 KiB: "} {
		if !strings.Contains(after, text) {
			t.Errorf("it does not say %q:\n%s", text, after)
		}
	}
}
