/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Block devices. */
#ifndef ZCTRACE_DEVICES_H
#define ZCTRACE_DEVICES_H

/*
 * The first page of the folio that the page is of. Every other one has its address and bit 0; since
 * 7.1, on kernels with HugeTLB's vmemmap optimization (include/linux/page-flags.h: compound_info_has_mask), the
 * mask that makes it of the page's own address. The masks are ones followed by zeros, and no page has such an address.
 */
static __always_inline struct page *head_of(struct page *page)
{
	struct page___info *new = (void *)page;
	unsigned long head = 0;

	if (bpf_core_field_exists(page->compound_head))
		head = BPF_CORE_READ(page, compound_head);
	else if (bpf_core_field_exists(new->compound_info))
		head = BPF_CORE_READ(new, compound_info);
	if (!(head & 1))
		return page;
	head--;
	if (~head & (~head + 1))
		return (struct page *)head;
	return (struct page *)((unsigned long)page & head);
}

/* The inode whose page the bio writes back; 0 for direct I/O. */
static __always_inline __u64 bio_inode(struct bio *bio)
{
	struct page *page = head_of(BPF_CORE_READ(bio, bi_io_vec, bv_page));
	struct address_space *mapping = BPF_CORE_READ(page, mapping);

	if (!mapping || (unsigned long)mapping & 3) /* anonymous, movable */
		return 0;
	return (__u64)BPF_CORE_READ(mapping, host);
}

/*
 * In the context of the submitter. The bios that dm, md and the like make of
 * one pass by again while current->bio_list is set (block/blk-core.c:
 * submit_bio_noacct_nocheck): they are the same bytes, and not counted.
 */
SEC("tp_btf/block_bio_queue")
int BPF_PROG(block_bio_queue, struct bio *bio)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 op = bio->bi_opf & REQ_OP_MASK;
	struct helpers *h;
	struct slot *s;

	if (task->bio_list)
		return 0;
	if (follows) {
		struct task_sums *sums = sums_of(task);

		if (sums && op == REQ_OP_READ) {
			add(&sums->disk_read_bytes, bio->bi_iter.bi_size);
			add(&sums->disk_read_bios, 1);
		} else if (sums && op == REQ_OP_WRITE) {
			add(&sums->disk_write_bytes, bio->bi_iter.bi_size);
			add(&sums->disk_write_bios, 1);
		}
		return 0;
	}
	s = open_slot_of(task);
	if (s && op == REQ_OP_READ) {
		s->disk_read_bytes += bio->bi_iter.bi_size;
		s->disk_read_bios++;
	} else if (s && op == REQ_OP_WRITE) {
		s->disk_write_bytes += bio->bi_iter.bi_size;
		s->disk_write_bios++;
	}
	if (s)
		return 0;
	h = helpers_of(task);
	if (h && op == REQ_OP_READ) {
		__sync_fetch_and_add(&h->disk_read_bytes, bio->bi_iter.bi_size);
		__sync_fetch_and_add(&h->disk_read_bios, 1);
	} else if (h && op == REQ_OP_WRITE) {
		__sync_fetch_and_add(&h->disk_write_bytes, bio->bi_iter.bi_size);
		__sync_fetch_and_add(&h->disk_write_bios, 1);
	} else if (!h && op == REQ_OP_WRITE && if_open(slot_writing_to(bio_inode(bio)))) {
		__sync_fetch_and_add(&kernel.writeback_bytes, bio->bi_iter.bi_size);
		__sync_fetch_and_add(&kernel.writeback_bios, 1);
	}
	return 0;
}

#endif
