/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The few kernel types that the programs read, relocated at load time (CO-RE)
 * to the running kernel's layout. Differences between kernels live here, each
 * with the commit that made it.
 */
#ifndef ZCTRACE_KERNEL_H
#define ZCTRACE_KERNEL_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

/* What bpf_helper_defs.h names and the programs use. */
enum bpf_map_type { BPF_MAP_TYPE_UNSPEC, BPF_MAP_TYPE_ARRAY = 2 };
#define BPF_F_MMAPABLE (1U << 10)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r10, r9, r8, cx, dx, si, di, orig_ax, ip;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31], pstate;
};
struct pt_regs {
	union {
		struct user_pt_regs user_regs;
		struct {
			__u64 regs[31], sp, pc, pstate;
		};
	};
	__u64 orig_x0;
	__s32 syscallno;
};
#endif

struct file_system_type {
	const char *name;
};

struct inode;

struct address_space {
	struct inode *host;
	unsigned long flags; /* bits of enum mapping_flags */
};

struct super_block {
	__u32 s_dev;
	struct file_system_type *s_type;
	unsigned long s_magic;
};

struct inode {
	__u16 i_mode;
	unsigned int i_flags;
	struct super_block *i_sb;
	unsigned long i_ino;
	struct address_space *i_mapping;
	__u32 i_rdev;
	long long i_size;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct inode *d_inode;
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	unsigned int f_flags;
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
};

/* Of the modules overlay and fuse, which may be built in. */
struct ovl_inode {
	unsigned long flags; /* bits of enum ovl_inode_flag */
	struct inode vfs_inode;
	struct dentry *__upperdentry;
};
/* private_data of an overlay's file. Until 6.12 that is the real file itself:
 * "ovl: allocate a container struct ovl_file for ovl private context" */
struct ovl_file {
	struct file *realfile;
};
struct fuse_file {
	__u32 open_flags; /* FOPEN_ */
};

struct iov_iter {
	__u8 iter_type; /* enum iter_type */
	__u64 count;
};

struct kiocb {
	long long ki_pos;
	void *ki_complete; /* null: synchronous */
};

/* An asynchronous request, handed on by an overlay. Until 6.7 that is of the module overlay:
 * "fs: factor out backing_file_{read,write}_iter() helpers" */
struct backing_aio {
	struct kiocb *orig_iocb;
};
struct ovl_aio_req {
	struct kiocb *orig_iocb;
};

struct ubuf_info {
	__u8 flags;
};

struct msghdr {
	struct iov_iter msg_iter;
	unsigned int msg_flags;
	struct ubuf_info *msg_ubuf;
};

struct vm_area_struct {
	unsigned long vm_flags;
	struct file *vm_file;
};

enum fault_flag {
	FAULT_FLAG_WRITE = 1,
};

struct vm_fault {
	struct vm_area_struct *vma;
	unsigned long pgoff;
	enum fault_flag flags;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct sched_entity {
	__u64 sum_exec_runtime;
};

struct io_task_accounting {
	__u64 read_bytes; /* CONFIG_TASK_IO_ACCOUNTING */
	__u64 syscr, syscw, rchar, wchar; /* CONFIG_TASK_XACCT */
};

struct list_head {
	struct list_head *next;
};

struct signal_struct {
	struct list_head thread_head;
	unsigned int flags;
	int group_exit_code;
};

struct ns_common {
	unsigned int inum;
};
struct fs_pin;
struct pid_namespace {
	struct fs_pin *bacct;
	struct ns_common ns;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	unsigned int level; /* of the innermost namespace */
	struct upid numbers[1]; /* from the outermost on */
};

struct thread_info {
	__u32 status; /* x86 */
};

struct linux_binprm {
	const char *filename;
};

struct task_struct {
	struct thread_info thread_info;
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct list_head thread_node; /* in signal->thread_head */
	int pid, tgid;
	struct pid *thread_pid;
	int exit_code;
	unsigned int flags;
	struct io_task_accounting ioac;
	struct sched_entity se;
	__u64 utime, stime;
	unsigned long nvcsw, nivcsw;
	unsigned long min_flt, maj_flt;
	struct files_struct *files;
	void *bio_list;
};

struct net;
typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	__be32 s6_addr32[4]; /* in a union in the kernel, at its start */
};

struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num; /* the own port, in the CPU's order */
	unsigned short skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	unsigned long skc_flags;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	__u16 sk_type;
	__u64 sk_route_caps;
};

struct inet_connection_sock {
	void *icsk_ulp_ops; /* null: nothing is between it and its users */
};

struct socket {
	struct sock *sk;
};

struct device {
	struct device *parent; /* null: a virtual device, which moves nothing by DMA */
};

