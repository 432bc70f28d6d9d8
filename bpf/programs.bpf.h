/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* System calls of programs, classified at their exit into the sums of their thread. */
#ifndef ZCTRACE_PROGRAM_CALLS_H
#define ZCTRACE_PROGRAM_CALLS_H

#define SUM_PROBES 32

/* The index of the key's sum in the thread's slot, taking a free one if need be; NO_SUM when there is none. */
static __always_inline __u32 own_sum(struct thread *t, const struct cell_key *key)
{
	__u32 start = hash_key(key);

	for (__u32 i = 0; i < THREAD_SUMS; i++) {
		__u32 index = (start + i) % THREAD_SUMS;
		struct sum *c = &t->calls[index];

		if (c->state == FREE) {
			c->key = *key;
			c->state = READY;
			return index;
		}
		if (same_key(&c->key, key))
			return index;
	}
	return NO_SUM;
}

/* In bounds for the verifier, too, which the compiler would know better than to say again. */
static __always_inline struct sum *sum_of_process(struct process *p, __u64 index)
{
	asm volatile("" : "+r"(index));
	return &p->calls[index % PROCESS_SUMS];
}

/* The same of the process, on any CPU. Two that look at once may each take one for the same key; they add up. */
__attribute__((noinline)) __u32 shared_sum(struct process *p, const struct cell_key *key)
{
	__u32 start;

	if (!p || !key)
		return NO_SUM;
	start = hash_key(key);
	for (__u32 i = 0; i < SUM_PROBES; i++) {
		__u32 index = (start + i) % PROCESS_SUMS;
		struct sum *c = &p->calls[index];
		__u64 was = c->state;

		if (was == FREE)
			was = __sync_val_compare_and_swap(&c->state, FREE, CLAIMED);
		if (was == FREE) {
			c->key = *key;
			__sync_val_compare_and_swap(&c->state, CLAIMED, READY);
			return index;
		}
		if (was == READY && same_key(&c->key, key))
			return index;
	}
	return NO_SUM;
}

static __always_inline void grow(__u64 *sum, __u64 n, bool shared)
{
	if (!shared)
		*sum += n;
	else if (n)
		__sync_fetch_and_add(sum, n);
}

static __always_inline void grow_copied(struct copied *sum, const struct copied *n, bool shared)
{
	grow(&sum->to_user, n->to_user, shared);
	grow(&sum->from_user, n->from_user, shared);
	grow(&sum->in_kernel, n->in_kernel, shared);
}

__attribute__((noinline)) int add_errno(struct process *p, __u32 nr, __u32 errnr)
{
	__u32 start = (nr * 31 + errnr) * 0x9e3779b1U >> 16;
	struct following *f = followed();

	if (!p || !f)
		return 0;

	for (__u32 i = 0; i < 8; i++) {
		struct errno_sum *e = &p->errnos[(start + i) % ERRNO_SUMS];
		__u64 was = e->state;

		if (was == FREE)
			was = __sync_val_compare_and_swap(&e->state, FREE, CLAIMED);
		if (was == FREE) {
			e->nr = nr;
			e->errnr = errnr;
			__sync_fetch_and_add(&e->calls, 1);
			__sync_val_compare_and_swap(&e->state, CLAIMED, READY);
			return 0;
		}
		if (was == READY && e->nr == nr && e->errnr == errnr) {
			__sync_fetch_and_add(&e->calls, 1);
			return 0;
		}
	}
	__sync_fetch_and_add(&f->errnos_overflow, 1);
	return 0;
}

static __always_inline void add_returned(struct sum *c, const struct returned *r, bool shared)
{
	if (is_restarted(r->ret)) {
		grow(&c->restarted, 1, shared);
		return;
	}
	grow(&c->calls, 1, shared);
	grow(&c->errors, r->ret < 0, shared);
	grow(&c->bytes, r->moved.bytes, shared);
	if (r->moved.mapped)
		grow(&c->mapped, r->moved.mapped, shared);
	if (r->moved.cut)
		grow(&c->cut, r->moved.cut, shared);
	if (r->accounted & ACCOUNTED_KERNEL)
		grow(&c->kernel_read, r->kernel_read, shared);
}

