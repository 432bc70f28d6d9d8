/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Context switches. */
#ifndef ZCTRACE_SCHED_H
#define ZCTRACE_SCHED_H

/* Voluntary is what __schedule() counts in nvcsw: not preempted, and no longer
 * runnable. The hook runs after the kernel's own count (kernel/sched/core.c). */
SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	struct slot *s = open_slot_of(prev);
	struct pt_regs *regs;

	if (!s)
		return 0;
	if (!preempt && prev_state) {
		s->voluntary++;
		regs = (struct pt_regs *)bpf_task_pt_regs(prev);
		if (syscall_nr(regs) >= 0)
			s->blocked++;
	} else {
		s->involuntary++;
	}
	return 0;
}

#endif
