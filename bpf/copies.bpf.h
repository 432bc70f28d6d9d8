/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Copies of payload, seen as they happen: by a tracepoint, and by hooks on the
 * functions that know how much one call copied. Each hook adds to the system call under
 * way; sys_exit moves it to the call's cell. The direction is that of the
 * iov_iter, not of the function: the kernel reads files into its own pages too.
 */
#ifndef ZCTRACE_COPIES_H
#define ZCTRACE_COPIES_H

/* Where to add what the current task copies, as one engine sees it: to its system call
 * under way; or to what helpers did for the slot, if it is one. */
static __always_inline struct copied *charged(enum engine engine)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct helpers *h;
	struct slot *s;

	if (follows)
		return seen_by_program(task, engine);
	s = open_slot_of(task);
	if (s)
		return &s->seen[engine];
	h = helpers_of(task);
	return h ? &h->seen[engine] : 0;
}

/* Socket data to user memory, once per skb; just before the copy
 * (net/core/datagram.c: skb_copy_datagram_iter). */
static __always_inline int socket_copy(int len)
{
	struct copied *seen = charged(TRACEPOINTS);

	if (seen)
		add(&seen->to_user, len);
	return 0;
}

SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(skb_copy_datagram_iovec, const struct sk_buff *skb, int len)
{
	return socket_copy(len);
}

SEC("tp/skb/skb_copy_datagram_iovec")
int skb_copy_datagram_iovec_perf(struct trace_event_raw_skb_copy_datagram_iovec *record)
{
	socket_copy(record->len);
	return HAND_ON;
}

#define is_iter(type, name) \
	(bpf_core_enum_value_exists(enum iter_type, name) && (type) == bpf_core_enum_value(enum iter_type, name))

/* Where the memory is that an iov_iter describes. */
enum memory { USER, KERNEL, BY_REFERENCE };

static __always_inline enum memory memory_of(__u8 type)
{
	if (is_iter(type, ITER_UBUF) || is_iter(type, ITER_IOVEC))
		return USER;
	if (is_iter(type, ITER_PIPE) || is_iter(type, ITER_DISCARD))
		return BY_REFERENCE;
	return KERNEL;
}

/* An overlay hands an asynchronous request on with a kiocb of its own, which leads to the one that it was
 * given. Of any other kiocb this reads what happens to lie there: whoever asks compares it with what is known. */
static __always_inline struct kiocb *handed_on(struct kiocb *iocb)
{
	struct backing_aio *new = (void *)iocb;
	struct ovl_aio_req *old = (void *)iocb;

	if (bpf_core_field_exists(new->orig_iocb))
		return BPF_CORE_READ(new, orig_iocb);
	if (bpf_core_field_exists(old->orig_iocb))
		return BPF_CORE_READ(old, orig_iocb);
	return 0;
}

/* Whether the kiocb is of a request that a slot made, which it is the beginning of. */
static __noinline bool is_requested(struct kiocb *iocb)
{
	if (slot_of_request((struct io_kiocb *)iocb))
		return 1;
	iocb = handed_on(iocb);
	if (iocb && slot_of_request((struct io_kiocb *)iocb))
		return 1;
	iocb = iocb ? handed_on(iocb) : 0; /* an overlay on an overlay */
	return iocb && slot_of_request((struct io_kiocb *)iocb);
}

/* io_uring's registered buffers are user memory, but come as a BVEC. A BVEC in any other
 * asynchronous kiocb is the kernel's own: a file system that is mounted from a file reads that
 * into its own pages. */
static __always_inline enum memory memory_of_io(struct kiocb *iocb, struct iov_iter *iter)
{
	__u8 type = iter->iter_type;

	if (requests && is_iter(type, ITER_BVEC) && BPF_CORE_READ(iocb, ki_complete) && is_requested(iocb))
		return USER;
	return memory_of(type);
}

static __always_inline void saw_copy_to(struct copied *seen, enum memory memory, __s64 n)
{
	if (n <= 0)
		return;
	if (memory == USER)
		add(&seen->to_user, n);
	else if (memory == KERNEL)
		add(&seen->in_kernel, n);
}

static __always_inline void saw_copy_from(struct copied *seen, enum memory memory, __s64 n)
{
	if (n <= 0)
		return;
	if (memory == USER)
		add(&seen->from_user, n);
	else if (memory == KERNEL)
		add(&seen->in_kernel, n);
}

