//go:build linux

package session

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/workloads"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == workloads.Command {
		os.Exit(workloads.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// What tracing costs sendfile over loopback in chunks of 64 KiB: one
// connection, the programs attached in every other slice of 50 ms. Each slice is
// compared with the mean of the two untraced ones around it; the same done with
// untraced ones only tells how far such a ratio scatters by itself.
//
// Both ends are pinned to one CPU. On two, throughput jumps by a factor of four
// from slice to slice, with how often the receiver sleeps and its CPU has to be
// woken up, which hides all that is measured here; on one, it stays within 2 %.
// It is also the strictest view: no cost of one end hides behind the other.
func BenchmarkSendfile64KiB(b *testing.B) {
	for _, latency := range []bool{true, false} {
		b.Run(fmt.Sprintf("latency=%v", latency), func(b *testing.B) {
			for range b.N {
				traced, control := attachedByTurns(b, latency)
				b.ReportMetric(median(traced), "traced/untraced")
				b.ReportMetric(median(control), "untraced/untraced")
				b.Logf("%d pairs: traced %s, untraced %s of untraced", len(traced), quartiles(traced), quartiles(control))
			}
		})
	}
}

const (
	pairs  = 240
	slice  = 50 * time.Millisecond
	settle = 5 * time.Millisecond // until the kernel has patched its tracepoints
)

// attachedByTurns returns the throughput of slices by that of the untraced
// slices around them, for traced slices and for untraced ones.
func attachedByTurns(b *testing.B, latency bool) (traced, control []float64) {
	strategy, err := workloads.Find("sendfile")
	if err != nil {
		b.Fatal(err)
	}
	s := &session{cfg: Config{Strategy: strategy, Source: "auto", Sink: "tcp", Chunk: 64 << 10, CPUs: &[2]int{1, 1}}, deps: Machine()}
	if s.cookie, err = newCookie(); err != nil {
		b.Fatal(err)
	}
	defer s.close()
	if err := s.openWork(b.Context()); err != nil {
		b.Fatal(err)
	}
	options := s.tracerOptions()
	options.Latency = latency
	t, err := tracer.Open(options)
	if err != nil {
		b.Skipf("cannot trace here: %v", err)
	}
	defer t.Close()
	w, err := s.startWorkers()
	if err != nil {
		b.Fatal(err)
	}
	defer w.kill()
	if err := w.waitReady(b.Context()); err != nil {
		b.Fatal(err)
	}
	attach := func() {
		if err := t.Attach(); err != nil {
			b.Fatal(err)
		}
	}
	attach() // to see the windows open
	if err := w.letGo(); err != nil {
		b.Fatal(err)
	}
	time.Sleep(slice)
	t.Detach()

	rate := func() float64 {
		time.Sleep(settle)
		start, before := time.Now(), w.sender.Payload()
		time.Sleep(slice)
		return float64(w.sender.Payload()-before) / time.Since(start).Seconds()
	}
	var on, off []float64
	for range pairs {
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

func median(v []float64) float64 { return quantile(v, 0.5) }

func quantile(v []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	return sorted[int(q*float64(len(sorted)-1))]
}

func quartiles(v []float64) string {
	return fmt.Sprintf("%.3f (quartiles %.3f to %.3f)", median(v), quantile(v, 0.25), quantile(v, 0.75))
}
