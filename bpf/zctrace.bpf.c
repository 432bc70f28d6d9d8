//go:build ignore
// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* One object, loaded as a whole but for the programs whose tracepoint this kernel
 * lacks, or which it refuses. */
#include "kernel.h"
#include "constants.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "cells.h"
#include "programs.h"
#include "records.h"
#include "regs.bpf.h"
#include "files.bpf.h"
#include "network.bpf.h"
#include "subject.bpf.h"
#include "threads.bpf.h"
#include "window.bpf.h"
#include "calls.bpf.h"
#include "syscalls.bpf.h"
#include "returned.bpf.h"
#include "sums.bpf.h"
#include "programs.bpf.h"
#include "follow.bpf.h"
#include "hooks.bpf.h"
#include "sched.bpf.h"
#include "faults.bpf.h"
#include "copies.bpf.h"
#include "breakpoints.bpf.h"
#include "late.bpf.h"
#include "requests.bpf.h"
#include "devices.bpf.h"
#include "nic.bpf.h"

/* Keep the enumerations in the object's BTF, from which bpf2go makes Go's. */
const enum fd_attr *unused_fd_attr __attribute__((unused));
const enum engine *unused_engine __attribute__((unused));
const enum request_base *unused_request_base __attribute__((unused));
const enum result *unused_result __attribute__((unused));
const enum claim *unused_claim __attribute__((unused));
const enum breakpoint *unused_breakpoint __attribute__((unused));
const enum changes *unused_changes __attribute__((unused));
const enum process_state *unused_process_state __attribute__((unused));
const enum who *unused_who __attribute__((unused));
const enum accounted *unused_accounted __attribute__((unused));

char _license[] SEC("license") = "Dual BSD/GPL";
