/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Numbers and structures of the kernel's that are the same on all: its user interface, and what it does not change. */
#ifndef ZCTRACE_CONSTANTS_H
#define ZCTRACE_CONSTANTS_H

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFCHR 0020000
#define O_ACCMODE 00000003
#define S_DAX (1 << 13)	      /* include/linux/fs.h */
#define OVERLAYFS_SUPER_MAGIC 0x794c7630 /* include/uapi/linux/magic.h */
#define FUSE_SUPER_MAGIC 0x65735546	     /* fs/fuse/inode.c */
#define FOPEN_DIRECT_IO (1 << 0)	     /* include/uapi/linux/fuse.h */
#define FOPEN_PASSTHROUGH (1 << 7)
#define NETIF_F_SG (1ULL << 0) /* include/linux/netdev_features.h: NETIF_F_SG_BIT */
#define IFF_BRIDGE_PORT (1 << 9)      /* include/linux/netdevice.h */
#define IFF_OVS_DATAPATH (1 << 10)
#define PF_KTHREAD 0x00200000	      /* include/linux/sched.h */
#define PF_IO_WORKER 0x00000010	      /* include/linux/sched.h: made by create_io_thread */
#define IORING_CQE_F_NOTIF (1U << 3)   /* include/uapi/linux/io_uring.h */
#define SPLICE_F_FD_IN_FIXED (1U << 31)
#define NETDEV_TX_BUSY 0x10	      /* include/linux/netdevice.h */
#define AF_INET 2
#define AF_INET6 10
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define MSG_ZEROCOPY 0x4000000	      /* include/linux/socket.h */
#define MSG_SPLICE_PAGES 0x8000000    /* since 6.5 */
#define SKBFL_ZEROCOPY_ENABLE (1 << 0) /* include/linux/skbuff.h */
#define SKB_DATAREF_MASK 0xffff	      /* include/linux/skbuff.h */
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define TCP_ZEROCOPY_RECEIVE 35 /* include/uapi/linux/tcp.h */
#define VM_SHARED 0x8		      /* include/linux/mm.h */
/* enum vm_fault_reason: no page was copied by this fault */
#define VM_FAULT_NO_COPY (0x1 | 0x2 | 0x10 | 0x20 | 0x40 | 0x100 | 0x400 | 0x800 | 0x1000)

/* What a system call's arguments point to, in a 64-bit program's memory (include/linux/socket.h: struct user_msghdr;
 * include/uapi/linux/fs.h). */
struct iovec {
	__u64 base, len;
};
struct user_msghdr {
	__u64 name;
	__u64 namelen;
	struct iovec *iov;
	__u64 iovlen;
	__u64 control;
	__u64 controllen;
	__u64 flags;
};
struct mmsghdr {
	struct user_msghdr header;
	__u32 len; /* out */
};
struct file_clone_range {
	__s64 src_fd;
	__u64 src_offset, src_length, dest_offset;
};
struct file_dedupe_range_info {
	__s64 dest_fd;
	__u64 dest_offset;
	__u64 bytes_deduped; /* out */
	__s32 status;	     /* out */
};
struct file_dedupe_range {
	__u64 src_offset, src_length;
	__u16 dest_count;
	__u16 reserved1;
	__u32 reserved2;
	struct file_dedupe_range_info info[];
};
#define FICLONE 0x40049409
#define FICLONERANGE 0x4020940d
#define FIDEDUPERANGE 0xc0189436
#define MSG_TRUNC 0x20
#define F_DUPFD 0
#define F_SETFL 4
#define F_DUPFD_CLOEXEC 1030
#define CLONE_PIDFD 0x1000
#define AF_UNIX 1
#define ANON_INODE_FS_MAGIC 0x09041934
#define MAX_ERRNO 4095 /* include/linux/err.h */
/* include/linux/errno.h: how a call ends that the kernel makes again, or has fail with EINTR */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

/* Linux AIO (include/uapi/linux/aio_abi.h) */
struct io_event {
	__u64 data;
	__u64 obj; /* address of the struct iocb */
	__s64 res;
	__s64 res2;
};
struct iocb {
	__u64 aio_data;
	__u32 aio_key, aio_rw_flags; /* in this order on little-endian machines */
	__u16 aio_lio_opcode;
	__s16 aio_reqprio;
	__u32 aio_fildes;
};

#define REQ_OP_MASK 0xff
#define REQ_OP_READ 0
#define REQ_OP_WRITE 1
#if defined(__TARGET_ARCH_arm64)
#define O_DIRECT 0200000
#else
#define O_DIRECT 00040000
#endif

#endif
