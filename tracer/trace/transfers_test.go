package trace

import "testing"

// A payload is as many chunks as going round and round the source makes of it.
func TestTransfers(t *testing.T) {
	for _, c := range []struct {
		payload, chunk int64
		source         Int
		want           int64
	}{
		{10 << 20, 64 << 10, Known(100_000), 210}, // 104 passes of two, and what is left
		{10 << 20, 64 << 10, Int{}, 160},
		{10 << 20, 64 << 10, Known(10 << 20), 160},
		{10 << 20, 64 << 10, Known(20 << 20), 160},
		{70_000, 64 << 10, Known(1), 70_000},
		{1, 64 << 10, Known(1 << 20), 1},
		{1<<20 + 1, 64 << 10, Known(1 << 20), 17},
		{0, 64 << 10, Known(1 << 20), 0},
		{-1, 64 << 10, Known(1 << 20), 0},
		{1 << 20, 0, Known(1 << 20), 0},
		{1 << 20, 64 << 10, Known(-1), 16},
		{1<<63 - 1, 1, Known(1<<62 + 1), 1<<63 - 1},
		{1<<63 - 1, 1<<63 - 1, Known(1), 1<<63 - 1},
	} {
		r := Run{ChunkBytes: c.chunk, Source: Source{Bytes: c.source}}
		if got := r.Transfers(c.payload); got != c.want {
			t.Errorf("%d bytes of a source of %v in chunks of %d are %d transfers, want %d", c.payload, c.source, c.chunk, got, c.want)
		}
	}
}

// It is what a loop makes that cuts chunks as it goes.
func TestTransfersAsTheyAreMade(t *testing.T) {
	for source := int64(1); source < 40; source++ {
		for chunk := int64(1); chunk < 40; chunk++ {
			r := Run{ChunkBytes: chunk, Source: Source{Bytes: Known(source)}}
			at, made := int64(0), int64(0)
			for payload := int64(1); payload < 200; payload++ {
				if at%chunk == 0 {
					made++
				}
				if at++; at == source {
					at = 0
				}
				if got := r.Transfers(payload); got != made {
					t.Fatalf("%d bytes of a source of %d in chunks of %d are %d transfers, made were %d", payload, source, chunk, got, made)
				}
			}
		}
	}
}
