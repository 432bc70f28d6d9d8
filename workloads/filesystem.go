//go:build linux

package workloads

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fsType is what is known of a type of file system.
type fsType struct {
	magic  uint32 // of statfs(2)
	name   string
	keeps  keeper
	cached bool // reads of regular files are known to go through the page cache
}

// keeper is who keeps the data of a file system, in the words of [Layer.Kind].
type keeper string

const (
	byDisk    keeper = "disk"
	byMemory  keeper = "memory" // its page cache is all there is
	byDaemon  keeper = "daemon" // a process on this machine
	byHost    keeper = "host"   // of this virtual machine
	byServer  keeper = "server"
	byKernel  keeper = "kernel"  // makes files up as they are read, and takes writes for commands
	byOthers  keeper = "overlay" // file systems below it
	byUnknown keeper = "unknown"
)

// fsTypes are the types that are known; the first of those with one number gives the name, unless a mount
// tells more. Not cached are zfs, which has a cache of its own, and
// those where it depends on the mount or on who keeps the data.
var fsTypes = []fsType{
	{unix.EXT4_SUPER_MAGIC, "ext4", byDisk, true}, // by its number, ext2 and ext3 too
	{unix.EXT4_SUPER_MAGIC, "ext3", byDisk, true},
	{unix.EXT4_SUPER_MAGIC, "ext2", byDisk, true},
	{unix.XFS_SUPER_MAGIC, "xfs", byDisk, true},
	{unix.BTRFS_SUPER_MAGIC, "btrfs", byDisk, true},
	{unix.F2FS_SUPER_MAGIC, "f2fs", byDisk, true},
	{unix.MSDOS_SUPER_MAGIC, "vfat", byDisk, true},
	{unix.EXFAT_SUPER_MAGIC, "exfat", byDisk, true},
	{unix.SQUASHFS_MAGIC, "squashfs", byDisk, true},
	{unix.EROFS_SUPER_MAGIC_V1, "erofs", byDisk, true},
	{unix.ISOFS_SUPER_MAGIC, "iso9660", byDisk, true},
	{unix.NILFS_SUPER_MAGIC, "nilfs2", byDisk, true},
	{0x2fc12fc1, "zfs", byDisk, false},     // OpenZFS, include/sys/fs/zfs.h
	{0xca451a4e, "bcachefs", byDisk, true}, // fs/bcachefs/bcachefs_format.h
	{0x7366746e, "ntfs3", byDisk, true},    // fs/ntfs3/super.c
	{unix.TMPFS_MAGIC, "tmpfs", byMemory, true},
	{unix.TMPFS_MAGIC, "devtmpfs", byMemory, true},
	{unix.RAMFS_MAGIC, "ramfs", byMemory, true},
	{unix.HUGETLBFS_MAGIC, "hugetlbfs", byMemory, false},
	{unix.OVERLAYFS_SUPER_MAGIC, "overlay", byOthers, true},
	{unix.FUSE_SUPER_MAGIC, "fuse", byDaemon, false},
	{unix.FUSE_SUPER_MAGIC, "fuseblk", byDaemon, false},
	{unix.FUSE_SUPER_MAGIC, "virtiofs", byHost, false},
	{unix.NFS_SUPER_MAGIC, "nfs", byServer, true},
	{unix.NFS_SUPER_MAGIC, "nfs4", byServer, true},
	{unix.V9FS_MAGIC, "9p", byServer, false},
	{unix.CIFS_SUPER_MAGIC, "cifs", byServer, false},
	{unix.SMB2_SUPER_MAGIC, "smb2", byServer, false},
	{unix.SMB2_SUPER_MAGIC, "smb3", byServer, false},
	{unix.CEPH_SUPER_MAGIC, "ceph", byServer, false},
	{unix.PROC_SUPER_MAGIC, "proc", byKernel, false},
	{unix.SYSFS_MAGIC, "sysfs", byKernel, false},
	{unix.CGROUP_SUPER_MAGIC, "cgroup", byKernel, false},
	{unix.CGROUP2_SUPER_MAGIC, "cgroup2", byKernel, false},
	{unix.DEBUGFS_MAGIC, "debugfs", byKernel, false},
	{unix.TRACEFS_MAGIC, "tracefs", byKernel, false},
	{unix.BPF_FS_MAGIC, "bpf", byKernel, false},
	{unix.SECURITYFS_MAGIC, "securityfs", byKernel, false},
	{0x62656570, "configfs", byKernel, false}, // fs/configfs/mount.c
	{unix.EFIVARFS_MAGIC, "efivarfs", byKernel, false},
	{unix.SELINUX_MAGIC, "selinuxfs", byKernel, false},
	{unix.SMACK_MAGIC, "smackfs", byKernel, false},
	{unix.PSTOREFS_MAGIC, "pstore", byKernel, false},
	{unix.DEVPTS_SUPER_MAGIC, "devpts", byKernel, false},
	{0x19800202, "mqueue", byKernel, false}, // ipc/mqueue.c
	{unix.NSFS_MAGIC, "nsfs", byKernel, false},
	{unix.BINFMTFS_MAGIC, "binfmt_misc", byKernel, false},
	{unix.RDTGROUP_SUPER_MAGIC, "resctrl", byKernel, false},
	{unix.BINDERFS_SUPER_MAGIC, "binder", byKernel, false},
	{unix.XENFS_SUPER_MAGIC, "xenfs", byKernel, false},
	{unix.OPENPROM_SUPER_MAGIC, "openpromfs", byKernel, false},
	{unix.USBDEVICE_SUPER_MAGIC, "usbfs", byKernel, false},
	{unix.SOCKFS_MAGIC, "sockfs", byKernel, false},
	{unix.PIPEFS_MAGIC, "pipefs", byKernel, false},
	{unix.ANON_INODE_FS_MAGIC, "anon_inodefs", byKernel, false},
}

// fsTypeOf is what is known of the file system with this name.
func fsTypeOf(name string) fsType {
	for _, t := range fsTypes {
		if t.name == name {
			return t
		}
	}
	return fsType{name: name, keeps: byUnknown}
}

// filesystem names the file system of an open file, "" if it cannot be found
// out.
func filesystem(fd int) string {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return ""
	}
	magic := uint32(st.Type) // a 32-bit number in a signed word
	if magic == unix.FUSE_SUPER_MAGIC {
		if name, _, _ := strings.Cut(mountType(fd), "."); fsTypeOf(name).magic == magic { // not fuse.sshfs
			return name
		}
	}
	for _, t := range fsTypes {
		if t.magic == magic {
			return t.name
		}
	}
	return fmt.Sprintf("0x%x", magic)
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
