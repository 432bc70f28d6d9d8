//go:build linux

package ledger

import (
	"cmp"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/tracer/trace"
)

// request says how to look at one kind of asynchronous request (for the eBPF side)
// and what its result means (for the ledger).
type request struct {
	op uint32
	bpf.ObjectRequestOp
	rule rule

	// fixed: its memory is registered, and comes to the functions that copy as
	// pages, of which the breakpoints do not know whose they are.
	fixed bool

	zerocopy bool // it may be copied late
}

// Operations of io_uring and of Linux AIO (include/uapi/linux/io_uring.h,
// aio_abi.h), which [golang.org/x/sys/unix] does not have.
const (
	opReadv         = 1
	opWritev        = 2
	opReadFixed     = 4
	opWriteFixed    = 5
	opSendmsg       = 9
	opRecvmsg       = 10
	opRead          = 22
	opWrite         = 23
	opSend          = 26
	opRecv          = 27
	opSplice        = 30
	opTee           = 33
	opUringCmd      = 46
	opSendZC        = 47
	opSendmsgZC     = 48
	opReadMultishot = 49
	opRecvZC        = 58 // and from here on whatever comes
	opReadvFixed    = 60
	opWritevFixed   = 61

	cmdPread   = 0
	cmdPwrite  = 1
	cmdPreadv  = 7
	cmdPwritev = 8
)

func reads(op uint32, r rule) request {
	return request{op: op, ObjectRequestOp: bpf.ObjectRequestOp{In: 1, Moves: 1}, rule: r}
}

func writes(op uint32, r rule) request {
	return request{op: op, ObjectRequestOp: bpf.ObjectRequestOp{Out: 1, Moves: 1}, rule: r}
}

// message is one with flags as send(2) and recv(2) have them.
func (r request) message() request {
	r.Message = 1
	return r
}

func (r request) registered() request {
	r.fixed = true
	return r
}

func (r request) late() request {
	r.zerocopy = true
	return r
}

// splices is one that takes its input from another file than its own.
func splices(op uint32, r rule) request {
	return request{op: op, ObjectRequestOp: bpf.ObjectRequestOp{Out: 1, Splice: 1, Moves: 1}, rule: r}
}

// ruleReceiveRequest: the rest of a datagram that there was no room for is in the result, and nobody takes it away.
func ruleReceiveRequest(in, out bpf.ObjectFdKind, flags uint32) ruling {
	if flags&unix.MSG_TRUNC != 0 && kindOf(in) != kindTCP {
		return unmeasured(whyResult, toUser)
	}
	return ruleReceive(in, out, flags)
}

func opaque(op uint32) request { return request{op: op, rule: ruleUnknown} }

// uringRequests are the operations of io_uring that move payload. The others are
// counted too, but move nothing; those that came after this was written may.
var uringRequests = []request{
	reads(opReadv, ruleRead),
	writes(opWritev, ruleWrite),
	reads(opReadFixed, ruleRead).registered(),
	writes(opWriteFixed, ruleWrite).registered(),
	writes(opSendmsg, ruleSend).message(),
	reads(opRecvmsg, ruleReceiveRequest).message(),
	reads(opRead, ruleRead),
	writes(opWrite, ruleWrite),
	writes(opSend, ruleSend).message(),
	reads(opRecv, ruleReceiveRequest).message(),
	splices(opSplice, ruleSplice),
	splices(opTee, ruleTee),
	opaque(opUringCmd),
	writes(opSendZC, ruleSendZC).message().late(),
	writes(opSendmsgZC, ruleSendZC).message().late(),
	opaque(opReadMultishot),
	reads(opReadvFixed, ruleRead).registered(),
	writes(opWritevFixed, ruleWrite).registered(),
}

// aioRequests are the commands of Linux AIO that move payload.
var aioRequests = []request{
	reads(cmdPread, ruleRead),
	writes(cmdPwrite, ruleWrite),
	reads(cmdPreadv, ruleRead),
	writes(cmdPwritev, ruleWrite),
}

