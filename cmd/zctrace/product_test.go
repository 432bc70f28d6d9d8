//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// allOfItEnv makes TestProduct run every combination; see make soak.
const allOfItEnv = "ZCTRACE_TEST_ALL_COMBINATIONS"

// The factors of the product, in the order of a combination.
const (
	theStrategy = iota
	theSink
	theCache
	theSource
	theMode
)

// combination is a value of each factor.
type combination [5]string

func (c combination) String() string { return strings.Join(c[:], " ") }

var factors = [len(combination{})][]string{
	theStrategy: workloads.AllNames(),
	theSink:     allSinks,
	theCache:    {"warm", "cold"},
	theSource:   {"even", "odd", "one byte", "sparse", "growing", "overlay"},
	theMode:     {"plain", "rate", "tiny pipe"},
}

// refusedFor is what of a combination the tool refuses, and what it says; "" if it can be done.
func (c combination) refusedFor() string {
	s, err := workloads.Find(c[theStrategy])
	switch {
	case err != nil:
		return err.Error()
	case !s.Takes(workloads.SinkKind(c[theSink])):
		return "is not possible here"
	case c[theMode] == "tiny pipe" && !s.Piped():
		return "--pipe-size"
	}
	return ""
}

// everyCombination is what a walk through the product comes past.
func everyCombination() (all []combination) {
	all = []combination{{}}
	for i, values := range factors {
		var longer []combination
		for _, c := range all {
			for _, v := range values {
				c[i] = v
				longer = append(longer, c)
			}
		}
		all = longer
	}
	return all
}

// pair is two values of two factors.
type pair struct {
	one, two   int
	first, and string
}

func (c combination) pairs() (list []pair) {
	for i := range c {
		for j := i + 1; j < len(c); j++ {
			list = append(list, pair{i, j, c[i], c[j]})
		}
	}
	return list
}

// pairwise chooses of the combinations as few as it finds in which each pair of values occurs
// that occurs in any: each time that with most pairs that have not, the first of several.
func pairwise(all []combination) (chosen []combination) {
	missing := map[pair]bool{}
	for _, c := range all {
		for _, p := range c.pairs() {
			missing[p] = true
		}
	}
	for len(missing) > 0 {
		most, best := 0, combination{}
		for _, c := range all {
			n := 0
			for _, p := range c.pairs() {
				if missing[p] {
					n++
				}
			}
			if n > most {
				most, best = n, c
			}
		}
		for _, p := range best.pairs() {
			delete(missing, p)
		}
		chosen = append(chosen, best)
	}
	return chosen
}

func feasible() []combination {
	return slices.DeleteFunc(everyCombination(), func(c combination) bool { return c.refusedFor() != "" })
}

// Every two values that go together are tried together, in no more runs than there is time for.
func TestPairwise(t *testing.T) {
	oncePerMachine(t)
	all := feasible()
	chosen := pairwise(all)
	tried := map[pair]bool{}
	for _, c := range chosen {
		if c.refusedFor() != "" {
			t.Errorf("%s cannot be done", c)
		}
		for _, p := range c.pairs() {
			tried[p] = true
		}
	}
	for _, c := range all {
		for _, p := range c.pairs() {
			if !tried[p] {
				t.Errorf("%s with %s is never tried", p.first, p.and)
			}
		}
	}
	if n := len(chosen); n > 150 {
		t.Errorf("%d runs of %d", n, len(all))
	}
	if again := pairwise(all); !slices.Equal(again, chosen) {
		t.Error("another choice each time")
	}
}

// Whatever is put together, every law holds, and what is not as in the textbook has its cause: on
// each row, and on each hop that is drawn.
func TestProduct(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	runs := pairwise(feasible())
	if os.Getenv(allOfItEnv) != "" {
		runs = feasible()
	}
	for _, c := range runs {
		t.Run(c.String(), func(t *testing.T) {
			closed := watchClosings(t)
			tr := traced(t, c.args(t)...)
			if v := tr.Run.Verified; c[theSink] != "null" && (v == nil || !*v) {
				t.Errorf("verified is %v", v)
			}
			c.checkCounts(t, tr, closed)
			everythingHasItsCause(t, tr)
		})
	}
}

// What cannot be put together is refused, and it is said what and what to do.
func TestProductRefused(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	seen := map[[2]string]bool{}
	for _, c := range everyCombination() {
		says := c.refusedFor()
		why := [2]string{c[theStrategy], says}
		if says == "" || seen[why] {
			continue
		}
		seen[why] = true
		c[theSource], c[theCache] = "even", "warm"
		t.Run(c.String(), func(t *testing.T) {
			r := zctrace(t, append([]string{"run", "--plain"}, c.args(t)...)...)
			if r.code != exitUsage && r.code != exitUnsupported || !strings.Contains(r.stderr, says) || !strings.Contains(r.stderr, "take ") {
				t.Errorf("exit code %d: %s", r.code, r.stderr)
			}
		})
	}
}

