//go:build linux

package workloads

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// Work is what is to be moved, and how, as the user asked for it. Every layer hands it on
// as it is, down to the loop's window. Of what only some strategies have a use for, 0 is
// the default.
type Work struct {
	Strategy *Strategy      `json:"-"`
	Source   SourceSpec     `json:"-"`
	Sinks    []SinkSpec     `json:"-"` // one, or two for a strategy with TwoSinks
	Receive  *ReceiveMethod `json:"-"` // nil: ReadReceiver

	Bytes    int64   // payload; 0: no limit
	Chunk    int64   // bytes per transfer, at most MaxChunk
	Rate     int64   // bytes per second; 0: as fast as it goes
	Mapping  Mapping // of the source, by a strategy that is Mapped
	PipeSize int64   // of the pipe of a strategy that is Piped; 0: enough for a chunk
	Depth    int64   // of the queue of a strategy that is Queued; 0: DefaultDepth
	SQPoll   bool    // a strategy with a Ring lets a thread of the kernel submit
	Cold     bool    // begin with nothing of the source in the page cache
	Verify   bool    // compare what arrives with the source
	CPUs     *[2]int // where sender and receiver are pinned; nil: anywhere
}

// MaxChunk is the most that Linux moves in one read, write or sendfile:
// MAX_RW_COUNT, see read(2).
const MaxChunk = 0x7ffff000

// The bounds of Depth: how many chunks are in a chain, or in flight.
const (
	DefaultDepth = 8
	MaxDepth     = 256
)

// maxPipe is where the kernel's arithmetic for pipes ends (fs/pipe.c:
// round_pipe_size).
const maxPipe = 1 << 31

// Receiver is how the other end receives.
func (w *Work) Receiver() *ReceiveMethod { return cmp.Or(w.Receive, ReadReceiver) }

// Check is nil for work that some strategy can do on some machine.
func (w *Work) Check() error {
	switch {
	case w.Chunk <= 0 || w.Chunk > MaxChunk:
		return fault.Errorf(fault.Usage, fmt.Sprintf("take 1 to %d: the kernel moves no more than that in one call", MaxChunk),
			"chunk of %d bytes", w.Chunk)
	case w.Bytes < 0 || w.Rate < 0:
		return fault.Errorf(fault.Usage, "0 means no limit", "negative payload (%d) or rate (%d)", w.Bytes, w.Rate)
	case w.PipeSize > maxPipe:
		return fault.Errorf(fault.Usage, "take a smaller one", "--pipe-size %s is more than any pipe holds", human.TypedBytes(w.PipeSize))
	case w.Depth < 0 || w.Depth > MaxDepth:
		return fault.Errorf(fault.Usage, fmt.Sprintf("take 1 to %d", MaxDepth), "--depth %d", w.Depth)
	case len(w.Sinks) > 2:
		return fault.Errorf(fault.Usage, "", "--sink is given %d times: take one, or two for %s", len(w.Sinks), takersOfTwo())
	case len(w.Sinks) > 1 && slices.ContainsFunc(w.Sinks, SinkSpec.IsRemote):
		return fault.Errorf(fault.Usage, "take two of tcp, unix, pipe, file", "--sink HOST:PORT is not for two sinks: what goes to another machine is counted for one")
	}
	return w.checkReceiver()
}

// checkReceiver is nil when the receiver can take what arrives at the sinks.
func (w *Work) checkReceiver() error {
	m := w.Receiver()
	switch {
	case m == ReadReceiver || len(w.Sinks) == 0:
		return nil
	case len(w.Sinks) > 1:
		return fault.Errorf(fault.Usage, "", "--receiver %s: two sinks are received from with read: leave it out", m.Name)
	case w.Sinks[0].IsRemote():
		return fault.Errorf(fault.Usage, "leave it out, or take --sink tcp", "--receiver %s: zctrace serve receives at %s, and it reads", m.Name, w.Sinks[0])
	}
	return m.Check(w.Sinks[0].Kind, w.Verify)
}

// CheckSinks is nil when the strategy takes one sink, or two.
func (w *Work) CheckSinks() error {
	switch two := len(w.Sinks) > 1; {
	case w.Strategy.TwoSinks() && !two:
		return fault.Errorf(fault.Usage, "give --sink twice", "%s takes two sinks", w.Strategy.Name)
	case !w.Strategy.TwoSinks() && two:
		return fault.Errorf(fault.Usage, "give one --sink", "only %s takes two sinks, %s does not", takersOfTwo(), w.Strategy.Name)
	}
	return nil
}

// takersOfTwo are the strategies that take two sinks.
func takersOfTwo() string { return strings.Join(Names((*Strategy).TwoSinks), " and ") }

// CheckSizes is nil when the strategy can move so much of the source in such chunks.
func (w *Work) CheckSizes(source *Source) error {
	if err := w.CheckChunk(); err != nil {
		return err
	}
	return w.CheckBytes(source)
}

// CheckChunk is nil when the strategy can move such chunks. Direct I/O moves
// whole blocks, but for the source's end.
func (w *Work) CheckChunk() error {
	if !w.Strategy.Direct() || w.Chunk%directBlock == 0 {
		return nil
	}
	return fault.Errorf(fault.Usage, "take --chunk "+human.TypedBytes(blocks(w.Chunk)), "%s moves whole blocks of 4 KiB, and a chunk of %s is none", w.Strategy.Name, human.Plural(w.Chunk, "byte"))
}

// CheckBytes is nil when the strategy can move so much of the source.
func (w *Work) CheckBytes(source *Source) error {
	part := w.Bytes % source.size() % directBlock
	if !w.Strategy.Direct() || part == 0 {
		return nil
	}
	nearest := w.Bytes - part
	if nearest == 0 {
		nearest = min(directBlock, source.size())
	}
	return fault.Errorf(fault.Usage, "take --bytes "+human.TypedBytes(nearest),
		"%s moves whole blocks of 4 KiB and what is left at the source's end: --bytes %d ends within a block", w.Strategy.Name, w.Bytes)
}
