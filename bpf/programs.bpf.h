/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* System calls of programs, classified at their exit into the sums of their thread. */
#ifndef ZCTRACE_PROGRAM_CALLS_H
#define ZCTRACE_PROGRAM_CALLS_H

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
	args->heeded = (key.in.attrs & FD_INSTALLS) | (key.out.attrs & FD_OVERLAY);
	args->sum = t ? own_sum(t, &key) : NO_SUM;
	if (t && args->sum == NO_SUM && make_room(t, p))
		args->sum = own_sum(t, &key);
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

	if (t->files != files) {
		leave_table(t->table);
		t->files = files;
		t->table = take_table(files);
	}
	forget_memos(t);
	return 0;
}

/* Less than nothing is a loss, which is told when the process has ended. */
static __always_inline __u64 what_is_over(__u64 accounted, __u64 explained)
{
	return accounted > explained ? accounted - explained : 0;
}

/* Reads of the kernel's own, which it accounts to the caller: what no call returned, once one that makes it do so has. */
static __always_inline void read_kernel_io(struct thread *t, struct returned *r)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (bpf_core_field_exists(task->ioac.rchar))
		r->kernel_read = what_is_over(task->ioac.rchar - t->begin_io.rchar, t->sums.counted.rchar + t->sums.kernel_read);
	t->sums.kernel_read += r->kernel_read;
}

/*
 * The same in a thread without a slot, of which nobody noted what it began with: where all other threads of its process have ended, as
 * after an execve. Of several that live nothing is known until they have.
 */
static __always_inline void read_process_io(struct process *p, struct returned *r)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!p->id || p->alive != 1)
		return;
	if (bpf_core_field_exists(task->ioac.rchar))
		r->kernel_read = what_is_over(task->ioac.rchar + p->sums.io.rchar, p->sums.counted.rchar + p->sums.kernel_read);
	p->sums.kernel_read += r->kernel_read;
}

static __always_inline struct sum_memo *memo_for(struct thread *t, __u32 nr, __u32 in_fd, __u32 out_fd)
{
	return &t->memos[(nr + 2 * in_fd + 3 * out_fd) % SUM_MEMOS];
}

static __always_inline bool raced(const struct returned *r, const struct thread *t, __u32 in_epoch, __u32 out_epoch)
{
	return (r->in && (__s32)(in_epoch - t->clock) > 0) || (r->out && (__s32)(out_epoch - t->clock) > 0);
}

/* The call's sum, which is remembered as long as its descriptors refer to the same. */
static __always_inline const struct sum_memo *memo_of_call(struct thread *t, const struct descriptors *d, const struct returned *r)
{
	__u32 in_epoch = d->changed[r->in_fd % 64], out_epoch = d->changed[r->out_fd % 64], all = d->all;
	struct sum_memo *m = memo_for(t, r->nr, r->in_fd, r->out_fd);
	struct process *p;

	if (m->nr == r->nr && m->in_fd == r->in_fd && m->out_fd == r->out_fd && m->flags == r->flags &&
	    m->in_epoch == in_epoch && m->out_epoch == out_epoch && m->all == all)
		return m;
	m->nr = r->nr;
	m->in_fd = r->in_fd;
	m->out_fd = r->out_fd;
	m->flags = r->flags;
	m->in_epoch = in_epoch;
	m->out_epoch = out_epoch;
	m->all = all;
	m->sum = NO_SUM;
	m->heeded = 0;
	p = process_at(t->process - 1);
	if (p)
		resolve_sum(t, p, m);
	if (raced(r, t, in_epoch, out_epoch))
		t->sums.raced++;
	if (!t->table)
		m->nr = NO_CALL;
	return m;
}

