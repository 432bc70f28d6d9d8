//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
)

// asTheySay wants a trace to have of a program's calls what the program itself has.
func asTheySay(t testing.TB, p *trace.Program, own account, paths bool) {
	t.Helper()
	got := callsOf(t, p, transferring(), "")
	if want := own.byCall(); !maps.Equal(got.byCall, want) {
		t.Errorf("%v, the program has %v", got.byCall, want)
	}
	if !paths {
		return
	}
	want := map[[2]string]int64{}
	for key, m := range own.byPath() {
		key[1] = strings.Replace(key[1], "proc", "file", 1)
		want[key] += m.bytes
	}
	if !maps.Equal(got.byPath, want) {
		t.Errorf("by path %v, the program has %v", got.byPath, want)
	}
}

// fraction of the programs' full size, which an emulated guest has no time for.
func fraction() int {
	if inGuest() {
		return 50
	}
	return 1
}

// Whatever comes and goes, and whatever becomes of a descriptor: each byte is counted as the program, and as the
// kernel has it. What the kernel itself read and wrote for it has its cause: execve, a core dump, a file that is loaded as a module.
func TestFollows(t *testing.T) {
	path, measure := program(t)
	perExec := keep(t, exec.Command(measure, "measure", path, "forks", "0")).said("io", "rchar")
	list := append(follows(fraction()), follow{args: []string{"core"}, dumps: true}, follow{args: []string{"module", aModule(t, path)}, loads: true})
	if inGuest() { // where it takes long to attach
		list = together(list)
	}
	for _, f := range list {
		t.Run(f.name(), func(t *testing.T) {
			if _, err := os.Stat("/proc/modules"); f.loads && err != nil && !inGuest() {
				t.Skip("this kernel loads no modules; those of the guests do")
			}
			if f.dumps {
				mayDumpCore(t)
			}
			p, own := executed(t, nil, append([]string{measure, "measure", path}, f.args...))
			nothingLost(t, p, f.limits...)
			if f.raced && p.Losses["raced_descriptors"] == 0 {
				t.Error("it is not told that descriptors were reopened under calls")
			}
			kernel := theKernels(t, p, own, "", 0)
			if f.dumps {
				if dumped := kernel[trace.KernelExit].WrittenBytes.Or(0); dumped < 100000/2 {
					t.Errorf("a core dump of %d bytes: %+v", dumped, kernel)
				}
				delete(kernel, trace.KernelExit)
			}
			want := map[string]trace.KernelIO{"execve": {ReadBytes: trace.Known((1 + f.execs) * perExec), WrittenBytes: trace.Known(0)}}
			if f.loads {
				want["finit_module"] = trace.KernelIO{ReadBytes: trace.Known(own.said("kernel", "read")), WrittenBytes: trace.Known(0)}
			}
			if !maps.Equal(kernel, want) {
				t.Errorf("the kernel itself: %+v, want %+v", kernel, want)
			}
			theRusages(t, p, own)
			if !f.killed {
				asTheySay(t, p, own, !f.raced)
			}
		})
	}
}

// mayDumpCore lets what the test starts dump core, which sudo forbids (rlimit_core in sudoers(5)).
func mayDumpCore(t *testing.T) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: was.Cur, Max: unix.RLIM_INFINITY}); err != nil {
		cannot(t, "sudo forbids core dumps, and root may not raise limits here (no CAP_SYS_RESOURCE): run as root without sudo, or with rlimit_core=default in sudoers")
	}
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &was) })
}

// together are two for all of them: those of which all is known, and the others.
func together(list []follow) []follow {
	both := []follow{{args: []string{"each"}}, {args: []string{"each"}}}
	for _, f := range list {
		to := &both[0]
		if f.killed || f.raced {
			to = &both[1]
		}
		to.args = append(append(to.args, f.args...), ",")
		to.execs += 1 + f.execs
		to.killed, to.raced, to.dumps, to.loads = to.killed || f.killed, to.raced || f.raced, to.dumps || f.dumps, to.loads || f.loads
		to.limits = append(to.limits, f.limits...)
	}
	return both
}

