//go:build linux

package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbidBPF asks the test binary that is zctrace for a seccomp filter, as containers
// have: "ERRNO N" is what bpf(2) then returns for its commands below N.
const forbidBPF = "ZCTRACE_TEST_FORBID_BPF"

// allBPF is more than there are commands.
const allBPF = 1000

// filterCalls installs the filter that the environment asks for.
func filterCalls() error {
	var errno, below uint32
	if asked := os.Getenv(forbidBPF); asked == "" {
		return nil
	} else if _, err := fmt.Sscan(asked, &errno, &below); err != nil {
		return err
	}
	const number, firstArgument = 0, 16 // in struct seccomp_data, of a little-endian machine
	load, ret := uint16(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS), uint16(unix.BPF_RET|unix.BPF_K)
	filter := []unix.SockFilter{
		{Code: load, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_BPF, Jf: 3},
		{Code: load, K: firstArgument},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: below, Jt: 1},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | errno},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, err := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); err != 0 {
		return fmt.Errorf("install a seccomp filter: %w", err)
	}
	return nil
}
