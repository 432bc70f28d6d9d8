/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a system call moved, read when it returns. */
#ifndef ZCTRACE_CALLS_H
#define ZCTRACE_CALLS_H

volatile const struct call calls[CALLS];

static const volatile struct call no_call; /* of a number that no call has: 32-bit calls, x32, -1 */

static __always_inline const volatile struct call *call_of(__u64 nr)
{
	if (nr >= CALLS)
		return &no_call;
	asm volatile("" : "+r"(nr)); /* the verifier wants the bound before the address is computed */
	return &calls[nr % CALLS];
}

/* The command, if it moves bytes; else 0. */
static __noinline __u32 command_of(__u8 result, __u32 command, __u64 level)
{
	if (result == RESULT_ZEROCOPY)
		return level == IPPROTO_TCP && command == TCP_ZEROCOPY_RECEIVE ? command : 0;
	return command == FICLONE || command == FICLONERANGE || command == FIDEDUPERANGE ? command : 0;
}

/* What of a call's flags tells it from others, to who asks what it copied. */
static __always_inline __u32 flags_of(const volatile struct call *call, struct pt_regs *regs)
{
	__u32 flags = syscall_arg(regs, call->flags) & call->decisive;

	return call->result < RESULT_COMMANDS ? flags : command_of(call->result, flags, syscall_arg(regs, 2));
}

/* What a system call that did not fail moved. */
struct moved {
	__u64 bytes;
	__u64 mapped; /* see struct cell */
	__u64 cut;
	__u32 less;   /* it moved less than was asked for */
	__u32 unread; /* a loss: where the number stands could not be read */
	__u32 control; /* of a message that was received: something came with it, which may be descriptors */
};

#define IOVECS 16 /* that are added up, only where a result does not tell what was copied */

/* How much there is room for in the memory of a message; less than n only if all of it was read. */
static __noinline __u64 room_in(struct moved *m, struct iovec *iov, __u64 count, __u64 n)
{
	__u64 room = 0;

	for (__u32 i = 0; i < IOVECS; i++) {
		struct iovec v;

		if (i >= count || room >= n)
			return room;
		if (bpf_probe_read_user(&v, sizeof(v), iov + i))
			break;
		room += v.len;
	}
	if (room < n)
		m->unread = 1;
	return n;
}

/* Adds the n bytes that a message was long. With MSG_TRUNC more of it than there was room for. */
static __always_inline void add_message(struct moved *m, struct user_msghdr *header, __u64 n, bool trunc)
{
	struct iovec *iov;
	__u64 count, room, control;

	m->bytes += n;
	m->control |= bpf_probe_read_user(&control, sizeof(control), &header->controllen) || control;
	if (!trunc)
		return;
	if (bpf_probe_read_user(&iov, sizeof(iov), &header->iov) ||
	    bpf_probe_read_user(&count, sizeof(count), &header->iovlen)) {
		m->unread = 1;
		return;
	}
	room = room_in(m, iov, count, n);
	if (room < n)
		m->cut += n - room;
}

struct messages {
	struct moved moved;
	struct mmsghdr *at;
	bool trunc;
};

static long add_nth_message(__u32 i, struct messages *m)
{
	__u32 n;

	if (bpf_probe_read_user(&n, sizeof(n), &m->at[i].len)) {
		m->moved.unread = 1;
		return 1;
	}
	add_message(&m->moved, &m->at[i].header, n, m->trunc);
	return 0;
}

#define MESSAGES (1 << 16) /* sendmmsg moves no more than UIO_MAXIOV, and recvmmsg as many as are wanted */

static __noinline int add_messages(struct moved *m, struct mmsghdr *at, __u32 count, bool trunc)
{
	struct messages all = {.at = at, .trunc = trunc};

	bpf_loop(count, add_nth_message, &all, 0);
	all.moved.unread |= count > MESSAGES;
	*m = all.moved;
	return 0;
}

static __always_inline __u64 size_of_fd(__u32 fd)
{
	struct inode *inode = inode_of_fd(bpf_get_current_task_btf(), fd);

	return inode ? BPF_CORE_READ(inode, i_size) : 0;
}

