/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Context switches. */
#ifndef ZCTRACE_SCHED_H
#define ZCTRACE_SCHED_H

/* Whether programs at perf's events, and at breakpoints, may be skipped, and it can be told whose events these are. */
volatile const bool watch_blind;

/*
 * While a process is preempted inside a map operation of bpf(2), bpf_prog_active is not 0 on that CPU, and neither
 * trace_call_bpf() nor bpf_overflow_handler() runs a program. Whoever is switched in meanwhile is blind until it is
 * switched out: what the kernel then skips may be its events. It cannot become blind otherwise, since only who runs
 * can begin such an operation.
 */
static __always_inline void note_blind(struct task_struct *next)
{
	const void *bpf_prog_active;
	const int *active;
	struct slot *s;

	asm("%0 = bpf_prog_active ll" : "=r"(bpf_prog_active)); /* see tracer/blind.go */
	active = bpf_this_cpu_ptr(bpf_prog_active);
	if (*active && follows) {
		struct following *f = subject_of(next) ? followed() : 0;

		if (f)
			__sync_fetch_and_add(&f->blind_stints, 1);
		return;
	}
	s = *active ? slot_served_by(next) : 0;
	if (s && s->state == OPEN)
		__sync_fetch_and_add(&s->blind_stints, 1); /* its helpers may be on other CPUs */
}

/*
 * Voluntary is what __schedule() counts in nvcsw: not preempted, and no longer
 * runnable. The hook runs after that count (kernel/sched/core.c), and goes by it; its own
 * prev_state does not always agree, see kernel.h.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct pt_regs *regs;
	struct slot *s;

	if (watch_blind)
		note_blind(next);
	if (follows)
		return program_switches(prev);
	s = open_slot_of(prev);
	if (!s)
		return 0;
	read_task(&s->now, prev);
	if (s->nvcsw == prev->nvcsw) {
		s->involuntary++;
		return 0;
	}
	s->nvcsw = prev->nvcsw;
	s->voluntary++;
	regs = (struct pt_regs *)bpf_task_pt_regs(prev);
	if (syscall_nr(regs) >= 0)
		s->blocked++;
	return 0;
}

#endif
