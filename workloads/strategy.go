//go:build linux

// Package workloads moves payload from a source to a sink, one strategy at a
// time, so that the cost can be counted from outside.
//
// A workload is two processes of the same binary: a sender, which runs the
// strategy, and for a sink that has another end a receiver, which drains it.
// Both get their file descriptors opened, prepare everything, report ready and
// wait. Then one locked thread opens its window with a marker system call,
// issues raw system calls only, and closes the window with another marker: see
// [MarkerAddress]. What happens in between is what the strategy costs, and
// nothing else is in there.
package workloads

import (
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// Strategy is one way to move payload.
type Strategy struct {
	Name     string   // as the user types it
	Summary  string   // one line for the list of strategies
	Syscalls []string // what its loop calls, without lseek and pacing
	Transfer []string // those of Syscalls that the textbook counts: transfer_calls
	Path     []Hop    // from the source to the sink, and then what branches off
	Textbook Textbook

	Sinks         []SinkKind // that it takes; nil: all
	Offsets       bool       // its calls carry the offsets, so that going round needs no lseek
	Queued        bool       // with requests in flight, or in a chain, which --depth is about
	ZeroCopySends bool       // with MSG_ZEROCOPY or the like, which may be copied late

	toFile   *Textbook                            // what the textbook says of a sink that is a file, if that is something else
	buffered bool                                 // the loop needs a user buffer of one chunk
	onDisk   bool                                 // what it can do depends on the file system
	prepare  func(*window) (undo func(), _ error) // what else the loop needs, made before the window; may be nil
	finish   func(*window) error                  // what is left to do after the window; may be nil
	loop     func(*window)                        // nosplit, see window
}

// TextbookTo is what the textbook says of a sink.
func (s *Strategy) TextbookTo(sink SinkKind) Textbook {
	if sink == SinkFile && s.toFile != nil {
		return *s.toFile
	}
	return s.Textbook
}

// Takes is whether it takes sinks of that kind. Whether it can here, [Support] finds out.
func (s *Strategy) Takes(sink SinkKind) bool {
	return len(s.Sinks) == 0 || slices.Contains(s.Sinks, sink)
}

// Textbook is what articles say that the transfer of one chunk costs. Copies
// and DMA are in passes: 1 is the whole payload once.
type Textbook struct {
	TransferCalls int // system calls
	ModeSwitches  int // two per system call; articles call them context switches
	ToUser        int // CPU copies kernel to user
	FromUser      int // CPU copies user to kernel
	InKernel      int // CPU copies kernel to kernel
	UserSpace     int // CPU copies that the program makes itself, from mapping to mapping
	DMAIn         int // device to memory
	DMAOut        int // memory to device
	Source        string
}

// The articles that the three classic rows are taken from; they agree.
const (
	palaniappan2008 = "S. Palaniappan, P. Nagaraja: Efficient data transfer through zero copy, IBM developerWorks, 2008"
	stancevic2003   = "D. Stancevic: Zero Copy I: User-Mode Perspective, Linux Journal 105, January 2003"
)

// Strategies are all of them, in the order in which they are listed: the
// textbook's first, and in its order. It is a table, never changed.
var Strategies = []*Strategy{
	readWrite,
	mmapWrite,
	sendfile,
	splice,
	tee,
	vmsplice,
	readvWritev,
	preadPwrite,
	copyFileRange,
	mmapCopy,
	directIO,
	msgZerocopy,
	nativeAIO,
	ioUring,
	ioUringFixed,
	ioUringZC,
	ioUringSplice,
}

// Names are those of the strategies of which it is true, in their order.
func Names(have func(*Strategy) bool) (names []string) {
	for _, s := range Strategies {
		if have(s) {
			names = append(names, s.Name)
		}
	}
	return names
}

// AllNames are those of all strategies.
func AllNames() []string { return Names(func(*Strategy) bool { return true }) }

// Find returns the strategy of that name.
func Find(name string) (*Strategy, error) {
	for _, s := range Strategies {
		if s.Name == name {
			return s, nil
		}
	}
	hint := human.DidYouMean(name, AllNames()) + "strategies: " + strings.Join(AllNames(), ", ")
	return nil, fault.Errorf(fault.Usage, hint, "unknown strategy %q", name)
}