__attribute__((noinline)) int call_of_thread(struct thread *t, struct returned *r)
{
	const struct sum_memo *m;
	struct descriptors *d;
	struct process *p;
	__u32 index;

	if (!t || !r)
		return 0;
	d = &tables[t->table % TABLES];
	m = memo_of_call(t, d, r);
	index = m->sum;
	heed_kinds(r, m);
	if (r->accounted & ACCOUNTED_KERNEL)
		read_kernel_io(t, r);
	if (index < THREAD_SUMS) {
		struct sum *c = &t->calls[index % THREAD_SUMS];

		add_returned(c, r, 0);
		take_under_way(c, t, 0);
		if (c->calls % SMALL_CALLS == 0)
			read_task(&t->sums.task, bpf_get_current_task_btf());
	} else if (index - THREAD_SUMS < PROCESS_SUMS && (p = process_at(t->process - 1))) {
		struct sum *c = sum_of_process(p, index - THREAD_SUMS);

		add_returned(c, r, 1);
		take_under_way(c, t, 1);
	} else {
		struct following *f = followed();

		if (f)
			__sync_fetch_and_add(&f->no_cell, 1);
		forget_under_way(t);
	}
	add_accounted(&t->sums.counted, r, 0);
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

	if (!p || !r || !f)
		return 0;
	m.nr = r->nr;
	m.in_fd = r->in_fd;
	m.out_fd = r->out_fd;
	m.flags = r->flags;
	resolve_sum(0, p, &m);
	heed_kinds(r, &m);
	if (r->accounted & ACCOUNTED_KERNEL)
		read_process_io(p, r);
	if (m.sum - THREAD_SUMS < PROCESS_SUMS) {
		add_returned(sum_of_process(p, m.sum - THREAD_SUMS), r, 1);
	} else {
		__sync_fetch_and_add(&f->no_cell, 1);
	}
	add_accounted(&p->sums.counted, r, 1);
	if (r->any || r->changes)
		note_changes(&tables[find_table(files_of(bpf_get_current_task_btf())) % TABLES], r);
	return 0;
}

/* A call by the numbers of another ABI. Which it was is not known, so nor is what it moved. */
static __always_inline void foreign_call(struct thread *t)
{
	struct following *f = followed();

	if (f)
		__sync_fetch_and_add(&f->compat_calls, 1);
	if (!t) {
		change_all(&tables[find_table(files_of(bpf_get_current_task_btf())) % TABLES]);
		return;
	}
	forget_under_way(t);
	follow_table(t);
	change_all(&tables[t->table % TABLES]);
}

/*
 * Most calls are of a kind that is remembered, did not fail, change no descriptor, and return how much they moved: with all that is
 * done for others they would cost 20 ns more. False if the call is none of these, and was not counted.
 */
static __always_inline bool count_at_once(struct thread *t, const volatile struct call *call, struct pt_regs *regs, __u32 nr, __s64 ret)
{
	struct descriptors *d = &tables[t->table % TABLES];
	__u32 in_fd, out_fd;
	struct sum_memo *m;
	struct sum *c;

	if (ret < 0 || !call->plain)
		return 0;
	in_fd = syscall_arg(regs, call->in_fd);
	out_fd = syscall_arg(regs, call->out_fd);
	m = memo_for(t, nr, in_fd, out_fd);
	if (m->nr != nr || m->in_fd != in_fd || m->out_fd != out_fd || m->all != (__u32)d->all ||
	    m->in_epoch != d->changed[in_fd % 64] || m->out_epoch != d->changed[out_fd % 64] || m->sum >= THREAD_SUMS)
		return 0;
	if (m->heeded & FD_INSTALLS)
		return 0;
	c = &t->calls[m->sum % THREAD_SUMS];
	c->calls++;
	if (call->result == RESULT_BYTES) {
		c->bytes += ret;
		if (call->accounted & ACCOUNTED_READ)
			t->sums.counted.rchar += ret;
		if (call->accounted & ACCOUNTED_WRITTEN)
			t->sums.counted.wchar += ret;
	}
	take_under_way(c, t, 0);
	if (c->calls % SMALL_CALLS == 0)
		read_task(&t->sums.task, bpf_get_current_task_btf());
	t->clock = d->clock;
	return 1;
}

static __always_inline int count_returned(struct subject *s, struct thread *t, struct pt_regs *regs, __s64 nr, __s64 ret)
{
	struct returned r = {.nr = nr, .ret = ret};
	struct following *f;
	struct process *p;

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

static __always_inline int program_call(struct pt_regs *regs, __s64 nr, __s64 ret)
{
	struct subject *s = subject_known_by(regs);
	struct thread *t;
	bool compat;

	if (!s)
		return 0;
	t = thread_of(s);
	compat = is_compat(regs, nr);
	/* fork(2) and the like return in the child, too, which did not make that call: with 0, as never in who did. On
	 * arm64 no program sees that. */
	if (!ret && makes_task(nr, compat)) {
		if (t)
			forget_under_way(t); /* it may have waited on its way there */
		return 0;
	}
	if (compat) {
		foreign_call(t);
		return 0;
	}
	/* What a signal's handler returns by has no number any more, and its result is what was in the register that it
	 * restored. A call that a tracer cancelled is told as the same. */
	if (nr == -1) {
		nr = RT_SIGRETURN;
		ret = 0;
	}
	if (ret < -MAX_ERRNO) /* no error, but where lseek(2) got to in /proc/PID/mem */
		ret = 0;
	if (t && count_at_once(t, call_of(nr), regs, nr, ret))
		return 0;
	return count_returned(s, t, regs, nr, ret);
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
