//go:build linux

package workloads

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// PageCache is the memory that the page cache holds of the source, in bytes of
// whole pages: not of what others have appended since it was opened. The error says
// why that is not known.
func (s *Source) PageCache(ctx context.Context) (int64, error) {
	if s.Kind == SourceZero {
		return 0, nil
	}
	return pageCache(ctx, s.file, s.Bytes, s.Filesystem, s.InMemory(), "source")
}

// PageCache is the same of a sink, up to where it goes round; one that is no file has
// none.
func (s *Sink) PageCache(ctx context.Context) (int64, error) {
	if s.Kind != SinkFile {
		return 0, nil
	}
	return pageCache(ctx, s.sender, s.size, s.Filesystem, s.InMemory(), "sink")
}

// pageCache looks at the first size bytes of a file.
func pageCache(ctx context.Context, f *os.File, size int64, filesystem string, inMemory bool, what string) (int64, error) {
	switch {
	case inMemory:
		return 0, fmt.Errorf("the %s is on %s, where the page cache is the file itself", what, filesystem)
	case !mayCheckCache(int(f.Fd())):
		return 0, fmt.Errorf("the %s belongs to another user: what the page cache has of it is not shown", what)
	}
	// A file of an overlay has a page cache of its own, which is empty: that of the
	// file below is what a mapping shows (fs/overlayfs/file.c: ovl_mmap).
	if !IsOverlay(filesystem) {
		pages, err := cachedPages(int(f.Fd()), size)
		if err == nil {
			return pages * int64(unix.Getpagesize()), nil
		} else if !errors.Is(err, unix.ENOSYS) {
			return 0, fmt.Errorf("look the %s up in the page cache: %w", what, err)
		}
	}
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("size the %s: %w", what, bare(err))
	}
	pages, err := resident(ctx, int(f.Fd()), min(size, info.Size()), nil)
	if err != nil {
		return 0, fmt.Errorf("look the %s up in the page cache: %w", what, err)
	}
	return pages * int64(unix.Getpagesize()), nil
}

// cachedPages asks cachestat(2), which Linux has since 6.5. It costs by what is in
// the cache, not by the file's size, and counts also pages that are being read.
func cachedPages(fd int, size int64) (int64, error) {
	whole := unix.CachestatRange{Len: uint64(size)}
	var stat unix.Cachestat_t
	if err := unix.Cachestat(uint(fd), &whole, &stat, 0); err != nil {
		return 0, err
	}
	return int64(stat.Cache), nil
}

// resident is the number of pages of the first size bytes that are in the page
// cache and up to date, by mincore(2). last, if not nil, is told whether the last
// one is.
func resident(ctx context.Context, fd int, size int64, last *bool) (pages int64, err error) {
	const step = 1 << 30 // bytes looked at in one go
	page := int64(unix.Getpagesize())
	vec := make([]byte, (min(size, step)+page-1)/page)
	for at := int64(0); at < size; at += step {
		if ctx.Err() != nil { // a sparse file may have terabytes to look at
			return 0, context.Cause(ctx)
		}
		part := min(size-at, step)
		present, err := residentPages(fd, at, part, vec)
		if err != nil {
			return 0, err
		}
		pages += present
		if last != nil {
			*last = vec[(part-1)/page]&1 != 0
		}
	}
	return pages, nil
}
