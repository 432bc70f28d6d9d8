package tracetest

import (
	"cmp"
	"slices"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Round is `compare --bytes 64MiB`'s run of a strategy at so many MiB/s.
func Round(strategy string, mibPerSecond int64) *trace.Trace {
	t := Small(strategy)
	t.Run.Command = []string{"zctrace", "compare", "--rounds", "3"}
	t.Run.ElapsedNS = 64e9 / mibPerSecond
	t.Run.Verified, t.Run.UntracedElapsedNS = nil, trace.Int{}
	t.Run.LimitDurationNS = trace.Int{}
	t.Run.Sink, t.Run.Source = Small("sendfile").Run.Sink, Small("sendfile").Run.Source
	return t
}

// ThreeRounds are the runs of a comparison of three strategies.
func ThreeRounds() []*trace.Trace {
	return []*trace.Trace{
		Round("read-write", 2100), Round("mmap-write", 3000), Round("sendfile", 5200),
		Round("mmap-write", 2900), Round("sendfile", 5000), Round("read-write", 2200),
		Round("sendfile", 6100), Round("read-write", 2950), Round("mmap-write", 3300),
	}
}

// Odd is a comparison in which much went wrong.
func Odd() *trace.Set {
	fell, lossy, cut := Round("sendfile", 900), Round("read-write", 2000), Round("mmap-write", 1)
	fell.Total.Sender.Copies.InKernel = Derived(32 << 20)
	fell.Total.Kernel.Copies.InKernel = Derived(16 << 20)
	fell.Total.Sender.Disk.ReadBytes = trace.Known(64 << 20)
	lossy.Losses["map_full"], lossy.Run.Ended, lossy.Run.Error = 3, trace.Failed, "events were lost, so the numbers may not be believed: map_full 3"
	cut.Run.Ended = trace.Interrupted
	null := Round("mmap-write", 1500)
	null.Total.Sender.ContextSwitches = trace.ContextSwitches{}
	null.Total.Sender.Copies.InKernel = Missing("no hook")
	return trace.NewSet([]*trace.Trace{fell, lossy, null, Round("sendfile", 2000), cut},
		trace.Failure{Strategy: "splice", ChunkBytes: 64 << 10, Error: "start the sender: out of memory"})
}

// Sets are comparisons of every sort, by name.
func Sets() map[string]*trace.Set {
	withChunk := append(ThreeRounds(), Round("sendfile", 100))
	withChunk[9].Run.ChunkBytes = 512
	return map[string]*trace.Set{
		"three": trace.NewSet(ThreeRounds()), "odd": Odd(), "one": trace.NewSet([]*trace.Trace{Round("sendfile", 5000)}),
		"empty": trace.NewSet(nil), "chunks": trace.NewSet(withChunk), "sweep": Sweep(),
	}
}

// Sweep is one in which sendfile overtakes read-write, and mmap-write failed at a
// size.
func Sweep() *trace.Set {
	var traces []*trace.Trace
	for i, chunk := range []int64{512, 4 << 10, 32 << 10, 256 << 10} {
		for n := range int64(3) {
			for strategy, speed := range map[string]int64{
				"read-write": []int64{400, 900, 1600, 1800}[i],
				"mmap-write": []int64{300, 905, 1500, 1700}[i],
				"sendfile":   []int64{200, 800, 2400, 5000}[i],
			} {
				t := Round(strategy, speed+n*20)
				t.Run.ChunkBytes = chunk
				t.Total = AtMoment(strategy, 64<<20/chunk, chunk, t.Run.ElapsedNS)
				traces = append(traces, t)
			}
		}
	}
	order := map[string]int{"read-write": 0, "mmap-write": 1, "sendfile": 2}
	slices.SortStableFunc(traces, func(a, b *trace.Trace) int {
		return cmp.Or(cmp.Compare(a.Run.ChunkBytes, b.Run.ChunkBytes), cmp.Compare(order[a.Run.Strategy], order[b.Run.Strategy]), cmp.Compare(b.Run.ElapsedNS, a.Run.ElapsedNS))
	})
	traces[3].Run.Ended, traces[3].Run.Error = trace.Failed, "receiver was killed" // mmap-write, 512 B
	slow := traces[9]
	slow.Total.Sender.Copies.ToUser = Derived(128 << 20) // read-write, 4 KiB
	traces[10].Total.Sender.Copies.ToUser, traces[11].Total.Sender.Copies.ToUser = Derived(128<<20), Derived(128<<20)
	return trace.NewSet(traces, trace.Failure{Strategy: "splice", ChunkBytes: 512, Error: "no memory"})
}