// args are those of its run: of a source that is warm, two passes and what is a multiple of
// blocks, or ends the source.
func (c combination) args(t *testing.T) []string {
	t.Helper()
	args := append([]string{c[theStrategy], "--cache", c[theCache]}, sinksOf(c[theStrategy], c[theSink])...)
	if c[theSink] != "null" {
		args = append(args, "--verify")
	}
	switch c[theMode] {
	case "rate":
		args = append(args, "--rate", "64MiB")
	case "tiny pipe":
		args = append(args, "--pipe-size", "4KiB")
	}
	size := map[string]int64{"even": mib, "one byte": 1}[c[theSource]]
	if size == 0 {
		size = 1_000_123
	}
	path := ""
	switch c[theSource] {
	case "growing":
		path = growing(t, int(size))
		if c[theCache] == "warm" {
			return append(args, "--source", path, "--duration", "30ms")
		}
	case "sparse":
		path = diskFile(t, 65536)
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
	case "overlay":
		path = overlay(t, "/var/tmp", int(size))
	default:
		path = diskFile(t, int(size))
	}
	if c[theCache] == "cold" { // a second pass would be warm
		return append(args, "--source", path)
	}
	return append(args, "--source", path, "--bytes", fmt.Sprint(2*size))
}

// checkCounts holds what was counted against the laws.
func (c combination) checkCounts(t *testing.T, tr *trace.Trace, closed closings) {
	t.Helper()
	s, n := &tr.Total.Sender, tr.Run.PayloadBytes.Or(0)
	if r := tr.Total.Receiver; r != nil && r.PayloadBytes != trace.Known(received(c[theStrategy], c[theSink], n)) {
		t.Errorf("%d bytes were sent, %v received", n, r.PayloadBytes)
	}
	calls := int64(0)
	for _, call := range s.Syscalls.ByName {
		calls += call.Calls.Or(0)
	}
	w := want{"sender.syscalls.calls": calls, "sender.mode_switches": 2 * calls}
	if !laws[c[theStrategy]].maps && !laws[c[theStrategy]].offsets && c[theCache] == "cold" {
		w["sender.syscalls.by_name.lseek.calls"] = 0
	}
	if s, _ := workloads.Find(c[theStrategy]); !s.Queued && !s.Mapped() && !s.Direct() && c[theMode] != "tiny pipe" && (c[theSink] == "null" || c[theSink] == "file") && !s.TwoSinks() {
		w["sender.syscalls.transfer_calls"] = int64(s.Textbook.TransferCalls) * tr.Run.Transfers(n) // none is short
	}
	w.check(t, tr)

	tail := int64(0)
	if size := tr.Run.Source.Bytes.Or(1); laws[c[theStrategy]].direct {
		tail = n/size*(size%4096) + n%size%4096
	}
	filesystem := tr.Run.Source.Filesystem
	if below := tr.Run.Source.Below; c[theSource] == "overlay" && len(below) > 0 {
		filesystem = below[0].Name
	}
	e := expect(c[theStrategy], c[theSink], filesystem, n, tail)
	if e.late {
		e.orResent(t, s, closed)
	}
	for path, got := range map[string]trace.Amount{
		toUser: s.Copies.ToUser, fromUser: s.Copies.FromUser, inKernel: s.Copies.InKernel, userSpace: s.Copies.UserSpace,
		pageRefs: s.Moved.PageRefs, cloned: s.Moved.Cloned,
	} {
		switch v, known := got.Bytes.Get(); {
		case known && v != e.bytes[path]:
			t.Errorf("%s is %d, want %d (engine %s)", path, v, e.bytes[path], tr.Run.Engine)
		case !known && got.Reason == "":
			t.Errorf("%s is null without a reason", path)
		case !known && !slices.Contains(e.unknown, path):
			t.Errorf("%s is null: %s", path, got.Reason)
		}
	}
}

// everythingHasItsCause looks at the verdict's rows, and the hops of the data's way.
func everythingHasItsCause(t *testing.T, tr *trace.Trace) {
	t.Helper()
	end := reading.End(tr)
	t.Log(end.Verdict())
	for _, row := range end.Verdict().Rows {
		if (row.Agreement == reading.Differs || row.Agreement == reading.Explained) && row.Cause.Kind == reading.NoCause {
			t.Errorf("%s, without a cause", row)
		}
	}
	for _, hop := range end.DataPath().Hops {
		if m := hop.Main(); m.Surprise && m.Against.Kind == reading.NoCause {
			t.Errorf("%v bytes %v from place %d to %d, without a cause", m.Bytes.Int, m.Way, hop.From, hop.To)
		}
	}
}