/* What of the call the thread itself kept: seen, waited for, timed. */
static __always_inline void add_under_way(struct sum *c, struct thread *t, bool shared)
{
	for (int i = 0; i < ENGINES; i++)
		if (engines & 1 << i)
			grow_copied(&c->seen[i], &t->seen[i], shared);
	if (t->blocked)
		grow(&c->blocked, t->blocked, shared);
	if (t->enter_ns)
		grow(&c->time_ns, bpf_ktime_get_ns() - t->enter_ns, shared);
}

static __always_inline void forget_under_way(struct thread *t)
{
	for (int i = 0; i < ENGINES; i++)
		if (engines & 1 << i)
			t->seen[i] = (struct copied){};
	t->blocked = 0;
	t->enter_ns = 0;
}

static __always_inline void add_accounted(struct io_bytes *sum, const struct returned *r, bool shared)
{
	if (r->accounted & ACCOUNTED_READ)
		grow(&sum->rchar, r->times * r->moved.bytes, shared);
	if (r->accounted & ACCOUNTED_WRITTEN)
		grow(&sum->wchar, r->times * r->moved.bytes, shared);
}

/* Classifies a call afresh. A global function, so that the verifier proves it once rather than on each path to it. */
__attribute__((noinline)) int resolve_sum(struct thread *t, struct process *p, struct sum_memo *args)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const volatile struct call *call;
	struct cell_key key = {};

	if (!p || !args)
		return 0;
	call = call_of(args->nr);
	key.nr = args->nr;
	key.flags = args->flags;
	if (call->in_fd)
		describe_fd(&key.in, task, args->in_fd);
	if (call->out_fd)
		describe_fd(&key.out, task, args->out_fd);
	args->sum = t ? own_sum(t, &key) : NO_SUM;
	if (args->sum == NO_SUM) {
		__u32 index = shared_sum(p, &key);

		args->sum = index == NO_SUM ? NO_SUM : THREAD_SUMS + index;
	}
	return 0;
}

/* The thread may have got a table of its own. */
static __noinline int follow_table(struct thread *t)
{
	__u64 files = files_of(bpf_get_current_task_btf());

	if (!t->table || tables[t->table % TABLES].files != files) {
		leave_table(t->table);
		t->table = use_table(files);
	}
	forget_memos(t);
	return 0;
}

/* Reads of the kernel's own, which it accounts to the caller: what no call returned, once one that makes it do so has. */
static __always_inline void read_kernel_io(struct thread *t, struct returned *r)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (bpf_core_field_exists(task->ioac.rchar))
		r->kernel_read = task->ioac.rchar - t->begin_io.rchar - t->sums.counted.rchar - t->sums.kernel_read;
	t->sums.kernel_read += r->kernel_read;
}

static __always_inline struct sum_memo *memo_for(struct thread *t, __u32 nr, __u32 in_fd, __u32 out_fd)
{
	return &t->memos[(nr + 2 * in_fd + 3 * out_fd) % SUM_MEMOS];
}

static __always_inline bool raced(const struct returned *r, const struct thread *t, __u32 in_epoch, __u32 out_epoch)
{
	return (r->in && (__s32)(in_epoch - t->clock) > 0) || (r->out && (__s32)(out_epoch - t->clock) > 0);
}

/* The index of the call's sum, which is remembered as long as its descriptors refer to the same. */
static __always_inline __u32 sum_of_call(struct thread *t, const struct descriptors *d, const struct returned *r)
{
	__u32 in_epoch = d->changed[r->in_fd % 64], out_epoch = d->changed[r->out_fd % 64], all = d->all;
	struct sum_memo *m = memo_for(t, r->nr, r->in_fd, r->out_fd);
	struct process *p;

	if (m->nr == r->nr && m->in_fd == r->in_fd && m->out_fd == r->out_fd && m->flags == r->flags &&
	    m->in_epoch == in_epoch && m->out_epoch == out_epoch && m->all == all)
		return m->sum;
	m->nr = r->nr;
	m->in_fd = r->in_fd;
	m->out_fd = r->out_fd;
	m->flags = r->flags;
	m->in_epoch = in_epoch;
	m->out_epoch = out_epoch;
	m->all = all;
	m->sum = NO_SUM;
	p = process_at(t->process - 1);
	if (p)
		resolve_sum(t, p, m);
	if (raced(r, t, in_epoch, out_epoch))
		t->sums.raced++;
	return m->sum;
}

