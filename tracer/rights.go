//go:build linux

package tracer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// checkRights says what is missing before the kernel says EPERM. Capabilities do not
// tell all: those of a user namespace count for nothing, and a filter may be in the way.
func checkRights() error {
	missing, err := missingCapabilities(neededCapabilities)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return &fault.Error{
			Kind:   fault.Unsupported,
			What:   noPrograms + strings.Join(missing, " and ") + " missing",
			Remedy: "run it with sudo, outside of any container",
		}
	}
	return tryLoading()
}

const noPrograms = "no permission to load eBPF programs: "

// tryLoading loads the smallest program that takes both capabilities. Any other error is
// left to the programs that the run wants, which will meet it too.
func tryLoading() error {
	var err error
	undisturbed(func() {
		var p *ebpf.Program
		if p, err = ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: "zctrace_try", Type: ebpf.RawTracepoint, License: "GPL",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		}); err == nil {
			err = p.Close()
		}
	})
	if errors.Is(err, unix.EACCES) { // there is nothing in it that the verifier could mean
		return noRights()
	}
	return forbidden(err)
}

// forbidden says who forbids bpf(2), if that is what the error is. The library takes
// EPERM for too little locked memory, which no kernel since 5.11 limits here.
func forbidden(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return noRights()
	case !errors.Is(err, unix.ENOSYS):
		return nil
	case underSeccomp():
		return bySeccomp()
	}
	return &fault.Error{
		Kind:   fault.Unsupported,
		What:   "this kernel has no bpf(2)",
		Remedy: "boot a kernel built with CONFIG_BPF_SYSCALL=y; every current distribution kernel is",
	}
}

// noRights is for a process that has the capabilities all the same.
func noRights() error {
	switch {
	case inUserNamespace():
		return &fault.Error{
			Kind:   fault.Unsupported,
			What:   noPrograms + "root in a user namespace, as in a rootless container, has no rights over the kernel",
			Remedy: "run it outside, with sudo",
		}
	case underSeccomp():
		return bySeccomp()
	}
	return &fault.Error{
		Kind:   fault.Unsupported,
		What:   "the kernel refuses to load eBPF programs, also for root",
		Remedy: "a security module may forbid them, as SELinux does: the kernel log and its audit messages tell",
	}
}

func bySeccomp() error {
	return &fault.Error{
		Kind:   fault.Unsupported,
		What:   noPrograms + "a seccomp filter, as containers have, forbids bpf(2)",
		Remedy: "run it outside, or with a filter that allows bpf(2), as docker run --privileged does",
	}
}

// inUserNamespace is whether this process is in another user namespace than the first,
// whose inode number is fixed (include/uapi/linux/nsfs.h: USER_NS_INIT_INO).
func inUserNamespace() bool {
	const first = 0xEFFFFFFD
	var st unix.Stat_t
	return unix.Stat("/proc/self/ns/user", &st) == nil && st.Ino != first
}

// underSeccomp is whether a filter decides which system calls this process may make
// (proc_pid_status(5)).
func underSeccomp() bool {
	status, err := os.ReadFile("/proc/thread-self/status")
	return err == nil && bytes.Contains(status, []byte("\nSeccomp:\t2\n"))
}

type capability struct {
	name string
	bit  uint
}

var neededCapabilities = []capability{
	{"CAP_BPF", unix.CAP_BPF},
	{"CAP_PERFMON", unix.CAP_PERFMON},
}

// missingCapabilities lists those of the needed ones that are not effective;
// CAP_SYS_ADMIN stands for all of them (capabilities(7)).
func missingCapabilities(needed []capability) ([]string, error) {
	has, err := capabilities()
	if err != nil || has(unix.CAP_SYS_ADMIN) {
		return nil, err
	}
	var missing []string
	for _, c := range needed {
		if !has(c.bit) {
			missing = append(missing, c.name)
		}
	}
	return missing, nil
}

// capabilities tells which ones this process has in effect.
func capabilities() (has func(bit uint) bool, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil, fmt.Errorf("read this process's capabilities: %w", err)
	}
	return func(bit uint) bool { return data[bit/32].Effective>>(bit%32)&1 == 1 }, nil
}
