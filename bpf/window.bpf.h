/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* When events count: the windows of slots open and close. */
#ifndef ZCTRACE_WINDOW_H
#define ZCTRACE_WINDOW_H

struct kernel_cells kernel;

volatile const struct marker mark_call;

/* Some hooks know the source by its inode number and device, as perf's records have them. */
volatile const bool by_number;

static __always_inline __u64 number_of(__u64 address)
{
	struct inode *inode = (struct inode *)address;

	return inode ? BPF_CORE_READ(inode, i_ino) : 0;
}

/* Whether these do not tell the file from the source: each subvolume of a btrfs has a numbering of its own, and all
 * are on one device; a FUSE daemon numbers files as it likes. */
static __always_inline bool like_source(struct slot *s, __u64 inode, const struct store *kept)
{
	return inode && inode != s->source_inode && number_of(inode) == s->source_number &&
	       kept->device == s->source_store.device;
}

/* Adds to what only the slot's own thread does, unless there are requests, or threads without a slot. */
static __always_inline void add(__u64 *sum, __u64 n)
{
	if (requests || follows)
		__sync_fetch_and_add(sum, n);
	else
		*sum += n;
}

static __always_inline void read_task(struct task_counters *c, struct task_struct *task)
{
	c->nvcsw = task->nvcsw;
	c->nivcsw = task->nivcsw;
	c->min_flt = task->min_flt;
	c->maj_flt = task->maj_flt;
	if (bpf_core_field_exists(task->ioac.read_bytes))
		c->read_bytes = task->ioac.read_bytes;
	else
		c->read_bytes = NOT_ACCOUNTED;
	c->runtime_ns = task->se.sum_exec_runtime;
	c->utime_ns = task->utime;
	c->stime_ns = task->stime;
}

/* At both ends of the window. */
static __always_inline void count_io_calls(struct io_calls *c, struct task_struct *task, bool closes)
{
	if (!bpf_core_field_exists(task->ioac.syscr))
		return;
	c->reads = task->ioac.syscr - c->reads;
	c->writes = task->ioac.syscw - c->writes;
	c->accounted = closes;
}

static __always_inline void close_window(struct slot *s, struct task_struct *task,
					 enum slot_state state)
{
	s->closed_ns = bpf_ktime_get_ns();
	read_task(&s->now, task);
	count_io_calls(&s->io_calls, task, 1);
	s->state = state;
}

#define THREADS 4096 /* most of a process that are looked at; io_uring may have one for each request under way */

struct thread_walk {
	struct list_head *head, *node;
	struct helper_counters sum;
};

static long add_helper(__u64 i, struct thread_walk *walk)
{
	struct list_head *node = walk->node;
	struct task_struct *thread = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);

	if (!node || node == walk->head)
		return 1;
	if (BPF_CORE_READ(thread, flags) & PF_IO_WORKER) {
		walk->sum.min_flt += BPF_CORE_READ(thread, min_flt);
		walk->sum.maj_flt += BPF_CORE_READ(thread, maj_flt);
		walk->sum.runtime_ns += BPF_CORE_READ(thread, se.sum_exec_runtime);
	}
	walk->node = BPF_CORE_READ(node, next);
	return 0;
}

/* Adds up io_uring's threads of the process. The run time of each is that at its last
 * switch, or at the last clock tick. */
static __always_inline void read_helpers(struct helper_counters *sum, struct task_struct *task)
{
	struct list_head *head = &task->signal->thread_head;
	struct thread_walk walk = {.head = head, .node = BPF_CORE_READ(head, next)};

	bpf_loop(THREADS, add_helper, &walk, 0);
	*sum = walk.sum;
}

