/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Asynchronous requests, of io_uring and of Linux AIO. Each is counted once, when it
 * completes, for the slot whose thread made it; other threads may carry it out and complete it.
 */
#ifndef ZCTRACE_REQUESTS_H
#define ZCTRACE_REQUESTS_H

volatile const struct request_op uring_ops[REQUEST_OPS];
volatile const struct request_op aio_ops[REQUEST_OPS];
volatile const bool complete_has_cqe; /* how io_uring_complete passes the result, see kernel.h */

#define REQUEST_PROBES 8 /* of an open-addressed table that a run fills to a tenth */

/* The key's cell, taking a free one if need be. Compare-and-swap orders memory
 * as well, so that whoever finds a cell ready finds its key. */
static __always_inline struct request_cell *request_cell(struct helpers *h, const struct cell_key *key)
{
	__u32 start = hash_key(key);

	for (__u32 i = 0; i < REQUEST_PROBES; i++) {
		struct request_cell *c = &h->requests[(start + i) % REQUEST_CELLS];
		__u64 was = __sync_val_compare_and_swap(&c->state, FREE, CLAIMED);

		if (was == FREE) {
			c->key = *key;
			__sync_val_compare_and_swap(&c->state, CLAIMED, READY);
			return c;
		}
		if (was == READY && same_key(&c->key, key))
			return c;
	}
	return 0;
}

/* As add_error() in syscalls.bpf.h, on any CPU: who finds an errno's place free claims it. */
static __always_inline void add_request_error(struct request_cell *c, __u64 errnr)
{
	__sync_fetch_and_add(&c->errors, 1);
	for (int i = 0; i < ERRNOS; i++) {
		struct failed *f = &c->failed[i];
		__u64 was = __sync_val_compare_and_swap(&f->errnr, 0, errnr);

		if (!was || was == errnr) {
			__sync_fetch_and_add(&f->calls, 1);
			return;
		}
	}
	__sync_fetch_and_add(&c->other_errors, 1);
}

/* A global function, so that the verifier proves it once. */
__attribute__((noinline)) int count_request(struct slot *s, const struct cell_key *key, __s64 res, __u32 moves)
{
	struct request_cell *c;

	if (!s || !key)
		return 0;
	c = request_cell(&s->helpers, key);
	if (!c) {
		__sync_fetch_and_add(&s->helpers.uncounted_requests, 1);
		return 0;
	}
	__sync_fetch_and_add(&c->requests, 1);
	if (res < 0)
		add_request_error(c, -res);
	else if (moves)
		__sync_fetch_and_add(&c->bytes, res);
	return 0;
}

/* The file that a splice takes from, from the ring's own table of files. */
static __always_inline struct file *fixed_file(struct io_kiocb *req, __u32 index)
{
	struct io_ring_ctx *ring = BPF_CORE_READ(req, ctx);
	struct io_file_table___files *old = (void *)&ring->file_table;
	unsigned long file = 0;

	if (bpf_core_field_exists(old->files)) {
		struct io_fixed_file *files = BPF_CORE_READ(old, files);

		if (index < BPF_CORE_READ(ring, nr_user_files))
			bpf_probe_read_kernel(&file, sizeof(file), files + index);
	} else if (index < BPF_CORE_READ(ring, file_table.data.nr)) {
		struct io_rsrc_node **nodes = BPF_CORE_READ(ring, file_table.data.nodes);
		struct io_rsrc_node *node = 0;

		bpf_probe_read_kernel(&node, sizeof(node), nodes + index);
		if (node)
			file = BPF_CORE_READ(node, file_ptr);
	}
	return (struct file *)(file & ~7UL);
}

static __always_inline void describe_spliced(struct fd_kind *kind, struct io_kiocb *req, struct task_struct *task)
{
	struct io_splice *splice = (void *)req;
	__u32 fd = BPF_CORE_READ(splice, splice_fd_in);

	if (BPF_CORE_READ(splice, flags) & SPLICE_F_FD_IN_FIXED)
		describe_file(kind, fixed_file(req, fd));
	else
		describe_fd(kind, task, fd);
}

/* A completed request of io_uring. Its file is still held, and its own structure
 * as it was (io_uring/io_uring.c: __io_submit_flush_completions,
 * io_req_complete_post). */
