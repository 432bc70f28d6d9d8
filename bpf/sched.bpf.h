/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Context switches. */
#ifndef ZCTRACE_SCHED_H
#define ZCTRACE_SCHED_H

/*
 * Voluntary is what __schedule() counts in nvcsw: not preempted, and no longer
 * runnable. The hook runs after the kernel's own count (kernel/sched/core.c), and goes
 * by it: in 6.18 the hook's prev_state is 0 of a task that wanted to sleep and had a
 * signal, or work of io_uring's, pending, which the kernel counts as voluntary.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev)
{
	struct slot *s = open_slot_of(prev);
	struct pt_regs *regs;

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
