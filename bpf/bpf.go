// Package bpf holds the eBPF programs: their C source and the objects and Go
// types generated from it, which are committed so that building zctrace needs
// only Go.
package bpf

//go:generate go tool bpf2go -target amd64,arm64 -cc clang-19 -strip llvm-strip-19 -cflags "-O2 -g -Wall -Werror" -go-package bpf -output-stem zctrace -no-global-types -type task_counters -type io_calls -type request_base -type claim -type request_cell -type request_op -type cache_use -type helper_counters -type helpers -type copied -type engine -type breakpoint -type breakpoint_cells -type fd_kind -type cell_key -type memo -type slot -type slot_array -type kernel_cells -type cell -type failed -type call -type marker -type slot_state -type subject -type store -type fd_attr -type result -type changes -type accounted -type who -type process_state -type sum -type thread -type process -type following -type task_sums -type io_bytes -type errno_sum -type descriptors -type pool Object zctrace.bpf.c
