//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// Where the tests are told what a guest has, they insist on it.
const (
	filesystemsEnv = "ZCTRACE_TEST_FILESYSTEMS" // name:directory ...
	enginesEnv     = "ZCTRACE_TEST_ENGINES"     // name ...
	partEnv        = "ZCTRACE_TEST_PART"        // a number, see part
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

// checkEngines holds what every engine counted for a party against what it must
// be: 0 for classes that are not named. Here,
// --copies all took all the engines that the machine must have.
func checkEngines(t *testing.T, party string, c *trace.Counters, e expectation) {
	t.Helper()
	must := strings.Fields(os.Getenv(enginesEnv))
	got := slices.Collect(maps.Keys(c.Engines))
	if slices.Sort(must); len(must) > 0 && !slices.Equal(slices.Sorted(slices.Values(got)), must) {
		t.Fatalf("the %s was counted by the engines %v, want %v", party, got, must)
	}
	for name, counted := range c.Engines {
		for class, n := range map[string]trace.Amount{
			"copies.to_user": counted.ToUser, "copies.from_user": counted.FromUser,
			"copies.in_kernel": counted.InKernel, "moved.page_refs": counted.PageRefs,
		} {
			if want := e.count(name, party+"."+class); n.Bytes != want {
				t.Errorf("%s: engine %s counts %v bytes %s, want %v", party, name, n.Bytes, class, want)
			}
			byTracepoint := e.late && name == "breakpoint" && class == "copies.in_kernel"
			unheld := runtime.GOARCH != "amd64" && n.Provenance == trace.Estimated && strings.Contains(n.Reason, "held against")
			if name != "derived" && class != "moved.page_refs" && !byTracepoint && n.Bytes.Known() && n.Provenance != trace.Observed && !unheld {
				t.Errorf("%s: engine %s has %s bytes %s, want them observed", party, name, n.Provenance, class)
			}
		}
	}
}

// agreement is one run of TestEnginesAgree.
type agreement struct {
	strategy, sink string
	from           filesystem
}

// agreements are all strategies from all file systems to the sinks for which these
// matter, and from one in turn to those between processes. In an emulated guest,
// they take turns with all sinks, but for the strategies that are about them, and only
// the textbook's three go to all sinks. In a part, each goes from one file system, and to TCP or a file.
func agreements(t *testing.T) (list []agreement) {
	turn, fs := part(), filesystems(t)
	for _, sink := range []string{"file", "null", "tcp", "unix", "pipe"} {
		for i, strategy := range workloads.AllNames() {
			between := sink == "null" || sink == "unix" || sink == "pipe"
			if !takes(strategy, sink) || testing.Short() && between && !isClassic(strategy) {
				continue
			}
			either := takes(strategy, "file") && takes(strategy, "tcp") && !isClassic(strategy)
			if either && part() > 0 && dealt(i) != (sink == "file") {
				continue
			}
			from := fs
			aboutFiles := laws[strategy].blocks || isClassic(strategy)
			if sink != "file" && (sink != "null" || testing.Short()) || testing.Short() && !aboutFiles || part() > 0 {
				from = fs[turn%len(fs):][:1]
				turn++
			}
			for _, f := range from {
				list = append(list, agreement{strategy, sink, f})
			}
		}
	}
	return list
}

// Every engine counts the same bytes to the last one, or says why it cannot know.
func TestEnginesAgree(t *testing.T) {
	needTracing(t)
	const n = 1_000_123
	for _, a := range agreements(t) {
		t.Run(a.strategy+" to "+a.sink+" from "+a.from.name, func(t *testing.T) {
			if laws[a.strategy].direct && !takesDirect(t, a.strategy, a.from) {
				return
			}
			args := []string{a.strategy, "--source", sourceOn(t, a.from, n), "--bytes", fmt.Sprint(n), "--chunk", chunkFor(a.strategy, "40000")}
			args = append(args, sinksOf(a.strategy, a.sink)...)
			if a.sink != "null" {
				args = append(args, "--verify")
			}
			tr, closed := tracedByAll(t, args...)
			if a.from.name != "" && tr.Run.Source.Filesystem != a.from.name {
				t.Errorf("the source is on %s", tr.Run.Source.Filesystem)
			}
			e := expect(a.strategy, a.sink, tr.Run.Source.Filesystem, n, n%4096)
			if e.late {
				e.orResent(t, &tr.Total.Sender, closed)
			}
			if laws[a.strategy].direct && a.sink == "file" && tr.Run.Source.Filesystem == "btrfs" {
				e.orCopied(&tr.Total.Sender, n)
			}
			e.check(t, tr)
			checkEngines(t, "sender", &tr.Total.Sender, e)
			w := want{}
			if tr.Total.Sender.Copies.COW.Bytes.Known() {
				w["sender.copies.cow"] = 0
			}
			if mapped := tr.Total.Sender.Moved.Mapped.Bytes; laws[a.strategy].maps && mapped.Known() {
				w["sender.moved.mapped"] = 1_003_520 // pages of the source
				if a.strategy == "mmap-write" && a.sink == "null" {
					w["sender.moved.mapped"] = 0 // nobody looks at them
				}
			}
			if tr.Total.Receiver != nil {
				w["receiver.copies.to_user"] = received(a.strategy, a.sink, n)
				checkEngines(t, "receiver", tr.Total.Receiver, expectation{bytes: want{"receiver.copies.to_user": received(a.strategy, a.sink, n)}})
			}
			w.check(t, tr)
		})
	}
}

// tracedByAll has all engines count a run, and is told of the sockets that were closed meanwhile.
func tracedByAll(t *testing.T, args ...string) (tr *trace.Trace, closed closings) {
	t.Helper()
	tr = unskipped(t, func() *trace.Trace {
		closed = watchClosings(t)
		return traced(t, append(args, "--copies", "all")...)
	})
	return tr, closed
}

// tracedUnskipped is traced, and made again if the kernel skipped events at functions.
func tracedUnskipped(t *testing.T, args ...string) *trace.Trace {
	t.Helper()
	return unskipped(t, func() *trace.Trace { return traced(t, args...) })
}

// unskipped makes a run of which the kernel skips no events at functions, as it does now and then where programs there can be
// preempted: what these feed is not known then, as the trace says.
func unskipped(t *testing.T, run func() *trace.Trace) *trace.Trace {
	t.Helper()
	for try := 1; ; try++ {
		if tr := run(); !skippedAtFunctions(tr) || try == 5 {
			return tr
		}
		t.Log("the kernel skipped events at functions: again")
	}
}

// takesDirect is whether files there can be opened with O_DIRECT, which tmpfs
// refuses before 6.6. If not, the run must be refused.
func takesDirect(t *testing.T, strategy string, f filesystem) bool {
	t.Helper()
	source := sourceOn(t, f, 4096)
	fd, err := unix.Open(source, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
		return true
	}
	r := zctrace(t, "run", strategy, "--source", source, "--sink", "null", "--bytes", "4KiB")
	if r.code != exitUnsupported || !strings.Contains(r.stderr, "takes no direct I/O") || !strings.Contains(r.stderr, "take --source auto") {
		t.Errorf("open says %v, and the run exit code %d: %s", err, r.code, r.stderr)
	}
	return false
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
			tr := unskipped(t, func() *trace.Trace {
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
				return readTrace(t, file)
			})
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
	for i, strategy := range workloads.AllNames() {
		size := "1GiB"
		switch classic := isClassic(strategy); {
		case testing.Short() && classic: // emulated
			size = "128MiB"
		case testing.Short() && i%2 > 0:
			continue
		case testing.Short():
			size = "16MiB"
		case !classic:
			size = "128MiB"
		}
		tr := traced(t, append(sinksOf(strategy, sinkFor(strategy)), strategy, "--bytes", size)...)
		for cause, n := range tr.Losses {
			if n != 0 {
				t.Errorf("%s: loss %s: %d", strategy, cause, n)
			}
		}
	}
}
