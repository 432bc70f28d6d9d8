//go:build linux

package workloads

import (
	"context"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fiemap is struct fiemap with some of struct fiemap_extent (linux/fiemap.h).
type fiemap struct {
	start, length                uint64
	flags, mapped, count, unused uint32
	extents                      [32]extent
}

type extent struct {
	logical, physical, length uint64
	_                         [2]uint64
	flags                     uint32
	_                         [3]uint32
}

const (
	fiemapIoctl  = 0xc020660b // FS_IOC_FIEMAP
	fiemapSync   = 1          // FIEMAP_FLAG_SYNC
	extentLast   = 0x1        // FIEMAP_EXTENT_LAST
	extentMerged = 0x1000     // FIEMAP_EXTENT_MERGED
	extentShared = 0x2000     // FIEMAP_EXTENT_SHARED
)

// Written is true when the file system says that blocks on its disk hold every
// byte of the source, as they are: no holes, nothing reserved and not yet
// written, compressed, encrypted or kept elsewhere. It writes back dirty pages.
func (s *Source) Written(ctx context.Context) bool {
	if s.Kind == SourceZero || s.writeBack(ctx) != nil {
		return false
	}
	for at := uint64(0); at < uint64(s.Bytes); {
		m := fiemap{start: at, length: uint64(s.Bytes) - at, flags: fiemapSync}
		m.count = uint32(len(m.extents))
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, s.file.Fd(), fiemapIoctl, uintptr(unsafe.Pointer(&m))); errno != 0 || m.mapped == 0 {
			return false
		}
		for _, e := range m.extents[:m.mapped] {
			if e.logical > at || e.flags&^(extentLast|extentMerged|extentShared) != 0 {
				return false
			}
			at = e.logical + e.length
		}
	}
	return true
}
