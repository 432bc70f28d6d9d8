//go:build linux

package workloads

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/human"
)

// Extents are how a file system keeps the first bytes of a file, in the words of FIEMAP
// (Documentation/filesystems/fiemap.rst). All numbers are bytes. Extents hold Mapped of them,
// and the rest are holes. Of those that are mapped, each is in at most one of Unwritten,
// Encoded, Inline and Unknown; if in none, a block of the disk holds it as it is.
type Extents struct {
	Bytes  int64 // that were looked at
	Mapped int64

	// HolesOnly is that the file system tells nothing but holes: what is below is not known.
	HolesOnly bool
	Unwritten int64 // reserved, and never written on the disk: zeros, unless the page cache has other bytes
	Encoded   int64 // compressed or encrypted
	Inline    int64 // among the file system's own data, packed with others
	Unknown   int64 // in no place of the disk yet, as far as is known
	Shared    int64 // with another file, or another part of this one, whatever else it is
	Writing   int64 // of Unwritten, and not shared. xfs says so of what is being written back, too
}

// Plain is whether blocks of the disk hold every byte as it is.
func (e *Extents) Plain() bool {
	return !e.HolesOnly && e.Mapped == e.Bytes && e.Unwritten+e.Encoded+e.Inline+e.Unknown == 0
}

// Extents looks up the first upTo bytes of the source. It writes nothing back: what is dirty
// may have no place yet.
func (s *Source) Extents(ctx context.Context, upTo int64) (*Extents, error) {
	if s.Kind == SourceZero {
		return nil, errors.New("the source is no file")
	}
	return extentsOf(ctx, s.file, upTo, "source")
}

// Extents looks up the first upTo bytes of a sink that is a file, or as many as go there
// before it goes round.
func (s *Sink) Extents(ctx context.Context, upTo int64) (*Extents, error) {
	if s.Kind != SinkFile {
		return nil, errors.New("the sink is no file")
	}
	return extentsOf(ctx, s.sender, min(upTo, s.size), "sink")
}

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
	fiemapIoctl     = 0xc020660b // FS_IOC_FIEMAP
	extentLast      = 0x1        // FIEMAP_EXTENT_LAST
	extentEncoded   = 0x8        // FIEMAP_EXTENT_ENCODED
	extentEncrypted = 0x80       // FIEMAP_EXTENT_DATA_ENCRYPTED
	extentInline    = 0x200      // FIEMAP_EXTENT_DATA_INLINE
	extentTail      = 0x400      // FIEMAP_EXTENT_DATA_TAIL
	extentUnwritten = 0x800      // FIEMAP_EXTENT_UNWRITTEN
	extentMerged    = 0x1000     // FIEMAP_EXTENT_MERGED
	extentShared    = 0x2000     // FIEMAP_EXTENT_SHARED
)

// A file may be made of very many extents, and btrfs searches long for who shares one. Who
// runs zctrace does not wait for all of that: a look-up ends between calls, each of which
// asks for few extents, for nothing ends a call but the file system.
const (
	mostExtents    = 1 << 20
	mostExtentTime = 2 * time.Second
)

// extentsOf asks FIEMAP or, where there is none, for holes. The error says why the extents
// are not known.
func extentsOf(ctx context.Context, f *os.File, bytes int64, what string) (*Extents, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, mostExtentTime, fmt.Errorf("it took more than %v", mostExtentTime))
	defer cancel()
	e := &Extents{Bytes: bytes}
	err := e.lookUp(ctx, int(f.Fd()))
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		*e = Extents{Bytes: bytes, HolesOnly: true}
		err = e.lookForHoles(ctx, int(f.Fd()))
	}
	if err != nil {
		return nil, fmt.Errorf("look up the extents of the %s: %w", what, err)
	}
	return e, nil
}

func (e *Extents) lookUp(ctx context.Context, fd int) error {
	var m fiemap
	for at, found := int64(0), 0; at < e.Bytes; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m.start, m.length, m.flags, m.mapped, m.count = uint64(at), uint64(e.Bytes-at), 0, 0, uint32(len(m.extents))
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), fiemapIoctl, uintptr(unsafe.Pointer(&m))); errno != 0 {
			return errno
		}
		if m.mapped == 0 { // a hole up to the end
			return nil
		}
		for _, x := range m.extents[:m.mapped] {
			end := int64(x.logical + x.length)
			from, to := max(at, int64(x.logical)), min(end, e.Bytes)
			if to > from {
				e.add(to-from, x.flags)
			}
			if end <= at { // else it never ends
				return fmt.Errorf("the file system tells of an extent at %d after %d", x.logical, at)
			}
			if at = end; x.flags&extentLast != 0 {
				return nil
			}
		}
		if found += int(m.mapped); found > mostExtents {
			return fmt.Errorf("there are more than %s", human.Grouped(mostExtents))
		}
	}
	return nil
}

// add counts the bytes of an extent.
func (e *Extents) add(bytes int64, flags uint32) {
	e.Mapped += bytes
	if flags&extentShared != 0 {
		e.Shared += bytes
	} else if flags&extentUnwritten != 0 {
		e.Writing += bytes
	}
	switch flags &^= extentLast | extentMerged | extentShared; {
	case flags&extentUnwritten != 0:
		e.Unwritten += bytes
	case flags&(extentInline|extentTail) != 0:
		e.Inline += bytes
	case flags&(extentEncoded|extentEncrypted) != 0:
		e.Encoded += bytes
	case flags != 0:
		e.Unknown += bytes
	}
}

// lookForHoles asks SEEK_HOLE, and leaves the file's position, which a worker may share.
// Where nobody tells of holes, the kernel says that there are none: that is believed of
// tmpfs only.
func (e *Extents) lookForHoles(ctx context.Context, fd int) (err error) {
	before, err := unix.Seek(fd, 0, unix.SEEK_CUR)
	if err != nil {
		return err
	}
	defer func() {
		if _, back := unix.Seek(fd, before, unix.SEEK_SET); err == nil {
			err = back
		}
	}()
	for at := int64(0); at < e.Bytes; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		data, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || err == nil && data >= e.Bytes { // a hole up to the end
			break
		}
		if err != nil {
			return err
		}
		if at, err = unix.Seek(fd, data, unix.SEEK_HOLE); err != nil {
			return err
		}
		e.Mapped += min(at, e.Bytes) - data
	}
	if name := filesystem(fd); e.Mapped == e.Bytes && name != "tmpfs" {
		return fmt.Errorf("%s tells neither them nor of a hole", name)
	}
	return nil
}