static __always_inline __s64 result(void *ctx)
{
	__u64 ret = 0;

	bpf_get_func_ret(ctx, &ret);
	return ret;
}

static __always_inline struct skb_shared_info *shared_info(struct sk_buff *skb)
{
	return (struct skb_shared_info *)(skb->head + skb->end);
}

/* Files: ssize_t f(struct kiocb *, struct iov_iter *, ...). */
static __always_inline int file_read(void *ctx, struct kiocb *iocb, struct iov_iter *iter, __s64 before)
{
	struct copied *seen = charged(FENTRY);

	if (seen)
		saw_copy_to(seen, memory_of_io(iocb, iter), result(ctx) - before);
	return 0;
}

static __always_inline int file_write(void *ctx, struct kiocb *iocb, struct iov_iter *iter)
{
	struct copied *seen = charged(FENTRY);

	if (seen)
		saw_copy_from(seen, memory_of_io(iocb, iter), result(ctx));
	return 0;
}

/* mm/filemap.c; already_read is what direct I/O has read before, and is part of
 * the result. */
SEC("fexit/filemap_read")
int BPF_PROG(filemap_read, struct kiocb *iocb, struct iov_iter *iter, long already_read)
{
	return file_read(ctx, iocb, iter, already_read);
}

/* mm/shmem.c: tmpfs, memfd */
SEC("fexit/shmem_file_read_iter")
int BPF_PROG(shmem_file_read_iter, struct kiocb *iocb, struct iov_iter *iter)
{
	return file_read(ctx, iocb, iter, 0);
}

/* mm/filemap.c: ext4, tmpfs, vfat, ... */
SEC("fexit/generic_perform_write")
int BPF_PROG(generic_perform_write, struct kiocb *iocb, struct iov_iter *iter)
{
	return file_write(ctx, iocb, iter);
}

/* fs/iomap/buffered-io.c: xfs, block devices */
SEC("fexit/iomap_file_buffered_write")
int BPF_PROG(iomap_file_buffered_write, struct kiocb *iocb, struct iov_iter *iter)
{
	return file_write(ctx, iocb, iter);
}

/* fs/btrfs/file.c */
SEC("fexit/btrfs_buffered_write")
int BPF_PROG(btrfs_buffered_write, struct kiocb *iocb, struct iov_iter *iter)
{
	return file_write(ctx, iocb, iter);
}

/* How much of the direct read's bio lies before the file's end: what is behind it in the last block is copied,
 * too, and is no payload. */
static __always_inline __s64 before_end(struct iomap_dio *dio, __s64 n)
{
	__s64 left;

	if (!bpf_core_field_exists(dio->i_size) || !bpf_core_field_exists(dio->size) || !bpf_core_field_exists(dio->iocb))
		return n;
	left = BPF_CORE_READ(dio, i_size) - BPF_CORE_READ(dio, iocb, ki_pos) - BPF_CORE_READ(dio, size);
	return left < n ? left : n;
}

/*
 * block/bio.c, since 7.0: direct I/O of what must not change while it is under way, because it has a checksum
 * or a copy on another disk, passes pages of the kernel's own. What is written is copied into them here. What
 * is read is copied out of them when the disk has brought it, in anybody's context, so it counts here, where that is known to
 * come; if the read fails it may not, and what was copied is not known. fs/iomap/direct-io.c is the only caller.
 */
SEC("fexit/bio_iov_iter_bounce")
int BPF_PROG(bio_iov_iter_bounce, struct bio *bio, struct iov_iter *iter)
{
	struct copied *seen = charged(FENTRY);
	struct iomap_dio *dio = bio->bi_private;
	__s64 n = bio->bi_iter.bi_size;
	enum memory memory = memory_of(iter->iter_type);

	if (!seen || (int)result(ctx))
		return 0;
	if (bpf_core_field_exists(dio->iocb))
		memory = memory_of_io(BPF_CORE_READ(dio, iocb), iter);
	if (bio->bi_opf & 1) /* include/linux/blk_types.h: op_is_write */
		saw_copy_from(seen, memory, n);
	else
		saw_copy_to(seen, memory, before_end(dio, n));
	return 0;
}

/* fs/pipe.c */
SEC("fexit/pipe_read")
int BPF_PROG(pipe_read, struct kiocb *iocb, struct iov_iter *iter)
{
	return file_read(ctx, iocb, iter, 0);
}

SEC("fexit/pipe_write")
int BPF_PROG(pipe_write, struct kiocb *iocb, struct iov_iter *iter)
{
	return file_write(ctx, iocb, iter);
}

