//go:build linux

package ledger

import (
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/filesystems"
)

// kind is what a file descriptor refers to, as far as it decides who copies.
type kind uint8

const (
	kindOther  kind = iota // anything that no rule is certain of
	kindCached             // regular file or block device, read and written through the page cache
	kindDirect             // the same with O_DIRECT
	kindPipe
	kindTCP
	kindUDP
	kindTLS // TCP below a protocol of the kernel's own that encrypts: kTLS
	kindUnixStream
	kindUnixDgram // and seqpacket
	kindSocket    // another socket, which copies what is sent and received
	kindNull      // /dev/null
	kindZero      // /dev/zero, /dev/full
	kindStream    // another character device: read and write copy what they return
	kindTerminal  // the same, and splice copies, too
	kindMade      // a file that the kernel makes up as it is read (/proc, sysfs), and takes what is written for commands
	kindControl   // eventfd, timerfd, inotify, netlink, ...: the kernel tells of something, or is told
)

func attr(k bpf.ObjectFdKind, a bpf.ObjectFdAttr) bool { return k.Attrs&uint16(a) != 0 }

func kindOf(k bpf.ObjectFdKind) kind {
	if !attr(k, bpf.ObjectFdAttrFD_KNOWN) {
		return kindOther
	}
	direct := attr(k, bpf.ObjectFdAttrFD_DIRECT)
	if attr(k, bpf.ObjectFdAttrFD_DAX) {
		return kindOther
	}
	switch k.Format {
	case unix.S_IFREG:
		switch fs := filesystems.Of(k.Detail); {
		case isControl(k.Detail):
			return kindControl
		case fs.Keeps == filesystems.ByKernel:
			return kindMade
		case k.Detail == unix.TMPFS_MAGIC:
			return kindCached // it takes O_DIRECT since 6.6, and copies all the same
		case k.Detail == unix.FUSE_SUPER_MAGIC && attr(k, bpf.ObjectFdAttrFD_CACHED) && !direct:
			return kindCached
		case !fs.Cached, fs.Keeps == filesystems.ByOthers: // nobody knows what is below the overlay
			return kindOther
		case direct && fs.CopiesDirect():
			return kindOther
		case direct:
			return kindDirect
		}
		return kindCached
	case unix.S_IFBLK:
		if direct {
			return kindDirect
		}
		return kindCached
	case unix.S_IFIFO:
		return kindPipe
	case unix.S_IFSOCK:
		if kind := socketKind(k.Detail); kind != kindTCP || !attr(k, bpf.ObjectFdAttrFD_ULP) {
			return kind
		}
		return kindTLS
	case unix.S_IFCHR:
		// MAJOR and MINOR of the kernel's dev_t (include/linux/kdev_t.h)
		switch major, minor := k.Detail>>20, k.Detail&0xfffff; {
		case major == 1 && minor == 3:
			return kindNull
		case major == 1 && (minor == 5 || minor == 7):
			return kindZero
		case major >= 2 && major <= 5 || major >= 128 && major <= 143 || major == 204: // Documentation/admin-guide/devices.txt
			return kindTerminal
		}
		return kindStream
	case 0: // anonymous inodes have no format until 6.15
		return kindControl
	}
	return kindOther
}

// isControl is whether files of this type are no files, but a process's way to the kernel.
func isControl(magic uint32) bool {
	return magic == unix.ANON_INODE_FS_MAGIC || magic == unix.PID_FS_MAGIC || magic == unix.NSFS_MAGIC
}

func socketKind(detail uint32) kind {
	family, typ, protocol := detail>>24, detail>>16&0xff, detail&0xffff
	switch {
	case family == unix.AF_UNIX && typ == unix.SOCK_STREAM:
		return kindUnixStream
	case family == unix.AF_UNIX:
		return kindUnixDgram
	case family == unix.AF_NETLINK:
		return kindControl
	case family == unix.AF_ALG: // works on the caller's memory, or on a copy of it
		return kindOther
	case family != unix.AF_INET && family != unix.AF_INET6:
		return kindSocket
	case protocol == unix.IPPROTO_TCP:
		return kindTCP
	case protocol == unix.IPPROTO_UDP:
		return kindUDP
	}
	return kindSocket
}
