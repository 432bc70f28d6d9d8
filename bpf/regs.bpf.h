/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* System call numbers and arguments in struct pt_regs, per architecture. */
#ifndef ZCTRACE_REGS_H
#define ZCTRACE_REGS_H

#if defined(__TARGET_ARCH_x86)

/* The number as it is in the kernel: -1 outside of a system call. */
static __always_inline __s64 syscall_nr(struct pt_regs *regs)
{
	return regs->orig_ax;
}

/* The n-th argument from 1 on, at entry and still at exit (syscall(2)); 0 for
 * n == 0. */
static __always_inline __u64 syscall_arg(struct pt_regs *regs, __u32 n)
{
	switch (n) {
	case 1: return regs->di;
	case 2: return regs->si;
	case 3: return regs->dx;
	case 4: return regs->r10;
	case 5: return regs->r8;
	case 6: return regs->r9;
	}
	return 0;
}

#elif defined(__TARGET_ARCH_arm64)

static __always_inline __s64 syscall_nr(struct pt_regs *regs)
{
	return regs->syscallno;
}

/* x0 carries the result at exit; its argument stays in orig_x0. */
static __always_inline __u64 syscall_arg(struct pt_regs *regs, __u32 n)
{
	switch (n) {
	case 1: return regs->orig_x0;
	case 2: return regs->regs[1];
	case 3: return regs->regs[2];
	case 4: return regs->regs[3];
	case 5: return regs->regs[4];
	case 6: return regs->regs[5];
	}
	return 0;
}

#else
#error "zctrace supports x86-64 and arm64"
#endif

#endif
