// Package outfile writes files for a tool that runs as root, wherever a user may
// want them: none that is there is lost before the new one is whole, and no link
// leads elsewhere.
package outfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Write writes to path what content gives. It never follows a symbolic link to a file: a
// regular file, or a link to one or to nothing, is replaced as a whole by renaming a new
// file onto it, which only its owner may read, but keeps the permissions of a file of the
// same owner that it replaces. Until then
// nothing of the old file is lost. A device or a fifo is written in place; a fifo gets
// readerWait to find its reader. The error names the path, and mostly what to do.
func Write(path string, content func(io.Writer) error) error {
	target, err := findTarget(path)
	if err == nil && target.inPlace {
		err = writeInPlace(path, readerWait, content)
	} else if err == nil {
		err = replaceFile(path, target.old, content)
	}
	return saveError(path, err)
}

// Check says before the work whether [Write] could write to path after it.
// It leaves nothing behind, changes no file, and opens no device or fifo, which
// would wait for a reader or take one away.
func Check(path string) error {
	target, err := findTarget(path)
	if err == nil && target.inPlace {
		err = accessible(path)
	} else if err == nil {
		err = checkReplace(path)
	}
	return saveError(path, err)
}

// target is how a path is written.
type target struct {
	inPlace bool
	old     fs.FileInfo // the regular file to replace, if there is one
}

func findTarget(path string) (target, error) {
	if path == "" {
		return target{}, errors.New("no file name")
	}
	if _, ok := ownDescriptor(path); ok {
		return target{inPlace: true}, nil
	}
	info, err := os.Lstat(path)
	if err == nil && info.Mode().IsRegular() {
		return target{old: info}, nil
	}
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		info, err = os.Stat(path)
	}
	// A link that leads round in a circle leads nowhere, too.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) {
		return target{}, nil
	}
	if err != nil || info.Mode().IsRegular() {
		return target{}, err
	}
	return target{inPlace: true}, streamable(info.Mode())
}

// streamable reports why something that is not a regular file takes none.
func streamable(mode fs.FileMode) error {
	switch {
	case mode.IsDir():
		return errors.New("is a directory (name a file in it)")
	case mode&fs.ModeSocket != 0:
		return errors.New("is a socket (name a file, or - for standard output)")
	case mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0:
		return errors.New("is a block device, whose data would be lost (name a file)")
	}
	return nil
}

// readerWait is how long a fifo may have no reader. The work is done by then, and
// one that never comes must not keep the tool for ever.
const readerWait = 10 * time.Second

func writeInPlace(path string, wait time.Duration, content func(io.Writer) error) error {
	f, err := openInPlace(path, wait)
	if err != nil {
		return err
	}
	err = content(f)
	if info, statErr := f.Stat(); err == nil && statErr == nil && info.Mode().IsRegular() {
		err = f.Sync() // standard output, redirected
	}
	return errors.Join(err, f.Close())
}

func openInPlace(path string, wait time.Duration) (*os.File, error) {
	if fd, ok := ownDescriptor(path); ok {
		return duplicate(fd, path)
	}
	// Neither created nor truncated: it may have become something else by now.
	f, err := openStream(path, wait)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = streamable(info.Mode())
	}
	if err == nil && info.Mode().IsRegular() {
		err = errors.New("became a regular file while it was being opened")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openStream opens a device, or a fifo once it has a reader. A fifo is not waited
// for in open(2), which has no time limit.
func openStream(path string, wait time.Duration) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeNamedPipe == 0 {
		return os.OpenFile(path, os.O_WRONLY, 0)
	}
	const pause = 50 * time.Millisecond
	for deadline := time.Now().Add(wait); ; time.Sleep(pause) {
		// Package os waits where a write to such a file would block.
		f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if !errors.Is(err, syscall.ENXIO) {
			return f, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("is a fifo that nobody has opened for reading within %s (start its reader before the run)", wait)
		}
	}
}

func replaceFile(path string, old fs.FileInfo, content func(io.Writer) error) (err error) {
	// A Root stays in the directory that it opened, whatever happens to the path.
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	f, name, err := createBeside(dir)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close() // again, at worst: the error that matters is known
			_ = dir.Remove(name)
		}
	}()
	if err := content(f); err != nil {
		return err
	}
	if old != nil && isOwn(old) {
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return dir.Rename(name, filepath.Base(path))
}

// createBeside makes an empty file that nobody else knows the name of, nor may read.
func createBeside(dir *os.Root) (*os.File, string, error) {
	name := ".zctrace-" + rand.Text()
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrNotExist) { // though the directory is there
		err = errors.New("its file system makes no new files (name a file elsewhere)")
	}
	return f, name, err
}

func checkReplace(path string) error {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	f, name, err := createBeside(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), dir.Remove(name)); err != nil {
		return err
	}
	return replaceable(dir, filepath.Base(path))
}

// saveError names the file instead of the temporary one, and what to do.
func saveError(path string, err error) error {
	if err == nil {
		return nil
	}
	var onPath *fs.PathError
	var onLink *os.LinkError
	if errors.As(err, &onPath) {
		err = onPath.Err
	} else if errors.As(err, &onLink) {
		err = onLink.Err
	}
	if remedy := remedy(err); remedy != "" {
		return fmt.Errorf("cannot write %s: %w (%s)", path, err, remedy)
	}
	return fmt.Errorf("cannot write %s: %w", path, err)
}

func remedy(err error) string {
	for _, known := range []struct {
		err    error
		remedy string
	}{
		{syscall.ENOSPC, "free some space there, or name a file elsewhere"},
		{syscall.EDQUOT, "free some space there, or name a file elsewhere"},
		{syscall.EROFS, "name a file elsewhere"},
		{syscall.EFBIG, tooLarge()},
		{syscall.EBUSY, "is it a mount point? name another file"},
		{syscall.ENOTDIR, "name a file in a directory that exists"},
		{fs.ErrPermission, "name a file in a directory that you may write to"},
		{fs.ErrNotExist, "create its directory first, or name a file elsewhere"},
	} {
		if errors.Is(err, known.err) {
			return known.remedy
		}
	}
	return ""
}