// aModule is the file of a module of this kernel's that can be loaded and is not needed, if it is where scripts/vm has
// put it, else one that is none: the kernel reads all of that, too.
func aModule(t *testing.T, none string) string {
	t.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(name.Release[:])
	found, err := filepath.Glob("../../.bin/vm/kernels/" + release + "/lib/modules/" + release + "/kernel/drivers/net/dummy.ko*")
	if err != nil || len(found) == 0 {
		t.Log("no module is here, and none will be loaded")
		return none
	}
	text, err := exec.Command("sh", "-c", "xz -dcf "+found[0]).Output()
	file := filepath.Join(t.TempDir(), "module")
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.DeleteModule("dummy", 0); err != nil && !t.Failed() { // else it may not have come to that
			t.Errorf("the module was not loaded: %v", err)
		}
	})
	return file
}

// Calls by 32-bit numbers, and by those of x32, are told as what they are: a loss.
func TestFollowsCompatCalls(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("needs no guest: only x86 has int 0x80")
	}
	path, measure := program(t)
	for abi, calls := range map[string]int64{"int80": 3, "x32": 2} { // a read, a write, and one that makes a child, in which it returns, too
		p, own := executed(t, nil, []string{measure, "measure", path, "compat", "100", abi}, 1)
		want := map[string]int64{"compat_calls": calls * 100}
		if bytes := own[[2]string{"read", "compat"}].bytes; bytes > 0 { // as many as were written; few kernels have x32
			want["rchar"], want["wchar"] = bytes, bytes
		}
		if lost := lostOf(p); !maps.Equal(lost, want) {
			t.Errorf("%s: lost: %v, want %v", abi, lost, want)
		}
		got := callsOf(t, p, transferring(), "").byPath[[2]string{"read", "device->user"}]
		if want := own[[2]string{"read", "device"}].bytes; got != want {
			t.Errorf("%s: %d bytes by 64-bit calls, want %d", abi, got, want)
		}
	}
}

// lostOf are the causes for which something was lost or a limit was met.
func lostOf(p *trace.Program) map[string]int64 {
	lost := maps.Clone(p.Losses)
	maps.DeleteFunc(lost, func(_ string, n int64) bool { return n == 0 })
	return lost
}

// What a thread without a slot has read and nobody has counted is a loss, also where the kernel has read for itself in its process: in an execve that failed
// (env's, in the first directory of PATH) and one that did not.
func TestFollowsLostReadsWithoutASlot(t *testing.T) {
	oncePerMachine(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("only x86 has int 0x80")
	}
	path, measure := program(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "programs"), []byte("#!/of/nobody\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+filepath.Dir(path)+":"+os.Getenv("PATH"))
	p, own := executed(t, []string{"--max-threads", "1"}, []string{measure, "measure", "env", "programs", "compat", "100", "int80"}, 1)
	bytes := own[[2]string{"read", "compat"}].bytes
	if lost, want := lostOf(p), (map[string]int64{"compat_calls": 300, "rchar": bytes, "wchar": bytes, "no_slot": 101}); !maps.Equal(lost, want) {
		t.Errorf("lost: %v, want %v", lost, want)
	}
	if got := p.Total.Syscalls.ByName["execve"].Errors; got.Or(0) < 1 {
		t.Errorf("%v execve have failed: nothing could hide what was lost", got)
	}
}

// Children that begin in another cgroup than who made them are followed as others are.
func TestFollowsIntoACgroup(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	path, measure := program(t)
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "cgroup2", 0, ""); err != nil {
		cannot(t, fmt.Sprintf("mounting cgroup2: %v (run as root, on a kernel that has it)", err))
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	group := fmt.Sprintf("%s/zctrace-test-%d", dir, os.Getpid())
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Rmdir(group) })
	p, own := executed(t, nil, []string{measure, "measure", path, "into", group, "50"})
	nothingLost(t, p)
	theKernels(t, p, own, "", 0)
	asTheySay(t, p, own, true)
	if n := p.Total.Syscalls.ByName["clone3"].Calls; n != trace.Known(50) {
		t.Errorf("%v clone3, want 50", n)
	}
}

