/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A program and all that it starts: threads and processes begin, execute another image, and end. */
#ifndef ZCTRACE_FOLLOW_H
#define ZCTRACE_FOLLOW_H

static __always_inline void *pid_number(struct pid *pid, __u32 level)
{
	return (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
}

static __always_inline __s32 number_at(struct pid *pid, __u32 level)
{
	struct upid *number = pid_number(pid, level);

	return BPF_CORE_READ(number, nr);
}

/* Its numbers, from the namespace on that is zctrace's. */
static __always_inline void read_pids(struct process *p, struct task_struct *task, __u32 level)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 deepest = BPF_CORE_READ(pid, level);

	if (level > deepest)
		return;
	p->pid = number_at(pid, level);
	for (__u32 i = 0; i < NAMESPACES; i++)
		if (level + 1 + i <= deepest)
			p->below[i] = number_at(pid, level + 1 + i);
}

/* The level of the namespace in which the task has the number that was asked for; -1: it has not. */
static __always_inline __s64 level_of_target(struct following *f, struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 deepest = BPF_CORE_READ(pid, level);

	for (__u32 level = 0; level < 32; level++) { /* include/linux/pid_namespace.h: MAX_PID_NS_LEVEL */
		struct upid *number = pid_number(pid, level);

		if (level > deepest)
			break;
		if ((__u32)BPF_CORE_READ(number, nr) == f->target && BPF_CORE_READ(number, ns, ns.inum) == f->namespace)
			return level;
	}
	return -1;
}

static __always_inline void read_io(struct io_bytes *io, struct task_struct *task)
{
	if (!bpf_core_field_exists(task->ioac.rchar))
		return;
	io->rchar = task->ioac.rchar;
	io->wchar = task->ioac.wchar;
}

/* The process gets one thread more, which has a slot if one is free. */
static __always_inline __u32 begin_thread(struct following *f, struct task_struct *task, struct process *p, __u32 process,
					  struct task_struct *maker, const struct thread *of_maker)
{
	__u32 place = take_thread(), who = process | OF_PROCESS;
	struct thread *t = place ? thread_at(place - 1) : 0;

	count_in_order(&f->threads_begun);
	__sync_fetch_and_add(&p->alive, 1);
	__sync_fetch_and_add(&p->threads, 1);
	if (t) {
		begin_table(t, task, maker, of_maker);
		read_task(&t->begin, task);
		read_io(&t->begin_io, task);
		t->sums.task = t->begin;
		t->sums.io = t->begin_io;
		t->nvcsw = t->begin.nvcsw;
		forget_memos(t);
		t->evictions = 0;
		__sync_val_compare_and_swap(&t->process, 0, process + 1); /* last, to other CPUs, too */
		who = place - 1;
	} else {
		__sync_fetch_and_add(&p->slotless, 1);
		__sync_fetch_and_add(&f->no_slot, 1);
	}
	return who;
}

static __always_inline struct process *begin_process(struct following *f, struct task_struct *task, __s32 ppid, const void *exe, __u32 *index)
{
	__u32 place = take_process();
	struct process *p;

	*index = place ? place - 1 : 0; /* index 0 is shared by those for which there is no room */
	p = process_at(*index);
	if (!p)
		return 0;
	if (!*index) {
		__sync_fetch_and_add(&f->no_process, 1);
		return p;
	}
	p->id = __sync_fetch_and_add(&f->ids, 1) + 1;
	p->started_ns = bpf_ktime_get_ns();
	bpf_get_current_comm(p->comm, sizeof(p->comm));
	read_pids(p, task, f->level);
	p->ppid = ppid;
	bpf_probe_read_kernel_str(p->exe, sizeof(p->exe), exe);
	__sync_val_compare_and_swap(&p->state, NO_PROCESS, ALIVE); /* last, to other CPUs, too */
	return p;
}

/* A subject that is nobody yet. First of all, for there may be no place: then nothing is to know of the task, whose end nobody sees. */
static __always_inline struct subject *make_subject(struct following *f, struct task_struct *task)
{
	struct subject *s = make_known((void *)bpf_task_pt_regs(task), OF_PROCESS);

	if (!s)
		__sync_fetch_and_add(&f->late_tasks, 1);
	return s;
}