struct net_device {
	__u64 features; /* NETIF_F_ */
	unsigned long priv_flags : 32;
	struct device dev;
	possible_net_t nd_net;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned int len, data_len; /* bytes, and those of them in frags */
	__u8 cloned : 1;
	__u8 head_frag : 1; /* the linear part is a fragment of a page */
	__be16 protocol;
	__u16 transport_header, mac_header; /* offsets from head */
	unsigned char *data;
	char cb[48];
	unsigned int end; /* offset from head: sk_buff_data_t of a 64-bit kernel */
	unsigned char *head;
};

typedef struct {
	int counter;
} atomic_t;

struct skb_shared_info {
	__u8 flags; /* SKBFL_ */
	atomic_t dataref;
	void *destructor_arg;
};

/* The head of the user's structure. */
struct tcp_zerocopy_receive {
	__u64 address;
	__u32 length; /* out: bytes mapped */
	__u32 recv_skip_hint;
	__u32 inq;
	__s32 err;
	__u64 copybuf_address;
	__s32 copybuf_len; /* out: bytes copied, or an error */
};

/* A zero-copy send of io_uring: its ubuf_info lies in a request. */
struct io_notif_data {
	struct ubuf_info uarg;
};
struct io_uring_task {
	struct task_struct *task;
};
/* A file of the ring's own table; the low bits of file_ptr are flags. */
struct io_fixed_file {
	unsigned long file_ptr;
};
struct io_rsrc_node {
	unsigned long file_ptr;
};
struct io_rsrc_data {
	unsigned int nr;
	struct io_rsrc_node **nodes;
};
struct io_file_table {
	struct io_rsrc_data data;
};
struct io_ring_ctx {
	unsigned int nr_user_files;
	struct io_file_table file_table;
};
/* Until 6.12: "io_uring/rsrc: unify file and buffer resource tables" */
struct io_file_table___files {
	struct io_fixed_file *files;
};
struct io_kiocb {
	struct file *file; /* the first word of every request's own structure too */
	__u8 opcode;
	struct io_ring_ctx *ctx;
	struct io_uring_task *tctx;
};
/* Until 6.12: "io_uring: move struct io_kiocb from task_struct to io_uring_task" */
struct io_kiocb___task {
	struct task_struct *task;
};
struct io_sr_msg {
	unsigned int msg_flags;
};
struct io_splice {
	int splice_fd_in;
	unsigned int flags;
};
struct io_uring_cqe {
	__s32 res;
	__u32 flags;
};

struct page {
	unsigned long compound_head;
	struct address_space *mapping;
};
/* Since 7.1, of a name that says that it need not be the head's address. */
struct page___info {
	unsigned long compound_info;
};

struct readahead_control {
	struct address_space *mapping;
	unsigned long _index;
};

struct folio {
	struct address_space *mapping;
	unsigned long index;
	unsigned long _flags_1;
};

/* Until 6.6 the order had a byte of its own: ebc1baf5c9b4 ("mm: free up a word
 * in the first tail page") moved it into the low byte of _flags_1. */
struct folio___order_byte {
	unsigned char _folio_order;
};

struct bvec_iter {
	unsigned int bi_size;
};

struct bio_vec {
	struct page *bv_page;
};

struct bio {
	__u32 bi_opf;
	struct bvec_iter bi_iter;
	struct bio_vec *bi_io_vec;
	void *bi_private;
};

/* A direct read or write (fs/iomap/direct-io.c). */
struct iomap_dio {
	struct kiocb *iocb;
	long long i_size; /* of the file, when it began */
	long long size;	  /* that its bios have so far */
};

#pragma clang attribute pop

/*
 * Functions and tracepoints that differ (tracer/hooks.go has their names):
 * - anon_pipe_read and anon_pipe_write are what 6.18 has for pipe_read and pipe_write.
 * - iomap_file_buffered_write serves block devices, too, since 6.6.
 * - ip_generic_getfrag is passed by the pages of a sendfile, too, on 6.1, and copies them.
 * - set_pte_range is there since 6.6, do_set_pte before.
 * - do_cow_fault copies by copy_mc_to_kernel since 6.12, and inline before.
 * - copy_folio_from_iter_atomic is what 6.18 has for copy_page_from_iter_atomic.
 * - io_uring_complete has (ctx, req, user_data, res, cflags, extra1, extra2), in 6.18 (ctx, req, cqe).
 * - sched_switch, in 6.18, has prev_state 0 for a task that wanted to sleep while a signal,
 *   or work of io_uring's, was pending, though the kernel counts that in nvcsw.
 */

/* Numbers that differ between kernels: bpf_core_enum_value() takes the running
 * kernel's, not these. */
enum iter_type {
	ITER_UBUF = 0,
	ITER_IOVEC = 1,
	ITER_BVEC = 2,
	ITER_PIPE = 3, /* 6.1: pages go into a pipe by reference */
	ITER_DISCARD = 6,
};
enum ovl_inode_flag {
	OVL_UPPERDATA = 3,
};
enum sock_flags {
	SOCK_ZEROCOPY = 1,
};
enum mapping_flags {
	AS_STABLE_WRITES = 7, /* since 6.7 */
};
enum pageflags {
	PG_head = 1,
};

#endif
