//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// How often each takes part: zctrace, and other tools, which take their time.
const execRounds, toolRounds = 15, 3

// follower runs a program that measures itself, and says how long it took.
type follower struct {
	name string
	tool string // its command, if it is not zctrace
	run  func(b *testing.B, program []string) time.Duration
}

// What following costs programs that do little but begin and end: 1,000 processes, and 10,000 threads, 100 at a time. It is the time
// that the program itself takes, by its own clock, without the start of who traces it; each is run in each round, in random
// order, and medians are compared. Of zctrace all must be exact: to the call and byte as the program and the kernel have it.
func BenchmarkExec(b *testing.B) {
	needTracing(b)
	path, measure := program(b)
	for name, args := range map[string][]string{"1000_forks": {"forks", "1000"}, "10000_threads": {"threads", "10000", "100"}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				followInTurns(b, append([]string{measure, "measure", path}, args...))
			}
			b.ReportMetric(0, "ns/op") // says nothing here
		})
	}
}

func followInTurns(b *testing.B, program []string) {
	followers := []follower{
		tracedBy("untraced"), tracedBy("untraced_again"), execFollower("off"), execFollower("on"),
		tracedBy("perf_stat", "perf", "stat", "-o", os.DevNull, "-e", "raw_syscalls:sys_enter,raw_syscalls:sys_exit,sched:sched_switch", "--"),
		tracedBy("bpftrace", "bpftrace", "-o", os.DevNull, "-e", followScript, "-c"),
		tracedBy("perf_trace_-s", "perf", "trace", "-o", os.DevNull, "-s", "--"),
		tracedBy("strace_-c_-f", "strace", "-o", os.DevNull, "-c", "-f"),
	}
	followers = slices.DeleteFunc(followers, func(f follower) bool {
		_, err := exec.LookPath(f.tool)
		if f.tool != "" && err != nil {
			b.Logf("not measured: %v", err)
		}
		return f.tool != "" && err != nil
	})
	took := make([][]time.Duration, len(followers))
	for round := range execRounds {
		for _, i := range rand.Perm(len(followers)) {
			if f := followers[i]; f.tool == "" || round < toolRounds {
				took[i] = append(took[i], f.run(b, program))
			}
		}
	}
	untraced := middle(took[0])
	for i, f := range followers {
		median := middle(took[i]) // which sorts
		b.Logf("%-14s %8.1f ms (%.1f to %.1f), %.3f", f.name, ms(median), ms(took[i][0]), ms(took[i][len(took[i])-1]), float64(median)/float64(untraced))
		if i > 0 {
			b.ReportMetric(float64(median)/float64(untraced), f.name+"/untraced")
		}
	}
}

func middle(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

// followScript is the nearest that bpftrace comes to `zctrace exec`.
const followScript = `
BEGIN { @in[cpid] = 1 }
tracepoint:sched:sched_process_fork /@in[args->parent_pid]/ { @in[args->child_pid] = 1 }
tracepoint:sched:sched_process_exit /@in[tid]/ { delete(@in[tid]) }
tracepoint:sched:sched_switch /@in[tid]/ { @switches[comm] = count() }
tracepoint:raw_syscalls:sys_exit /@in[tid]/
{
	@calls[comm, args->id] = count();
	if (args->ret > 0) { @bytes[comm, args->id] = sum(args->ret); } else if (args->ret < 0) { @errors[comm, args->id] = count(); }
}
END { clear(@in) }`

// tracedBy is a command that runs the program as its last arguments, which bpftrace takes as one.
func tracedBy(name string, command ...string) follower {
	tool := ""
	if len(command) > 0 {
		tool = command[0]
	}
	return follower{name, tool, func(b *testing.B, program []string) time.Duration {
		if tool == "bpftrace" {
			program = []string{strings.Join(program, " ")}
		}
		argv := slices.Concat(command, program)
		return time.Duration(keep(b, exec.Command(argv[0], argv[1:]...)).said("time", "ns"))
	}}
}

func execFollower(latency string) follower {
	return follower{"exec_latency_" + latency, "", func(b *testing.B, program []string) time.Duration {
		p, own := executed(b, []string{"--quiet", "--latency", latency}, program)
		nothingLost(b, p)
		theKernels(b, p, own, "", 0)
		asTheySay(b, p, own, true)
		return time.Duration(own.said("time", "ns"))
	}}
}

// What zctrace itself takes of memory while 1,000 processes are alive: with the cells of the default sizes, which are the kernel's and
// which zctrace maps, and without.
func BenchmarkExecMemory(b *testing.B) {
	needTracing(b)
	const processes = 1000
	for b.Loop() {
		wait, end, err := os.Pipe()
		if err != nil {
			b.Fatal(err)
		}
		script := fmt.Sprintf("n=0; while [ $n -lt %d ]; do cat <&3 >/dev/null & n=$((n+1)); done; echo ready; wait", processes)
		cmd := command(b, "exec", "--json", b.TempDir()+"/t.json", "--", "sh", "-c", script)
		cmd.ExtraFiles = []*os.File{wait}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			b.Fatal(err)
		}
		wait.Close()
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
			b.Fatalf("it printed %q (%v)", line, err)
		}
		time.Sleep(3 * time.Second) // three samples
		p := &measuredProgram{b: b, cmd: cmd}
		resident, cells := p.memory("VmRSS"), p.mappedCells()
		b.ReportMetric(resident, "MiB-resident")
		b.ReportMetric(resident-cells, "MiB-besides-cells")
		end.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024, "MiB-at-most")
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

// mappedCells is how much of its memory is maps of eBPF, in MiB.
func (p *measuredProgram) mappedCells() (mib float64) {
	p.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", p.cmd.Process.Pid))
	if err != nil {
		p.b.Fatal(err)
	}
	is := false
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch name, isField := strings.CutSuffix(fields[0], ":"); {
		case !isField: // a mapping begins
			is = strings.HasSuffix(strings.TrimSpace(line), "anon_inode:bpf-map")
		case is && name == "Rss":
			kib, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				p.b.Fatal(err)
			}
			mib += kib / 1024
		}
	}
	return mib
}
