//go:build linux

package workloads

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// Warm reads the first upTo bytes of the source, 0 for all, so that they are in
// the page cache. Reading them in order also uses up the read-ahead marks among
// them, which would otherwise start new reads in the window.
func (s *Source) Warm(ctx context.Context, upTo int64) error {
	if s.Kind == SourceZero || s.InMemory() { // there already
		return nil
	}
	if upTo <= 0 || upTo > s.Bytes {
		upTo = s.Bytes
	}
	if err := s.fits(upTo, "limit it with --bytes, or take --cache cold"); err != nil {
		return err
	}
	buf := make([]byte, 1<<20)
	for at := int64(0); at < upTo; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := s.file.ReadAt(buf[:min(int64(len(buf)), upTo-at)], at)
		at += int64(n)
		if err != nil && (!errors.Is(err, io.EOF) || at < upTo) {
			return fmt.Errorf("read source %s into the page cache: %w", s.Path, bare(err))
		}
	}
	return nil
}

// fits is nil when memory is available for so much of the source, or it is there
// already.
func (s *Source) fits(upTo int64, hint string) error {
	if free := availableMemory(); upTo > free && !s.InMemory() {
		return fault.Errorf(fault.Usage, hint,
			"source %s does not fit into the page cache: %s of it are to be read, and %s of memory are available",
			s.Path, human.FormatBytes(upTo), human.FormatBytes(free))
	}
	return nil
}

// availableMemory is what the page cache could take: MemAvailable of
// proc_meminfo(5), in bytes; everything if that cannot be read.
func availableMemory() int64 {
	meminfo, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(meminfo)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return math.MaxInt64
}

// CanBeCold is nil when the source has a page cache that can be emptied, and
// looked at.
func (s *Source) CanBeCold() error {
	const hint = "take --cache warm, or a source on a disk"
	switch {
	case s.Kind == SourceZero:
		return fault.Errorf(fault.Usage, hint, "source zero has no page cache that could be cold")
	case s.InMemory():
		return fault.Errorf(fault.Usage, hint, "source %s is on %s, which has nothing below the page cache", s.Path, s.Filesystem)
	case !mayCheckCache(int(s.file.Fd())):
		return fault.Errorf(fault.Unsupported, "run as root or as its owner", "source %s belongs to another user: what the page cache has of it is not shown", s.Path)
	case s.Filesystem == "zfs" || s.dax():
		return fault.Errorf(fault.Usage, hint, "source %s is read past the page cache (%s)", s.Path, s.Filesystem)
	}
	// Files of proc, sysfs and their like cannot be mapped, which looking needs.
	if _, err := residentPages(int(s.file.Fd()), 0, 1, make([]byte, 1)); err != nil {
		return fault.Errorf(fault.Usage, hint, "source %s is on %s, whose page cache cannot be looked at: %w", s.Path, s.Filesystem, err)
	}
	return nil
}

// dax is true for a file in persistent memory that is read in place.
func (s *Source) dax() bool {
	var st unix.Statx_t
	err := unix.Statx(int(s.file.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_DAX != 0
}

// Cold takes the whole source out of the page cache, and fails if any of it
// stays. Where the file's blocks are is loaded before, so that a run reads data
// from the disk and nothing else.
func (s *Source) Cold(ctx context.Context) error {
	if err := s.CanBeCold(); err != nil {
		return err
	}
	fd := int(s.file.Fd())
	if err := s.WriteBack(ctx); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err != nil { // dirty pages stay
		return fmt.Errorf("write back source %s: %w", s.Path, err)
	}
	if err := s.walkExtents(ctx); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err != nil {
		return fmt.Errorf("walk the extents of source %s: %w", s.Path, err)
	}
	const tries = 5 // at least: a machine that is busy elsewhere for seconds is no reason
	for try, deadline := 1, time.Now().Add(2*time.Second); ; try++ {
		if err := unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED); err != nil {
			return fmt.Errorf("drop source %s from the page cache: %w", s.Path, err)
		}
		left, err := s.Resident(ctx)
		if err != nil || left == 0 {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		freePackets()
		if try >= tries && time.Now().After(deadline) {
			return s.stays(left)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// freePackets makes every CPU handle a packet. Those that were sent a moment ago may
// hold pages still: the kernel leaves the last few of them to the CPU that made
// them, until it receives again (net/core/skbuff.c: skb_attempt_defer_free), however long
// that takes. What fails here is only not freed.
func freePackets() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil || unix.SchedGetaffinity(0, &before) != nil {
		return
	}
	defer unix.Close(fd)
	defer func() { _ = unix.SchedSetaffinity(0, &before) }()
	if unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}) != nil {
		return
	}
	self, err := unix.Getsockname(fd)
	if err != nil {
		return
	}
	for cpu := range len(before) * 64 {
		var one unix.CPUSet
		one.Set(cpu)
		if unix.SchedSetaffinity(0, &one) == nil {
			_ = unix.Sendto(fd, []byte{0}, 0, self)
		}
	}
}

// mayCheckCache is false where mincore(2) would claim that all is resident:
// since Linux 5.2 it tells only the owner and who may write the file.
func mayCheckCache(fd int) bool {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err == nil && (unix.Geteuid() == 0 || int(st.Uid) == unix.Geteuid()) {
		return true
	}
	return unix.Faccessat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.W_OK, unix.AT_EACCESS) == nil
}

// WriteBack writes dirty pages to the disk, a few at a time: a thread in fsync(2)
// cannot be interrupted, nor can its process end.
func (s *Source) WriteBack(ctx context.Context) error {
	const step = 8 << 20
	const flags = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	fd := int(s.file.Fd())
	for at := int64(0); at < s.Bytes && ctx.Err() == nil; at += step {
		if err := unix.SyncFileRange(fd, at, step, flags); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return unix.Fsync(fd)
}

// walkExtents makes the file system look up every extent; it keeps them in
// memory. It leaves the file's position, which a worker shares, at the start.
func (s *Source) walkExtents(ctx context.Context) (err error) {
	fd := int(s.file.Fd())
	defer func() {
		if _, back := unix.Seek(fd, 0, unix.SEEK_SET); err == nil {
			err = back
		}
	}()
	for at := int64(0); at < s.Bytes; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		data, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // a hole up to the end
			return nil
		}
		if err != nil {
			return err
		}
		if at, err = unix.Seek(fd, data, unix.SEEK_HOLE); err != nil {
			return err
		}
	}
	return nil
}

// Resident is the number of bytes of the source in the page cache, in whole
// pages but for the last.
func (s *Source) Resident(ctx context.Context) (int64, error) {
	page := int64(unix.Getpagesize())
	var last bool
	pages, err := resident(ctx, int(s.file.Fd()), s.Bytes, &last)
	if err != nil {
		return 0, fmt.Errorf("look source %s up in the page cache: %w", s.Path, err)
	}
	if end := s.Bytes % page; end != 0 && last {
		return pages*page - (page - end), nil
	}
	return pages * page, nil
}

// residentPages asks mincore(2), through a mapping that it does not touch.
func residentPages(fd int, at, size int64, vec []byte) (int64, error) {
	addr, err := unix.MmapPtr(fd, at, nil, uintptr(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0, err
	}
	defer unix.MunmapPtr(addr, uintptr(size))
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(addr), uintptr(size), uintptr(unsafe.Pointer(&vec[0])))
	if errno != 0 {
		return 0, errno
	}
	var n int64
	pages := (size + int64(unix.Getpagesize()) - 1) / int64(unix.Getpagesize())
	for _, v := range vec[:pages] {
		n += int64(v & 1)
	}
	return n, nil
}
