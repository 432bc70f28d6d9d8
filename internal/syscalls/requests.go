package syscalls

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What the names of asynchronous requests begin with: those of io_uring, and of Linux AIO.
const (
	uringOp    = "IORING_OP_"
	aioCommand = "IOCB_CMD_"
)

// uringOps are the operations of io_uring by their numbers (include/uapi/linux/io_uring.h).
var uringOps = strings.Fields(`NOP READV WRITEV FSYNC READ_FIXED WRITE_FIXED POLL_ADD POLL_REMOVE SYNC_FILE_RANGE
	SENDMSG RECVMSG TIMEOUT TIMEOUT_REMOVE ACCEPT ASYNC_CANCEL LINK_TIMEOUT CONNECT FALLOCATE OPENAT CLOSE FILES_UPDATE
	STATX READ WRITE FADVISE MADVISE SEND RECV OPENAT2 EPOLL_CTL SPLICE PROVIDE_BUFFERS REMOVE_BUFFERS TEE SHUTDOWN
	RENAMEAT UNLINKAT MKDIRAT SYMLINKAT LINKAT MSG_RING FSETXATTR SETXATTR FGETXATTR GETXATTR SOCKET URING_CMD SEND_ZC
	SENDMSG_ZC READ_MULTISHOT WAITID FUTEX_WAIT FUTEX_WAKE FUTEX_WAITV FIXED_FD_INSTALL FTRUNCATE BIND LISTEN RECV_ZC
	EPOLL_WAIT READV_FIXED WRITEV_FIXED PIPE`)

// aioCommands are those of Linux AIO by theirs (include/uapi/linux/aio_abi.h).
var aioCommands = map[uint32]string{0: "PREAD", 1: "PWRITE", 2: "FSYNC", 3: "FDSYNC", 5: "POLL", 6: "NOOP", 7: "PREADV", 8: "PWRITEV"}

// UringOp is the name of an operation of io_uring, as in io_uring_enter(2); of one that the table does not have,
// "IORING_OP_" and its number.
func UringOp(op uint32) string {
	if int(op) < len(uringOps) {
		return uringOp + uringOps[op]
	}
	return fmt.Sprint(uringOp, op)
}

// AIOCommand is the name of a command of Linux AIO, as in io_submit(2); of one that the table does not have,
// "IOCB_CMD_" and its number.
func AIOCommand(command uint32) string {
	if name, ok := aioCommands[command]; ok {
		return aioCommand + name
	}
	return fmt.Sprint(aioCommand, command)
}

// IsRequest is whether [UringOp] or [AIOCommand] may have given that name, with an older or a newer table, too.
func IsRequest(name string) bool {
	for _, prefix := range []string{uringOp, aioCommand} {
		if number, ok := strings.CutPrefix(name, prefix); ok {
			if _, err := strconv.ParseUint(number, 10, 32); err == nil {
				return true
			}
		}
	}
	return slices.Contains(Requests(), name)
}

// Requests are the names of all kinds of asynchronous requests.
func Requests() (names []string) {
	for op := range uringOps {
		names = append(names, UringOp(uint32(op)))
	}
	for command := range aioCommands {
		names = append(names, AIOCommand(command))
	}
	slices.Sort(names)
	return names
}
