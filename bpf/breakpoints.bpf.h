/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Hardware execution breakpoints on the functions of lib/iov_iter.c that copy,
 * which are built without ftrace so that no other hook reaches them. One event
 * per page, system-wide.
 */
#ifndef ZCTRACE_BREAKPOINTS_H
#define ZCTRACE_BREAKPOINTS_H

struct breakpoint_cells breakpoints;

/* A copy moves no more than the iterator has left (lib/iov_iter.c). */
static __always_inline void saw_breakpoint(enum breakpoint which, __u64 n, struct iov_iter *iter)
{
	struct copied *seen;
	enum memory memory;
	__u64 left;
	__u8 type;

	__sync_fetch_and_add(&breakpoints.hits[which], 1);
	seen = charged(BREAKPOINT);
	if (!seen)
		return;
	left = BPF_CORE_READ(iter, count);
	if (n > left)
		n = left;
	type = BPF_CORE_READ(iter, iter_type);
	memory = is_iter(type, ITER_PIPE) ? KERNEL : memory_of(type); /* here it is a fresh page, not a reference */
	if (which == COPY_TO_ITER)
		saw_copy_to(seen, memory, n);
	else
		saw_copy_from(seen, memory, n);
}

/* size_t _copy_to_iter(const void *addr, size_t bytes, struct iov_iter *i) */
SEC("perf_event")
int copy_to_iter(struct breakpoint_context *ctx)
{
	saw_breakpoint(COPY_TO_ITER, function_arg(ctx, 2), (void *)function_arg(ctx, 3));
	return 0;
}

/* size_t _copy_from_iter(void *addr, size_t bytes, struct iov_iter *i) */
SEC("perf_event")
int copy_from_iter(struct breakpoint_context *ctx)
{
	saw_breakpoint(COPY_FROM_ITER, function_arg(ctx, 2), (void *)function_arg(ctx, 3));
	return 0;
}

/* size_t copy_page_from_iter_atomic(struct page *page, size_t offset, size_t
 * bytes, struct iov_iter *i): into the page cache, without calling _copy_from_iter. */
SEC("perf_event")
int copy_page_from_iter(struct breakpoint_context *ctx)
{
	saw_breakpoint(COPY_PAGE_FROM_ITER, function_arg(ctx, 3), (void *)function_arg(ctx, 4));
	return 0;
}

#endif