/*
 * In the context of who made it, before it runs for the first time. Unlike task_newtask, preemption is off here on every kernel;
 * unlike sched_process_fork, io_uring's threads pass by, too.
 */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *task)
{
	struct task_struct *parent = bpf_get_current_task_btf();
	struct subject *s = subject_of(parent), *made;
	struct following *f = followed();
	struct process *p, *child;
	struct thread *t;
	__u32 index;

	if (!s || !f)
		return 0;
	t = thread_of(s);
	p = process_of(s, t);
	if (!p)
		return 0;
	made = make_subject(f, task);
	if (!made)
		return 0;
	if (task->tgid == parent->tgid) {
		index = t ? t->process - 1 : s->who & ~OF_PROCESS;
		child = p;
	} else {
		child = begin_process(f, task, p->pid, p->exe, &index);
		if (!child)
			return 0;
	}
	made->who = begin_thread(f, task, child, index, parent, t);
	return 0;
}

/* From here on the command counts. */
static __always_inline void begin_target(struct following *f, struct task_struct *task, const void *exe)
{
	__s64 level = level_of_target(f, task);
	struct subject *s = level < 0 ? 0 : make_subject(f, task);
	struct process *p;
	__u32 index;

	if (!s)
		return;
	f->level = level;
	f->unaccounted = !bpf_core_field_exists(task->ioac.rchar);
	f->target = 0;
	f->begun_ns = bpf_ktime_get_ns();
	p = begin_process(f, task, 0, exe, &index);
	if (p)
		s->who = begin_thread(f, task, p, index, task, 0);
}

static __always_inline void program_executes(struct task_struct *task, const void *exe)
{
	struct following *f = followed();
	struct subject *s = subject_of(task);
	struct process *p;

	if (!f)
		return;
	if (!s) {
		if (f->target)
			begin_target(f, task, exe);
		return;
	}
	p = process_of(s, thread_of(s));
	if (!p || !p->id)
		return;
	begin_update(p);
	bpf_get_current_comm(p->comm, sizeof(p->comm));
	bpf_probe_read_kernel_str(p->exe, sizeof(p->exe), exe);
	p->execs++;
	end_update(p);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	program_executes(task, BPF_CORE_READ(bprm, filename));
	return 0;
}

SEC("tp/sched/sched_process_exec")
int sched_process_exec_perf(struct trace_event_raw_sched_process_exec *record)
{
	program_executes(bpf_get_current_task_btf(), (void *)record + (record->__data_loc_filename & 0xffff));
	return HAND_ON;
}

static __always_inline void fold_task(struct task_sums *to, const struct task_sums *s, const struct task_counters *begin,
				      const struct io_bytes *begin_io)
{
	grow(&to->task.nvcsw, s->task.nvcsw - begin->nvcsw, 1);
	grow(&to->task.nivcsw, s->task.nivcsw - begin->nivcsw, 1);
	grow(&to->task.min_flt, s->task.min_flt - begin->min_flt, 1);
	grow(&to->task.maj_flt, s->task.maj_flt - begin->maj_flt, 1);
	grow(&to->task.read_bytes, s->task.read_bytes - begin->read_bytes, 1);
	grow(&to->task.runtime_ns, s->task.runtime_ns - begin->runtime_ns, 1);
	grow(&to->task.utime_ns, s->task.utime_ns - begin->utime_ns, 1);
	grow(&to->task.stime_ns, s->task.stime_ns - begin->stime_ns, 1);
	grow(&to->io.rchar, s->io.rchar - begin_io->rchar, 1);
	grow(&to->io.wchar, s->io.wchar - begin_io->wchar, 1);
}

