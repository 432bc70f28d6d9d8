//go:build linux

package launch

import (
	"encoding/gob"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/workloads"
)

// Stub is the hidden first argument that makes a binary the process that becomes the
// command: it must then call [Main] with the arguments that follow, before it does anything.
const Stub = "__command"

// job is what the process is told.
type job struct {
	Argv, Env []string
	User      *workloads.User
	Signals   signals
}

// reply is what it says: twice that all is well, or why not. The second time it says so by
// the end of the connection, which execve closes.
type reply struct {
	Errno syscall.Errno
	Path  string // of what could not be executed
	Why   string // more than the errno says
	User  bool   // it could not become the user
}

func init() {
	if len(os.Args) > 1 && os.Args[1] == Stub {
		runtime.LockOSThread() // the main thread's credentials and signal mask are the command's
	}
}

// Main is the process until it becomes the command. It returns an exit code if it does not.
func Main(args []string) int {
	if len(args) != 1 {
		return ExitUsage
	}
	fd, err := strconv.Atoi(args[0])
	if err != nil {
		return ExitUsage
	}
	unix.CloseOnExec(fd)
	control := os.NewFile(uintptr(fd), "control")
	var j job
	if err := gob.NewDecoder(control).Decode(&j); err != nil {
		return ExitCannot
	}
	replies := gob.NewEncoder(control)
	why := j.prepare()
	if replies.Encode(why) != nil || why.Errno != 0 {
		return ExitCannot
	}
	if n, _ := control.Read(make([]byte, 1)); n != 1 {
		return ExitCannot // zctrace has given up, or is gone
	}
	_ = replies.Encode(j.become())
	return ExitCannot
}

// prepare does all that can be done without executing anything of the user's.
func (j *job) prepare() reply {
	if j.User != nil {
		if err := become(j.User); err != 0 {
			return reply{Errno: err, User: true}
		}
	}
	path, errno := attempt(candidates(j.Argv[0], j.Env), executable)
	return explain(path, errno)
}

// become gives up root's rights for the user's, as login does. Where securebits or
// capabilities would let some of them through, they go, too.
func become(u *workloads.User) syscall.Errno {
	groups := make([]int, len(u.Groups))
	for i, g := range u.Groups {
		groups[i] = int(g)
	}
	uid, gid := int(u.UID), int(u.GID)
	for _, set := range []func() error{
		func() error { return syscall.Setgroups(groups) },
		func() error { return syscall.Setresgid(gid, gid, gid) },
		func() error { return syscall.Setresuid(uid, uid, uid) },
		func() error {
			none := [2]unix.CapUserData{}
			return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0])
		},
	} {
		if err := set(); err != nil {
			return errnoOf(err)
		}
	}
	return 0
}

// become is the last that this program does; it returns only why it is still there.
func (j *job) become() reply {
	paths := candidates(j.Argv[0], j.Env)
	j.Signals.restore()
	path, errno := attempt(paths, func(path string) syscall.Errno {
		errno := errnoOf(syscall.Exec(path, j.Argv, j.Env))
		if errno == unix.ENOEXEC && !isELF(path) { // a script without #!, as execvp(3) has it
			errno = errnoOf(syscall.Exec("/bin/sh", append([]string{"/bin/sh", path}, j.Argv[1:]...), j.Env))
		}
		return errno
	})
	r := explain(path, errno)
	if found, errno := attempt(paths, executable); r.Errno == unix.ENOENT && errno == 0 {
		r.Path, r.Why = found, lacks(found)
	}
	return r
}
