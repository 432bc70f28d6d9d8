//go:build linux

package ledger

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/tracer/trace"
)

// call says how to read one system call's arguments (for the eBPF side) and
// what its result means (for the ledger).
type call struct {
	nr uint32
	bpf.ObjectCall
	rule rule // nil: it moves no payload

	// from and to are where its bytes come from and go to, if neither is a descriptor's
	// nor the caller's memory.
	from, to string
}

// transfer is a call that moves bytes, whose number is its result: positions of its arguments,
// from 1 on; 0 where it has none.
func transfer(nr uint32, in, out, length uint8, r rule) call {
	return call{nr: nr, rule: r, ObjectCall: bpf.ObjectCall{
		InFd: in, OutFd: out, Len: length, Result: uint8(bpf.ObjectResultRESULT_BYTES),
	}}
}

func reader(nr uint32, length uint8) call { return transfer(nr, 1, 0, length, ruleRead) }

func writer(nr uint32, length uint8) call { return transfer(nr, 0, 1, length, ruleWrite) }

// receives and sends are calls with flags as recv(2) and send(2) have them.
func (c call) receives(flags uint8) call {
	c.Flags, c.Decisive = flags, unix.MSG_PEEK|unix.MSG_OOB|unix.MSG_TRUNC|unix.MSG_ERRQUEUE
	return c
}

func (c call) sends(flags uint8) call {
	c.Flags, c.Decisive = flags, unix.MSG_ZEROCOPY
	return c
}

func (c call) result(r bpf.ObjectResult) call {
	c.Result = uint8(r)
	if r >= bpf.ObjectResultRESULT_LENGTH {
		c.Received = 1
	}
	return c
}

// between is a call whose bytes come from or go to something else than a descriptor or the caller's memory.
func (c call) between(from, to string) call {
	c.from, c.to = from, to
	return c
}

// command is a call of whose commands one moves bytes; its descriptors do not matter to the others.
func command(nr uint32, in, position uint8, r bpf.ObjectResult, rule rule) call {
	return call{nr: nr, rule: rule, ObjectCall: bpf.ObjectCall{InFd: in, Flags: position, Decisive: ^uint32(0)}}.result(r)
}

// metadata is a call whose result is a number of bytes that tell of files, or of the system: no payload.
func metadata(nr uint32) call {
	return transfer(nr, 0, 0, 0, ruleApart).between(trace.EndControl, trace.EndUser)
}

// calls are the system calls that the programs and the ledger know to do more than others do. All are counted.
var calls = slices.Concat(transfers, archCalls, []call{
	// See requestsBy.
	{nr: unix.SYS_IO_GETEVENTS, ObjectCall: bpf.ObjectCall{Events: 4}},
	{nr: unix.SYS_IO_PGETEVENTS, ObjectCall: bpf.ObjectCall{Events: 4}},
})