/* Moves what the thread has to its process, and leaves its slot as new. */
__attribute__((noinline)) int fold_thread(struct process *p, struct thread *t)
{
	if (!p || !t)
		return 0;
	fold_task(&p->sums, &t->sums, &t->begin, &t->begin_io);
	grow(&p->sums.counted.rchar, t->sums.counted.rchar, 1);
	grow(&p->sums.counted.wchar, t->sums.counted.wchar, 1);
	grow(&p->sums.kernel_read, t->sums.kernel_read, 1);
	grow(&p->sums.voluntary, t->sums.voluntary, 1);
	grow(&p->sums.involuntary, t->sums.involuntary, 1);
	grow(&p->sums.faults_user, t->sums.faults_user, 1);
	grow(&p->sums.disk_read_bytes, t->sums.disk_read_bytes, 1);
	grow(&p->sums.disk_read_bios, t->sums.disk_read_bios, 1);
	grow(&p->sums.disk_write_bytes, t->sums.disk_write_bytes, 1);
	grow(&p->sums.disk_write_bios, t->sums.disk_write_bios, 1);
	grow(&p->sums.cow_bytes, t->sums.cow_bytes, 1);
	grow(&p->sums.received_bytes, t->sums.received_bytes, 1);
	grow(&p->sums.raced, t->sums.raced, 1);
	for (int i = 0; i < ENGINES; i++)
		grow_copied(&p->seen[i], &t->seen[i], 1);
	__builtin_memset(&t->sums, 0, sizeof(t->sums));
	__builtin_memset(&t->seen, 0, sizeof(t->seen));
	t->enter_ns = 0;
	t->blocked = 0;
	for (__u32 i = 0; i < THREAD_SUMS; i++)
		if (t->calls[i].state != FREE)
			fold_sum(p, &t->calls[i]);
	t->process = 0;
	return 0;
}

#define SIGNAL_GROUP_EXIT 4 /* include/linux/sched/signal.h */

/* In how many of its pid namespaces the end of the process is recorded. */
static __always_inline __u32 recorders_of(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid_namespace *ns = 0;
	__u32 deepest, n = 0;

	if (!bpf_core_field_exists(ns->bacct)) /* without CONFIG_BSD_PROCESS_ACCT */
		return 0;
	deepest = BPF_CORE_READ(pid, level);
	for (__u32 level = 0; level < 32 && level <= deepest; level++) {
		struct upid *number = pid_number(pid, level);

		if (BPF_CORE_READ(number, ns, bacct))
			n++;
	}
	return n;
}

/* The last thread of the process has ended. */
static __always_inline void end_process(struct process *p, struct task_struct *task)
{
	p->recorders = recorders_of(task);
	if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
		p->exit_code = BPF_CORE_READ(task, signal, group_exit_code);
	p->ended_ns = bpf_ktime_get_ns();
	__sync_val_compare_and_swap(&p->state, ALIVE, ENDED);
}

static __always_inline int program_thread_exits(struct task_struct *task)
{
	struct subject *s = subject_of(task);
	struct following *f = followed();
	struct task_sums now = {};
	struct process *p;
	struct thread *t;
	__u32 slot;

	if (!s || !f)
		return 0;
	slot = s->who;
	t = thread_of(s);
	p = process_of(s, t);
	forget_subject((void *)bpf_task_pt_regs(task));
	if (!p)
		return 0;
	begin_update(p);
	if (t) {
		read_task(&t->sums.task, task);
		read_io(&t->sums.io, task);
		leave_table(t->table);
		fold_thread(p, t);
		give_back_thread(slot);
	} else {
		struct task_counters zero = {};
		struct io_bytes none = {};

		read_task(&now.task, task);
		read_io(&now.io, task);
		fold_task(&p->sums, &now, &zero, &none);
		grow(&p->sums.unwatched, now.task.nvcsw + now.task.nivcsw, 1);
		grow(&p->slotless_ended, 1, 1);
	}
	if (task->pid == task->tgid)
		p->exit_code = task->exit_code;
	end_update(p); /* while its cells are surely its */
	if (__sync_fetch_and_add(&p->alive, -1) == 1 && p->id)
		end_process(p, task);
	count_in_order(&f->threads_ended);
	return 0;
}

/* At sched_switch: as for a slot. Nothing is kept of threads without a slot; the kernel's own counts of them are added when they end. */
static __always_inline int program_switches(struct task_struct *prev)
{
	struct thread *t;
	struct pt_regs *regs;

	if (prev->flags & PF_KTHREAD)
		return 0;
	t = thread_of_task(prev);
	if (!t)
		return 0;
	read_task(&t->sums.task, prev);
	read_io(&t->sums.io, prev);
	if (t->nvcsw == prev->nvcsw) {
		t->sums.involuntary++;
		return 0;
	}
	t->nvcsw = prev->nvcsw;
	t->sums.voluntary++;
	regs = (struct pt_regs *)bpf_task_pt_regs(prev);
	if (syscall_nr(regs) >= 0)
		t->blocked++;
	return 0;
}

#endif
