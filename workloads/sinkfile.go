//go:build linux

package workloads

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/filesystems"
	"github.com/zctrace/zctrace/internal/human"
)

// openFile opens the sink's file: PATH, or for "" an unnamed one beside the
// source. It overwrites nothing: what exists must be an empty regular file. A
// symbolic link is not followed: in a directory that all may write to, another user
// could lead it to any empty file, or to where root would make one.
func (s *Sink) openFile(path string, source *Source) error {
	if path == "" {
		dir := source.dir()
		f, err := unnamedFile(dir)
		if errors.Is(err, errKernels) {
			return fault.Errorf(fault.Usage, "take another --sink, or --sink file:PATH", "--sink file lies beside the source, and %s %w", dir, err)
		}
		if err != nil {
			return sinkError(dir, err)
		}
		s.Address, s.sender = dir, f
		return nil
	}
	f, created, err := openNamed(path, source)
	if err != nil {
		return err
	}
	s.Address, s.sender, s.named, s.created = path, f, true, created
	return nil
}

// Claim takes a file for this run alone, until its last descriptor is closed: two runs that
// began with the same empty file would write into each other's payload. A file system
// without locks gives it to everybody.
func (s *Sink) Claim(source *Source) error {
	if s.Kind != SinkFile {
		return nil
	}
	if !s.lock() {
		return fault.Errorf(fault.Usage, otherFile, "sink %s is locked: another run writes to it", s.Address)
	}
	info, err := s.sender.Stat()
	if err != nil {
		return sinkError(s.Address, err)
	}
	there := true
	if err := AsUser(s.user, func() error {
		there = !s.named || s.hasName(info)
		return nil
	}); err != nil {
		return err
	}
	if !there {
		return fault.Errorf(fault.Usage, "run it again", "sink %s has just been removed or replaced, as by another run that did not begin", s.Address)
	}
	err = mayOverwrite(s.Address, info, source) // another run may just have ended with it
	s.claimed = err == nil
	return err
}

// lock takes a file from all other runs; where the file system has no locks, each has it.
func (s *Sink) lock() bool {
	return !errors.Is(unix.Flock(int(s.sender.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// hasName is whether its file is still the one at its address.
func (s *Sink) hasName(ours fs.FileInfo) bool {
	there, err := os.Lstat(s.Address)
	return err == nil && os.SameFile(ours, there)
}

// otherFile is what to do about a sink that cannot be had.
const otherFile = "name a file that does not exist yet, or take --sink file"

// openNamed opens the file that there is, or makes it. What it is, and on which file system, is asked of a
// descriptor by which it can be neither read nor written; then that very file is opened, whatever happens to the
// path: a write to a file of /proc, say, is a command to the kernel.
func openNamed(path string, source *Source) (f *os.File, created bool, err error) {
	dir, name := filepath.Split(path)
	dirFD, err := unix.Open(cmp.Or(dir, "."), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false, sinkError(path, err)
	}
	defer unix.Close(dirFD)
	const flags, mode = unix.O_RDWR | unix.O_CLOEXEC | unix.O_NOCTTY, 0o644
	for { // it may come and go meanwhile
		there, err := unix.Openat(dirFD, cmp.Or(name, "."), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			f, err := openThere(path, os.NewFile(uintptr(there), path), flags, source)
			return f, false, err
		}
		if !errors.Is(err, unix.ENOENT) {
			return nil, false, sinkError(path, err)
		}
		if err := takesFiles(dirFD, path); err != nil {
			return nil, false, err
		}
		fd, err := unix.Openat(dirFD, name, flags|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, mode)
		if err == nil {
			return os.NewFile(uintptr(fd), path), true, nil
		}
		if !errors.Is(err, unix.EEXIST) {
			return nil, false, sinkError(path, err)
		}
	}
}

// openThere opens the file that there refers to, and closes there.
func openThere(path string, there *os.File, flags int, source *Source) (*os.File, error) {
	defer there.Close()
	info, err := there.Stat()
	if err != nil {
		return nil, sinkError(path, err)
	}
	if info.Mode().IsRegular() {
		err = takesFiles(int(there.Fd()), path)
	}
	if err == nil {
		err = mayOverwrite(path, info, source)
	}
	if err != nil {
		return nil, err
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", there.Fd()), flags, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, noProc("sink " + path)
	}
	if err != nil {
		return nil, sinkError(path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// takesFiles is nil where what is written is kept as it is. It is asked of a file, or of the directory that it is
// to be in.
func takesFiles(fd int, path string) error {
	if name := filesystem(fd); filesystems.Named(name).Keeps == filesystems.ByKernel {
		return fault.Errorf(fault.Usage, "name a file on a disk, or take --sink file",
			"sink %s is on %s, whose files are the kernel's own: a write there is a command", path, name)
	}
	return nil
}

func mayOverwrite(path string, info fs.FileInfo, source *Source) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Dev == source.Device && st.Ino == source.Inode {
		return fault.Errorf(fault.Usage, otherFile, "sink %s is the source itself", path)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return fault.Errorf(fault.Usage, "name the file that it leads to", "sink %s is a symbolic link, which is not followed", path)
	}
	if !info.Mode().IsRegular() {
		return fault.Errorf(fault.Usage, otherFile, "sink %s is a %s", path, modeName(info.Mode()))
	}
	if info.Size() > 0 {
		return fault.Errorf(fault.Usage, otherFile, "sink %s exists already, with %s in it", path, human.FormatBytes(info.Size()))
	}
	return nil
}

func sinkError(path string, err error) error {
	kind, hint := fault.Failed, "take --sink file:PATH in another directory"
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		kind, hint = fault.Usage, "make its directory first, or take another one"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		kind = fault.Unsupported
	}
	return fault.Errorf(kind, hint, "open sink %s: %w", path, bare(err))
}