// requestOf returns what is known of a request by its cell's number.
func requestOf(nr uint32) request {
	table, op := uringRequests, nr-uint32(bpf.ObjectRequestBaseIO_URING_OP)
	if aio := uint32(bpf.ObjectRequestBaseIOCB_CMD); nr >= aio {
		table, op = aioRequests, nr-aio
	}
	for _, r := range table {
		if r.op == op {
			return r
		}
	}
	if op >= opRecvZC {
		return opaque(op)
	}
	return request{op: op}
}

// UringTable says how to look at requests of io_uring, as the eBPF side has it.
func UringTable() [64]bpf.ObjectRequestOp { return requestTable(uringRequests) }

// AIOTable says the same of requests of Linux AIO.
func AIOTable() [64]bpf.ObjectRequestOp { return requestTable(aioRequests) }

// requestTable is a table of requests as the eBPF side has it.
func requestTable(requests []request) (table [64]bpf.ObjectRequestOp) { // REQUEST_OPS in bpf/cells.h; Set checks the size
	for _, r := range requests {
		table[r.op] = r.ObjectRequestOp
	}
	return table
}

// notCounted is the ruling of system calls whose requests were not counted.
func notCounted(why string) ruling {
	return unmeasured("what its requests moved was not counted: "+why, toUser, fromUser, inKernel, fill, pageRefs)
}

// requestsBy is the feed that tells of the requests that a system call submits or
// reaps; 0 for all other calls.
func requestsBy(nr uint32) Feed {
	switch nr {
	case unix.SYS_IO_URING_ENTER:
		return UringRequests
	case unix.SYS_IO_SUBMIT, unix.SYS_IO_GETEVENTS, unix.SYS_IO_PGETEVENTS:
		return AIORequests
	}
	return 0
}

// requestName is what a kind of requests is called, by its cell's number.
func requestName(nr uint32) string {
	if aio := uint32(bpf.ObjectRequestBaseIOCB_CMD); nr >= aio {
		return syscalls.AIOCommand(nr - aio)
	}
	return syscalls.UringOp(nr - uint32(bpf.ObjectRequestBaseIO_URING_OP))
}

// requests are those that completed, by name. If a system call made some that nobody counted, none is known.
func (a *account) requests() {
	why := ""
	if usesUring(a.slot) {
		why = a.party.Missing[UringRequests]
	}
	for c := range cellsOf(a.slot) {
		why = cmp.Or(why, a.party.Missing[requestsBy(c.Key.Nr)])
	}
	if why != "" {
		a.Provenance["requests"] = trace.Origin{Provenance: trace.Unavailable, Reason: why}
		return
	}
	sums := map[string]*callSum{}
	for c := range requestsOf(a.slot) {
		name := requestName(c.Key.Nr)
		if sums[name] == nil {
			sums[name] = &callSum{errnos: map[string]int64{}}
		}
		sum := sums[name]
		sum.calls += int64(c.Requests)
		sum.errors += int64(c.OtherErrors) + addErrnos(sum.errnos, c.Failed[:])
		sum.bytes += int64(c.Bytes)
	}
	a.Requests = map[string]trace.Request{}
	for name, sum := range sums {
		a.Requests[name] = trace.Request{Completed: trace.Known(sum.calls), Errors: trace.Known(sum.errors), Errnos: knownErrnos(sum.errnos), Bytes: trace.Known(sum.bytes)}
	}
}

// usesUring is whether the slot's thread has made requests of io_uring. That takes no
// system call where a thread of the kernel polls the queue.
func usesUring(s *bpf.ObjectSlot) bool {
	for c := range cellsOf(s) {
		if c.Key.Nr == unix.SYS_IO_URING_ENTER {
			return true
		}
	}
	for c := range requestsOf(s) {
		if c.Key.Nr < uint32(bpf.ObjectRequestBaseIOCB_CMD) {
			return true
		}
	}
	h, none := &s.Helpers, bpf.ObjectHelperCounters{}
	return h.Begin != none || h.Now != none || h.Gone != none
}
