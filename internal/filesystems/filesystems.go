//go:build linux

// Package filesystems has what is known of types of file systems, once for all who ask.
package filesystems

import "golang.org/x/sys/unix"

// Type is what is known of a type of file system.
type Type struct {
	Magic  uint32 // of statfs(2)
	Name   string
	Keeps  Keeper
	Cached bool // plain reads and writes of regular files are known to pass the page cache, so that the CPU copies once
}

// Keeper is who keeps the data of a file system.
type Keeper string

// Those that there are.
const (
	ByDisk    Keeper = "disk"
	ByMemory  Keeper = "memory" // its page cache is all there is
	ByDaemon  Keeper = "daemon" // a process on this machine
	ByHost    Keeper = "host"   // of this virtual machine
	ByServer  Keeper = "server"
	ByKernel  Keeper = "kernel"  // makes files up as they are read, and takes writes for commands
	ByOthers  Keeper = "overlay" // file systems below it
	ByUnknown Keeper = "unknown"
)

// CopiesDirect is whether direct I/O, too, may be copied where no hook of an engine looks: on the way through a
// socket, or by bcachefs, which copies what it writes with a checksum (fs/bcachefs/io_write.c).
func (t Type) CopiesDirect() bool { return t.Keeps != ByDisk || t.Name == "bcachefs" }

// Named is what is known of the type with this name.
func Named(name string) Type {
	for _, t := range types {
		if t.Name == name {
			return t
		}
	}
	return Type{Name: name, Keeps: ByUnknown}
}

// Of is what is known of the type with this number; its name is "" if that is nothing.
func Of(magic uint32) Type {
	for _, t := range types {
		if t.Magic == magic {
			return t
		}
	}
	return Type{Magic: magic, Keeps: ByUnknown}
}

// The first of those with one number gives the name, unless a mount tells more. Not cached are zfs, which has a
// cache of its own, and those where it depends on the mount or on who keeps the data. An overlay is as the file system below it.
var types = []Type{
	{unix.EXT4_SUPER_MAGIC, "ext4", ByDisk, true}, // by its number, ext2 and ext3 too
	{unix.EXT4_SUPER_MAGIC, "ext3", ByDisk, true},
	{unix.EXT4_SUPER_MAGIC, "ext2", ByDisk, true},
	{unix.XFS_SUPER_MAGIC, "xfs", ByDisk, true},
	{unix.BTRFS_SUPER_MAGIC, "btrfs", ByDisk, true},
	{unix.F2FS_SUPER_MAGIC, "f2fs", ByDisk, true},
	{unix.MSDOS_SUPER_MAGIC, "vfat", ByDisk, true},
	{unix.EXFAT_SUPER_MAGIC, "exfat", ByDisk, true},
	{unix.SQUASHFS_MAGIC, "squashfs", ByDisk, true},
	{unix.EROFS_SUPER_MAGIC_V1, "erofs", ByDisk, true},
	{unix.ISOFS_SUPER_MAGIC, "iso9660", ByDisk, true},
	{unix.NILFS_SUPER_MAGIC, "nilfs2", ByDisk, true},
	{0x2fc12fc1, "zfs", ByDisk, false},     // OpenZFS, include/sys/fs/zfs.h
	{0xca451a4e, "bcachefs", ByDisk, true}, // fs/bcachefs/bcachefs_format.h
	{0x7366746e, "ntfs3", ByDisk, true},    // fs/ntfs3/super.c
	{unix.TMPFS_MAGIC, "tmpfs", ByMemory, true},
	{unix.TMPFS_MAGIC, "devtmpfs", ByMemory, true},
	{unix.RAMFS_MAGIC, "ramfs", ByMemory, true},
	{unix.HUGETLBFS_MAGIC, "hugetlbfs", ByMemory, false},
	{unix.OVERLAYFS_SUPER_MAGIC, "overlay", ByOthers, true},
	{unix.FUSE_SUPER_MAGIC, "fuse", ByDaemon, false},
	{unix.FUSE_SUPER_MAGIC, "fuseblk", ByDaemon, false},
	{unix.FUSE_SUPER_MAGIC, "virtiofs", ByHost, false},
	{unix.NFS_SUPER_MAGIC, "nfs", ByServer, true},
	{unix.NFS_SUPER_MAGIC, "nfs4", ByServer, true},
	{unix.V9FS_MAGIC, "9p", ByServer, false},
	{unix.CIFS_SUPER_MAGIC, "cifs", ByServer, false},
	{unix.SMB2_SUPER_MAGIC, "smb2", ByServer, false},
	{unix.SMB2_SUPER_MAGIC, "smb3", ByServer, false},
	{unix.CEPH_SUPER_MAGIC, "ceph", ByServer, false},
	{unix.PROC_SUPER_MAGIC, "proc", ByKernel, false},
	{unix.SYSFS_MAGIC, "sysfs", ByKernel, false},
	{unix.CGROUP_SUPER_MAGIC, "cgroup", ByKernel, false},
	{unix.CGROUP2_SUPER_MAGIC, "cgroup2", ByKernel, false},
	{unix.DEBUGFS_MAGIC, "debugfs", ByKernel, false},
	{unix.TRACEFS_MAGIC, "tracefs", ByKernel, false},
	{unix.BPF_FS_MAGIC, "bpf", ByKernel, false},
	{unix.SECURITYFS_MAGIC, "securityfs", ByKernel, false},
	{0x62656570, "configfs", ByKernel, false}, // fs/configfs/mount.c
	{unix.EFIVARFS_MAGIC, "efivarfs", ByKernel, false},
	{unix.SELINUX_MAGIC, "selinuxfs", ByKernel, false},
	{unix.SMACK_MAGIC, "smackfs", ByKernel, false},
	{unix.PSTOREFS_MAGIC, "pstore", ByKernel, false},
	{unix.DEVPTS_SUPER_MAGIC, "devpts", ByKernel, false},
	{0x19800202, "mqueue", ByKernel, false}, // ipc/mqueue.c
	{unix.NSFS_MAGIC, "nsfs", ByKernel, false},
	{unix.BINFMTFS_MAGIC, "binfmt_misc", ByKernel, false},
	{unix.RDTGROUP_SUPER_MAGIC, "resctrl", ByKernel, false},
	{unix.BINDERFS_SUPER_MAGIC, "binder", ByKernel, false},
	{unix.XENFS_SUPER_MAGIC, "xenfs", ByKernel, false},
	{unix.OPENPROM_SUPER_MAGIC, "openpromfs", ByKernel, false},
	{unix.USBDEVICE_SUPER_MAGIC, "usbfs", ByKernel, false},
	{unix.SOCKFS_MAGIC, "sockfs", ByKernel, false},
	{unix.PIPEFS_MAGIC, "pipefs", ByKernel, false},
	{unix.ANON_INODE_FS_MAGIC, "anon_inodefs", ByKernel, false},
}
