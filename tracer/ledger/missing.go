//go:build linux

package ledger

import (
	"iter"

	"github.com/zctrace/zctrace/tracer/trace"
)

// Feed is something that only a hook, or several together, can tell the ledger.
type Feed int

const (
	Syscalls         Feed = iota + 1 // with their results, and when windows open and close: no run without them
	SyscallTime                      // when a call began
	ContextSwitches                  // and in which calls a thread blocked
	ThreadExits                      // of a worker that is killed, and of io_uring's threads with what they did
	UserFaults                       // page faults that interrupt user code
	SocketCopies                     // to user memory, seen by a tracepoint
	LateCopies                       // of zero-copy sends, seen by a tracepoint
	FentryCopies                     // all copies that [Fentry] can see
	BreakpointCopies                 // all copies that [Breakpoint] can see
	PageCache                        // what is added to it
	ReadAhead                        // how much of that was asked for
	MappedPages                      // by page faults
	ReceivedPages                    // that TCP_ZEROCOPY_RECEIVE mapped
	COW                              // copy-on-write
	NetInternal                      // copies within the network stack
	Disk                             // requests to block devices
	DiskWrites                       // those of them that write: alone if not all were seen, but all that read
	NICSent                          // packets that a device took
	NICReceived                      // packets that a device brought
	UringRequests                    // completed requests of io_uring
	AIORequests                      // completed requests of Linux AIO
	Following                        // what threads and programs there are: no recording of programs without it

	feeds // one more than there are
)

// numbers are those that a feed concerns.
var numbers = [feeds][]trace.Number{
	SyscallTime:      {trace.CallTimeNS},
	ContextSwitches:  {trace.VoluntarySwitches, trace.InvoluntarySwitches, trace.CallBlocked},
	ThreadExits:      {trace.MinorFaults, trace.MajorFaults, trace.RuntimeNS, trace.SystemNS},
	UserFaults:       {trace.UserFaults},
	SocketCopies:     {trace.ToUser},
	LateCopies:       {trace.InKernel},
	FentryCopies:     {trace.ToUser, trace.FromUser, trace.InKernel, trace.Fill, trace.PageRefs, trace.Cloned, trace.CacheHitBytes},
	BreakpointCopies: {trace.ToUser, trace.FromUser, trace.InKernel, trace.Fill, trace.PageRefs, trace.Cloned, trace.CacheHitBytes},
	PageCache:        {trace.CacheHitBytes, trace.CacheMissBytes, trace.ReadaheadBytes, trace.Fill},
	ReadAhead:        {trace.ReadaheadBytes, trace.CacheHitBytes},
	MappedPages:      {trace.Mapped},
	ReceivedPages:    {trace.Mapped},
	COW:              {trace.COW},
	NetInternal:      {trace.NetInternal},
	Disk:             {trace.DiskReadBytes, trace.DiskReadRequests, trace.DiskWriteBytes, trace.DiskWriteRequests, trace.Fill},
	DiskWrites:       {trace.DiskWriteBytes, trace.DiskWriteRequests},
	NICSent:          {trace.NICTxBytes, trace.NICTxPackets, trace.InKernel},
	NICReceived:      {trace.NICRxBytes, trace.NICRxPackets},
	UringRequests:    {trace.ToUser, trace.FromUser, trace.InKernel, trace.Fill, trace.PageRefs, trace.RequestCount, trace.RequestErrors, trace.RequestBytes},
	AIORequests:      {trace.ToUser, trace.FromUser, trace.InKernel, trace.Fill, trace.PageRefs, trace.RequestCount, trace.RequestErrors, trace.RequestBytes},
}

// Feeds are all that there are.
func Feeds() iter.Seq[Feed] {
	return func(yield func(Feed) bool) {
		for f := Syscalls; f < feeds && yield(f); f++ {
		}
	}
}

// Numbers are those of a party that the feed concerns. Without it they are null or,
// where the ledger knows them in another way too, not observed any more.
func (f Feed) Numbers() []trace.Number { return numbers[f] }

// Missing says of the feeds that the ledger goes without why: which hook is not there.
type Missing map[Feed]string
