//go:build linux

package uring

// SQE is a request: struct io_uring_sqe of include/uapi/linux/io_uring.h.
type SQE struct {
	Opcode   uint8
	Flags    uint8  // the SQE... bits
	IOPrio   uint16 // for a send, the Send... bits
	FD       int32  // with SQEFixedFile, an index
	Off      uint64 // of a file; NoOffset for one that has none
	Addr     uint64 // for a splice, the offset of what it reads from
	Len      uint32
	OpFlags  uint32 // MSG_..., SPLICE_F_...
	UserData uint64 // comes back in the CQE
	BufIndex uint16 // of a registered buffer
	_        uint16 // personality
	SpliceIn int32  // what a splice reads from
	_        [2]uint64
}

// CQE is a result: struct io_uring_cqe.
type CQE struct {
	UserData uint64
	Res      int32  // what the system call would return, or -errno
	Flags    uint32 // the CQE... bits
}

// The operations in use: enum io_uring_op.
const (
	OpNop        = 0
	OpReadFixed  = 4
	OpWriteFixed = 5
	OpRead       = 22
	OpWrite      = 23
	OpSend       = 26
	OpSplice     = 30
	OpSendZC     = 47
)

// Bits of a request.
const (
	SQEFixedFile = 1 << 0 // IOSQE_FIXED_FILE
	SQELink      = 1 << 2 // IOSQE_IO_LINK: the next request starts when this one is done, and not if it fell short
)

// SendReportUsage asks a zero-copy send's notification to say whether the pages
// were copied after all: IORING_SEND_ZC_REPORT_USAGE, since Linux 6.2.
const SendReportUsage = 1 << 3

// UsageCopied is that answer, in the notification's Res: IORING_NOTIF_USAGE_ZC_COPIED.
const UsageCopied = 1 << 31

// Bits of a result.
const (
	CQEMore         = 1 << 1 // IORING_CQE_F_MORE: another result of the same request follows
	CQENotification = 1 << 3 // IORING_CQE_F_NOTIF: the pages of a zero-copy send are free again
)

// NoOffset is the offset of what has none, a pipe or a socket, or of the file's own position.
const NoOffset = ^uint64(0)

// Bits and offsets of the set-up: IORING_SETUP_..., IORING_OFF_..., IORING_FEAT_...
const (
	setupSQPoll       = 1 << 1
	setupSubmitAll    = 1 << 7
	setupSingleIssuer = 1 << 12
	setupDeferTaskrun = 1 << 13

	featureSingleMmap = 1 << 0
	featureNoDrop     = 1 << 1

	mapRings = 0
	mapSQEs  = 0x1000_0000

	enterGetEvents = 1 << 0
	enterSQWakeup  = 1 << 1

	sqNeedWakeup = 1 << 0

	registerBuffers = 0
	registerFiles   = 2
	registerProbe   = 8

	opSupported = 1 << 0
)

// params is struct io_uring_params.
type params struct {
	sqEntries, cqEntries uint32
	flags                uint32
	sqThreadCPU, sqIdle  uint32
	features, wqFD       uint32
	_                    [3]uint32
	sq                   sqOffsets
	cq                   cqOffsets
}

// sqOffsets is struct io_sqring_offsets.
type sqOffsets struct {
	head, tail, mask, entries, flags, dropped, array uint32
	_                                                uint32
	_                                                uint64
}

// cqOffsets is struct io_cqring_offsets.
type cqOffsets struct {
	head, tail, mask, entries, overflow, cqes, flags uint32
	_                                                uint32
	_                                                uint64
}

// probe is struct io_uring_probe with room for all operations there can be.
type probe struct {
	last, count uint8
	_           uint16
	_           [3]uint32
	ops         [256]probeOp
}

type probeOp struct {
	op    uint8
	_     uint8
	flags uint16
	_     uint32
}
