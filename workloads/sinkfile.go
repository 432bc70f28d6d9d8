//go:build linux

package workloads

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
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
		if err != nil {
			return sinkError(dir, err)
		}
		s.Address, s.sender = dir, f
		return nil
	}
	// Looked at before it is opened: see openFileSource.
	if info, err := os.Lstat(path); err == nil {
		if err := mayOverwrite(path, info, source); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return sinkError(path, err)
	}
	const flags, mode = unix.O_RDWR | unix.O_CREAT | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_NOFOLLOW, 0o644
	fd, err := unix.Open(path, flags|unix.O_EXCL, mode)
	created := err == nil
	if errors.Is(err, unix.EEXIST) {
		fd, err = unix.Open(path, flags, mode)
	}
	if err != nil {
		return sinkError(path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	info, err := f.Stat()
	if err == nil {
		err = mayOverwrite(path, info, source) // again: it is this file that counts
	}
	if err != nil {
		f.Close()
		return err
	}
	s.Address, s.sender, s.created = path, f, created
	return nil
}

// Claim takes a file for this run alone, until its last descriptor is closed: two runs that
// began with the same empty file would write into each other's payload. A file system
// without locks gives it to everybody.
func (s *Sink) Claim(source *Source) error {
	if s.Kind != SinkFile {
		return nil
	}
	if err := unix.Flock(int(s.sender.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		s.created = false // whoever made it, it is the other run's
		return fault.Errorf(fault.Usage, otherFile, "sink %s is locked: another run writes to it", s.Address)
	}
	info, err := s.sender.Stat()
	if err != nil {
		return sinkError(s.Address, err)
	}
	return mayOverwrite(s.Address, info, source) // another run may just have ended with it
}

// otherFile is what to do about a sink that cannot be had.
const otherFile = "name a file that does not exist yet, or take --sink file"

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
