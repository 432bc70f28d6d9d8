/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the kernel records of an event, for programs at perf's events: they get that instead
 * of the tracepoint's arguments. Relocated at load time, as what is in kernel.h.
 *
 * Such a program returns HAND_ON: at 0 the kernel would keep the event from all others who
 * count or record it (kernel/events/core.c: perf_trace_run_bpf_submit), perf and strace-like tools among them.
 */
#ifndef ZCTRACE_RECORDS_H
#define ZCTRACE_RECORDS_H

enum { HAND_ON = 1 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct trace_event_raw_sys_enter {
	long id;
};
struct trace_event_raw_sys_exit {
	long id, ret;
};
struct trace_event_raw_skb_copy_datagram_iovec {
	int len;
};
struct trace_event_raw_mm_filemap_op_page_cache {
	unsigned long i_ino, index;
	__u32 s_dev;
	__u8 order;
};
struct trace_event_raw_mm_filemap_fault {
	unsigned long i_ino, index;
	__u32 s_dev;
};
struct trace_event_raw_page_cache_ra_op {
	unsigned long i_ino, index, req_count;
	__u32 s_dev;
};
struct trace_event_raw_sched_process_exec {
	__u32 __data_loc_filename; /* its offset from here, and above that its length */
};
struct trace_event_raw_io_uring_complete {
	void *req;
	int res;
	unsigned int cflags;
};

#pragma clang attribute pop

#endif
