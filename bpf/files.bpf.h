/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a file descriptor to what it refers to, as raw facts. */
#ifndef ZCTRACE_FILES_H
#define ZCTRACE_FILES_H

static __always_inline struct file *file_of_fd(struct task_struct *task, __u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file *file = 0;

	if (fd < BPF_CORE_READ(fdt, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(fdt, fd) + fd);
	return file;
}

static __always_inline bool is_overlay(struct inode *inode)
{
	return (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFREG &&
	       BPF_CORE_READ(inode, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC;
}

/* Whether all is known of overlays that the following reads. Where they are a module, that may have no BTF. */
static __always_inline bool knows_overlays(void)
{
	struct ovl_inode *o = 0;
	struct ovl_file *f = 0;

	return bpf_core_field_exists(o->flags) && bpf_core_field_exists(o->vfs_inode) &&
	       bpf_core_field_exists(o->__upperdentry) &&
	       bpf_core_enum_value_exists(enum ovl_inode_flag, OVL_UPPERDATA) &&
	       (!bpf_core_type_exists(struct ovl_file) || bpf_core_field_exists(f->realfile));
}

/* Whether the data of an overlay's inode is in the upper layer, and is not that of real: it was copied
 * up after the file was opened, and each call opens another one (fs/overlayfs/file.c: ovl_real_file). */
static __always_inline bool copied_up(struct inode *inode, struct inode *real)
{
	struct ovl_inode *o = (void *)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode);
	struct dentry *upper = BPF_CORE_READ(o, __upperdentry);

	return upper && BPF_CORE_READ(o, flags) >> bpf_core_enum_value(enum ovl_inode_flag, OVL_UPPERDATA) & 1 &&
	       BPF_CORE_READ(upper, d_inode) != real;
}

/* The file below an overlay's, which does its work; of another file system that itself. 0 if it cannot be known. */
static __always_inline struct file *below_overlay(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct file *real;

	if (!is_overlay(inode))
		return file;
	if (!knows_overlays())
		return 0;
	real = BPF_CORE_READ(file, private_data);
	if (bpf_core_type_exists(struct ovl_file))
		real = BPF_CORE_READ((struct ovl_file *)real, realfile);
	return real && !copied_up(inode, BPF_CORE_READ(real, f_inode)) ? real : 0;
}

/* No more than two are one on top of the other (include/linux/fs.h: FILESYSTEM_MAX_STACK_DEPTH). */
static __noinline struct file *real_file(struct file *file)
{
	file = below_overlay(file);
	return file ? below_overlay(file) : 0;
}

/* Of what is read or written through the descriptor. */
static __always_inline struct inode *inode_of_fd(struct task_struct *task, __u32 fd)
{
	struct file *file = file_of_fd(task, fd);

	file = file ? real_file(file) : 0;
	return file ? BPF_CORE_READ(file, f_inode) : 0;
}

/* Which file system the inode is of, and on which device. */
static __always_inline void describe_store(struct store *store, __u64 address)
{
	struct inode *inode = (struct inode *)address;

	if (!inode)
		return;
	store->device = BPF_CORE_READ(inode, i_sb, s_dev);
	bpf_probe_read_kernel_str(store->filesystem, sizeof(store->filesystem), BPF_CORE_READ(inode, i_sb, s_type, name));
}

static __always_inline struct sock *sock_of_fd(struct task_struct *task, __u32 fd)
{
	struct file *file = file_of_fd(task, fd);
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline void socket_kind(struct fd_kind *kind, struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);

	kind->detail = BPF_CORE_READ(sk, __sk_common.skc_family) << 24 |
		       (BPF_CORE_READ(sk, sk_type) & 0xff) << 16 | BPF_CORE_READ(sk, sk_protocol);
	if (BPF_CORE_READ(sk, sk_route_caps) & NETIF_F_SG)
		kind->attrs |= FD_SG;
	if (kind->detail << 8 >> 8 == (SOCK_STREAM << 16 | IPPROTO_TCP) &&
	    BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops))
		kind->attrs |= FD_ULP;
	if (!bpf_core_enum_value_exists(enum sock_flags, SOCK_ZEROCOPY))
		kind->attrs &= ~FD_KNOWN; /* no rule is certain then */
	else if (BPF_CORE_READ(sk, __sk_common.skc_flags) >> bpf_core_enum_value(enum sock_flags, SOCK_ZEROCOPY) & 1)
		kind->attrs |= FD_ZEROCOPY;
}

/* The daemon decides, file by file, whether reads and writes pass the page cache. */
static __always_inline void fuse_kind(struct fd_kind *kind, struct file *file)
{
	struct fuse_file *fuse = BPF_CORE_READ(file, private_data);

	if (bpf_core_field_exists(fuse->open_flags) &&
	    !(BPF_CORE_READ(fuse, open_flags) & (FOPEN_DIRECT_IO | FOPEN_PASSTHROUGH)))
		kind->attrs |= FD_CACHED;
}

volatile const bool bounces; /* this kernel has bio_iov_iter_bounce: see copies.bpf.h */

static __always_inline bool is_stable(struct inode *inode)
{
	return bounces && bpf_core_enum_value_exists(enum mapping_flags, AS_STABLE_WRITES) &&
	       BPF_CORE_READ(inode, i_mapping, flags) >> bpf_core_enum_value(enum mapping_flags, AS_STABLE_WRITES) & 1;
}

/* Whether its kind of anonymous inodes, which has a name, gives descriptors to who reads it. */
static __always_inline bool installs(struct file *file)
{
	char name[8] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return !__builtin_memcmp(name, "[fanoti", 8) || !__builtin_memcmp(name, "[userfa", 8);
}

static __noinline int describe_file(struct fd_kind *kind, struct file *file)
{
	struct file *real;
	struct inode *inode;
	__u32 flags, fmt;

	if (!kind || !file)
		return 0;
	real = real_file(file);
	kind->attrs = real == file ? FD_KNOWN : FD_KNOWN | FD_OVERLAY;
	if (!real) /* then the overlay is all that is known */
		real = file;
	inode = BPF_CORE_READ(real, f_inode);
	fmt = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	kind->format = fmt;
	flags = BPF_CORE_READ(file, f_flags);
	if (flags & O_DIRECT)
		kind->attrs |= FD_DIRECT;
	if (flags & O_ACCMODE)
		kind->attrs |= FD_WRITABLE;
	if (BPF_CORE_READ(inode, i_flags) & S_DAX)
		kind->attrs |= FD_DAX;
	if (fmt == S_IFREG && is_stable(inode))
		kind->attrs |= FD_STABLE;
	switch (fmt) {
	case S_IFSOCK:
		socket_kind(kind, file);
		break;
	case S_IFCHR:
	case S_IFBLK:
		kind->detail = BPF_CORE_READ(inode, i_rdev);
		break;
	default:
		kind->detail = BPF_CORE_READ(inode, i_sb, s_magic);
		if (fmt == S_IFREG && kind->detail == FUSE_SUPER_MAGIC)
			fuse_kind(kind, real);
		if (kind->detail == ANON_INODE_FS_MAGIC && installs(file))
			kind->attrs |= FD_INSTALLS;
	}
	return 0;
}

static __always_inline void describe_fd(struct fd_kind *kind, struct task_struct *task, __u32 fd)
{
	describe_file(kind, file_of_fd(task, fd));
}

#endif
