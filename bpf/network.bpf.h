/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Connections, and the packets of them that arrive. */
#ifndef ZCTRACE_NETWORK_H
#define ZCTRACE_NETWORK_H

/* The connection of a TCP socket, seen from its other end. */
static __always_inline void describe_flow(struct slot *s, struct sock *sk)
{
	struct flow *f = &s->sink_flow;
	__u16 family;

	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family == AF_INET) {
		f->from[0] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		f->to[0] = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	} else if (family == AF_INET6) {
		BPF_CORE_READ_INTO(&f->from, sk, __sk_common.skc_v6_daddr);
		BPF_CORE_READ_INTO(&f->to, sk, __sk_common.skc_v6_rcv_saddr);
	} else {
		return;
	}
	f->from_port = BPF_CORE_READ(sk, __sk_common.skc_dport);
	f->to_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_num));
	f->family = family;
	s->sink_net = (__u64)BPF_CORE_READ(sk, __sk_common.skc_net.net);
}

struct ipv4_header {
	__u8 version_length, tos;
	__be16 total, id, fragment;
	__u8 ttl, protocol;
	__u16 checksum;
	__be32 from, to;
};

struct ipv6_header {
	__u8 version, flow[3];
	__be16 payload;
	__u8 next, hops;
	__be32 from[4], to[4];
};

/* Reads the connection off a packet whose network header is at skb->data. False if
 * it is not TCP, or its ports cannot be read off: a later fragment, IPv6 with
 * options, headers that are not in the linear part. */
static __always_inline bool flow_of(struct flow *f, struct sk_buff *skb)
{
	__u32 linear = skb->len - skb->data_len, at;
	__be16 protocol = skb->protocol, ports[2];

	if (protocol == __builtin_bswap16(ETH_P_IP)) {
		struct ipv4_header ip;

		if (linear < sizeof(ip) || bpf_probe_read_kernel(&ip, sizeof(ip), skb->data))
			return 0;
		if (ip.protocol != IPPROTO_TCP || ip.fragment & __builtin_bswap16(0x1fff))
			return 0;
		at = (ip.version_length & 0xf) * 4;
		f->from[0] = ip.from;
		f->to[0] = ip.to;
		f->family = AF_INET;
	} else if (protocol == __builtin_bswap16(ETH_P_IPV6)) {
		struct ipv6_header ip;

		if (linear < sizeof(ip) || bpf_probe_read_kernel(&ip, sizeof(ip), skb->data))
			return 0;
		if (ip.next != IPPROTO_TCP)
			return 0;
		at = sizeof(ip);
		__builtin_memcpy(f->from, ip.from, sizeof(f->from));
		__builtin_memcpy(f->to, ip.to, sizeof(f->to));
		f->family = AF_INET6;
	} else {
		return 0;
	}
	if (linear < at + sizeof(ports) || bpf_probe_read_kernel(ports, sizeof(ports), skb->data + at))
		return 0;
	f->from_port = ports[0];
	f->to_port = ports[1];
	return 1;
}

static __always_inline bool same_flow(const struct flow *a, const struct flow *b)
{
	return a->family == b->family && a->from_port == b->from_port && a->to_port == b->to_port &&
	       !__builtin_memcmp(a->from, b->from, sizeof(a->from)) &&
	       !__builtin_memcmp(a->to, b->to, sizeof(a->to));
}

#endif
