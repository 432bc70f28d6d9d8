//go:build linux

package main

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zctrace/zctrace/internal/human"
	"github.com/zctrace/zctrace/workloads"
)

func newSweep(start startCompare) *cobra.Command {
	o := compareOptions{rounds: 3, sizes: chunkRange{512, 1 << 20}, start: start}
	cmd := o.command("run each strategy `N` times with each size", &cobra.Command{
		Use:   "sweep [STRATEGY...]",
		Short: "Compare strategies over chunk sizes: where does one overtake another",
		Long: `sweep does the same work through each strategy with each chunk size, in interleaved
rounds as compare does, and prints the throughput by size. What a strategy cannot
do is left out: ` + strategiesThat((*workloads.Strategy).Direct) + ` move whole blocks. It says in words where
one strategy overtakes another, going only by sizes at which all rounds of one
were faster than all rounds of the other, of two at least. On a terminal the curves grow as the runs
go. --duration and --bytes are for each run.`,
		Example: `  sudo zctrace sweep read-write sendfile
  sudo zctrace sweep --chunk 4KiB..64KiB --bytes 256MiB --json s.json
  zctrace show --csv s.json`,
	})
	chunk := cmd.Flags().Lookup("chunk")
	chunk.Value, chunk.DefValue = &o.sizes, o.sizes.String()
	chunk.Usage = "payload per transfer: the first of `FROM..TO` and its doubles up to the last"
	return cmd
}

// chunkRange is a flag: 512..1MiB. Its zero value is none.
type chunkRange struct{ from, to size }

func (r *chunkRange) Set(text string) error {
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		return fmt.Errorf("want FROM..TO, e.g. 512..1MiB; for one size there is zctrace compare")
	}
	if err := r.from.Set(from); err != nil {
		return err
	}
	if err := r.to.Set(to); err != nil {
		return err
	}
	if int64(r.to) > workloads.MaxChunk {
		return fmt.Errorf("a chunk of %s: the kernel moves no more than %d bytes in one call", to, int64(workloads.MaxChunk))
	}
	if r.to/2 < r.from {
		return fmt.Errorf("%s is not at least twice %s; for one size there is zctrace compare", to, from)
	}
	return nil
}

func (r *chunkRange) String() string {
	if *r == (chunkRange{}) {
		return ""
	}
	return human.TypedBytes(int64(r.from)) + ".." + human.TypedBytes(int64(r.to))
}

func (r *chunkRange) Type() string { return "FROM..TO" }

// sizes are those to try.
func (r *chunkRange) sizes() []int64 {
	var list []int64
	for i := range bits.Len64(uint64(r.to / r.from)) {
		list = append(list, int64(r.from)<<i)
	}
	return list
}
