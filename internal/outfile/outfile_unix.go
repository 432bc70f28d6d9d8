//go:build unix

package outfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ownDescriptor is the file descriptor that a path such as /dev/stdout names.
// Such a path may lead to a regular file when the shell redirects, and must then
// neither be replaced, which would replace /dev/stdout, nor be opened again,
// which would write over what is in the file.
func ownDescriptor(path string) (int, bool) {
	path = filepath.Clean(path)
	switch path {
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	for _, prefix := range []string{"/dev/fd/", "/proc/self/fd/"} {
		if name, ok := strings.CutPrefix(path, prefix); ok {
			fd, err := strconv.ParseUint(name, 10, 16)
			return int(fd), err == nil
		}
	}
	return 0, false
}

// duplicate gives a descriptor that may be closed.
func duplicate(fd int, path string) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	dup, err := syscall.Dup(fd)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(dup)
	return os.NewFile(uintptr(dup), path), nil
}

// accessible asks for permission without opening.
func accessible(path string) error {
	if fd, ok := ownDescriptor(path); ok {
		flags, err := openFlags(fd)
		if err == nil && flags&syscall.O_ACCMODE == syscall.O_RDONLY {
			err = fmt.Errorf("is open for reading only (name a file, or open it for writing): %w", syscall.EBADF)
		}
		return err
	}
	return mayWrite(path)
}

const writeOK = 2 // W_OK of unistd.h

// replaceable reports whether the file at name may be renamed over. In a sticky
// directory such as /tmp only its owner, the directory's and root may.
func replaceable(dir *os.Root, name string) error {
	old, err := dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	parent, err := dir.Stat(".")
	if err != nil {
		return err
	}
	oldStat, ok1 := old.Sys().(*syscall.Stat_t)
	parentStat, ok2 := parent.Sys().(*syscall.Stat_t)
	if !ok1 || !ok2 || parent.Mode()&fs.ModeSticky == 0 {
		return nil
	}
	if me := fileUID(); me != 0 && me != oldStat.Uid && me != parentStat.Uid {
		return errors.New("belongs to another user, and its directory is sticky (name another file)")
	}
	return nil
}

// isOwn is whether the file is of the user that new ones belong to.
func isOwn(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == fileUID()
}

// tooLarge is what to do where a file may not become as large as it would.
func tooLarge() string {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err == nil && limit.Cur < 1<<62 { // else there is none
		return "raise ulimit -f, or name a file elsewhere"
	}
	return "the file system allows no larger file: name a file elsewhere"
}
