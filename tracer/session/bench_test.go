//go:build linux

package session

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/workloads"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workloads.Command {
		if workloads.Main(os.Args[2:]) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// What tracing costs sendfile over loopback in chunks of 64 KiB: one
// connection, both ends pinned, the programs attached in every other slice of
// 50 ms. Each slice is compared with the mean of the two untraced ones around
// it; the same done with untraced ones only tells how far such a ratio scatters
// by itself.
//
// With an end on each CPU, as in use, the slower end decides. What idles keeps a
// virtual machine's CPU from halting, since throughput otherwise jumps by a factor
// of four from slice to slice with the time that waking it takes; it still scatters, so
// that many slices are needed. With both ends on one CPU no cost of one end hides
// behind the other: the strictest view, and the steadiest. "nothing counted"
// attaches the same programs without a window for them to count in: what
// entering them costs is the floor for any tracer on these tracepoints.
func BenchmarkSendfile64KiB(b *testing.B) {
	for _, c := range []attached{
		{name: "two CPUs/latency on", cpus: [2]int{0, 1}, pairs: 800, latency: true, count: true},
		{name: "two CPUs/latency off", cpus: [2]int{0, 1}, pairs: 800, count: true},
		{name: "one CPU/latency on", cpus: [2]int{1, 1}, pairs: 240, latency: true, count: true},
		{name: "one CPU/latency off", cpus: [2]int{1, 1}, pairs: 240, count: true},
		{name: "one CPU/latency on, nothing counted", cpus: [2]int{1, 1}, pairs: 240, latency: true},
	} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				traced, control := c.byTurns(b)
				b.ReportMetric(median(traced), "traced/untraced")
				b.ReportMetric(median(control), "untraced/untraced")
				b.Logf("%d pairs: traced %s, untraced %s of untraced", len(traced), quartiles(traced), quartiles(control))
			}
		})
	}
}

// attached is how one benchmark attaches the programs.
type attached struct {
	name    string
	cpus    [2]int
	pairs   int
	latency bool
	count   bool // the windows are open
}

const (
	slice  = 50 * time.Millisecond
	settle = 5 * time.Millisecond // until the kernel has patched its tracepoints
)

// byTurns returns the throughput of slices by that of the untraced
// slices around them, for traced slices and for untraced ones.
func (c attached) byTurns(b *testing.B) (traced, control []float64) {
	strategy, err := workloads.Find("sendfile")
	if err != nil {
		b.Fatal(err)
	}
	w := &workload{deps: Machine()}
	w.Work = workloads.Work{Strategy: strategy, Source: source("auto"), Sinks: sinks("tcp"), Chunk: 64 << 10, CPUs: &c.cpus}
	if w.cookie, err = newCookie(); err != nil {
		b.Fatal(err)
	}
	defer w.close()
	if err := w.openWork(b.Context()); err != nil {
		b.Fatal(err)
	}
	options := w.tracerOptions()
	options.Latency = c.latency
	t, err := tracer.Open(options)
	if err != nil {
		b.Skipf("cannot trace here: %v", err)
	}
	defer t.Close()
	a := &attempt{workload: w}
	defer a.kill()
	if err := a.prepare(b.Context(), t); err != nil {
		b.Fatal(err)
	}
	attach := func() {
		if _, err := t.Attach(); err != nil {
			b.Fatal(err)
		}
	}
	if c.count {
		attach() // to see the windows open
	}
	if err := a.letGo(); err != nil {
		b.Fatal(err)
	}
	time.Sleep(slice)
	t.Detach()
	idle(b, c.cpus)

	rate := func() float64 {
		time.Sleep(settle)
		start, before := time.Now(), a.sender.Payload()
		time.Sleep(slice)
		return float64(a.sender.Payload()-before) / time.Since(start).Seconds()
	}
	var on, off []float64
	for range c.pairs {
		off = append(off, rate())
		attach()
		on = append(on, rate())
		t.Detach()
	}
	off = append(off, rate())
	for i := range on {
		traced = append(traced, 2*on[i]/(off[i]+off[i+1]))
		if i > 0 {
			control = append(control, 2*off[i]/(off[i-1]+off[i+1]))
		}
	}
	return traced, control
}

// idle keeps the CPUs from halting: a process on each that runs when nothing else
// wants to.
func idle(b *testing.B, cpus [2]int) {
	for _, cpu := range cpus {
		spin := exec.Command("chrt", "--idle", "0", "taskset", "-c", strconv.Itoa(cpu), "sh", "-c", "while :; do :; done")
		spin.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := spin.Start(); err != nil {
			b.Fatalf("%v (Debian package: util-linux)", err)
		}
		b.Cleanup(func() {
			_ = spin.Process.Kill()
			_ = spin.Wait()
		})
	}
}

func median(v []float64) float64 { return quantile(v, 0.5) }

func quantile(v []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	return sorted[int(q*float64(len(sorted)-1))]
}

func quartiles(v []float64) string {
	return fmt.Sprintf("%.3f (quartiles %.3f to %.3f)", median(v), quantile(v, 0.25), quantile(v, 0.75))
}
