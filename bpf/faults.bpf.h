/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Page faults, and what misses the page cache. */
#ifndef ZCTRACE_FAULTS_H
#define ZCTRACE_FAULTS_H

/* x86 only. A fault from user mode switches modes outside of any system call. */
SEC("tp_btf/page_fault_user")
int BPF_PROG(page_fault_user)
{
	struct slot *s = open_slot_of(bpf_get_current_task_btf());

	if (s)
		s->faults_user++;
	return 0;
}

volatile const __u64 page_size;

static __always_inline __u64 folio_bytes(struct folio *folio)
{
	unsigned long flags = 0;
	__u8 order = 0;

	/* flags is the first word in every version, but not of one type:
	 * 53fbef56e07d ("mm: introduce memdesc_flags_t") */
	bpf_probe_read_kernel(&flags, sizeof(flags), folio);
	if (flags >> bpf_core_enum_value(enum pageflags, PG_head) & 1) {
		struct folio___order_byte *old = (void *)folio;

		if (bpf_core_field_exists(old->_folio_order))
			order = BPF_CORE_READ(old, _folio_order);
		else
			order = BPF_CORE_READ(folio, _flags_1);
	}
	return page_size << order;
}

/* A miss, or the read-ahead that follows one: runs in the reader. */
SEC("tp_btf/mm_filemap_add_to_page_cache")
int BPF_PROG(mm_filemap_add_to_page_cache, struct folio *folio)
{
	struct slot *s = open_slot_of(bpf_get_current_task_btf());

	if (s && (__u64)BPF_CORE_READ(folio, mapping, host) == s->source_inode)
		s->cache_added_bytes += folio_bytes(folio);
	return 0;
}

#endif
