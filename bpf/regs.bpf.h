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

#define RT_SIGRETURN 15

#define TS_COMPAT 2	     /* arch/x86/include/asm/thread_info.h */
#define X32_CALL 0x40000000 /* __X32_SYSCALL_BIT */

/* clone(2), fork(2), vfork(2), clone3(2), by the numbers of 32-bit programs if it is a compat call, or of x32 */
static __always_inline bool makes_task(__s64 nr, bool compat)
{
	if (compat && !(nr & X32_CALL))
		return nr == 2 || nr == 120 || nr == 190 || nr == 435;
	nr &= ~X32_CALL;
	return (nr >= 56 && nr <= 58) || nr == 435;
}

/* Whether the call was made by the numbers of 32-bit programs, or of x32. SYSCALL leaves the address behind it in rcx, as
 * well; who came otherwise, or where the CPU does not (FRED), is looked at. */
static __always_inline bool is_compat(struct pt_regs *regs, __s64 nr)
{
	if (nr > 0 && nr & X32_CALL)
		return 1;
	return regs->cx != regs->ip && bpf_get_current_task_btf()->thread_info.status & TS_COMPAT;
}

/* struct bpf_perf_event_data (asm/ptrace.h): the registers of whoever ran into a
 * breakpoint. Part of the kernel's user interface, so not relocated. */
struct breakpoint_context {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	unsigned long ip, cs, flags, sp, ss;
	__u64 sample_period, addr;
};

/* The n-th argument of a function that is just being entered. */
static __always_inline __u64 function_arg(struct breakpoint_context *ctx, __u32 n)
{
	switch (n) {
	case 1: return ctx->di;
	case 2: return ctx->si;
	case 3: return ctx->dx;
	case 4: return ctx->cx;
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

#define RT_SIGRETURN 139

/* clone(2), clone3(2) */
static __always_inline bool makes_task(__s64 nr, bool compat) { return !compat && (nr == 220 || nr == 435); }

#define PSR_MODE32_BIT 0x10 /* arch/arm64/include/uapi/asm/ptrace.h */

static __always_inline bool is_compat(struct pt_regs *regs, __s64 nr) { return regs->pstate & PSR_MODE32_BIT; }

/* struct bpf_perf_event_data (uapi/linux/bpf_perf_event.h, struct user_pt_regs) */
struct breakpoint_context {
	__u64 regs[31], sp, pc, pstate;
	__u64 sample_period, addr;
};

/* The n-th argument of a function that is just being entered. */
static __always_inline __u64 function_arg(struct breakpoint_context *ctx, __u32 n)
{
	switch (n) {
	case 1: return ctx->regs[0];
	case 2: return ctx->regs[1];
	case 3: return ctx->regs[2];
	case 4: return ctx->regs[3];
	}
	return 0;
}

#else
#error "zctrace supports x86-64 and arm64"
#endif

#endif
