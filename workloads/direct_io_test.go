//go:build linux

package workloads

import (
	"slices"
	"testing"

	"github.com/zctrace/zctrace/internal/fault"
)

// Round and round a source that ends within a block, to every sink.
func TestDirectIO(t *testing.T) {
	const odd, bytes = 300_001, 3*300_001 + 24*directBlock
	for i, sink := range slices.Concat(SinkKinds, SinkKinds) {
		s := directIO
		if i >= len(SinkKinds) {
			s = nativeAIO
		}
		for _, chunk := range []int64{directBlock, 16 * directBlock, 1 << 20} {
			o := workload{s, tempFile(t, odd), string(sink), Config{Work: Work{Bytes: bytes, Chunk: chunk, Verify: true}}}.run(t)
			o.verified(t, bytes)
			if sink != SinkFile {
				continue
			}
			if info, err := o.sink.sender.Stat(); err != nil || info.Size() != odd {
				t.Errorf("the sink has %d bytes, %v; want %d", info.Size(), err, odd)
			}
		}
	}
}

func TestDirectIOOfLessThanABlock(t *testing.T) {
	for i, sink := range slices.Concat(SinkKinds, SinkKinds) {
		s := directIO
		if i >= len(SinkKinds) {
			s = nativeAIO
		}
		o := workload{s, tempFile(t, 77), string(sink), Config{Work: Work{Bytes: 10 * 77, Chunk: directBlock, Verify: true}}}.run(t)
		o.verified(t, 10*77)
	}
}

// What is refused says what is nearest, and that is taken.
func TestDirectIONamesTheNearestSize(t *testing.T) {
	source, _ := open(t, tempFile(t, 300_001), "null")
	for _, c := range []struct {
		chunk, bytes int64
		hint         string
	}{
		{4093, 0, "--chunk 4KiB"},
		{65537, 0, "--chunk 68KiB"},
		{4096, 1_000_123, "--bytes 998307"},
		{4096, 77, "--bytes 4KiB"},
	} {
		w := Work{Strategy: directIO, Chunk: c.chunk, Bytes: c.bytes}
		mustFail(t, w.CheckSizes(source), fault.Usage, c.hint)
	}
	for _, bytes := range []int64{998_307, 4096, 300_001, 600_002, 0} {
		w := Work{Strategy: directIO, Chunk: 4096, Bytes: bytes}
		must(t, w.CheckSizes(source))
	}
	w := Work{Strategy: readWrite, Chunk: 1, Bytes: 1}
	must(t, w.CheckSizes(source))
}
