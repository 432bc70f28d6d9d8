//go:build linux

package workloads

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/filesystems"
)

// filesystem names the file system of an open file, "" if it cannot be found
// out.
func filesystem(fd int) string {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return ""
	}
	magic := uint32(st.Type) // a 32-bit number in a signed word
	if magic == unix.FUSE_SUPER_MAGIC {
		if name, _, _ := strings.Cut(mountType(fd), "."); filesystems.Named(name).Magic == magic { // not fuse.sshfs
			return name
		}
	}
	return cmp.Or(filesystems.Of(magic).Name, fmt.Sprintf("0x%x", magic))
}

// mountType is the type of the mount that an open file is in, as proc_pid_mountinfo(5) has it.
func mountType(fd int) string {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st); err != nil {
		return ""
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if id, rest, _ := strings.Cut(line, " "); id == strconv.FormatUint(st.Mnt_id, 10) {
			_, after, _ := strings.Cut(rest, " - ")
			name, _, _ := strings.Cut(after, " ")
			return name
		}
	}
	return ""
}

// Device is what carries the payload away from the sink.
type Device struct {
	Name string // e.g. "lo" or "vda1", "" if unknown
	Kind string // loopback, nic, veth, disk, memory, virtual, none or unknown
}
