/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whose event is it? A subject is a thread that has opened its window, and has a slot for its
 * cells. It is known by the addresses of kernel objects, its own and its sinks': they are
 * compared, and never followed. Nothing else knows how many subjects there are, or how
 * one is found.
 */
#ifndef ZCTRACE_SUBJECT_H
#define ZCTRACE_SUBJECT_H

slot_array slots;

volatile const bool requests; /* the run makes asynchronous ones */

/*
 * Threads, by the address of their task_struct and by that of the registers that they entered the
 * kernel with, which lie at the top of their stack. Either is found without calling a helper, of
 * which each call costs as much as all that a program does for a thread that is not traced.
 */
#define SUBJECT_BITS 16 /* most places stay free, also with 9,000 threads of programs */
#define SUBJECT_PROBES 8

struct subject subjects[1 << SUBJECT_BITS] __attribute__((aligned(128))); /* apart from what is written all the time */

/* The verifier allows no arithmetic on an address in the kernel but to subtract another one. */
static __always_inline __u32 place_of(void *object)
{
	__u64 distance;

	asm("%0 = %1\n%0 -= %2" : "=&r"(distance) : "r"(object), "r"(subjects));
	return distance * 0x9e3779b97f4a7c15ULL >> (64 - SUBJECT_BITS); /* Fibonacci hashing */
}

static __always_inline struct subject *nth_place(__u32 place, __u32 n)
{
	return &subjects[(place + n) % (1 << SUBJECT_BITS)];
}

static __noinline struct subject *subject_further_on(void *object, __u32 place)
{
	for (__u32 n = 1; n < SUBJECT_PROBES; n++) {
		struct subject *s = nth_place(place, n);

		if (s->address == (__u64)object)
			return s;
	}
	return 0;
}

/* What is known of the thread whose task_struct or registers these are. */
static __always_inline struct subject *subject_known_by(void *object)
{
	__u32 place = place_of(object);
	struct subject *s = nth_place(place, 0);

	if (s->address == (__u64)object)
		return s;
	return s->more ? subject_further_on(object, place) : 0;
}

/* Its slot, whatever the state of that. */
static __always_inline struct slot *slot_known_by(void *object)
{
	struct subject *s = subject_known_by(object);

	return s ? &slots[s->who % SLOTS] : 0; /* in bounds for the verifier, too */
}

/* Whoever was passed by n places further back than they would be has one less of them. */
static __always_inline void pass_no_more(__u32 place, __u32 n)
{
	for (__u32 i = 0; i < SUBJECT_PROBES; i++)
		if (i < n)
			__sync_fetch_and_add(&nth_place(place, i)->more, -1);
}

/* 0: there is no place for it. */
static __noinline struct subject *make_known(void *object, __u32 who)
{
	__u32 place = place_of(object);

	for (__u32 n = 0; n < SUBJECT_PROBES; n++) {
		struct subject *s = nth_place(place, n);

		if (__sync_val_compare_and_swap(&s->address, FREE, CLAIMED) == FREE) {
			s->who = who;
			__sync_val_compare_and_swap(&s->address, CLAIMED, (__u64)object);
			return s;
		}
		__sync_fetch_and_add(&s->more, 1);
	}
	pass_no_more(place, SUBJECT_PROBES);
	return 0;
}

/* The address may become another's. */
static __noinline void forget_subject(void *object)
{
	__u32 place = place_of(object);

	for (__u32 n = 0; n < SUBJECT_PROBES; n++) {
		if (__sync_val_compare_and_swap(&nth_place(place, n)->address, (__u64)object, FREE) == (__u64)object) {
			pass_no_more(place, n);
			return;
		}
	}
}

/* The slot that a marker names; 0 if there is none. */
static __always_inline struct slot *slot_at(__u64 role)
{
	return role < SLOTS ? &slots[role] : 0;
}

