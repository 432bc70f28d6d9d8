//go:build linux

package workloads

import (
	"math/rand/v2"
	"testing"
)

// However short the transfers are cut, a payload takes as many chunks as one that nothing cut short:
// a pass over the source takes size/chunk of them, rounded up, and so does what is left for the last one.
func TestChunksThatAreCutShort(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	ceil := func(a, b int64) int64 { return (a + b - 1) / b }
	for range 2000 {
		chunk, size, payload := 1+random.Int64N(9), 1+random.Int64N(40), 1+random.Int64N(200)
		w := &window{shared: &shared{}, work: Work{Chunk: chunk}, limit: payload,
			inSize: size, outSize: endless, seeklessIn: true}
		chunks, left := int64(0), int64(0) // of the chunk under way
		for n := w.next(); n > 0; n = w.next() {
			if left == 0 {
				chunks, left = chunks+1, n
			} else if n != left {
				t.Fatalf("a chunk of %d of a source of %d: %d bytes, and %d are left of the one before", chunk, size, n, left)
			}
			moved := 1 + random.Int64N(n)
			w.inPos, w.outPos, w.moved, left = w.inPos+moved, w.outPos+moved, w.moved+moved, left-moved
		}
		want := payload/size*ceil(size, chunk) + ceil(payload%size, chunk)
		if w.moved != payload || chunks != want {
			t.Errorf("%d bytes, source of %d, chunks of %d: %d chunks for %d bytes, want %d", payload, size, chunk, chunks, w.moved, want)
		}
	}
}