__attribute__((noinline)) int call_of_thread(struct thread *t, struct returned *r)
{
	struct descriptors *d;
	struct process *p;
	__u32 index;

	if (!t || !r)
		return 0;
	d = &tables[t->table % TABLES];
	index = sum_of_call(t, d, r);
	if (r->accounted & ACCOUNTED_KERNEL)
		read_kernel_io(t, r);
	if (index < THREAD_SUMS) {
		struct sum *c = &t->calls[index % THREAD_SUMS];

		heed_kinds(r, &c->key);
		add_returned(c, r, 0);
		add_under_way(c, t, 0);
		if (c->calls % SMALL_CALLS == 0)
			read_task(&t->sums.task, bpf_get_current_task_btf());
	} else if (index - THREAD_SUMS < PROCESS_SUMS && (p = process_at(t->process - 1))) {
		struct sum *c = sum_of_process(p, index - THREAD_SUMS);

		heed_kinds(r, &c->key);
		add_returned(c, r, 1);
		add_under_way(c, t, 1);
	} else {
		struct following *f = followed();

		if (f)
			__sync_fetch_and_add(&f->no_cell, 1);
	}
	add_accounted(&t->sums.counted, r, 0);
	forget_under_way(t);
	if (r->changes & CHANGES_TABLE) {
		follow_table(t);
		d = &tables[t->table % TABLES];
	}
	if (r->any || r->changes)
		note_changes(d, r);
	t->clock = d->clock;
	return 0;
}

/* The same of a thread without a slot. What engines saw copied stays with its process. */
__attribute__((noinline)) int call_of_process(struct process *p, struct returned *r)
{
	struct following *f = followed();
	struct sum_memo m = {};
	__u32 table;

	if (!p || !r || !f)
		return 0;
	m.nr = r->nr;
	m.in_fd = r->in_fd;
	m.out_fd = r->out_fd;
	m.flags = r->flags;
	resolve_sum(0, p, &m);
	if (m.sum - THREAD_SUMS < PROCESS_SUMS) {
		struct sum *c = sum_of_process(p, m.sum - THREAD_SUMS);

		heed_kinds(r, &c->key);
		add_returned(c, r, 1);
	} else {
		__sync_fetch_and_add(&f->no_cell, 1);
	}
	add_accounted(&p->sums.counted, r, 1);
	if (r->any || r->changes) {
		table = find_table(files_of(bpf_get_current_task_btf())) % TABLES;
		if (table)
			note_changes(&tables[table], r);
	}
	return 0;
}

/* A call by the numbers of another ABI. Which it was is not known, so nor is what it moved. */
static __always_inline void foreign_call(struct thread *t)
{
	struct following *f = followed();

	if (f)
		__sync_fetch_and_add(&f->compat_calls, 1);
	if (!t)
		return;
	forget_under_way(t);
	change_all(&tables[t->table % TABLES]);
}

static __always_inline int program_call(struct pt_regs *regs, __s64 nr, __s64 ret)
{
	struct subject *s = subject_known_by(regs);
	struct returned r = {.nr = nr, .ret = ret};
	struct following *f;
	struct process *p;
	struct thread *t;

	if (!s)
		return 0;
	t = thread_of(s);
	if (s->who & NEWBORN) {
		s->who &= ~NEWBORN;
		if (t)
			t->enter_ns = 0;
		if (!ret)
			return 0; /* fork(2) and the like return in the child, too, which did not make that call */
	}
	if (is_compat(regs, nr)) {
		foreign_call(t);
		return 0;
	}
	/* What a signal's handler returns by has no number any more, and its result is what was in the register that it
	 * restored. A call that a tracer cancelled is told as the same. */
	if (nr == -1) {
		r.nr = nr = RT_SIGRETURN;
		r.ret = ret = 0;
	}
	read_returned(&r, call_of(nr), regs);
	if (r.moved.unread && (f = followed()))
		__sync_fetch_and_add(&f->uncounted_calls, 1);
	if (t && !(ret < 0 && !is_restarted(ret)))
		return call_of_thread(t, &r);
	p = process_of(s, t);
	if (!p)
		return 0;
	if (ret < 0 && !is_restarted(ret))
		add_errno(p, nr, -ret);
	return t ? call_of_thread(t, &r) : call_of_process(p, &r);
}

/* Whose time is wanted. */
static __always_inline int program_enters(struct subject *s)
{
	struct thread *t = s ? thread_of(s) : 0;

	if (t)
		t->enter_ns = bpf_ktime_get_ns();
	return 0;
}

#endif