struct deduped {
	struct file_dedupe_range_info *at;
	struct moved moved;
};

static long add_deduped(__u32 i, struct deduped *d)
{
	struct file_dedupe_range_info info;

	if (bpf_probe_read_user(&info, sizeof(info), d->at + i)) {
		d->moved.unread = 1;
		return 1;
	}
	if (!info.status) /* FILE_DEDUPE_RANGE_SAME */
		d->moved.bytes += info.bytes_deduped;
	return 0;
}

/* What ioctl(FICLONE and so on) shares between two files. A range without a length ends where the file does. */
static __noinline int add_cloned(struct moved *m, __u32 command, __u64 arg)
{
	struct file_clone_range range;
	struct file_dedupe_range *dedupe = (void *)arg;
	struct deduped d = {.at = dedupe->info};
	__u16 count;
	__u64 size;

	switch (command) {
	case FICLONE:
		m->bytes = size_of_fd(arg);
		break;
	case FICLONERANGE:
		m->unread = !!bpf_probe_read_user(&range, sizeof(range), (void *)arg);
		if (m->unread)
			break;
		m->bytes = range.src_length;
		size = range.src_length ? 0 : size_of_fd(range.src_fd);
		if (size > range.src_offset)
			m->bytes = size - range.src_offset;
		break;
	case FIDEDUPERANGE:
		m->unread = !!bpf_probe_read_user(&count, sizeof(count), &dedupe->dest_count);
		if (m->unread)
			break;
		bpf_loop(count, add_deduped, &d, 0);
		*m = d.moved;
	}
	return 0;
}

/* getsockopt(TCP_ZEROCOPY_RECEIVE) returns 0. What it did is in the caller's structure, which the
 * kernel has just written. */
static __noinline int add_received(struct moved *m, struct tcp_zerocopy_receive *zc)
{
	__u32 length;
	__s32 copied;

	m->unread = bpf_probe_read_user(&length, sizeof(length), &zc->length) ||
		    bpf_probe_read_user(&copied, sizeof(copied), &zc->copybuf_len);
	if (m->unread)
		return 0;
	m->mapped = length;
	m->bytes = length + (copied > 0 ? copied : 0);
	return 0;
}

/* What a call asked for whose result is not just a number of bytes. */
struct asked {
	__u64 second, third, fourth, len; /* arguments */
	__s64 ret;
	__u32 flags;
	__u32 result; /* enum result */
};

/* A global function, so that the verifier proves it once rather than on each path to it: it takes no registers. */
__attribute__((noinline)) int look_up_moved(struct moved *m, struct asked *a)
{
	if (!m || !a)
		return 0;
	switch (a->result) {
	case RESULT_MESSAGE:
		add_message(m, (void *)a->second, a->ret, a->flags & MSG_TRUNC);
		break;
	case RESULT_MESSAGES:
		add_messages(m, (void *)a->second, a->ret, a->flags & MSG_TRUNC);
		break;
	case RESULT_LENGTH:
		m->bytes = a->len;
		break;
	case RESULT_ZEROCOPY:
		if (a->flags)
			add_received(m, (void *)a->fourth);
		break;
	case RESULT_CLONES:
		add_cloned(m, a->flags, a->third);
	}
	return 0;
}

/* Fills what a call moved that did not fail. */
static __always_inline void result_bytes(struct moved *m, const volatile struct call *call, struct pt_regs *regs, __s64 ret)
{
	__u64 asked;

	if (call->result != RESULT_BYTES) {
		struct asked a = {
			.second = syscall_arg(regs, 2),
			.third = syscall_arg(regs, 3),
			.fourth = syscall_arg(regs, 4),
			.len = syscall_arg(regs, call->len),
			.ret = ret,
			.flags = flags_of(call, regs),
			.result = call->result,
		};

		look_up_moved(m, &a);
		return;
	}
	m->bytes = ret;
	if (!call->len)
		return;
	asked = syscall_arg(regs, call->len);
	if (ret < asked)
		m->less = 1;
	else
		m->cut = ret - asked; /* with MSG_TRUNC */
}

#endif