var transfers = []call{
	//               nr    len
	reader(unix.SYS_READ, 3),
	reader(unix.SYS_PREAD64, 3),
	reader(unix.SYS_READV, 0),
	reader(unix.SYS_PREADV, 0),
	reader(unix.SYS_PREADV2, 0), // no flag of RWF_ decides who copies
	writer(unix.SYS_WRITE, 3),
	writer(unix.SYS_PWRITE64, 3),
	writer(unix.SYS_WRITEV, 0),
	writer(unix.SYS_PWRITEV, 0),
	writer(unix.SYS_PWRITEV2, 0),

	//                 nr   in out len
	transfer(unix.SYS_RECVFROM, 1, 0, 3, ruleReceive).receives(4),
	transfer(unix.SYS_RECVMSG, 1, 0, 0, ruleReceive).receives(3).result(bpf.ObjectResultRESULT_MESSAGE),
	transfer(unix.SYS_RECVMMSG, 1, 0, 0, ruleReceive).receives(4).result(bpf.ObjectResultRESULT_MESSAGES),
	transfer(unix.SYS_SENDTO, 0, 1, 3, ruleSend).sends(4),
	transfer(unix.SYS_SENDMSG, 0, 1, 0, ruleSend).sends(3),
	transfer(unix.SYS_SENDMMSG, 0, 1, 0, ruleSend).sends(4).result(bpf.ObjectResultRESULT_MESSAGES),

	transfer(unix.SYS_SENDFILE, 2, 1, 4, ruleSendfile),
	transfer(unix.SYS_SPLICE, 1, 3, 5, ruleSplice),
	transfer(unix.SYS_TEE, 1, 2, 3, ruleTee),
	transfer(unix.SYS_VMSPLICE, 0, 1, 0, ruleVmsplice),
	transfer(unix.SYS_COPY_FILE_RANGE, 1, 3, 5, ruleCopyFileRange),
	command(unix.SYS_IOCTL, 0, 2, bpf.ObjectResultRESULT_CLONES, ruleClone).between(trace.EndFile, trace.EndFile),
	command(unix.SYS_GETSOCKOPT, 1, 3, bpf.ObjectResultRESULT_ZEROCOPY, ruleGetsockopt),

	// One copy, from the memory of one process to that of another, by who calls.
	transfer(unix.SYS_PROCESS_VM_READV, 0, 0, 0, ruleToCaller).between(trace.EndUser, trace.EndUser),
	transfer(unix.SYS_PROCESS_VM_WRITEV, 0, 0, 0, ruleFromCaller).between(trace.EndUser, trace.EndUser),

	// Message queues, of POSIX and of System V.
	transfer(unix.SYS_MQ_TIMEDSEND, 0, 0, 3, ruleFromCaller).between(trace.EndUser, trace.EndOther).result(bpf.ObjectResultRESULT_LENGTH),
	transfer(unix.SYS_MQ_TIMEDRECEIVE, 0, 0, 0, ruleToCaller).between(trace.EndOther, trace.EndUser),
	transfer(unix.SYS_MSGSND, 0, 0, 3, ruleFromCaller).between(trace.EndUser, trace.EndOther).result(bpf.ObjectResultRESULT_LENGTH),
	transfer(unix.SYS_MSGRCV, 0, 0, 0, ruleToCaller).between(trace.EndOther, trace.EndUser),

	metadata(unix.SYS_GETDENTS64),
	metadata(unix.SYS_GETRANDOM),
	metadata(unix.SYS_READLINKAT),
	metadata(unix.SYS_GETCWD),
	metadata(unix.SYS_SYSLOG),
	metadata(unix.SYS_GETXATTR),
	metadata(unix.SYS_LGETXATTR),
	metadata(unix.SYS_FGETXATTR),
	metadata(unix.SYS_GETXATTRAT),
	metadata(unix.SYS_LISTXATTR),
	metadata(unix.SYS_LLISTXATTR),
	metadata(unix.SYS_FLISTXATTR),
	metadata(unix.SYS_LISTXATTRAT),
}

// CallTable says how to read the arguments of system calls, as the eBPF side has it.
func CallTable() (table [512]bpf.ObjectCall) { // CALLS in bpf/cells.h; Set checks the size
	for _, c := range calls {
		table[c.nr] = c.ObjectCall
	}
	describeChanges(table[:])
	for nr := range table {
		if c := &table[nr]; c.Flags == 0 && c.Result <= uint8(bpf.ObjectResultRESULT_BYTES) && c.Changes == 0 && c.Keeps == 1 &&
			c.Accounted&uint8(bpf.ObjectAccountedACCOUNTED_KERNEL|bpf.ObjectAccountedACCOUNTED_TWICE) == 0 {
			c.Plain = 1
		}
	}
	return table
}

// callOf is what is known of a system call.
func callOf(nr uint32) call {
	for _, c := range calls {
		if c.nr == nr {
			return c
		}
	}
	return call{nr: nr}
}

// saysLength is whether a call's arguments tell how many bytes it is to move.
func saysLength(nr uint32) bool { return callOf(nr).Len != 0 }

// ruleOf returns the rule of a system call; nil for one that moves no payload.
func ruleOf(nr uint32) rule { return callOf(nr).rule }
