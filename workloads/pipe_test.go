//go:build linux

package workloads

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

func TestPipeHoldsAChunk(t *testing.T) {
	page := int64(unix.Getpagesize())
	for _, c := range []struct{ asked, chunk, want int64 }{
		{0, 1, 16 * page}, // as pipe(2) makes it
		{0, 16 * page, 16 * page},
		{0, 16*page - 1, 32 * page}, // if it begins in the middle of a page
		{0, maxPipeSize(), maxPipeSize()},
		{0, 8 * maxPipeSize(), maxPipeSize()},
		{page, 16 * page, page},
		{32 * page, 1, 32 * page},
	} {
		w := &window{work: Work{PipeSize: c.asked, Chunk: c.chunk}}
		undo, err := makePipe(w)
		must(t, err)
		got, err := unix.FcntlInt((*pipe)(w.private).in, unix.F_GETPIPE_SZ, 0)
		if err != nil || int64(got) != c.want {
			t.Errorf("asked for %d, chunk %d: the pipe holds %d, %v; want %d", c.asked, c.chunk, got, err, c.want)
		}
		undo()
	}
}

func TestPipeSizeIsRefused(t *testing.T) {
	source, sink := open(t, "zero", "null")
	_, err := Start(Config{Role: Sender, Work: Work{Strategy: splice, Chunk: 1, PipeSize: 1 << 40}, Source: source, Sink: sink})
	mustFail(t, err, fault.Usage, "--pipe-size 1TiB")
	if unix.Geteuid() == 0 {
		t.Skip("root may make a pipe as large as memory allows")
	}
	p, err := Start(Config{Role: Sender, Work: Work{Strategy: splice, Chunk: 1, PipeSize: 2 * maxPipeSize()}, Source: source, Sink: sink})
	must(t, err)
	mustFail(t, p.WaitReady(t.Context()), fault.Unsupported, "pipe", "not permitted", "--pipe-size")
}

// A pipe smaller than a chunk shortens the transfers into it; all bytes arrive.
func TestSmallPipe(t *testing.T) {
	for i, sink := range slices.Concat(SinkKinds, SinkKinds, SinkKinds) {
		s := []*Strategy{splice, vmsplice, ioUringSplice}[i/len(SinkKinds)]
		t.Run(s.Name+"/"+string(sink), func(t *testing.T) {
			o := workload{s, tempFile(t, 300_001), string(sink), Config{Work: Work{Bytes: 1_000_123, Chunk: 65536, PipeSize: 4096, Verify: true}}}.run(t)
			o.verified(t, 1_000_123)
		})
	}
}
