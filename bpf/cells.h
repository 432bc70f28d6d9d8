/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The ABI between the eBPF programs and package tracer. The programs fill
 * cells with what happened; what it means is decided in tracer/ledger.
 * bpf2go makes the Go types from these through BTF.
 *
 * Every counter only ever grows; user space subtracts or sums snapshots.
 * A slot belongs to one thread and its fields are written only in that
 * thread's context, so that plain additions are exact without atomics. What
 * others do for the thread is apart, in its struct helpers.
 */
#ifndef ZCTRACE_CELLS_H
#define ZCTRACE_CELLS_H

#define SLOTS 2 /* threads that are traced: which of them has which, its marker says; a power of two */

/* The kind of an open file, as raw facts. */
struct fd_kind {
	__u16 format; /* i_mode & S_IFMT; 0: an anonymous inode's */
	__u16 attrs;  /* enum fd_attr; without FD_KNOWN nothing is known */
	__u32 detail; /* device: i_rdev; socket: family << 24 | type << 16 | protocol;
		       * anything else: low half of s_magic */
};

enum fd_attr {
	FD_DIRECT = 1 << 0,   /* O_DIRECT */
	FD_DAX = 1 << 1,      /* inode without page cache */
	FD_SG = 1 << 2,	      /* socket whose route can scatter-gather */
	FD_ZEROCOPY = 1 << 3, /* socket with SO_ZEROCOPY */
	FD_WRITABLE = 1 << 4, /* opened for writing: tells a pipe's ends apart */
	FD_KNOWN = 1 << 5,    /* the descriptor is open, and could be looked at */
	FD_CACHED = 1 << 6,   /* of FUSE: reads and writes pass the page cache, but for direct I/O */
	FD_STABLE = 1 << 7,   /* what is written must not change meanwhile, and this kernel copies direct I/O therefore */
	FD_INSTALLS = 1 << 8, /* reading it may install descriptors: fanotify, userfaultfd */
	FD_ULP = 1 << 9,      /* socket of TCP below another protocol: kTLS */
	FD_OVERLAY = 1 << 10, /* it is on an overlay; what is told is of the file below, if that is known */
};

/* Who saw a copy: the tracepoints, the hooks on the functions that copy, or the
 * breakpoints on the copy instructions. They run side by side and do not know of
 * each other. */
enum engine {
	TRACEPOINTS,
	FENTRY,
	BREAKPOINT,
	ENGINES,
};

/* Payload bytes that the CPU copied, as one engine saw it. */
struct copied {
	__u64 to_user;
	__u64 from_user;
	__u64 in_kernel;
};

/* All system calls of one kind share a cell. */
struct cell_key {
	__u32 nr;
	__u32 flags; /* the call's flags argument, where struct call has one */
	struct fd_kind in;
	struct fd_kind out;
} __attribute__((aligned(8)));

#define LATENCY_BUCKETS 40 /* the last one holds everything from 2^39 ns (9 min) */

/* Calls, or requests, that failed with the same errno. */
struct failed {
	__u64 errnr; /* as in errno(3), or one of the kernel's own: ERESTARTSYS */
	__u64 calls;
};

#define ERRNOS 4 /* different ones that a cell has room for */

struct cell {
	struct cell_key key;
	__u64 calls;
	__u64 errors;	     /* calls that returned < 0 */
	__u64 bytes;	     /* that the results said were moved */
	__u64 mapped;	     /* those of these bytes that were mapped for the caller */
	__u64 short_calls;   /* moved less than was asked for, and did not fail */
	struct copied seen[ENGINES]; /* copied inside the calls */
	__u64 time_ns;	     /* spent inside the calls; only while sys_enter is attached */
	__u64 blocked;	     /* voluntary context switches inside the calls */
	__u64 latency_log2[LATENCY_BUCKETS]; /* [i]: calls of [2^i, 2^(i+1)) ns */
	/* Last, so that what every call touches stays together. */
	__u64 cut;	    /* those of bytes that were not: the rest of datagrams that the caller had no room for */
	__u64 other_errors; /* those of errors whose errno found no room in failed */
	struct failed failed[ERRNOS];
};

