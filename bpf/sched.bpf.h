/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Context switches. */
#ifndef ZCTRACE_SCHED_H
#define ZCTRACE_SCHED_H

/*
 * Voluntary is what __schedule() counts in nvcsw: not preempted, and no longer
 * runnable. The hook runs after that count (kernel/sched/core.c), and goes by it; its own
 * prev_state does not always agree, see kernel.h.
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
