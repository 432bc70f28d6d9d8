/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A system call of a program's that has returned, and which descriptors it changed. */
#ifndef ZCTRACE_RETURNED_H
#define ZCTRACE_RETURNED_H

/* A call that has returned, with what is needed of its arguments. Most of what follows are global functions, so that the
 * verifier proves each once: they take no registers. */
struct returned {
	__u64 first, fourth; /* arguments */
	__s64 ret;
	struct moved moved;
	__u64 kernel_read;
	__u32 nr;
	__u32 in_fd, out_fd, flags;
	__u32 in, out; /* it has such a descriptor */
	__u32 accounted; /* enum accounted */
	__u32 changes;	 /* enum changes */
	__u32 any;	 /* it may change any descriptor */
	__u32 times;	 /* that the kernel accounts its bytes */
};

/* What a call returns that a signal ended (include/linux/errno.h). No program sees that: the call is made again, or has failed with EINTR. */
static __always_inline bool is_restarted(__s64 ret) { return ret <= -512 && ret >= -516 && ret != -515; }

/* Which descriptor fcntl(2) changes, by its command. */
static __always_inline __u32 fcntl_changes(__u32 command)
{
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		return CHANGES_RESULT;
	return command == F_SETFL ? CHANGES_FIRST : 0; /* which sets O_DIRECT */
}

/* Reads the arguments while they are at hand. */
static __always_inline void read_returned(struct returned *r, const volatile struct call *call, struct pt_regs *regs)
{
	r->first = syscall_arg(regs, 1);
	r->fourth = syscall_arg(regs, 4);
	r->in_fd = syscall_arg(regs, call->in_fd);
	r->out_fd = syscall_arg(regs, call->out_fd);
	r->flags = flags_of(call, regs);
	r->in = call->in_fd;
	r->out = call->out_fd;
	r->accounted = call->accounted;
	r->times = 1;
	r->changes = call->changes & CHANGES_FCNTL ? fcntl_changes(syscall_arg(regs, 2)) : call->changes;
	r->any = !call->keeps && !call->changes;
	if (r->ret >= 0 && call->result)
		result_bytes(&r->moved, call, regs, r->ret);
}

/* What the kinds of its descriptors tell of a call. */
static __always_inline void heed_kinds(struct returned *r, const struct sum_memo *m)
{
	if (m->heeded & FD_INSTALLS)
		r->any = 1;
	/* fs/overlayfs/file.c: ovl_copyfile. What is written lies in the upper layer, which is never on another overlay. */
	if (r->accounted & ACCOUNTED_TWICE && m->heeded & FD_OVERLAY)
		r->times = 2;
}

static __always_inline void change(struct descriptors *d, __u32 fd)
{
	d->changed[fd % 64] = __sync_fetch_and_add(&d->clock, 1) + 1;
}

static __always_inline void change_all(struct descriptors *d)
{
	d->all = __sync_fetch_and_add(&d->clock, 1) + 1;
}

__attribute__((noinline)) int note_changes(struct descriptors *d, struct returned *r)
{
	__u32 changes, pair[2];

	if (!d || !r)
		return 0;
	changes = r->changes;
	if (r->any || changes & CHANGES_TABLE)
		change_all(d);
	if (changes & CHANGES_RESULT && r->ret >= 0)
		change(d, r->ret);
	if (changes & CHANGES_POSITIVE && r->ret > 0)
		change(d, r->ret);
	if (changes & CHANGES_FIRST)
		change(d, r->first);
	if (changes & (CHANGES_PAIR | CHANGES_PAIR_4) && !r->ret) {
		if (bpf_probe_read_user(pair, sizeof(pair), (void *)(changes & CHANGES_PAIR ? r->first : r->fourth))) {
			change_all(d);
		} else {
			change(d, pair[0]);
			change(d, pair[1]);
		}
	}
	if (changes & CHANGES_MESSAGE && r->moved.control)
		change_all(d);
	return 0;
}

#endif
