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
	kindUnixStream
	kindUnixDgram // and seqpacket
	kindSocket    // another socket
	kindNull      // /dev/null
	kindZero      // /dev/zero, /dev/full
	kindStream    // a character device, eventfd, ...: read and write copy what they return
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
		return socketKind(k.Detail)
	case unix.S_IFCHR:
		// MAJOR and MINOR of the kernel's dev_t (include/linux/kdev_t.h)
		switch major, minor := k.Detail>>20, k.Detail&0xfffff; {
		case major == 1 && minor == 3:
			return kindNull
		case major == 1 && (minor == 5 || minor == 7):
			return kindZero
		}
		return kindStream
	case 0: // anonymous inodes have no format
		return kindStream
	}
	return kindOther
}

func socketKind(detail uint32) kind {
	family, typ, protocol := detail>>24, detail>>16&0xff, detail&0xffff
	switch {
	case family == unix.AF_UNIX && typ == unix.SOCK_STREAM:
		return kindUnixStream
	case family == unix.AF_UNIX:
		return kindUnixDgram
	case family != unix.AF_INET && family != unix.AF_INET6:
		return kindSocket
	case protocol == unix.IPPROTO_TCP:
		return kindTCP
	case protocol == unix.IPPROTO_UDP:
		return kindUDP
	}
	return kindSocket
}
