/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What was sent by reference (MSG_ZEROCOPY, io_uring's SEND_ZC) and is copied
 * after all, because it turns out to go to a receiver on this machine (loopback,
 * veth, a tap). That happens in any task's context, and in softirqs; whose packet it is, its
 * ubuf_info tells.
 */
#ifndef ZCTRACE_LATE_H
#define ZCTRACE_LATE_H

/* The slot whose thread or socket sent the packet. Of what kind the ubuf_info
 * is, the kernel tells by a function's address; here both readings are tried, and
 * identity with a known address proves one. */
static __always_inline struct slot *owner_of(struct sk_buff *skb)
{
	struct skb_shared_info *info = shared_info(skb);
	void *uarg = BPF_CORE_READ(info, destructor_arg);
	struct sk_buff *holder;	 /* net/core/skbuff.c: msg_zerocopy_alloc */
	struct slot *s;

	if (!uarg)
		return 0;
	holder = uarg - bpf_core_field_offset(struct sk_buff, cb);
	s = slot_sending_to(BPF_CORE_READ(holder, sk));
	if (!s && bpf_core_field_exists(((struct io_notif_data *)0)->uarg)) {
		void *request = uarg - bpf_core_field_offset(struct io_notif_data, uarg);

		s = slot_of_request(request); /* io_uring/notif.c: io_alloc_notif */
	}
	return s;
}

static __always_inline void late_copy(enum engine engine, struct sk_buff *skb)
{
	struct slot *s = owner_of(skb);

	if (s)
		__sync_fetch_and_add(&s->late_bytes[engine], skb->data_len);
}

/* net/core/skbuff.c: makes fragments of its own for the packet. */
SEC("fentry/skb_copy_ubufs")
int BPF_PROG(skb_copy_ubufs, struct sk_buff *skb)
{
	late_copy(FENTRY, skb);
	return 0;
}

/* A bridge takes the packet as it is, and passes it on to another device, where it
 * arrives again or leaves the machine (net/bridge/br_input.c: br_handle_frame;
 * net/openvswitch/vport-netdev.c: netdev_frame_hook). */
static __always_inline bool is_bridged(struct sk_buff *skb)
{
	struct net_device *dev = BPF_CORE_READ(skb, dev);

	return BPF_CORE_READ_BITFIELD_PROBED(dev, priv_flags) & (IFF_BRIDGE_PORT | IFF_OVS_DATAPATH);
}

/* net/core/dev.c: a packet that still has the sender's pages is about to be
 * copied (skb_orphan_frags_rx). */
SEC("tp_btf/netif_receive_skb")
int BPF_PROG(netif_receive_skb, struct sk_buff *skb)
{
	struct skb_shared_info *info = shared_info(skb);

	if (BPF_CORE_READ(info, flags) & SKBFL_ZEROCOPY_ENABLE && !is_bridged(skb))
		late_copy(TRACEPOINTS, skb);
	return 0;
}

#endif
