/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The rest of the ABI: what is counted of programs that zctrace did not write. A thread has a
 * slot of its own, and adds to it without atomics; a process has what its threads had in common,
 * what did not fit into theirs, and what those left that have ended.
 */
#ifndef ZCTRACE_PROGRAMS_H
#define ZCTRACE_PROGRAMS_H

/* Who a subject is, of a run that follows programs: the index of its thread's slot or, of one that found no free slot,
 * that of its process, and this. */
enum who { OF_PROCESS = 1 << 30 };

/* All system calls of one kind. */
struct sum {
	__u64 state; /* enum claim */
	struct cell_key key;
	__u64 calls;	 /* that returned to the program */
	__u64 restarted; /* that a signal ended: they are made again, or the program gets EINTR */
	__u64 errors;	 /* of calls */
	__u64 bytes;	 /* as in a cell */
	__u64 mapped;
	__u64 cut;
	__u64 time_ns;
	__u64 blocked;
	__u64 kernel_read; /* what the kernel read for itself, and accounted to the caller */
	struct copied seen[ENGINES];
};

#define THREAD_SUMS 16	 /* a power of two */
#define PROCESS_SUMS 128 /* a power of two */
#define FILE_SUMS 48 /* of these, that are for calls with some kinds of descriptors; a busy Python program has 26 and 68 others */

/* The sum that a call with these descriptors belongs to, while these refer to the same. */
struct sum_memo {
	__u32 nr; /* NO_CALL: none */
	__u32 in_fd;
	__u32 out_fd;
	__u32 flags;
	__u32 in_epoch, out_epoch, all; /* of its table of descriptors */
	__u16 sum; /* from THREAD_SUMS on, the process's; NO_SUM: there is no room */
	__u16 heeded; /* FD_INSTALLS of in_fd, FD_OVERLAY of out_fd: a sum for want of room has no kinds of descriptors */
};

#define NO_CALL (~0U)
#define NO_SUM 0xffff
#define SUM_MEMOS 16 /* a power of two */

/* What the kernel accounts as read and written. */
struct io_bytes {
	__u64 rchar;
	__u64 wchar;
};

/* What happened to a task besides its calls. */
struct task_sums {
	struct task_counters task; /* what the kernel counts; read_bytes is 0 where it does not */
	struct io_bytes io;	   /* what it accounts */
	struct io_bytes counted;   /* what of that calls moved that were counted */
	__u64 kernel_read;	   /* and what of it the sums have as such */
	__u64 voluntary;	   /* sched_switch */
	__u64 involuntary;
	__u64 unwatched; /* switches of threads without a slot, of which sched_switch kept no account */
	__u64 faults_user;
	__u64 disk_read_bytes;
	__u64 disk_read_bios;
	__u64 disk_write_bytes;
	__u64 disk_write_bios;
	__u64 cow_bytes;
	__u64 received_bytes;
	__u64 raced; /* calls on a descriptor's number that another thread may have opened meanwhile */
};

struct thread {
	__u64 process; /* its index + 1; 0: the slot is free, or not yet filled in */
	__u32 next;    /* of the free ones: its index + 1 */
	__u32 table;   /* the index of its table of descriptors; 0: it has no place, and nothing is remembered of it */
	__u32 clock;   /* of that table, when the thread's last call returned */
	__u64 files;   /* the address of that table */
	struct task_counters begin; /* when it began to count */
	struct io_bytes begin_io;
	__u64 nvcsw; /* the task's, at the last switch */
	__u64 evictions; /* sums that moved to the process before the thread ended */
	struct task_sums sums; /* task and io are set at a switch, and now and then */

	/* Of the system call under way. */
	__u64 enter_ns;
	__u64 blocked;
	struct copied seen[ENGINES];
	__u64 cow_in_fault;

	struct sum_memo memos[SUM_MEMOS];
	struct sum calls[THREAD_SUMS];
} __attribute__((aligned(128))); /* two CPUs never write to the same line */

/* A call that failed, by its errno. */
struct errno_sum {
	__u64 state; /* enum claim */
	__u32 nr;
	__u32 errnr;
	__u64 calls;
};

#define ERRNO_SUMS 64 /* a power of two */
#define NAMESPACES 4  /* pid namespaces below zctrace's that are told of a process */

enum process_state {
	NO_PROCESS,
	ALIVE,
	ENDED, /* final; who reads the cells puts it back */
};

/* What is done by any of its threads, on any CPU, so with atomic additions. */
struct process {
	__u64 next;  /* of the free ones: its index + 1 */
	__u64 state; /* enum process_state */
	__u64 id;    /* each has another */
	__u64 updates_begun, updates_ended; /* see begin_update() */
	__s32 pid;   /* as zctrace's pid namespace has it; 0: it is not in there */
	__s32 ppid;
	__s32 below[NAMESPACES]; /* its numbers further down */
	__u64 alive;	/* threads */
	__u64 threads;	/* that it ever had */
	__u64 file_sums; /* those that were ever taken */
	__u64 slotless, slotless_ended; /* of these, those without a slot, and what of them has ended */
	__u32 exit_code; /* as wait(2) has it */
	__u32 execs;
	__u32 recorders; /* pid namespaces of its in which each end of a process is recorded: acct(2) */
	__u64 started_ns, ended_ns; /* CLOCK_MONOTONIC */
	char comm[16];
	char exe[256]; /* as execve was given it */
	struct task_sums sums; /* of threads that have ended */
	struct copied seen[ENGINES]; /* of threads without a slot, and in calls that did not return */
	struct errno_sum errnos[ERRNO_SUMS];
	struct sum calls[PROCESS_SUMS];
} __attribute__((aligned(128)));

/* Elements that are free: those that were given back, and those that were never taken. */
struct pool {
	__u64 free;  /* the first one's index + 1, below a number that changes each time */
	__u64 fresh; /* how many were ever taken */
};

/* What there is once. */
struct following {
	struct pool threads, processes;
	__u64 target;	 /* the number of the process that is to be followed from its next exec on; 0: none */
	__u64 namespace; /* the inode of the pid namespace that has it so */
	__u64 begun_ns;	 /* when it did that; 0: not yet */
	__u64 level;	 /* of that namespace */
	__u64 ids;
	__u64 threads_begun, threads_ended; /* all of a process had ended before its last one is among the latter */
	__u64 unaccounted; /* the kernel does not account what is read and written: no CONFIG_TASK_XACCT */
	/* Losses. */
	__u64 late_tasks; /* threads for which there was no place in the table of subjects */
	__u64 no_process; /* processes that share the cells of index 0 */
	__u64 no_cell;	  /* calls */
	__u64 compat_calls;
	__u64 uncounted_calls; /* their results could not be read */
	__u64 blind_stints;
	/* Limits. */
	__u64 no_slot; /* threads */
	__u64 errnos_overflow; /* errors */
	__u64 kinds_overflow; /* times that there was no room for a kind of calls, of whose descriptors nothing is known then */
};

/* A table of descriptors: what is remembered of one ends when its number changes hands. */
struct descriptors {
	__u64 files; /* address of its files_struct */
	__u64 users; /* threads that use it; 0: the place is free */
	__u64 clock; /* grows with each change */
	__u32 all;   /* the clock at the last change of any descriptor */
	__u32 changed[64]; /* that at the last change of descriptors by their number */
} __attribute__((aligned(128))); /* every call reads it, on any CPU */

#define TABLES 4096 /* a power of two; index 0 is shared by those that find no other */

#endif
