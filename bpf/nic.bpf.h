/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Packets of the sink's socket that a network device moves by DMA: one that has a
 * parent device. Loopback, veth, bridges, bonds, VLANs and tunnels have none, so
 * that what passes several of them counts once, where it leaves the machine.
 *
 * This runs in any task's context, and in softirqs: TCP sends when an
 * acknowledgement makes room. The packet's socket tells whose it is. Counting goes on after
 * the window, for what was in the socket's buffer when that closed; the session
 * waits until the receiver has it.
 */
#ifndef ZCTRACE_NIC_H
#define ZCTRACE_NIC_H

static __always_inline void add_packet(struct packets *p, __u64 bytes, __u64 linear)
{
	__sync_fetch_and_add(&p->bytes, bytes);
	__sync_fetch_and_add(&p->packets, 1);
	__sync_fetch_and_add(&p->linear_bytes, linear);
}

/*
 * TCP keeps payload in pages beside the packet, from where a device gathers it. For
 * one that cannot, the stack copies it behind the headers, in one piece with them
 * (net/core/dev.c: validate_xmit_skb).
 */
static __always_inline __u64 linear_payload(struct slot *s, struct sk_buff *skb, struct net_device *dev)
{
	unsigned char *tcp = skb->head + skb->transport_header;
	__u64 linear = skb->len - skb->data_len, headers;
	struct {
		__be16 from, to;
		__u32 numbers[2];
		__u8 offset;
	} header;

	if (dev->features & NETIF_F_SG)
		return 0;
	if (bpf_probe_read_kernel(&header, sizeof(header), tcp))
		return 0;
	if (header.from != s->sink_flow.to_port || header.to != s->sink_flow.from_port)
		return 0; /* a tunnel's header */
	headers = tcp - skb->data + (header.offset >> 4) * 4;
	return linear > headers ? linear - headers : 0;
}

/* A packet that the device will cut into segments (TSO) counts as one, with one header, as it
 * passes by DMA. One that the kernel has cut passes here segment by segment. */
SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(net_dev_start_xmit, struct sk_buff *skb, struct net_device *dev)
{
	struct slot *s = slot_sending_to(skb->sk);

	if (s && dev->dev.parent)
		add_packet(&s->sent, skb->len, linear_payload(s, skb, dev));
	return 0;
}

/* With any other result the packet is the driver's, and may be gone. */
SEC("tp_btf/net_dev_xmit")
int BPF_PROG(net_dev_xmit, struct sk_buff *skb, int rc, struct net_device *dev, unsigned int len)
{
	struct slot *s;

	if (rc != NETDEV_TX_BUSY)
		return 0;
	s = slot_sending_to(skb->sk);
	if (s && dev->dev.parent)
		add_packet(&s->refused, len, linear_payload(s, skb, dev));
	return 0;
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(nic_receive, struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	struct slot *s = dev->dev.parent ? slot_answered_by(skb, dev->nd_net.net) : 0;

	if (s)
		add_packet(&s->received, skb->len + (skb->data - skb->head - skb->mac_header), 0);
	return 0;
}

#endif
