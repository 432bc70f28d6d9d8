//go:build linux

package workloads

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// filesystems names the magic numbers of statfs(2). No name for all of ext2,
// ext3 and ext4: they share a number, and ext4 drives all three.
var filesystems = map[uint32]string{
	unix.EXT4_SUPER_MAGIC:      "ext4",
	unix.XFS_SUPER_MAGIC:       "xfs",
	unix.BTRFS_SUPER_MAGIC:     "btrfs",
	unix.TMPFS_MAGIC:           "tmpfs",
	unix.RAMFS_MAGIC:           "ramfs",
	unix.HUGETLBFS_MAGIC:       "hugetlbfs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	unix.F2FS_SUPER_MAGIC:      "f2fs",
	unix.NFS_SUPER_MAGIC:       "nfs",
	unix.FUSE_SUPER_MAGIC:      "fuse",
	unix.V9FS_MAGIC:            "9p",
	unix.MSDOS_SUPER_MAGIC:     "vfat",
	unix.EXFAT_SUPER_MAGIC:     "exfat",
	unix.SQUASHFS_MAGIC:        "squashfs",
	unix.EROFS_SUPER_MAGIC_V1:  "erofs",
	unix.ISOFS_SUPER_MAGIC:     "iso9660",
	unix.CIFS_SUPER_MAGIC:      "cifs",
	unix.SMB2_SUPER_MAGIC:      "smb2",
	unix.CEPH_SUPER_MAGIC:      "ceph",
	unix.NILFS_SUPER_MAGIC:     "nilfs2",
	unix.PROC_SUPER_MAGIC:      "proc",
	unix.SYSFS_MAGIC:           "sysfs",
	0x2fc12fc1:                 "zfs",      // OpenZFS, include/sys/fs/zfs.h
	0xca451a4e:                 "bcachefs", // fs/bcachefs/bcachefs_format.h
	0x7366746e:                 "ntfs3",    // fs/ntfs3/super.c
}

// filesystem names the file system of an open file, "" if it cannot be found
// out.
func filesystem(fd int) string {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return ""
	}
	magic := uint32(st.Type) // a 32-bit number in a signed word
	if name := filesystems[magic]; name != "" {
		return name
	}
	return fmt.Sprintf("0x%x", magic)
}

// inMemory is true for file systems whose page cache is all there is.
func inMemory(name string) bool {
	return name == "tmpfs" || name == "ramfs" || name == "hugetlbfs"
}

// isRemote is true for file systems whose reads pass no block device here, and are
// charged to the task as if they did: task_io_account_read() in fs/nfs/read.c:
// nfs_readahead, and fs/netfs for the others.
func isRemote(name string) bool {
	switch name {
	case "nfs", "9p", "cifs", "smb2", "ceph":
		return true
	}
	return false
}

// pageCached is true for file systems that are known to read regular files
// through the page cache. Not so zfs, which has a cache of its own, fuse, 9p, cifs
// and smb2, where it depends on the mount, hugetlbfs, and what the kernel makes up
// on reading (proc, sysfs).
func pageCached(name string) bool {
	switch name {
	case "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "ramfs", "overlay", "nfs", "vfat", "exfat",
		"squashfs", "erofs", "iso9660", "nilfs2", "bcachefs", "ntfs3":
		return true
	}
	return false
}

// Device is what carries the payload away from the sink.
type Device struct {
	Name string // e.g. "lo" or "vda1", "" if unknown
	Kind string // loopback, nic, veth, disk, memory, virtual, none or unknown
}

// fileDevice is the device under a file.
func fileDevice(f *os.File) Device {
	name := filesystem(int(f.Fd()))
	if inMemory(name) {
		return Device{Kind: "memory"}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err == nil {
		link := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
		if target, err := os.Readlink(link); err == nil {
			return Device{Name: filepath.Base(target), Kind: "disk"}
		}
	}
	// A number without a block device: btrfs and zfs have disks of their own
	// under it, the others pass the file on to another file system or machine.
	if name == "btrfs" || name == "zfs" || name == "bcachefs" {
		return Device{Kind: "disk"}
	}
	return Device{Kind: "virtual"}
}
