/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sums of a program's calls: finding that of a kind, adding to it, and moving it from a thread to its process. */
#ifndef ZCTRACE_SUMS_H
#define ZCTRACE_SUMS_H

#define SUM_PROBES PROCESS_SUMS /* where it is nearly full, a kind is far from its place */

/* The index of the key's sum in the thread's slot, taking a free one if need be; NO_SUM when there is none. */
__attribute__((noinline)) __u32 own_sum(struct thread *t, const struct cell_key *key)
{
	__u32 free = NO_SUM;

	if (!t || !key)
		return NO_SUM;
	for (__u32 i = 0; i < THREAD_SUMS; i++) {
		struct sum *c = &t->calls[i];

		if (c->state == FREE)
			free = i;
		else if (same_key(&c->key, key))
			return i;
	}
	if (free < THREAD_SUMS) {
		struct sum *c = &t->calls[free % THREAD_SUMS];

		c->key = *key;
		__sync_val_compare_and_swap(&c->state, FREE, READY); /* in this order to other CPUs, too */
	}
	return free;
}

/* In bounds for the verifier, too, which the compiler would know better than to say again. */
static __always_inline struct sum *sum_of_process(struct process *p, __u64 index)
{
	asm volatile("" : "+r"(index));
	return &p->calls[index % PROCESS_SUMS];
}

static __always_inline bool has_files(const struct cell_key *key) { return key_word(key, 1) | key_word(key, 2); }

/* The same of the process, on any CPU. Two that look at once may each take one for the same key; they add up. */
__attribute__((noinline)) __u32 exact_sum(struct process *p, const struct cell_key *key)
{
	__u32 start;

	if (!p || !key)
		return NO_SUM;
	start = hash_key(key);
	for (__u32 i = 0; i < SUM_PROBES; i++) {
		__u32 index = (start + i) % PROCESS_SUMS;
		struct sum *c = &p->calls[index];
		__u64 was = c->state;

		if (was == FREE && p->file_sums >= FILE_SUMS && has_files(key))
			return NO_SUM;
		if (was == FREE)
			was = __sync_val_compare_and_swap(&c->state, FREE, CLAIMED);
		if (was == FREE) {
			if (has_files(key))
				__sync_fetch_and_add(&p->file_sums, 1);
			c->key = *key;
			__sync_val_compare_and_swap(&c->state, CLAIMED, READY);
			return index;
		}
		if (was == READY && same_key(&c->key, key))
			return index;
	}
	return NO_SUM;
}

/* Where there is no room for it, that of the call with whatever descriptors. */
__attribute__((noinline)) __u32 shared_sum(struct process *p, const struct cell_key *key)
{
	struct following *f = followed();
	struct cell_key any = {};
	__u32 index;

	if (!p || !key || !f)
		return NO_SUM;
	index = exact_sum(p, key);
	if (index != NO_SUM || !has_files(key))
		return index;
	any.nr = key->nr;
	any.flags = key->flags;
	index = exact_sum(p, &any);
	if (index != NO_SUM)
		__sync_fetch_and_add(&f->kinds_overflow, 1);
	return index;
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

/* What of the call the thread itself kept: seen, waited for, timed. Most calls have none of it, and nothing is stored for these. */
static __always_inline void take_under_way(struct sum *c, struct thread *t, bool shared)
{
	for (int i = 0; i < ENGINES; i++) {
		struct copied *seen = &t->seen[i];

		if (engines & 1 << i && seen->to_user | seen->from_user | seen->in_kernel) {
			grow_copied(&c->seen[i], seen, shared);
			*seen = (struct copied){};
		}
	}
	if (t->blocked) {
		grow(&c->blocked, t->blocked, shared);
		t->blocked = 0;
	}
	if (t->enter_ns) {
		grow(&c->time_ns, bpf_ktime_get_ns() - t->enter_ns, shared);
		t->enter_ns = 0;
	}
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

/* Moves a sum of a thread to its process. */
__attribute__((noinline)) int fold_sum(struct process *p, struct sum *c)
{
	struct following *f = followed();
	__u32 index;

	if (!p || !c || !f)
		return 0;
	index = shared_sum(p, &c->key);
	if (index < PROCESS_SUMS) {
		struct sum *to = sum_of_process(p, index);

		grow(&to->calls, c->calls, 1);
		grow(&to->restarted, c->restarted, 1);
		grow(&to->errors, c->errors, 1);
		grow(&to->bytes, c->bytes, 1);
		grow(&to->mapped, c->mapped, 1);
		grow(&to->cut, c->cut, 1);
		grow(&to->time_ns, c->time_ns, 1);
		grow(&to->blocked, c->blocked, 1);
		grow(&to->kernel_read, c->kernel_read, 1);
		for (int i = 0; i < ENGINES; i++)
			grow_copied(&to->seen[i], &c->seen[i], 1);
	} else {
		__sync_fetch_and_add(&f->no_cell, c->calls);
	}
	__builtin_memset(c, 0, sizeof(*c));
	return 0;
}

enum { FEW_CALLS = 16, EVICTIONS = 256 };

/*
 * Programs begin with many kinds of calls that they make once, and that would fill their thread's slot for good. The sum with the fewest
 * calls moves to the process, for one that may have many; not when it has many itself, nor for ever. It leaves its place.
 */
__attribute__((noinline)) int make_room(struct thread *t, struct process *p)
{
	__u64 fewest = FEW_CALLS;
	__u32 victim = NO_SUM;
	struct following *f = followed();

	if (!t || !p || !f || t->evictions >= EVICTIONS)
		return 0;
	for (__u32 n = 0; n < THREAD_SUMS; n++) {
		__u32 i = (t->evictions + n) % THREAD_SUMS; /* of those with as few calls not the one that came last */

		if (t->calls[i].calls < fewest) {
			fewest = t->calls[i].calls;
			victim = i;
		}
	}
	if (victim >= THREAD_SUMS)
		return 0;
	t->evictions++;
	for (int i = 0; i < SUM_MEMOS; i++)
		if (t->memos[i].sum == victim)
			t->memos[i].nr = NO_CALL;
	begin_update(p);
	fold_sum(p, &t->calls[victim % THREAD_SUMS]);
	end_update(p);
	return 1;
}

#endif
