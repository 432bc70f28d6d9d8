//go:build linux

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

// executed has zctrace execute a command, of which nothing may be lost, and returns its trace and what the command
// keeps account of. Flags are zctrace's; the exit code is one of these, or 0.
func executed(t testing.TB, flags, args []string, codes ...int) (*trace.Program, account) {
	t.Helper()
	needTracing(t)
	file, kept := filepath.Join(t.TempDir(), "p.json"), ledgerFile(t)
	cmd := command(t, slices.Concat([]string{"exec", "--json", file}, flags, []string{"--"}, args)...)
	cmd.ExtraFiles = []*os.File{kept}
	r := finish(t, cmd)
	if !slices.Contains(append(codes, 0), r.code) {
		t.Fatalf("%s: exit code %d\n%s%s", strings.Join(cmd.Args, " "), r.code, r.stdout, r.stderr)
	}
	return readProgram(t, file), readLedger(t, kept)
}

// readProgram reads a trace of programs, and holds it against the schema and its own laws.
func readProgram(t testing.TB, path string) *trace.Program {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	validateSchema(t, data, trace.ProgramSchemaJSON)
	file, err := trace.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if file.Program == nil {
		t.Fatalf("%s is no trace of programs", path)
	}
	return file.Program
}

// tracedCalls is what a trace says of calls, as strace and programs themselves say it.
type tracedCalls struct {
	byCall    map[string]moved
	restarted map[string]int64
	byPath    map[[2]string]int64 // bytes by call and path
}

// callsOf are these of a trace but for what processes of that name did.
func callsOf(t testing.TB, p *trace.Program, calls []string, without string) *tracedCalls {
	t.Helper()
	c := &tracedCalls{map[string]moved{}, map[string]int64{}, map[[2]string]int64{}}
	c.add(t, calls, &p.Total, 1)
	for i := range p.Processes {
		if p.Processes[i].Comm == without {
			c.add(t, calls, &p.Processes[i].Cost, -1)
		}
	}
	for call, m := range c.byCall {
		if m == (moved{}) {
			delete(c.byCall, call)
		}
	}
	for call, n := range c.restarted {
		if n == 0 {
			delete(c.restarted, call)
		}
	}
	for key, n := range c.byPath {
		if n == 0 {
			delete(c.byPath, key)
		}
	}
	return c
}

func (c *tracedCalls) add(t testing.TB, calls []string, cost *trace.Cost, times int64) {
	t.Helper()
	known := func(what string, n trace.Int) int64 {
		value, is := n.Get()
		if !is {
			t.Errorf("%s is not known", what)
		}
		return times * value
	}
	for _, call := range calls {
		if by, made := cost.Syscalls.ByName[call]; made {
			failed := known(call+".errors", by.Errors)
			c.byCall[call] = c.byCall[call].plus(moved{known(call+".calls", by.Calls) - failed, known(call+".bytes", by.Bytes), failed})
			c.restarted[call] += known(call+".restarted", by.Restarted)
		}
	}
	for path, of := range cost.ByPath {
		for _, call := range calls {
			by, made := of.ByName[call]
			if !made {
				continue
			}
			c.byPath[[2]string{call, path}] += known(path, by.Bytes)
		}
	}
}

// nothingLost wants a trace to have lost nothing, and to have met no limits but these.
func nothingLost(t testing.TB, p *trace.Program, limits ...string) {
	t.Helper()
	if lost := p.Lost(); len(lost) > 0 {
		t.Errorf("lost: %v of %v", lost, p.Losses)
	}
	for _, met := range p.Limited() {
		if !slices.Contains(limits, met) {
			t.Errorf("%s: %d", met, p.Losses[met])
		}
	}
}

// theKernels wants a trace, without processes of that name, to have read and written what /proc/PID/io says: what calls
// moved, and what the kernel did for itself, by its causes. Above is what it did for the processes above measure.
func theKernels(t testing.TB, p *trace.Program, own account, without string, above int64) (kernel map[string]trace.KernelIO) {
	t.Helper()
	rchar, wchar, sums := p.Total.IO.Rchar, p.Total.IO.Wchar, callsOf(t, p, transferring(), without)
	kernel = maps.Clone(p.Total.IO.KernelIO)
	for i := range p.Processes {
		row := &p.Processes[i]
		if row.Comm != without {
			continue
		}
		rchar, wchar = rchar.Add(trace.Known(-row.IO.Rchar.Or(1<<40))), wchar.Add(trace.Known(-row.IO.Wchar.Or(1<<40)))
		for cause, by := range row.IO.KernelIO {
			kernel[cause] = trace.KernelIO{
				ReadBytes:    kernel[cause].ReadBytes.Add(trace.Known(-by.ReadBytes.Or(1 << 40))),
				WrittenBytes: kernel[cause].WrittenBytes.Add(trace.Known(-by.WrittenBytes.Or(1 << 40))),
			}
		}
	}
	asked := own[[2]string{"read", "proc"}].bytes // by measure, after it had the answer
	if want := trace.Known(own.said("io", "rchar") + asked + above); rchar != want {
		t.Errorf("%v bytes read, the kernel has %v", rchar, want)
	}
	if want := trace.Known(own.said("io", "wchar")); wchar != want {
		t.Errorf("%v bytes written, the kernel has %v", wchar, want)
	}
	read, written := readAndWritten(sums.byCall)
	for _, by := range kernel {
		read, written = read+by.ReadBytes.Or(1<<40), written+by.WrittenBytes.Or(1<<40)
	}
	if trace.Known(read) != rchar || trace.Known(written) != wchar {
		t.Errorf("calls and the kernel itself have read %d and written %d bytes, of %v and %v", read, written, rchar, wchar)
	}
	return kernel
}

// theRusages holds switches and faults against wait4's rusage, which is of a later moment in a thread's end: it can only
// have more. That they are the kernel's own up to there each run checks itself.
func theRusages(t *testing.T, p *trace.Program, own account) {
	t.Helper()
	sums := map[string]int64{}
	for i := range p.Processes {
		row := &p.Processes[i]
		if row.Comm == "measure" {
			continue // which is not in what it waited for
		}
		for name, n := range map[string]trace.Int{
			"nvcsw": row.ContextSwitches.Voluntary, "nivcsw": row.ContextSwitches.Involuntary, "minflt": row.PageFaults.Minor, "majflt": row.PageFaults.Major,
		} {
			sums[name] += n.Or(1 << 40)
		}
	}
	for name, n := range sums {
		if kernel := own.said("rusage", name); n > kernel {
			t.Errorf("%s: %d, the kernel has %d", name, n, kernel)
		}
	}
	if sums["minflt"] == 0 {
		t.Error("there was no page fault")
	}
}