#define CELLS 64 /* a power of two */

#define NOT_ACCOUNTED (~0ULL) /* by a kernel without CONFIG_TASK_IO_ACCOUNTING */

/* What the kernel itself counts for a task. */
struct task_counters {
	__u64 nvcsw;
	__u64 nivcsw;
	__u64 min_flt;
	__u64 maj_flt;
	__u64 read_bytes; /* ioac: from block devices, or network file systems; or NOT_ACCOUNTED */
	__u64 runtime_ns; /* se.sum_exec_runtime */
	__u64 utime_ns;	  /* tick-sampled */
	__u64 stime_ns;	  /* tick-sampled */
};

/* Reads and writes that the kernel itself counts for a task (ioac.syscr, syscw), in the window once it is closed. */
struct io_calls {
	__u64 accounted; /* 0: not yet, or by a kernel without CONFIG_TASK_XACCT */
	__u64 reads;
	__u64 writes;
};

/* Where the numbers of asynchronous requests begin, which have a rule each as
 * system calls do. */
enum request_base {
	IO_URING_OP = 1 << 12, /* + enum io_uring_op */
	IOCB_CMD = 1 << 13,    /* + IOCB_CMD_ of Linux AIO */
};

/* How a cell is taken that any CPU may want: it is claimed by compare-and-swap, and has its key
 * once it is ready. */
enum claim { FREE, CLAIMED, READY };

/* All requests of one kind share a cell. Two that complete at once may each take one for the same
 * key; they add up. */
struct request_cell {
	__u64 state; /* enum claim */
	struct cell_key key;
	__u64 requests; /* that completed */
	__u64 errors;	/* of them, with a result < 0 */
	__u64 bytes;	/* sum of the results > 0 of requests that move bytes */
	__u64 other_errors; /* those of errors whose errno found no room in failed */
	struct failed failed[ERRNOS];
};

#define REQUEST_CELLS 32 /* a power of two */

/* What a slot's source meets in the page cache. A slot's helpers read one after the
 * other: a chain of requests, or what one thread takes from a queue. */
struct cache_use {
	__u64 added_bytes;  /* folios of the source that were added to the cache */
	__u64 ahead_bytes;  /* pages of these that the read or fault under way did not ask for */
	__u64 missed_bytes; /* what of these it did ask for, up to the source's end */
	__u64 mapped_bytes; /* pages of the source that page faults mapped */
	__u64 asked_first, asked_end; /* what the read or fault under way asks for, in pages of the source */
	__u64 faulted; /* single pages are asked for, by faults */
};

/* What the kernel itself counts for io_uring's threads. */
struct helper_counters {
	__u64 min_flt;
	__u64 maj_flt;
	__u64 runtime_ns; /* se.sum_exec_runtime */
};

/* What others do for a slot's thread: io_uring's threads of its process, and
 * whoever completes its requests. On any CPU, so with atomic additions. */
struct helpers {
	struct copied seen[ENGINES];
	struct cache_use cache;
	__u64 disk_read_bytes;
	__u64 disk_read_bios;
	__u64 disk_write_bytes;
	__u64 disk_write_bios;
	struct helper_counters begin; /* at the opening marker */
	struct helper_counters now;   /* at the closing one */
	struct helper_counters gone;  /* of helpers that exited between the markers */
	__u64 uncounted_requests; /* a loss: no cell was free, or nothing tells what the request was */
	struct request_cell requests[REQUEST_CELLS];
};

enum slot_state {
	IDLE,	/* the thread has not opened its window */
	OPEN,	/* counting */
	CLOSED, /* the thread closed its window: final */
	DIED,	/* the thread exited with its window open: final */
};

/* Remembers the cell of (nr, fds, flags), so that the walk from descriptor to
 * inode is not repeated for each call. */
