//go:build linux

package session

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer"
	"github.com/zctrace/zctrace/tracer/trace"
)

// Host describes this machine. What cannot be found out stays empty.
func Host() trace.Host {
	h := trace.Host{
		Arch:           runtime.GOARCH,
		CPUsAllowed:    runtime.NumCPU(), // of sched_getaffinity(2) when the program started
		Governor:       readLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		Mitigations:    mitigations(),
		Lockdown:       lockdown(),
		Virtualization: "none",
	}
	if online, err := tracer.OnlineCPUs(); err == nil {
		h.CPUs = len(online)
	}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		h.Kernel = unix.ByteSliceToString(uts.Release[:])
	}
	var hypervisor bool
	h.CPUModel, hypervisor = cpuinfo()
	if hypervisor {
		h.Virtualization = hypervisorName()
	}
	return h
}

func readLine(path string) string {
	b, _ := os.ReadFile(path)
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return strings.TrimSpace(string(line))
}

// cpuinfo is the CPU's name and whether it says that it is virtual.
func cpuinfo() (model string, hypervisor bool) {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "model name":
			model = strings.TrimSpace(value)
		case "flags":
			return model, slices.Contains(strings.Fields(value), "hypervisor")
		}
	}
	return model, false
}

// hypervisorName is what the firmware calls its maker, as systemd-detect-virt(1)
// reads it.
func hypervisorName() string {
	if name := readLine("/sys/hypervisor/type"); name != "" {
		return name
	}
	vendor := readLine("/sys/class/dmi/id/sys_vendor")
	for _, known := range []struct{ vendor, name string }{
		{"QEMU", "qemu"}, {"KVM", "kvm"}, {"Amazon EC2", "kvm"}, {"Google", "kvm"}, {"VMware", "vmware"},
		{"Microsoft", "hyperv"}, {"innotek", "virtualbox"}, {"Xen", "xen"},
	} {
		if strings.HasPrefix(vendor, known.vendor) {
			return known.name
		}
	}
	return "virtual"
}

// mitigations are the vulnerabilities of this CPU against which the kernel does
// something, which makes mode switches dearer.
func mitigations() string {
	const dir = "/sys/devices/system/cpu/vulnerabilities"
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(readLine(filepath.Join(dir, e.Name())), "Mitigation") {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, ",")
}

// lockdown is the mode in brackets of "none [integrity] confidentiality".
func lockdown() string {
	_, rest, _ := strings.Cut(readLine("/sys/kernel/security/lockdown"), "[")
	mode, _, _ := strings.Cut(rest, "]")
	return mode
}