/* net/ipv4/tcp.c: all bytes of a call go one way. */
SEC("fexit/tcp_sendmsg_locked")
int BPF_PROG(tcp_sendmsg_locked, struct sock *sk, struct msghdr *msg)
{
	struct copied *seen = charged(FENTRY);

	if (!seen)
		return 0;
	if (sk->sk_route_caps & NETIF_F_SG) {
		if (msg->msg_flags & MSG_SPLICE_PAGES)
			return 0;
		if (msg->msg_flags & MSG_ZEROCOPY &&
		    (msg->msg_ubuf ||
		     sk->__sk_common.skc_flags >> bpf_core_enum_value(enum sock_flags, SOCK_ZEROCOPY) & 1))
			return 0;
	}
	saw_copy_from(seen, memory_of(msg->msg_iter.iter_type), (int)result(ctx));
	return 0;
}

/* net/core/datagram.c: the receive side of TCP, UNIX, UDP with fragments, ... */
SEC("fexit/skb_copy_datagram_iter")
int BPF_PROG(skb_copy_datagram_iter, const struct sk_buff *skb, int offset, struct iov_iter *to, int len)
{
	struct copied *seen = charged(FENTRY);

	if (seen && !(int)result(ctx))
		saw_copy_to(seen, memory_of(to->iter_type), len);
	return 0;
}

/*
 * net/core/skbuff.c: a packet of a socket goes into a pipe. Its pages do by reference;
 * what is in the linear part is copied (linear_to_page), unless that is a fragment of
 * a page that nobody else holds (skb_head_is_locked). Packets that come over
 * loopback or a unix socket have no further packets listed behind them.
 */
SEC("fexit/skb_splice_bits")
int BPF_PROG(skb_splice_bits, struct sk_buff *skb, struct sock *sk, unsigned int offset)
{
	struct copied *seen = charged(FENTRY);
	__u32 linear = skb->len - skb->data_len;
	__s64 n = (int)result(ctx);
	bool shared;

	if (!seen || n <= 0 || offset >= linear)
		return 0;
	shared = BPF_CORE_READ_BITFIELD_PROBED(skb, cloned) &&
		 (BPF_CORE_READ(shared_info(skb), dataref.counter) & SKB_DATAREF_MASK) != 1;
	if (shared || !BPF_CORE_READ_BITFIELD_PROBED(skb, head_frag))
		add(&seen->in_kernel, n < linear - offset ? n : linear - offset);
	return 0;
}

/* net/ipv4/tcp.c: pages of the socket's queue are mapped for the caller; what it
 * copies besides passes skb_copy_datagram_iter. */
SEC("fexit/tcp_zerocopy_receive")
int BPF_PROG(tcp_zerocopy_receive, struct sock *sk, struct tcp_zerocopy_receive *zc)
{
	struct slot *s = open_slot_of(bpf_get_current_task_btf());

	if (s && !(int)result(ctx))
		s->received_bytes += zc->length;
	return 0;
}

/* net/core/datagram.c: UNIX, packet, tun and tap, vsock */
SEC("fexit/skb_copy_datagram_from_iter")
int BPF_PROG(skb_copy_datagram_from_iter, struct sk_buff *skb, int offset, struct iov_iter *from, int len)
{
	struct copied *seen = charged(FENTRY);

	if (seen && !(int)result(ctx))
		saw_copy_from(seen, memory_of(from->iter_type), len);
	return 0;
}

/* net/ipv4/ip_output.c: UDP and RAW; from is a struct msghdr. */
SEC("fexit/ip_generic_getfrag")
int BPF_PROG(ip_generic_getfrag, void *from, char *to, int offset, int len)
{
	struct copied *seen = charged(FENTRY);
	struct msghdr *msg = from;

	if (seen && !(int)result(ctx))
		saw_copy_from(seen, memory_of(BPF_CORE_READ(msg, msg_iter.iter_type)), len);
	return 0;
}

/* net/core/skbuff.c: what the stack copies for itself, a few bytes now and
 * then. A packet that has no socket yet is nobody's. */
SEC("fexit/skb_copy_bits")
int BPF_PROG(skb_copy_bits, const struct sk_buff *skb, int offset, void *to, int len)
{
	struct slot *s = if_open(slot_sending_to(skb->sk));

	if (s && !(int)result(ctx))
		__sync_fetch_and_add(&s->net_internal_bytes, len);
	return 0;
}

#endif
