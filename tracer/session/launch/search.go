//go:build linux

package launch

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// candidates are the paths that execvp(3) tries for the command.
func candidates(name string, env []string) []string {
	if name == "" || strings.Contains(name, "/") {
		return []string{name}
	}
	path := "/bin:/usr/bin" // what the C library takes where PATH is not set
	for _, entry := range env {
		if value, is := strings.CutPrefix(entry, "PATH="); is {
			path = value
			break
		}
	}
	var paths []string
	for dir := range strings.SplitSeq(path, ":") {
		if dir != "" { // which is the working directory
			name := strings.TrimSuffix(dir, "/") + "/" + name
			paths = append(paths, name)
			continue
		}
		paths = append(paths, name)
	}
	return paths
}

// attempt does it with each path until that works, or fails in a way that the next cannot
// mend. It returns the path that the result is about: where one could not be executed and
// the others are not there, that one.
func attempt(paths []string, do func(path string) syscall.Errno) (string, syscall.Errno) {
	if len(paths) == 1 {
		return paths[0], do(paths[0])
	}
	refused := ""
	for _, path := range paths {
		switch errno := do(path); errno {
		case unix.EACCES:
			if refused == "" {
				refused = path
			}
		case unix.ENOENT, unix.ENOTDIR, unix.ESTALE, unix.ENODEV, unix.ETIMEDOUT:
		default:
			return path, errno
		}
	}
	if refused != "" {
		return refused, unix.EACCES
	}
	return paths[0], unix.ENOENT
}

// executable reports whether the file can be executed, as far as can be said without doing it.
func executable(path string) syscall.Errno {
	var info unix.Stat_t
	if err := unix.Stat(path, &info); err != nil {
		return errnoOf(err)
	}
	if info.Mode&unix.S_IFMT != unix.S_IFREG {
		return unix.EACCES
	}
	return errnoOf(unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS))
}

func isELF(path string) bool { return string(head(path, 4)) == "\x7fELF" }

// head is how the file begins, empty where it may not be read.
func head(path string, n int64) []byte {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, n))
	return text
}

// explain is the reply to this result, with what the errno alone does not say.
func explain(path string, errno syscall.Errno) reply {
	r := reply{Errno: errno, Path: path}
	var info unix.Stat_t
	if errno != unix.EACCES || unix.Stat(path, &info) != nil {
		return r
	}
	switch info.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		r.Why = "it is a directory"
	default:
		r.Why = "it is no regular file"
	}
	return r
}

// lacks says why a file that is there is not found when it is executed.
func lacks(path string) string {
	if name := interpreter(path); name != "" {
		return "its first line names " + name + ", which is not there"
	}
	return "the program that it names to load it is not there"
}

// interpreter is what the first line of the script names, "" if none.
func interpreter(path string) string {
	line, _, _ := bytes.Cut(head(path, 256), []byte("\n"))
	if !bytes.HasPrefix(line, []byte("#!")) {
		return ""
	}
	name, _, _ := bytes.Cut(bytes.TrimLeft(line[2:], " \t"), []byte(" "))
	return string(name)
}

func errnoOf(err error) syscall.Errno {
	errno, _ := errors.AsType[syscall.Errno](err)
	return errno
}
