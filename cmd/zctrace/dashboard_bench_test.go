//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// startsMeasured is how often the program is started for a median.
const startsMeasured = 11

// What the dashboard costs, on a terminal that answers no query: how long --help
// takes, how long it is from Enter to the first throughput, and what the program
// itself (not its workers) uses while it draws ten frames a second. It is the test
// binary that runs, which is larger than zctrace is.
func BenchmarkDashboard(b *testing.B) {
	needTracing(b)
	throughput, lastOfHelp := regexp.MustCompile(`mean [0-9.]+ [KMG]iB/s`), regexp.MustCompile(`for more information about`)
	for b.Loop() {
		var helps, firsts []time.Duration
		for range startsMeasured {
			p := onPty(b, "--help")
			helps = append(helps, p.until(lastOfHelp))
			p.ends()
			p = onPty(b, "run", "sendfile", "--duration", "5s")
			firsts = append(firsts, p.until(throughput))
			p.types("q")
			p.ends()
		}
		b.ReportMetric(milliseconds(b, "--help", helps), "help-ms")
		b.ReportMetric(milliseconds(b, "first throughput", firsts), "first-frame-ms")

		p := onPty(b, "run", "sendfile", "--interval", "100ms", "--duration", "1m")
		p.until(throughput)
		const settle, measured = time.Second, 10 * time.Second
		time.Sleep(settle)
		cpu, from := p.cpuTime(), time.Now()
		time.Sleep(measured)
		b.ReportMetric(100*(p.cpuTime()-cpu).Seconds()/time.Since(from).Seconds(), "%-of-a-core")
		b.ReportMetric(p.memory("VmRSS"), "MiB-resident")
		b.ReportMetric(p.memory("VmHWM"), "MiB-at-most")
		p.types("q")
		p.ends()
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

func milliseconds(b *testing.B, what string, of []time.Duration) float64 {
	slices.Sort(of)
	b.Logf("%s: %v to %v", what, of[0], of[len(of)-1])
	return of[len(of)/2].Seconds() * 1e3
}

// onPty is zctrace on a terminal of 120x40, just started.
func onPty(b *testing.B, args ...string) *measuredProgram {
	p := &measuredProgram{b: b, cmd: command(b, args...), started: time.Now()}
	p.cmd.Env = append(p.cmd.Env, "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	var err error
	if p.tty, err = pty.StartWithSize(p.cmd, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		b.Fatal(err)
	}
	return p
}

type measuredProgram struct {
	b       *testing.B
	cmd     *exec.Cmd
	tty     *os.File
	started time.Time
}

// until waits for what matches on the terminal, and returns how long that took from
// the start; what comes later is read and forgotten.
func (p *measuredProgram) until(pattern *regexp.Regexp) time.Duration {
	p.b.Helper()
	var all []byte
	chunk := make([]byte, 64<<10)
	for !pattern.Match(all) {
		n, err := p.tty.Read(chunk)
		if all = append(all, chunk[:n]...); err != nil {
			p.b.Fatalf("no %s until it ended: %q", pattern, all)
		}
	}
	took := time.Since(p.started)
	go func() {
		defer p.tty.Close()
		for {
			if _, err := p.tty.Read(chunk); err != nil { // the program has ended
				return
			}
		}
	}()
	return took
}

func (p *measuredProgram) types(keys string) {
	p.b.Helper()
	if _, err := p.tty.WriteString(keys); err != nil {
		p.b.Fatal(err)
	}
}

func (p *measuredProgram) ends() {
	p.b.Helper()
	if err := p.cmd.Wait(); err != nil {
		p.b.Fatal(err)
	}
}

// cpuTime is what the program has used since its start, by its CPU clock
// (clock_getcpuclockid(3)).
func (p *measuredProgram) cpuTime() time.Duration {
	p.b.Helper()
	const sched = 2 // CPUCLOCK_SCHED
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|sched), &ts); err != nil {
		p.b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// memory is a line of /proc/PID/status in MiB.
func (p *measuredProgram) memory(field string) float64 {
	p.b.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		p.b.Fatal(err)
	}
	for line := range bytes.Lines(status) {
		var kib float64
		if n, _ := fmt.Sscanf(string(line), field+": %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	p.b.Fatalf("no %s in %s", field, status)
	return 0
}