/* From now on the slot is the task's. False if there is no place for it. */
static __always_inline bool enroll(__u64 role, struct task_struct *task, struct pt_regs *regs)
{
	struct slot *s = slot_at(role);

	if (!s)
		return 0;
	s->task = (__u64)task;
	s->leader = (__u64)task->group_leader;
	return make_known(task, role) && make_known(regs, role);
}

/* Most events count while the window is open. */
static __always_inline struct slot *if_open(struct slot *s)
{
	return s && s->state == OPEN ? s : 0;
}

static __always_inline struct slot *open_slot_of(struct task_struct *task)
{
	return if_open(slot_known_by(task));
}

/* The same for the thread that makes a system call. A thread's stack, and so these
 * registers, become another's only after sched_process_exit. */
static __always_inline struct slot *open_slot_of_caller(struct pt_regs *regs)
{
	return if_open(slot_known_by(regs));
}

/* One of io_uring's own threads works for the slot of its process: a worker, or
 * the thread that polls a submission queue. Apart from open_slot_of, because it is
 * not asked where it cannot be. */
static __always_inline struct slot *slot_helped_by(struct task_struct *task)
{
	__u64 leader;

	if (!requests || !(BPF_CORE_READ(task, flags) & PF_IO_WORKER))
		return 0;
	leader = (__u64)BPF_CORE_READ(task, group_leader);
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].state != IDLE && slots[i].leader == leader)
			return &slots[i];
	return 0;
}

/* What the task does for an open slot is charged here. */
static __always_inline struct helpers *helpers_of(struct task_struct *task)
{
	struct slot *s = if_open(slot_helped_by(task));

	return s ? &s->helpers : 0;
}

/* The slot whose thread or helper the task is. */
static __always_inline struct slot *slot_served_by(struct task_struct *task)
{
	struct slot *s = slot_known_by(task);

	return s ? s : slot_helped_by(task);
}

/* The task that made a request of io_uring, or that took it from a submission queue. */
static __always_inline struct task_struct *task_of_request(struct io_kiocb *req)
{
	struct io_kiocb___task *old = (void *)req;

	if (bpf_core_field_exists(old->task))
		return BPF_CORE_READ(old, task);
	return BPF_CORE_READ(req, tctx, task);
}

/* The slot whose thread or helper that task is. It was read, so it is a number to the verifier, of
 * which place_of cannot subtract an address. */
static __always_inline struct slot *slot_of_request(struct io_kiocb *req)
{
	struct task_struct *task = task_of_request(req);

	if (!task)
		return 0;
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].task == (__u64)task)
			return &slots[i];
	return slot_helped_by(task);
}

/* The slot that sends to the socket, also after its window: what is in the socket's buffer then
 * is its own. */
static __always_inline struct slot *slot_sending_to(struct sock *sk)
{
	for (int i = 0; sk && i < SLOTS; i++)
		if (slots[i].sink_sock == (__u64)sk || slots[i].sink2_sock == (__u64)sk)
			return &slots[i];
	return 0;
}

/* The slot that writes the file: to a sink, or what it receives and keeps. */
static __always_inline struct slot *slot_writing_to(__u64 inode)
{
	for (int i = 0; inode && i < SLOTS; i++)
		if (slots[i].sink_inode == inode || slots[i].sink2_inode == inode)
			return &slots[i];
	return 0;
}

/* The slot to whose sink's socket a packet belongs that arrives. It has no owner yet: it is known
 * by naming the same connection, in the same network namespace. */
static __always_inline struct slot *slot_answered_by(struct sk_buff *skb, struct net *net)
{
	struct flow f = {};
	bool expected = 0;

	for (int i = 0; i < SLOTS; i++)
		expected |= slots[i].sink_net == (__u64)net;
	if (!expected || !flow_of(&f, skb))
		return 0;
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].sink_net == (__u64)net && same_flow(&f, &slots[i].sink_flow))
			return &slots[i];
	return 0;
}

#endif