/*
 * A worker opens and closes its window with a system call that fails:
 * clock_gettime(CLOCK_THREAD_CPUTIME_ID, ADDRESS, cookie, second sink's fd << 16 |
 * op << 8 | role, source fd, sink fd), ADDRESS being no user address (EFAULT). The kernel ignores the
 * arguments behind the second, and the cookie is this run's secret, so that no
 * other process can open a window; and because the kernel brings the thread's
 * sum_exec_runtime up to date to answer (kernel/sched/core.c:
 * task_sched_runtime), the CPU time of the window is exact.
 * The thread says itself which slot it is, so that no process id has to be
 * translated between pid namespaces.
 */
enum { MARK_BEGIN = 1, MARK_END = 2 };

/* The last marker that was seen of each slot. The workers map this, and nothing else of what is here: where programs
 * can be skipped they repeat a marker until it is seen. */
__u32 markers_seen[SLOTS] SEC(".data.seen");

static __always_inline bool is_marker(struct pt_regs *regs)
{
	return syscall_arg(regs, 2) == mark_call.address && syscall_arg(regs, 3) == mark_call.cookie;
}

/* At the exit of a marker call. */
static __always_inline void mark(struct pt_regs *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 word = syscall_arg(regs, 4);
	__u64 role = word & 0xff, op = word >> 8 & 0xff;
	__u32 second = word >> 16;
	struct slot *s = slot_at(role);

	if (!s)
		return;
	if (op == MARK_BEGIN && s->state == IDLE && enroll(role, task, regs)) {
		s->source_inode = (__u64)inode_of_fd(task, syscall_arg(regs, 5));
		s->sink_inode = (__u64)inode_of_fd(task, syscall_arg(regs, 6));
		s->sink_sock = (__u64)sock_of_fd(task, syscall_arg(regs, 6));
		if (second) {
			s->sink2_inode = (__u64)inode_of_fd(task, second);
			s->sink2_sock = (__u64)sock_of_fd(task, second);
		}
		describe_store(&s->source_store, s->source_inode);
		describe_store(&s->sink_store, s->sink_inode);
		describe_store(&s->sink2_store, s->sink2_inode);
		s->source_number = number_of(s->source_inode);
		s->source_doubled = by_number && (like_source(s, s->sink_inode, &s->sink_store) ||
						  like_source(s, s->sink2_inode, &s->sink2_store));
		describe_flow(s, (struct sock *)s->sink_sock);
		read_task(&s->begin, task);
		count_io_calls(&s->io_calls, task, 0);
		s->now = s->begin;
		s->nvcsw = s->begin.nvcsw;
		if (requests)
			read_helpers(&s->helpers.begin, task);
		s->epoch = 1; /* a zeroed memo is void */
		s->opened_ns = bpf_ktime_get_ns();
		s->state = OPEN;
		markers_seen[role % SLOTS] = op;
	} else if (op == MARK_END && s->state == OPEN && s->task == (__u64)task) {
		if (requests)
			read_helpers(&s->helpers.now, task);
		/* Of a file that was copied up meanwhile, the pages of another were read. */
		if (s->source_inode != (__u64)inode_of_fd(task, syscall_arg(regs, 5)))
			s->source_inode = 0;
		close_window(s, task, CLOSED);
		markers_seen[role % SLOTS] = op;
	}
}

/* A worker that is killed leaves its window open: what was counted until then
 * stays, and is final. */
static __always_inline int thread_exits(struct task_struct *task)
{
	struct slot *s = slot_known_by(task);
	struct helpers *h;

	if (s) {
		if (s->state == OPEN)
			close_window(s, task, DIED);
		forget_subject(task);
		forget_subject((void *)bpf_task_pt_regs(task));
		return 0;
	}
	h = helpers_of(task);
	if (h) {
		__sync_fetch_and_add(&h->gone.min_flt, task->min_flt);
		__sync_fetch_and_add(&h->gone.maj_flt, task->maj_flt);
		__sync_fetch_and_add(&h->gone.runtime_ns, task->se.sum_exec_runtime);
	}
	return 0;
}

#endif
