/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Page faults, and what misses the page cache. */
#ifndef ZCTRACE_FAULTS_H
#define ZCTRACE_FAULTS_H

/* x86 only. A fault from user mode switches modes outside of any system call. */
SEC("tp_btf/page_fault_user")
int BPF_PROG(page_fault_user)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct slot *s;

	if (follows) {
		struct task_sums *sums = sums_of(task);

		if (sums)
			add(&sums->faults_user, 1);
		return 0;
	}
	s = open_slot_of(task);
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

/* The slot for which the current task reads, and where to add what it uses of the page cache. */
static __always_inline struct slot *cache_user(struct cache_use **use)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct slot *s = open_slot_of(task);

	if (s) {
		*use = &s->cache;
		return s;
	}
	s = slot_helped_by(task);
	if (!s || s->state != OPEN)
		return 0;
	*use = &s->helpers.cache;
	return s;
}

/* A file as a hook knows it: by its inode, or by what perf's records have of it. */
struct which {
	struct inode *inode;
	__u64 number;
	__u32 device;
};

static __always_inline bool is_source(struct slot *s, struct which file)
{
	if (file.inode)
		return (__u64)file.inode == s->source_inode;
	return !s->source_doubled && file.number == s->source_number && file.device == s->source_store.device;
}

#define by_inode(address) ((struct which){.inode = (address)})
#define recorded(record) ((struct which){.number = (record)->i_ino, .device = (record)->s_dev})

/* What is not in the page cache is added in the reader's context, and the read-ahead that follows it. */
static __always_inline int cache_adds(struct slot *s, struct cache_use *c, __u64 index, __u64 bytes)
{
	struct inode *source = (struct inode *)s->source_inode;
	__u64 first = index * page_size, end = first + bytes, size;

	add(&c->added_bytes, bytes);
	if (first < c->asked_first * page_size)
		first = c->asked_first * page_size;
	if (end > c->asked_end * page_size)
		end = c->asked_end * page_size;
	if (first >= end) { /* none of it was asked for */
		add(&c->ahead_bytes, bytes);
		return 0;
	}
	add(&c->ahead_bytes, bytes - (end - first));
	size = BPF_CORE_READ(source, i_size);
	if (end > size)
		end = size;
	if (first < end)
		add(&c->missed_bytes, end - first);
	return 0;
}

SEC("tp_btf/mm_filemap_add_to_page_cache")
int BPF_PROG(mm_filemap_add_to_page_cache, struct folio *folio)
{
	struct cache_use *c;
	struct slot *s = cache_user(&c);

	if (!s || !is_source(s, by_inode(BPF_CORE_READ(folio, mapping, host))))
		return 0;
	return cache_adds(s, c, BPF_CORE_READ(folio, index), folio_bytes(folio));
}

SEC("tp/filemap/mm_filemap_add_to_page_cache")
int mm_filemap_add_to_page_cache_perf(struct trace_event_raw_mm_filemap_op_page_cache *record)
{
	struct cache_use *c;
	struct slot *s = cache_user(&c);

	if (s && is_source(s, recorded(record)))
		cache_adds(s, c, record->index, page_size << record->order);
	return HAND_ON;
}

/*
 * What is asked for, as opposed to read ahead. A read asks for its pages, and a splice for
 * those that fit into the pipe: mm/filemap.c: filemap_get_pages names them when one
 * is missing, or begins the next read-ahead. A fault asks for one page. Read-ahead for a mapping
 * passes the same two functions, but what it names there is only how far it wants to
 * read, and is ignored once a slot has faulted. A loop maps its source or reads it, never both.
 */
static __always_inline int asked(struct which file, __u64 first, __u64 pages)
{
	struct cache_use *c;
	struct slot *s = cache_user(&c);

	if (!s || !is_source(s, file) || c->faulted)
		return 0;
	c->asked_first = first;
	c->asked_end = first + pages;
	return 0;
}

static __always_inline int asked_by_fault(struct which file, __u64 index)
{
	struct cache_use *c;
	struct slot *s = cache_user(&c);

	if (!s || !is_source(s, file))
		return 0;
	c->faulted = 1;
	c->asked_first = index;
	c->asked_end = index + 1;
	return 0;
}

SEC("tp_btf/page_cache_sync_ra")
int BPF_PROG(page_cache_sync_ra, struct inode *inode, unsigned long index, void *ra, unsigned long count)
{
	return asked(by_inode(inode), index, count);
}

SEC("tp/readahead/page_cache_sync_ra")
int page_cache_sync_ra_perf(struct trace_event_raw_page_cache_ra_op *record)
{
	asked(recorded(record), record->index, record->req_count);
	return HAND_ON;
}

SEC("tp_btf/page_cache_async_ra")
int BPF_PROG(page_cache_async_ra, struct inode *inode, unsigned long index, void *ra, unsigned long count)
{
	return asked(by_inode(inode), index, count);
}

