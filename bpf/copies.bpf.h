/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Copies that a tracepoint sees happen. */
#ifndef ZCTRACE_COPIES_H
#define ZCTRACE_COPIES_H

/* Socket data to user memory, once per skb; just before the copy
 * (net/core/datagram.c: skb_copy_datagram_iter). */
SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(skb_copy_datagram_iovec, const struct sk_buff *skb, int len)
{
	struct slot *s = open_slot_of(bpf_get_current_task_btf());

	if (s)
		s->seen_to_user += len;
	return 0;
}

#endif
