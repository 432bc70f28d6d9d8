package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Where the tests are told what a guest has, they insist on it.
const (
	filesystemsEnv = "ZCTRACE_TEST_FILESYSTEMS" // name:directory ...
	enginesEnv     = "ZCTRACE_TEST_ENGINES"     // name ...
)

type filesystem struct{ name, dir string }

// filesystems are those that the guest has, or where temporary files are.
func filesystems(t *testing.T) []filesystem {
	t.Helper()
	var list []filesystem
	for _, f := range strings.Fields(os.Getenv(filesystemsEnv)) {
		name, dir, ok := strings.Cut(f, ":")
		if !ok {
			t.Fatalf("%s: %q is not name:directory", filesystemsEnv, f)
		}
		list = append(list, filesystem{name, dir})
	}
	if len(list) == 0 {
		list = []filesystem{{"", t.TempDir()}}
	}
	return list
}

// checkEngines holds what every engine counted for a party against want. Here,
// --copies all took all the engines that the machine must have.
func checkEngines(t *testing.T, party string, c *trace.Counters, want map[string]int64) {
	t.Helper()
	must := strings.Fields(os.Getenv(enginesEnv))
	got := slices.Collect(maps.Keys(c.Engines))
	if slices.Sort(must); len(must) > 0 && !slices.Equal(slices.Sorted(slices.Values(got)), must) {
		t.Fatalf("the %s was counted by the engines %v, want %v", party, got, must)
	}
	for name, e := range c.Engines {
		for class, n := range map[string]trace.Amount{
			"to_user": e.ToUser, "from_user": e.FromUser, "in_kernel": e.InKernel, "page_refs": e.PageRefs,
		} {
			if n.Bytes != trace.Known(want[class]) {
				t.Errorf("%s: engine %s counts %v bytes %s, want %d", party, name, n.Bytes, class, want[class])
			}
			if name != "derived" && class != "page_refs" && n.Provenance != trace.Observed {
				t.Errorf("%s: engine %s has %s bytes %s, want them observed", party, name, n.Provenance, class)
			}
		}
	}
}

// Every engine counts the same bytes to the last one: each strategy, from each
// file system to each sink. The file systems matter to what reads and writes
// files, so that one of them does for the sinks between processes.
func TestEnginesAgree(t *testing.T) {
	needTracing(t)
	const n = 1_000_123
	fs := filesystems(t)
	turn := 0
	for _, sink := range []string{"file", "null", "tcp", "unix", "pipe"} {
		for _, strategy := range strategyNames() {
			from := fs
			if sink != "file" && sink != "null" {
				from = fs[turn%len(fs):][:1]
				turn++
			}
			for _, f := range from {
				t.Run(strategy+" to "+sink+" from "+f.name, func(t *testing.T) {
					args := []string{strategy, "--source", sourceOn(t, f, n), "--bytes", "1000123", "--chunk", "40000", "--sink", sink, "--copies", "all"}
					if sink != "null" {
						args = append(args, "--verify")
					}
					tr := traced(t, args...)
					if f.name != "" && tr.Run.Source.Filesystem != f.name {
						t.Errorf("the source is on %s", tr.Run.Source.Filesystem)
					}
					w := expectedCopies(strategy, sink, n)
					w["sender.copies.cow"] = 0
					if mapped := tr.Total.Sender.Moved.Mapped.Bytes; strategy == "mmap-write" && mapped.Known() {
						w["sender.moved.mapped"] = 1_003_520 // pages
						if sink == "null" {
							w["sender.moved.mapped"] = 0 // nobody looks at them
						}
					}
					if !tr.Total.Sender.Copies.COW.Bytes.Known() {
						delete(w, "sender.copies.cow")
					}
					w.check(t, tr)
					checkEngines(t, "sender", &tr.Total.Sender, map[string]int64{
						"to_user": w["sender.copies.to_user"], "from_user": w["sender.copies.from_user"],
						"in_kernel": w["sender.copies.in_kernel"], "page_refs": w["sender.moved.page_refs"],
					})
					if tr.Total.Receiver != nil {
						want{"receiver.copies.to_user": n}.check(t, tr)
						checkEngines(t, "receiver", tr.Total.Receiver, map[string]int64{"to_user": n})
					}
				})
			}
		}
	}
}

// sourceOn makes a file of n bytes in a directory of its own, where a sink of
// kind file will be too.
func sourceOn(t *testing.T, f filesystem, n int) string {
	t.Helper()
	dir, err := os.MkdirTemp(f.dir, "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "source")
	if err := os.WriteFile(path, make([]byte, n), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// An engine that is asked for by its name is the one that counts, or the run is
// refused with the reason; nothing stands in for it.
func TestEnginesByName(t *testing.T) {
	needTracing(t)
	must := strings.Fields(os.Getenv(enginesEnv))
	for _, engine := range []string{"fentry", "breakpoint", "derived"} {
		t.Run(engine, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "t.json")
			r := zctrace(t, "run", "read-write", "--bytes", "1MiB", "--copies", engine, "--json", file)
			if r.code == 3 && !slices.Contains(must, engine) && engine != "derived" {
				if !strings.Contains(r.stderr, "engine "+engine+" does not work here: ") || !strings.Contains(r.stderr, "--copies auto") {
					t.Errorf("no reason or no remedy: %s", r.stderr)
				}
				t.Skip("this kernel refuses it, and says why; it is tested in the guests")
			}
			if r.code != 0 {
				t.Fatalf("exit code %d: %s", r.code, r.stderr)
			}
			tr := readTrace(t, file)
			if tr.Run.Engine != engine {
				t.Errorf("engine %s counted", tr.Run.Engine)
			}
			want{"sender.copies.to_user": mib, "sender.copies.from_user": mib, "receiver.copies.to_user": mib}.check(t, tr)
			seen := trace.Observed
			if engine == "derived" {
				seen = trace.Derived
			}
			if a := tr.Total.Sender.Copies.ToUser; a.Provenance != seen {
				t.Errorf("to_user is %s, want %s", a.Provenance, seen)
			}
		})
	}
}

// A long run at full speed loses nothing.
func TestEnginesLoseNothing(t *testing.T) {
	size := "1GiB"
	if testing.Short() {
		size = "128MiB" // emulated
	}
	for _, strategy := range strategyNames() {
		tr := traced(t, strategy, "--bytes", size)
		for cause, n := range tr.Losses {
			if n != 0 {
				t.Errorf("%s: loss %s: %d", strategy, cause, n)
			}
		}
	}
}