struct memo {
	__u64 epoch;
	__u32 nr;
	__u32 in_fd;
	__u32 out_fd;
	__u32 flags;
	__u64 cell;
};

#define MEMOS 64 /* a power of two */

/* A connection, as the packets that arrive for it name it; addresses and ports in
 * network order, an IPv4 address in the first word. */
struct flow {
	__u32 from[4];
	__u32 to[4];
	__u16 from_port;
	__u16 to_port;
	__u32 family; /* 0: there is none */
};

/* Where a file's data is kept; zeros: it is no file, or that cannot be known. */
struct store {
	__u32 device; /* s_dev of its file system */
	char filesystem[16]; /* s_type->name */
};

/* Packets that a device took or brought by DMA. */
struct packets {
	__u64 bytes; /* with their headers, those of the link layer too */
	__u64 packets;
	__u64 linear_bytes; /* of payload: see linear_payload() */
};

struct slot {
	__u64 task;   /* address of the thread's task_struct */
	__u64 leader; /* address of that of its process's first thread */
	enum slot_state state;
	__u64 opened_ns; /* CLOCK_MONOTONIC */
	__u64 closed_ns;
	struct task_counters begin; /* at the opening marker */
	struct task_counters now;   /* lately, see SMALL_CALLS; final once closed */

	struct io_calls io_calls;

	__u64 nvcsw; /* the task's, at the last switch */
	__u64 voluntary; /* sched_switch */
	__u64 involuntary;
	__u64 faults_user; /* page_fault_user */
	struct cache_use cache;
	__u64 disk_read_bytes;	/* bios that the thread submitted */
	__u64 disk_read_bios;
	__u64 disk_write_bytes;
	__u64 disk_write_bios;
	__u64 blind_stints; /* see note_blind() */
	__u64 uncounted_calls; /* a loss: no cell was free, or the result could not be read */
	__u64 late_bytes[ENGINES]; /* sent by reference and copied after all, in any task's context */
	__u64 cow_bytes;
	__u64 received_bytes;	  /* from a socket, by mapping its pages */
	__u64 net_internal_bytes; /* within the stack, of packets that belong to the sink's socket */

	__u64 source_number; /* i_ino of the source */
	__u64 source_doubled; /* a sink has the same on the same device, and some hooks know files by these only */
	__u64 source_inode; /* addresses of struct inode and struct sock: identity only. Of a file on an overlay,
			     * those below it; 0: not known */
	__u64 sink_inode;
	__u64 sink_sock;
	__u64 sink2_inode; /* 0: no second sink */
	__u64 sink2_sock;
	__u64 sink_net; /* address of its struct net */
	struct flow sink_flow;
	struct store source_store, sink_store, sink2_store;

	/* Of the sink's socket, in any task's context. */
	struct packets sent;	/* handed to a device, each time that they were */
	struct packets refused; /* not taken by it: they are handed over again */
	struct packets received;

	/* Of the system call under way. */
	__u64 enter_ns;
	__u64 blocked;
	struct copied seen[ENGINES];
	__u64 cow_in_fault;

	__u64 epoch; /* memos of another epoch are void */
	struct memo memos[MEMOS];
	struct cell cells[CELLS];
	struct helpers helpers;
};

typedef struct slot slot_array[SLOTS];

/* One of the addresses in the kernel that a thread is known by. */
struct subject {
	__u64 address; /* no address is FREE or CLAIMED */
	__u32 who;     /* the index of its slot; of one of a program's see programs.h */
	__u32 more;    /* addresses that found this place taken, and are further on */
};

/* What is done for the run in contexts that have no slot, on any CPU, so with
 * atomic additions. */
struct kernel_cells {
	__u64 writeback_bytes; /* bios of the sink's pages by other tasks */
	__u64 writeback_bios;
};

/* The breakpoints whose programs were run, in any task on any CPU. Less than what their events
 * counted means that runs were dropped. */
