//go:build linux

package workloads

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/filesystems"
	"github.com/zctrace/zctrace/internal/human"
)

// SourceKind says what a source is.
type SourceKind string

// The kinds of source, in the words of the trace format.
const (
	SourceFile SourceKind = "file" // a file of the user's
	SourceAuto SourceKind = "auto" // an unnamed file, made for the run
	SourceZero SourceKind = "zero" // /dev/zero, which has no end
)

// defaultSourceBytes is the size of `auto`, and about where a file sink goes round
// that gets an endless source.
const defaultSourceBytes = 64 << 20

// Source is where the payload comes from.
type Source struct {
	Kind       SourceKind
	Path       string  // for auto the directory: the file itself has no name
	Bytes      int64   // when it was opened, which is what a run moves of one that grows; 0 for zero
	Filesystem string  // e.g. "ext4"; "" for zero
	Below      []Layer // the file system, from the top down
	Device     uint64  // st_dev
	Inode      uint64

	file *os.File // read-only, blocking
}

// OpenSource opens the source, or makes it, with the rights of user.
func OpenSource(ctx context.Context, spec SourceSpec, user *User) (*Source, error) {
	var s *Source
	err := AsUser(user, func() (err error) {
		switch spec.Kind {
		case SourceZero:
			s, err = openSource(SourceZero, "/dev/zero", "/dev/zero")
		case SourceAuto:
			s, err = makeSource(ctx, tempDir(), spec.Bytes)
		default:
			s, err = openFileSource(spec.Path)
		}
		return err
	})
	return s, err
}

func openFileSource(path string) (*Source, error) {
	// Looked at before it is opened: opening a fifo waits, and opening a device
	// may do something.
	info, err := os.Stat(path)
	if err != nil {
		return nil, sourceError(path, err)
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return nil, badSource(path, "is a directory")
	case !mode.IsRegular():
		return nil, badSource(path, "is a "+modeName(mode))
	}
	s, err := openSource(SourceFile, path, path)
	if err == nil && s.Bytes == 0 {
		s.Close()
		return nil, badSource(path, "is empty")
	}
	return s, err
}

// openSource opens name and describes what it got as kind and path.
func openSource(kind SourceKind, path, name string) (*Source, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if name != path && errors.Is(err, unix.ENOENT) { // a descriptor of ours
		return nil, noProc("source " + path)
	}
	if err != nil {
		return nil, sourceError(path, err)
	}
	s := &Source{Kind: kind, Path: path, file: os.NewFile(uintptr(fd), path)}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		s.Close()
		return nil, sourceError(path, err)
	}
	s.Device, s.Inode = st.Dev, st.Ino
	if kind != SourceZero {
		s.Bytes = st.Size
		s.Filesystem = filesystem(fd)
		s.Below = below(s.Filesystem, st.Dev)
		if err := s.checkMadeUp(); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// noProc is why a descriptor of this process's cannot be opened again.
func noProc(what string) error {
	return fault.Errorf(fault.Unsupported, "mount -t proc proc /proc", "open %s again: /proc is not mounted", what)
}

// Close closes this process's descriptor; workers have their own.
func (s *Source) Close() error { return s.file.Close() }

func (s *Source) size() int64 {
	if s.Kind == SourceZero {
		return endless
	}
	return s.Bytes
}

// dir is where the source is, or where it would be.
func (s *Source) dir() string {
	switch s.Kind {
	case SourceFile:
		return filepath.Dir(s.Path)
	case SourceZero:
		return tempDir()
	}
	return s.Path
}

// checkMadeUp is nil if the source has as many bytes as it says. Most files that the kernel makes up as they are read
// have not.
func (s *Source) checkMadeUp() error {
	if s.fsType().Keeps != filesystems.ByKernel {
		return nil
	}
	but := ""
	if s.Bytes > 0 {
		if n, _ := s.file.ReadAt(make([]byte, 1), s.Bytes-1); n == 1 {
			return nil
		}
		but = " and is not"
	}
	return fault.Errorf(fault.Usage, "copy it to a file first",
		"source %s says that it is %s long%s, as files of %s do", s.Path, human.Plural(s.Bytes, "byte"), but, s.Filesystem)
}

func badSource(path, why string) error {
	return fault.Errorf(fault.Usage, "take a regular file with something in it, or --source auto", "source %s %s", path, why)
}

func sourceError(path string, err error) error {
	kind, hint := fault.Failed, ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind, hint = fault.Usage, "take a file that exists, or --source auto"
	case errors.Is(err, fs.ErrPermission):
		kind, hint = fault.Unsupported, "make it readable for the user who runs this, or take --source auto"
	}
	return fault.Errorf(kind, hint, "open source %s: %w", path, bare(err))
}

// bare strips the path and operation from an error of package os, for messages
// that name them already.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func modeName(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeNamedPipe != 0:
		return "fifo"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeCharDevice != 0:
		return "character device"
	case mode&fs.ModeDevice != 0:
		return "block device"
	default:
		return fmt.Sprintf("special file (%s)", mode)
	}
}
