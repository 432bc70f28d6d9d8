/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where what programs do is counted: the slots of threads, processes, and tables of descriptors. */
#ifndef ZCTRACE_THREADS_H
#define ZCTRACE_THREADS_H

volatile const bool follows; /* the run follows programs, and has no windows */
volatile const __u32 max_threads, max_processes;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* as many as are wanted: tracer/programs.go */
	__type(key, __u32);
	__type(value, struct thread);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct process);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct following);
} tree SEC(".maps");

/* The compiler would else add to a pointer before it looks whether that is 0, which the verifier refuses. */
#define looked_up(pointer)                              \
	({                                              \
		typeof(pointer) _p = pointer;           \
		if (_p)                                 \
			asm volatile("" : "+r"(_p));    \
		_p;                                     \
	})

static __always_inline struct following *followed(void)
{
	__u32 zero = 0;

	return looked_up((struct following *)bpf_map_lookup_elem(&tree, &zero));
}

static __always_inline struct thread *thread_at(__u32 index)
{
	return looked_up((struct thread *)bpf_map_lookup_elem(&threads, &index));
}

static __always_inline struct process *process_at(__u32 index)
{
	return looked_up((struct process *)bpf_map_lookup_elem(&processes, &index));
}

/* The thread's slot; 0 if it found none. */
static __always_inline struct thread *thread_of(const struct subject *s)
{
	__u32 who = s->who;

	return who & OF_PROCESS ? 0 : thread_at(who);
}

static __always_inline struct process *process_of(const struct subject *s, const struct thread *t)
{
	return process_at(t ? t->process - 1 : s->who & ~OF_PROCESS);
}

/* The subject that a task is, for hooks that do not get its registers. */
static __always_inline struct subject *subject_of(struct task_struct *task)
{
	return subject_known_by((void *)bpf_task_pt_regs(task));
}

static __always_inline struct thread *thread_of_task(struct task_struct *task)
{
	struct subject *s = subject_of(task);

	return s ? thread_of(s) : 0;
}

/* What the task does besides its calls is charged here: its own sums, or those of its process. */
static __always_inline struct task_sums *sums_of(struct task_struct *task)
{
	struct subject *s = subject_of(task);
	struct thread *t = s ? thread_of(s) : 0;
	struct process *p;

	if (!s)
		return 0;
	if (t)
		return &t->sums;
	p = process_of(s, 0);
	return p ? &p->sums : 0;
}

static __always_inline struct copied *seen_by_program(struct task_struct *task, enum engine engine)
{
	struct subject *s = subject_of(task);
	struct thread *t = s ? thread_of(s) : 0;
	struct process *p;

	if (!s)
		return 0;
	if (t)
		return &t->seen[engine];
	p = process_of(s, 0);
	return p ? &p->seen[engine] : 0;
}

/* Whatever is written before this is seen before it, and what is written after it after it, also where memory is weakly ordered. */
static __always_inline void count_in_order(__u64 *counter)
{
	__u64 before = __sync_fetch_and_add(counter, 1);

	asm volatile("" : : "r"(before)); /* if nobody uses it the compiler takes an addition that orders nothing */
}

/*
 * What changes in more than one place, as when a thread's sums move to its process, is in between these. Who reads the cells of a
 * process and of its threads has them whole if all updates that had begun before had ended, and none has begun since.
 */
static __always_inline void begin_update(struct process *p) { count_in_order(&p->updates_begun); }

static __always_inline void end_update(struct process *p) { count_in_order(&p->updates_ended); }

#define POOL_TRIES 32 /* while others take and give back at the same time */

static __always_inline __u64 head_of_pool(struct pool *pool) { return *(volatile __u64 *)&pool->free; }

/* The head's number changes with it, so that one which was taken and given back meanwhile is told from one that was not. */
static __always_inline bool set_head(struct pool *pool, __u64 head, __u32 first)
{
	__u64 next = ((head >> 32) + 1) << 32 | first;

	return __sync_val_compare_and_swap(&pool->free, head, next) == head;
}