SEC("tp/readahead/page_cache_async_ra")
int page_cache_async_ra_perf(struct trace_event_raw_page_cache_ra_op *record)
{
	asked(recorded(record), record->index, record->req_count);
	return HAND_ON;
}

SEC("tp_btf/mm_filemap_fault")
int BPF_PROG(mm_filemap_fault, struct address_space *mapping, unsigned long index)
{
	return asked_by_fault(by_inode(BPF_CORE_READ(mapping, host)), index);
}

SEC("tp/filemap/mm_filemap_fault")
int mm_filemap_fault_perf(struct trace_event_raw_mm_filemap_fault *record)
{
	asked_by_fault(recorded(record), record->index);
	return HAND_ON;
}

/* The same where there are no such tracepoints. */
SEC("fentry/page_cache_sync_ra")
int BPF_PROG(page_cache_sync_ra_entry, struct readahead_control *ractl, unsigned long count)
{
	return asked(by_inode(BPF_CORE_READ(ractl, mapping, host)), BPF_CORE_READ(ractl, _index), count);
}

SEC("fentry/page_cache_async_ra")
int BPF_PROG(page_cache_async_ra_entry, struct readahead_control *ractl, struct folio *folio, unsigned long count)
{
	return asked(by_inode(BPF_CORE_READ(ractl, mapping, host)), BPF_CORE_READ(ractl, _index), count);
}

SEC("fentry/filemap_fault")
int BPF_PROG(filemap_fault_entry, struct vm_fault *vmf)
{
	return asked_by_fault(by_inode(BPF_CORE_READ(vmf, vma, vm_file, f_inode)), vmf->pgoff);
}

/*
 * Pages of the source that faults map: one, or some around the
 * fault (mm/memory.c: set_pte_range, or do_set_pte), or a whole
 * PMD's. A private mapping's first write maps a copy, not the page cache.
 */
static __always_inline void mapped(struct vm_fault *vmf, __u64 bytes)
{
	struct cache_use *c;
	struct slot *s = cache_user(&c);
	struct vm_area_struct *vma = vmf->vma;

	if (!s || (__u64)BPF_CORE_READ(vma, vm_file, f_inode) != s->source_inode)
		return;
	if (vmf->flags & FAULT_FLAG_WRITE && !(vma->vm_flags & VM_SHARED))
		return;
	add(&c->mapped_bytes, bytes);
}

SEC("fentry/set_pte_range")
int BPF_PROG(set_pte_range, struct vm_fault *vmf, struct folio *folio, struct page *page, unsigned int nr)
{
	mapped(vmf, nr * page_size);
	return 0;
}

SEC("fentry/do_set_pte")
int BPF_PROG(do_set_pte, struct vm_fault *vmf)
{
	mapped(vmf, page_size);
	return 0;
}

SEC("fexit/do_set_pmd")
int BPF_PROG(do_set_pmd, struct vm_fault *vmf)
{
	__u64 failed = 1;

	bpf_get_func_ret(ctx, &failed);
	if (!(int)failed)
		mapped(vmf, page_size * (page_size / sizeof(__u64)));
	return 0;
}

/* Where copies on write are counted that the current task makes. Of threads without a slot none are. */
struct cow {
	__u64 *bytes;
	__u64 *in_fault; /* not 0: this fault copied already */
};

static __always_inline bool cow_of_current(struct cow *c)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (follows) {
		struct thread *t = thread_of_task(task);

		if (!t)
			return 0;
		*c = (struct cow){&t->sums.cow_bytes, &t->cow_in_fault};
	} else {
		struct slot *s = open_slot_of(task);

		if (!s)
			return 0;
		*c = (struct cow){&s->cow_bytes, &s->cow_in_fault};
	}
	return 1;
}

/*
 * Copy-on-write: of pages that were shared (mm/memory.c: wp_page_copy), and of the page
 * cache at the first write to a private mapping (do_cow_fault). Where the latter
 * copies inline, only the fault's end tells.
 */
SEC("fentry/copy_mc_to_kernel")
int BPF_PROG(copy_mc_to_kernel, void *to, const void *from, unsigned int len)
{
	struct cow c;

	if (cow_of_current(&c)) {
		add(c.bytes, len);
		*c.in_fault = 1;
	}
	return 0;
}

SEC("fentry/do_fault")
int BPF_PROG(do_fault_begin)
{
	struct cow c;

	if (cow_of_current(&c))
		*c.in_fault = 0;
	return 0;
}

SEC("fexit/do_fault")
int BPF_PROG(do_fault_end, struct vm_fault *vmf)
{
	__u64 ret = 0;
	struct cow c;

	if (!cow_of_current(&c) || !(vmf->flags & FAULT_FLAG_WRITE) || vmf->vma->vm_flags & VM_SHARED)
		return 0;
	bpf_get_func_ret(ctx, &ret);
	if (!((int)ret & VM_FAULT_NO_COPY) && !*c.in_fault)
		add(c.bytes, page_size);
	return 0;
}

#endif
