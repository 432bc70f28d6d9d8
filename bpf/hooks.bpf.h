/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The hooks at which slots and programs are told apart: system calls, and the end of a thread. */
#ifndef ZCTRACE_HOOKS_H
#define ZCTRACE_HOOKS_H

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs)
{
	if (follows)
		return program_enters(subject_known_by(regs));
	return syscall_begins(open_slot_of_caller(regs));
}

SEC("tp/raw_syscalls/sys_enter")
int sys_enter_perf(struct trace_event_raw_sys_enter *record)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (follows)
		program_enters(subject_of(task));
	else
		syscall_begins(open_slot_of(task));
	return HAND_ON;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	if (follows)
		return program_call(regs, syscall_nr(regs), ret);
	return syscall_ends(open_slot_of_caller(regs), regs, syscall_nr(regs), ret);
}

/* The record has the number, so that another thread's call needs its registers only if it may be a marker. */
SEC("tp/raw_syscalls/sys_exit")
int sys_exit_perf(struct trace_event_raw_sys_exit *record)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 nr = record->id;
	struct slot *s;

	if (follows) {
		program_call((struct pt_regs *)bpf_task_pt_regs(task), record->id, record->ret);
		return HAND_ON;
	}
	s = open_slot_of(task);
	if (s || nr == mark_call.nr)
		syscall_ends(s, (struct pt_regs *)bpf_task_pt_regs(task), nr, record->ret);
	return HAND_ON;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	if (follows)
		return program_thread_exits(task);
	return thread_exits(task);
}

/* It exits itself (kernel/exit.c: do_exit). */
SEC("tp/sched/sched_process_exit")
int sched_process_exit_perf(void *record)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (follows)
		program_thread_exits(task);
	else
		thread_exits(task);
	return HAND_ON;
}

#endif
