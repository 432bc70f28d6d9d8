//go:build linux

package workloads

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/filesystems"
	"github.com/zctrace/zctrace/internal/human"
)

// tempDir is where unnamed files go. Not /tmp: it is often a tmpfs, which has
// no disk under it and no cold cache.
func tempDir() string {
	if dir := os.Getenv("TMPDIR"); dir != "" {
		return dir
	}
	return "/var/tmp"
}

// unnamedFile makes a file that has no name, so that nothing is left behind
// even by a SIGKILL, where the file system can do that.
func unnamedFile(dir string) (*os.File, error) {
	const flags, mode = unix.O_RDWR | unix.O_CLOEXEC, 0o600
	at, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(at)
	if name := filesystem(at); filesystems.Named(name).Keeps == filesystems.ByKernel { // where a new file may be a command, too
		return nil, fmt.Errorf("is on %s, %w", name, errKernels)
	}
	fd, err := unix.Openat(at, ".", unix.O_TMPFILE|flags, mode)
	// File systems that have no O_TMPFILE (NFS, FUSE, 9p) say EOPNOTSUPP;
	// EISDIR and ENOENT are what open(2) names for old kernels, and the second
	// try will say ENOENT again if it is the directory that is missing.
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENOENT) {
		return unlinkedFile(at, dir, flags, mode)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), dir), nil
}

// errKernels: see takesFiles.
var errKernels = errors.New("whose files are the kernel's own")

// unlinkedFile makes a file under a random name and takes the name away. A
// SIGKILL between the two leaves it behind, empty.
func unlinkedFile(at int, dir string, flags int, mode uint32) (*os.File, error) {
	name := fmt.Sprintf(".zctrace-%016x", rand.Uint64())
	fd, err := unix.Openat(at, name, unix.O_CREAT|unix.O_EXCL|flags, mode)
	if err != nil {
		return nil, err
	}
	if err := unix.Unlinkat(at, name, 0); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), dir), nil
}

// makeSource makes the unnamed file of `auto`.
func makeSource(ctx context.Context, dir string, size int64) (*Source, error) {
	f, err := unnamedFile(dir)
	if err != nil {
		return nil, tempError(dir, size, err)
	}
	defer f.Close()
	if err := fill(ctx, f, size); ctx.Err() != nil {
		return nil, context.Cause(ctx)
	} else if err != nil {
		return nil, tempError(dir, size, err)
	}
	// A file description of its own, read-only: the workers share its offset.
	return openSource(SourceAuto, dir, fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
}

// fill writes the pattern, from the start.
func fill(ctx context.Context, f *os.File, size int64) error {
	// A disk that is too small is found out before it is full: first by asking,
	// then by reserving, which takes time where there is much to reserve. Not
	// every file system can do either; those will say ENOSPC later.
	var st unix.Statfs_t
	fd := int(f.Fd())
	if err := unix.Fstatfs(fd, &st); err == nil && st.Blocks > 0 && uint64(size)/uint64(st.Bsize) > st.Bfree {
		return unix.ENOSPC
	}
	err := unix.Fallocate(fd, 0, 0, size)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	buf := make([]byte, min(size+7, 1<<20)&^7)
	for at := int64(0); at < size; at += int64(len(buf)) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		pattern(buf, at)
		if _, err := f.WriteAt(buf[:min(int64(len(buf)), size-at)], at); err != nil {
			return err
		}
	}
	return nil
}

// pattern fills buf with what belongs at offset at; both are multiples of 8.
// Every word differs from every other, so payload that moved to another offset
// does not go unnoticed.
func pattern(buf []byte, at int64) {
	const golden = 0x9e3779b97f4a7c15 // odd, so that the product is a bijection
	word := (uint64(at)/8 + 1) * golden
	for ; len(buf) >= 8; buf = buf[8:] {
		binary.LittleEndian.PutUint64(buf, word)
		word += golden
	}
}

// tooLarge is what to do where a file may not become as large as it would.
func tooLarge() string {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err == nil && limit.Cur != unix.RLIM_INFINITY {
		return "raise ulimit -f, which allows files of " + human.FormatBytes(int64(limit.Cur)) + ", or take less"
	}
	return "the file system allows no larger file: take less, or a file elsewhere"
}

func tempError(dir string, size int64, err error) error {
	err = bare(err)
	kind, hint := fault.Failed, "set TMPDIR to another directory, or name a source with --source FILE"
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		hint = "free some space, set TMPDIR to another directory, or take a smaller --source auto:SIZE"
	case errors.Is(err, unix.EFBIG):
		hint = tooLarge()
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, errKernels):
		kind = fault.Usage
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS):
		kind = fault.Unsupported
	}
	return fault.Errorf(kind, hint, "make a source of %s in %s: %w", human.FormatBytes(size), dir, err)
}