// With tables that are too small totals are as exact, and what overflowed is told.
func TestFollowsWithSmallTables(t *testing.T) {
	oncePerMachine(t)
	path, measure := program(t)
	for name, test := range map[string]struct {
		flags, args []string
	}{
		"threads":                                 {[]string{"--max-threads", "4"}, []string{"threads", "200", "50"}},
		"threads and forks":                       {[]string{"--max-threads", "4"}, []string{"forks", "100"}},
		"reopened meanwhile":                      {[]string{"--max-threads", "1"}, []string{"reopen", "500", "ordered"}},
		"reopened by one without a slot":          {[]string{"--max-threads", "2"}, []string{"reopen", "500", "swapped"}},
		"reopened under one whose maker has none": {[]string{"--max-threads", "3"}, []string{"reopen", "500", "handed"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, own := executed(t, test.flags, append([]string{measure, "measure", path}, test.args...))
			nothingLost(t, p, "no_slot", "raced_descriptors")
			if p.Losses["no_slot"] == 0 {
				t.Errorf("it is not told that there was no room for threads: %v", p.Losses)
			}
			theKernels(t, p, own, "", 0)
			asTheySay(t, p, own, true)
		})
	}
	t.Run("processes", func(t *testing.T) {
		p, own := executed(t, []string{"--max-processes", "4"}, []string{measure, "measure", path, "forks", "100"}, 1)
		if p.Losses["no_process"] == 0 {
			t.Errorf("it is not told that there was no room for processes: %v", p.Losses)
		}
		asTheySay(t, p, own, true)
	})
}

// Two of them, and a run beside: each counts its own.
func TestFollowsBesideOthers(t *testing.T) {
	oncePerMachine(t)
	path, measure := program(t)
	var all sync.WaitGroup
	for name, args := range map[string][]string{"forks": {"forks", "200"}, "threads": {"threads", "500", "50"}} {
		all.Go(func() {
			t.Run(name, func(t *testing.T) {
				p, own := executed(t, nil, append([]string{measure, "measure", path}, args...))
				nothingLost(t, p)
				theKernels(t, p, own, "", 0)
				asTheySay(t, p, own, true)
			})
		})
	}
	all.Go(func() {
		t.Run("run", func(t *testing.T) {
			tr := traced(t, "read-write", "--bytes", "16MiB", "--chunk", "64KiB", "--sink", "null")
			if got := tr.Total.Sender.Syscalls.ByName["read"].Calls; got != trace.Known(256) {
				t.Errorf("%v calls of read beside programs, want 256", got)
			}
		})
	})
	all.Wait()
}

// missedAtPerfEvents is whether events of a traced thread may have been skipped where an operation on an eBPF map keeps them from
// programs.
func missedAtPerfEvents(p *trace.Program) bool {
	return p.Losses["recursion_misses"] > 0 &&
		slices.ContainsFunc(p.Hooks, func(h trace.Hook) bool { return h.Name == "tp/raw_syscalls/sys_exit" })
}

// One in the other's tree: each counts all that it started.
func TestFollowsWithinAnother(t *testing.T) {
	path, measure := program(t)
	inner := t.TempDir() + "/inner.json"
	t.Setenv(asProgram, "1")
	args := []string{os.Args[0], "exec", "--json", inner, "--", measure, "measure", path, "forks", "50"}
	p, own := executed(t, nil, args, exitFailed)
	for try := 1; try < 5 && missedAtPerfEvents(p); try++ {
		t.Log("the inner one was preempted while it filled its maps, which cost the outer one events: again")
		p, own = executed(t, nil, args, exitFailed)
	}
	nothingLost(t, p, "raced_descriptors") // in zctrace itself, whose goroutines go from thread to thread
	within := readProgram(t, inner)
	nothingLost(t, within)
	theKernels(t, within, own, "", 0)
	asTheySay(t, within, own, true)
	delete(own, [2]string{"read", "proc"}) // by measure, whose process was zctrace's before
	got := map[string]moved{}
	for i := range p.Processes {
		if row := &p.Processes[i]; row.Comm == "programs" {
			for call, by := range row.Syscalls.ByName {
				if slices.Contains(transferring(), call) {
					got[call] = got[call].plus(moved{by.Calls.Or(-1) - by.Errors.Or(0), by.Bytes.Or(-1), by.Errors.Or(-1)})
				}
			}
		}
	}
	if want := own.byCall(); !maps.Equal(got, want) {
		t.Errorf("the outer one has %v of the program, which has %v", got, want)
	}
}