static __always_inline __u32 take_fresh(struct pool *pool, __u32 most)
{
	__u64 n;

	if (pool->fresh >= most)
		return 0;
	n = __sync_fetch_and_add(&pool->fresh, 1);
	return n < most ? n + 1 : 0;
}

/* Index + 1 of a free slot, which is then the caller's; 0 if there is none. */
static __noinline __u32 take_thread(void)
{
	struct following *f = followed();

	if (!f)
		return 0;
	for (int i = 0; i < POOL_TRIES; i++) {
		__u64 head = head_of_pool(&f->threads);
		struct thread *t = (__u32)head ? thread_at((__u32)head - 1) : 0;

		if (!t)
			break;
		if (set_head(&f->threads, head, t->next))
			return (__u32)head;
	}
	return take_fresh(&f->threads, max_threads);
}

static __noinline int give_back_thread(__u32 index)
{
	struct following *f = followed();
	struct thread *t = thread_at(index);

	if (!f || !t)
		return 0;
	for (int i = 0; i < POOL_TRIES; i++) {
		__u64 head = head_of_pool(&f->threads);

		t->next = head;
		if (set_head(&f->threads, head, index + 1))
			return 0;
	}
	return 0;
}

/* The same of a process. Who reads the cells gives it back. */
static __noinline __u32 take_process(void)
{
	struct following *f = followed();

	if (!f)
		return 0;
	for (int i = 0; i < POOL_TRIES; i++) {
		__u64 head = head_of_pool(&f->processes);
		struct process *p = (__u32)head ? process_at((__u32)head - 1) : 0;

		if (!p)
			break;
		if (set_head(&f->processes, head, p->next))
			return (__u32)head;
	}
	return take_fresh(&f->processes, max_processes);
}

struct descriptors tables[TABLES];

#define TABLE_PROBES 8

static __always_inline __u32 place_of_table(__u64 files, __u32 n)
{
	return ((files * 0x9e3779b97f4a7c15ULL >> 40) + n) % TABLES;
}

/* The index of a table of descriptors that threads with slots use; 0 if there is no such place. */
static __noinline __u32 find_table(__u64 files)
{
	for (__u32 n = 0; n < TABLE_PROBES; n++) {
		__u32 i = place_of_table(files, n);

		if (i && tables[i].users && tables[i].files == files)
			return i;
	}
	return 0;
}

/* A place for one that only the caller uses. */
static __noinline __u32 take_table(__u64 files)
{
	for (__u32 n = 0; n < TABLE_PROBES; n++) {
		__u32 i = place_of_table(files, n);

		if (i && __sync_val_compare_and_swap(&tables[i].users, 0, 1) == 0) {
			tables[i].files = files;
			return i;
		}
	}
	return 0;
}

static __always_inline __u32 share_table(__u32 index)
{
	index %= TABLES;
	if (index)
		__sync_fetch_and_add(&tables[index].users, 1);
	return index;
}

static __always_inline void leave_table(__u32 index)
{
	index %= TABLES;
	if (index)
		__sync_fetch_and_add(&tables[index].users, -1);
}

static __always_inline __u64 files_of(struct task_struct *task) { return (__u64)BPF_CORE_READ(task, files); }

/*
 * That of a thread which begins. Whoever shares one has it from its maker, so that all are at one place, or at none. A maker
 * without a slot does not know whether there is one.
 */
static __always_inline void begin_table(struct thread *t, struct task_struct *task, struct task_struct *maker, const struct thread *of_maker)
{
	t->files = files_of(task);
	if (task == maker || files_of(maker) != t->files)
		t->table = take_table(t->files);
	else
		t->table = of_maker ? share_table(of_maker->table) : 0;
	t->clock = tables[t->table % TABLES].clock;
}

static __always_inline void forget_memos(struct thread *t)
{
	for (int i = 0; i < SUM_MEMOS; i++)
		t->memos[i].nr = NO_CALL;
}

#endif
