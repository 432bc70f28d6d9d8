//go:build linux

package ledger

import (
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
)

// call says how to read one system call's arguments (for the eBPF side) and
// what its result means (for the ledger).
type call struct {
	nr uint32
	bpf.ObjectCall
	rule rule
}

// transfer is a call that moves bytes: positions of its arguments, from 1 on; 0 where
// it has none. No such call changes what a descriptor refers to.
func transfer(nr uint32, in, out, length, flags uint8, r rule) call {
	return call{nr, bpf.ObjectCall{InFd: in, OutFd: out, Len: length, Flags: flags, Moves: 1, Keeps: 1}, r}
}

// plain is a call that moves no payload and leaves descriptors alone.
func plain(nr uint32) call { return call{nr: nr, ObjectCall: bpf.ObjectCall{Keeps: 1}} }

// unknown is a call that moves payload in ways that its result does not tell.
func unknown(nr uint32) call { return call{nr: nr, rule: ruleUnknown} }

// calls are the system calls that the programs and the ledger know. All others
// are counted too, but move nothing.
var calls = []call{
	// nr                 in out len flags
	transfer(unix.SYS_READ, 1, 0, 3, 0, ruleRead),
	transfer(unix.SYS_PREAD64, 1, 0, 3, 0, ruleRead),
	transfer(unix.SYS_READV, 1, 0, 0, 0, ruleRead),
	transfer(unix.SYS_PREADV, 1, 0, 0, 0, ruleRead),
	transfer(unix.SYS_PREADV2, 1, 0, 0, 0, ruleRead),
	transfer(unix.SYS_WRITE, 0, 1, 3, 0, ruleWrite),
	transfer(unix.SYS_PWRITE64, 0, 1, 3, 0, ruleWrite),
	transfer(unix.SYS_WRITEV, 0, 1, 0, 0, ruleWrite),
	transfer(unix.SYS_PWRITEV, 0, 1, 0, 0, ruleWrite),
	transfer(unix.SYS_PWRITEV2, 0, 1, 0, 0, ruleWrite),
	transfer(unix.SYS_RECVFROM, 1, 0, 3, 4, ruleReceive),
	transfer(unix.SYS_RECVMSG, 1, 0, 0, 3, ruleReceive),
	transfer(unix.SYS_SENDTO, 0, 1, 3, 4, ruleSend),
	transfer(unix.SYS_SENDMSG, 0, 1, 0, 3, ruleSend),
	transfer(unix.SYS_SENDFILE, 2, 1, 4, 0, ruleSendfile),
	transfer(unix.SYS_SPLICE, 1, 3, 5, 0, ruleSplice),
	transfer(unix.SYS_TEE, 1, 2, 3, 0, ruleTee),
	transfer(unix.SYS_VMSPLICE, 0, 1, 0, 0, ruleVmsplice),
	transfer(unix.SYS_COPY_FILE_RANGE, 1, 3, 5, 0, ruleCopyFileRange),

	{unix.SYS_GETSOCKOPT, bpf.ObjectCall{InFd: 1, Flags: 3, Received: 1, Keeps: 1}, ruleGetsockopt},

	plain(unix.SYS_LSEEK),
	plain(unix.SYS_PPOLL),
	plain(unix.SYS_MMAP),
	plain(unix.SYS_MUNMAP),
	plain(unix.SYS_MSYNC),
	plain(unix.SYS_MADVISE),
	plain(unix.SYS_NANOSLEEP),
	plain(unix.SYS_CLOCK_NANOSLEEP),
	plain(unix.SYS_FUTEX),

	unknown(unix.SYS_SENDMMSG),
	unknown(unix.SYS_RECVMMSG),
	unknown(unix.SYS_PROCESS_VM_READV),
	unknown(unix.SYS_PROCESS_VM_WRITEV),

	// See requestsBy.
	{nr: unix.SYS_IO_SUBMIT},
	{nr: unix.SYS_IO_GETEVENTS, ObjectCall: bpf.ObjectCall{Events: 4}},
	{nr: unix.SYS_IO_PGETEVENTS, ObjectCall: bpf.ObjectCall{Events: 4}},
	{nr: unix.SYS_IO_URING_ENTER},
}

// CallTable says how to read the arguments of system calls, as the eBPF side has it.
func CallTable() (table [512]bpf.ObjectCall) { // CALLS in bpf/cells.h; Set checks the size
	for _, c := range calls {
		table[c.nr] = c.ObjectCall
	}
	describeChanges(table[:])
	return table
}

// saysLength is whether a call's arguments tell how many bytes it is to move.
func saysLength(nr uint32) bool {
	for _, c := range calls {
		if c.nr == nr {
			return c.Len != 0
		}
	}
	return false
}

// ruleOf returns the rule of a system call; nil for one that moves no payload.
func ruleOf(nr uint32) rule {
	for _, c := range calls {
		if c.nr == nr {
			return c.rule
		}
	}
	return nil
}
