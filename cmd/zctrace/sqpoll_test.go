//go:build linux

package main

import (
	"slices"
	"testing"

	"github.com/zctrace/zctrace/tracer/trace"
	"github.com/zctrace/zctrace/workloads"
)

// rings are the strategies that use io_uring, which a thread of the kernel may
// submit for.
func rings() (names []string) {
	for _, s := range workloads.Strategies {
		if slices.Contains(s.Syscalls, "io_uring_enter") {
			names = append(names, s.Name)
		}
	}
	return names
}

// What the thread that polls a submission queue does, and the workers that it has,
// is the sender's: the same bytes as without it, by every engine.
func TestEnginesAgreeOnAPolledQueue(t *testing.T) {
	needTracing(t)
	const n = 1_000_123
	for i, strategy := range rings() {
		for j, sink := range allSinks {
			if !takes(strategy, sink) || testing.Short() && (i+j)%2 > 0 && laws[strategy].only == "" || !dealt((i+j)/2) {
				continue
			}
			t.Run(strategy+" to "+sink, func(t *testing.T) {
				args := []string{strategy, "--sqpoll", "--source", diskFile(t, n), "--bytes", "1000123", "--chunk", "40000", "--sink", sink}
				if sink != "null" {
					args = append(args, "--verify")
				}
				tr, closed := tracedByAll(t, args...)
				e := expect(strategy, sink, tr.Run.Source.Filesystem, n, n%4096)
				if e.late {
					e.orResent(t, &tr.Total.Sender, closed)
				}
				e.check(t, tr)
				checkEngines(t, "sender", &tr.Total.Sender, e)
				if mapped := tr.Total.Sender.Moved.Mapped.Bytes; laws[strategy].maps && mapped.Known() && mapped != trace.Known(1_003_520) {
					t.Errorf("%v bytes mapped, want 1003520", mapped)
				}
			})
		}
	}
}

// The disk is read for the sender, whoever waits for it.
func TestColdOnAPolledQueue(t *testing.T) {
	source := diskFile(t, 1_000_123)
	for _, strategy := range rings() {
		t.Run(strategy, func(t *testing.T) {
			want{"sender.disk.read_bytes": 1_003_520, "sender.page_cache.miss_bytes": 1_003_520, "losses.disk_reads": 0}.check(t,
				traced(t, strategy, "--sqpoll", "--source", source, "--bytes", "1000123", "--sink", sinkFor(strategy), "--cache", "cold"))
		})
	}
}
