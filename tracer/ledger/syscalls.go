//go:build linux

package ledger

import (
	"slices"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/tracer/trace"
)

// callSums are a slot's system calls, added up.
type callSums struct {
	calls, transfers, short int64
	lengthless              string // a transfer call whose arguments do not say how much was asked for
	received                int64  // bytes of pages that calls said they mapped
	byName                  map[string]*callSum
}

type callSum struct {
	calls, errors, bytes, timeNS, blocked int64
	errnos                                map[string]int64
	latency                               []int64
}

// sumCalls adds up the cells; transfer names the calls that count as transfers.
func sumCalls(s *bpf.ObjectSlot, transfer []string) callSums {
	sums := callSums{byName: map[string]*callSum{}}
	for cell := range cellsOf(s) {
		name := syscalls.Name(cell.Key.Nr)
		sums.calls += int64(cell.Calls)
		sums.received += int64(cell.Mapped)
		if slices.Contains(transfer, name) {
			sums.transfers += int64(cell.Calls)
			sums.short += int64(cell.ShortCalls)
			if cell.Bytes > 0 && !saysLength(cell.Key.Nr) {
				sums.lengthless = name
			}
		}
		if sums.byName[name] == nil {
			sums.byName[name] = &callSum{errnos: map[string]int64{}, latency: make([]int64, len(cell.LatencyLog2))}
		}
		sums.byName[name].add(cell)
	}
	return sums
}

func (sum *callSum) add(cell *bpf.ObjectCell) {
	sum.calls += int64(cell.Calls)
	sum.errors += int64(cell.OtherErrors) + addErrnos(sum.errnos, cell.Failed[:])
	sum.bytes += int64(cell.Bytes)
	sum.timeNS += int64(cell.TimeNs)
	sum.blocked += int64(cell.Blocked)
	for i, n := range cell.LatencyLog2 {
		sum.latency[i] += int64(n)
	}
}

// addErrnos adds to what failed by errno, and returns how much that was. The sum of what stands there is
// what the trace tells as errors, so that these agree while they are counted.
func addErrnos(errnos map[string]int64, list []bpf.ObjectFailed) (sum int64) {
	for _, f := range list {
		if f.Errnr != 0 && f.Calls != 0 { // else it was copied when half of it was written
			sum += int64(f.Calls)
			errnos[syscalls.Errno(uint32(f.Errnr))] += int64(f.Calls)
		}
	}
	return sum
}

func knownErrnos(errnos map[string]int64) (known map[string]trace.Int) {
	for name, n := range errnos {
		if known == nil {
			known = map[string]trace.Int{}
		}
		known[name] = trace.Known(n)
	}
	return known
}

func (a *account) syscalls() {
	sums := &a.calls
	a.ModeSwitches = trace.Known(2 * sums.calls)
	a.Syscalls = trace.Syscalls{
		Calls:          trace.Known(sums.calls),
		TransferCalls:  trace.Known(sums.transfers),
		ShortTransfers: trace.Known(sums.short),
		ByName:         map[string]trace.Syscall{},
	}
	if sums.lengthless != "" {
		a.Syscalls.ShortTransfers = trace.Int{}
		say(&a.Counters, trace.Unavailable, "how much "+sums.lengthless+" is asked for stands in memory, not in its arguments", trace.ShortTransfers)
	}
	timed, switches := !a.lacks(SyscallTime), !a.lacks(ContextSwitches)
	for name, sum := range sums.byName {
		call := trace.Syscall{Calls: trace.Known(sum.calls), Errors: trace.Known(sum.errors), Errnos: knownErrnos(sum.errnos), Bytes: trace.Known(sum.bytes)}
		if switches {
			call.Blocked = trace.Known(sum.blocked)
		}
		if timed {
			call.TimeNS = trace.Known(sum.timeNS)
			call.LatencyLog2 = trimZeros(sum.latency)
		}
		a.Syscalls.ByName[name] = call
	}
}

func trimZeros(h []int64) []int64 {
	for len(h) > 0 && h[len(h)-1] == 0 {
		h = h[:len(h)-1]
	}
	return h
}