enum breakpoint {
	COPY_TO_ITER,
	COPY_FROM_ITER,
	COPY_PAGE_FROM_ITER,
	BREAKPOINTS,
};

struct breakpoint_cells {
	__u64 hits[BREAKPOINTS];
};

/* What the result of a system call that did not fail says of the bytes that it moved. */
enum result {
	RESULT_NONE,	 /* nothing: it moves none, or nobody can tell how many */
	RESULT_BYTES,	 /* it is their number */
	RESULT_MESSAGE,	 /* the same, of a struct msghdr */
	RESULT_MESSAGES, /* it is a number of struct mmsghdr, and each has the number of its bytes */
	RESULT_LENGTH,	 /* it is 0, for all that was asked for was moved */
	RESULT_COMMANDS, /* from here on the flags are a command, and one of them moves bytes */
	RESULT_ZEROCOPY = RESULT_COMMANDS, /* they stand in a struct tcp_zerocopy_receive */
	RESULT_CLONES,	 /* the command says where they stand: FICLONE, FICLONERANGE, FIDEDUPERANGE */
};

/* How to read one system call's arguments; numbers are positions from 1, 0
 * means that it has none. Filled from tracer/ledger/calls.go. */
struct call {
	__u8 in_fd;
	__u8 out_fd;
	__u8 len;
	__u8 flags;
	__u8 result; /* enum result */
	__u8 received; /* its result is 0, whatever it moved */
	__u8 keeps; /* cannot change what a descriptor refers to, but for reads of what has FD_INSTALLS */
	__u8 changes; /* enum changes: of the others, which descriptors it may change; 0: any */
	__u8 accounted; /* enum accounted */
	__u8 events; /* array of struct io_event that it fills; its result is how many */
	__u8 plain; /* its result is all that there is to read: no flags decide, it changes no descriptor, and is accounted once */
	__u32 decisive; /* those bits of its flags that decide who copies */
};

#define CALLS 512

/* Which descriptors may refer to something else once a call has returned. */
enum changes {
	CHANGES_RESULT = 1 << 0, /* the one that it returns */
	CHANGES_FIRST = 1 << 1,	 /* the one in its first argument */
	CHANGES_PAIR = 1 << 2,	 /* two that it writes where its first argument points to */
	CHANGES_PAIR_4 = 1 << 3, /* the same of its fourth one */
	CHANGES_MESSAGE = 1 << 4, /* those that came with a message */
	CHANGES_TABLE = 1 << 5,	 /* all: the caller may have another table of descriptors */
	CHANGES_POSITIVE = 1 << 6, /* the one that it returns, if that is not 0 */
	CHANGES_FCNTL = 1 << 7,	 /* by its command: the one that it returns, the one in its first argument, or none */
};

/* What the kernel itself adds to what a task has read and written (ioac.rchar, wchar), and where it adds what no call returned. */
enum accounted {
	ACCOUNTED_READ = 1 << 0,    /* the call's result > 0 */
	ACCOUNTED_WRITTEN = 1 << 1, /* the same */
	ACCOUNTED_KERNEL = 1 << 2,  /* what the kernel reads for itself: of the program, of a module */
	ACCOUNTED_TWICE = 1 << 3,   /* on an overlay: one call is made inside the other */
};

/* What one kind of request does; likewise from tracer/ledger/requests.go. */
struct request_op {
	__u8 in;      /* it reads from its file */
	__u8 out;     /* it writes to its file */
	__u8 message; /* it has msg_flags, in struct io_sr_msg */
	__u8 splice;  /* it has another file, in struct io_splice */
	__u8 moves;   /* its result > 0 is a number of bytes */
};

#define REQUEST_OPS 64 /* IORING_OP_ and IOCB_CMD_ are below; a power of two */

/* The marker that opens and closes a window; see marker() in window.bpf.h. */
struct marker {
	__u64 nr;
	__u64 address;
	__u64 cookie;
};

#endif