static __always_inline void count_uring(struct io_kiocb *req, __s64 res)
{
	struct slot *s = slot_of_request(req);
	__u32 opcode = BPF_CORE_READ(req, opcode);
	const volatile struct request_op *op = &uring_ops[opcode % REQUEST_OPS];
	struct cell_key key = { .nr = IO_URING_OP + opcode };

	if (!s || s->state != OPEN)
		return;
	if (op->in)
		describe_file(&key.in, BPF_CORE_READ(req, file));
	if (op->out)
		describe_file(&key.out, BPF_CORE_READ(req, file));
	if (op->splice)
		describe_spliced(&key.in, req, task_of_request(req));
	if (op->message) {
		struct io_sr_msg *message = (void *)req;

		key.flags = BPF_CORE_READ(message, msg_flags);
	}
	count_request(s, &key, res, op->moves);
}

/* A completion without a request is what one posts besides its result. Only the task in
 * whose context it happens tells whose it is. */
static __always_inline void uncounted(void)
{
	struct slot *s = slot_served_by(bpf_get_current_task_btf());

	if (s && s->state == OPEN)
		__sync_fetch_and_add(&s->helpers.uncounted_requests, 1);
}

/* A second completion, which says that a zero-copy send's memory is free, moves nothing. */
static __always_inline int completed(struct io_kiocb *req, __s32 res, __u32 flags)
{
	if (flags & IORING_CQE_F_NOTIF)
		return 0;
	if (req)
		count_uring(req, res);
	else
		uncounted();
	return 0;
}

/* Its arguments differ between kernels, see kernel.h. */
SEC("tp_btf/io_uring_complete")
int io_uring_complete(__u64 *ctx)
{
	struct io_kiocb *req = (void *)ctx[1];
	__u32 flags;
	__s32 res;

	if (complete_has_cqe) {
		struct io_uring_cqe *cqe = (void *)ctx[2];

		res = BPF_CORE_READ(cqe, res);
		flags = BPF_CORE_READ(cqe, flags);
	} else {
		res = ctx[3];
		flags = ctx[4];
	}
	return completed(req, res, flags);
}

SEC("tp/io_uring/io_uring_complete")
int io_uring_complete_perf(struct trace_event_raw_io_uring_complete *record)
{
	completed(record->req, record->res, record->cflags);
	return HAND_ON;
}

/* A completion for which the ring had no place comes without io_uring_complete
 * (io_uring/io_uring.c: io_cqring_event_overflow). */
SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(io_uring_cqe_overflow)
{
	uncounted();
	return 0;
}

SEC("tp/io_uring/io_uring_cqe_overflow")
int io_uring_cqe_overflow_perf(void *record)
{
	uncounted();
	return HAND_ON;
}

struct reaped {
	struct io_event *events; /* in user memory */
	struct slot *slot;
};

static long count_event(__u32 i, struct reaped *r)
{
	const volatile struct request_op *op;
	struct cell_key key = {};
	struct io_event event;
	struct slot *s = r->slot;
	struct iocb io;

	if (bpf_probe_read_user(&event, sizeof(event), r->events + i) ||
	    bpf_probe_read_user(&io, sizeof(io), (void *)event.obj)) {
		__sync_fetch_and_add(&s->helpers.uncounted_requests, 1);
		return 0;
	}
	op = &aio_ops[io.aio_lio_opcode % REQUEST_OPS];
	key.nr = IOCB_CMD + io.aio_lio_opcode;
	if (op->in)
		describe_fd(&key.in, bpf_get_current_task_btf(), io.aio_fildes);
	if (op->out)
		describe_fd(&key.out, bpf_get_current_task_btf(), io.aio_fildes);
	count_request(s, &key, event.res, op->moves);
	return 0;
}

/* What Linux AIO did is known only from the events that io_getevents(2) and io_pgetevents(2) give the
 * caller, in user memory. */
static __always_inline int reaps(struct slot *s, struct pt_regs *regs, __s64 ret)
{
	__u32 position = call_of(syscall_nr(regs))->events;
	struct reaped r = {};

	if (!position || ret <= 0)
		return 0;
	r.events = (void *)syscall_arg(regs, position);
	r.slot = s;
	bpf_loop(ret, count_event, &r, 0);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(aio_events, struct pt_regs *regs, long ret)
{
	struct slot *s = open_slot_of_caller(regs);

	return s ? reaps(s, regs, ret) : 0;
}

SEC("tp/raw_syscalls/sys_exit")
int aio_events_perf(struct trace_event_raw_sys_exit *record)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct slot *s = open_slot_of(task);

	if (s)
		reaps(s, (struct pt_regs *)bpf_task_pt_regs(task), record->ret);
	return HAND_ON;
}

#endif
