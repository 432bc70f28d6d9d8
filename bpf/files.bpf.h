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

static __always_inline struct inode *inode_of_fd(struct task_struct *task, __u32 fd)
{
	struct file *file = file_of_fd(task, fd);

	return file ? BPF_CORE_READ(file, f_inode) : 0;
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
	if (BPF_CORE_READ(sk, __sk_common.skc_flags) >> bpf_core_enum_value(enum sock_flags, SOCK_ZEROCOPY) & 1)
		kind->attrs |= FD_ZEROCOPY;
}

static __noinline int describe_file(struct fd_kind *kind, struct file *file)
{
	struct inode *inode;
	__u32 flags, fmt;

	if (!kind || !file)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	fmt = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	kind->format = fmt;
	kind->attrs = FD_KNOWN;
	flags = BPF_CORE_READ(file, f_flags);
	if (flags & O_DIRECT)
		kind->attrs |= FD_DIRECT;
	if (flags & O_ACCMODE)
		kind->attrs |= FD_WRITABLE;
	if (BPF_CORE_READ(inode, i_flags) & S_DAX)
		kind->attrs |= FD_DAX;
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
	}
	return 0;
}

static __always_inline void describe_fd(struct fd_kind *kind, struct task_struct *task, __u32 fd)
{
	describe_file(kind, file_of_fd(task, fd));
}

#endif
