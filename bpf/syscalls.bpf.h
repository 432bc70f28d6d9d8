/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* System calls, classified at their exit into cells. */
#ifndef ZCTRACE_SYSCALLS_H
#define ZCTRACE_SYSCALLS_H

volatile const __u32 engines; /* a bit for each enum engine that has a hook in this run */

/* The n-th of a key's three words: its call, and each descriptor. As words they are compared by one jump, of which the verifier
 * follows each way. */
static __always_inline __u64 key_word(const struct cell_key *key, int n)
{
	__u64 word;

	__builtin_memcpy(&word, __builtin_assume_aligned((const void *)key + n * sizeof(word), sizeof(word)), sizeof(word));
	return word;
}

static __always_inline __u32 hash_key(const struct cell_key *key)
{
	__u64 h = key_word(key, 0) * 31 + key_word(key, 1) * 7 + key_word(key, 2);

	return h * 0x9e3779b97f4a7c15ULL >> 32; /* Fibonacci hashing */
}

static __always_inline bool same_key(const struct cell_key *a, const struct cell_key *b)
{
	return !((key_word(a, 0) ^ key_word(b, 0)) | (key_word(a, 1) ^ key_word(b, 1)) | (key_word(a, 2) ^ key_word(b, 2)));
}

#define PROBES 16 /* of an open-addressed table that a run fills to a tenth */

/* The index of the key's cell, taking a free one if need be; CELLS when there
 * is none. */
static __always_inline __u64 find_cell(struct slot *s, const struct cell_key *key)
{
	__u32 start = hash_key(key);

	for (__u32 i = 0; i < PROBES; i++) {
		__u64 index = (start + i) % CELLS;
		struct cell *c = &s->cells[index];

		if (!c->calls) {
			c->key = *key;
			return index;
		}
		if (same_key(&c->key, key))
			return index;
	}
	return CELLS;
}

/* Classifies a call afresh and remembers its cell in args. A global function,
 * so that the verifier proves it once rather than on each path to it. */
__attribute__((noinline)) int resolve_cell(struct slot *s, struct memo *args)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const volatile struct call *call;
	struct cell_key key = {};

	if (!s || !args)
		return 0;
	call = &calls[args->nr % CALLS];
	key.nr = args->nr;
	key.flags = args->flags;
	if (call->in_fd)
		describe_fd(&key.in, task, args->in_fd);
	if (call->out_fd)
		describe_fd(&key.out, task, args->out_fd);
	args->cell = find_cell(s, &key);
	return 0;
}

static __always_inline __u64 log2_bucket(__u64 v)
{
	__u64 bucket = 0;

	if (v >> 32) { v >>= 32; bucket += 32; }
	if (v >> 16) { v >>= 16; bucket += 16; }
	if (v >> 8) { v >>= 8; bucket += 8; }
	if (v >> 4) { v >>= 4; bucket += 4; }
	if (v >> 2) { v >>= 2; bucket += 2; }
	if (v >> 1) bucket += 1;
	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* Attached only while latency is wanted: sys_exit still has all arguments. */
static __always_inline int syscall_begins(struct slot *s)
{
	if (s)
		s->enter_ns = bpf_ktime_get_ns();
	return 0;
}


static __always_inline void add_copied(struct copied *sum, const struct copied *more)
{
	sum->to_user += more->to_user;
	sum->from_user += more->from_user;
	sum->in_kernel += more->in_kernel;
}

/* errors counts on its own, so that user space can hold it against what stands by errno. */
static __always_inline void add_error(struct cell *c, __u64 errnr)
{
	c->errors++;
	for (int i = 0; i < ERRNOS; i++) {
		struct failed *f = &c->failed[i];

		if (!f->calls)
			f->errnr = errnr;
		if (f->errnr == errnr) {
			f->calls++;
			return;
		}
	}
	c->other_errors++;
}

/* Where the call's cell is remembered. By the number alone the two splices of a chunk would drive each
 * other out, and so would pread64 and write. With the descriptors that workers have, no two calls
 * that a strategy makes by turns share a place; if they did, it would cost time only. */
static __always_inline __u32 memo_of(__u32 nr, __u32 in_fd)
{
	return (nr + 2 * in_fd) % MEMOS;
}

/* The kernel's own counters are read at a switch, when most of them change, and at the end of
 * each call; but of the calls of a cell that move less than SMALL bytes at every SMALL_CALLSth only: those
 * calls are so short that reading the counters would be a tenth of what tracing costs. */
enum { SMALL = 4096, SMALL_CALLS = 64 };

static __always_inline void count_call(struct slot *s, struct pt_regs *regs, __u32 nr, __s64 ret)
{
	const volatile struct call *call = &calls[nr % CALLS];
	struct moved moved = {};
	__u32 in_fd = syscall_arg(regs, call->in_fd);
	__u32 out_fd = syscall_arg(regs, call->out_fd);
	__u32 flags = flags_of(call, regs);
	struct memo *memo = &s->memos[memo_of(nr, in_fd)];
	struct cell *c = 0;

	if (memo->epoch != s->epoch || memo->nr != nr || memo->in_fd != in_fd ||
	    memo->out_fd != out_fd || memo->flags != flags) {
		memo->epoch = s->epoch;
		memo->nr = nr;
		memo->in_fd = in_fd;
		memo->out_fd = out_fd;
		memo->flags = flags;
		resolve_cell(s, memo);
	}
	if (memo->cell >= CELLS) {
		s->uncounted_calls++;
		goto out;
	}
	c = &s->cells[memo->cell];
	c->calls++;
	if (ret < 0) {
		add_error(c, -ret);
	} else {
		result_bytes(&moved, call, regs, ret);
		c->bytes += moved.bytes;
		c->mapped += moved.mapped;
		c->cut += moved.cut;
		c->short_calls += moved.less;
		s->uncounted_calls += moved.unread;
	}
	for (int i = 0; i < ENGINES; i++)
		if (engines & 1 << i)
			add_copied(&c->seen[i], &s->seen[i]);
	c->blocked += s->blocked;
	if (s->enter_ns) {
		__u64 ns = bpf_ktime_get_ns() - s->enter_ns;

		c->time_ns += ns;
		c->latency_log2[log2_bucket(ns)]++;
	}
out:
	for (int i = 0; i < ENGINES; i++)
		if (engines & 1 << i)
			s->seen[i] = (struct copied){};
	s->blocked = 0;
	s->enter_ns = 0;
	if (!call->keeps)
		s->epoch++; /* a descriptor may refer to something else now */
	if (!c || call->result == RESULT_NONE || ret >= SMALL || c->calls % SMALL_CALLS == 0)
		read_task(&s->now, bpf_get_current_task_btf());
}

static __always_inline int syscall_ends(struct slot *s, struct pt_regs *regs, __u64 nr, __s64 ret)
{
	if (nr == mark_call.nr && is_marker(regs))
		mark(regs);
	else if (s)
		count_call(s, regs, nr, ret);
	return 0;
}

#endif
