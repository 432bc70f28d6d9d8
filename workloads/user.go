//go:build linux

package workloads

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// User is whom a root process works for: workers run as that user, files are
// opened with that user's rights and belong to that user. A nil *User means
// the rights of this process.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary
}

// InvokingUser returns who called sudo, nil if this process was not started by
// sudo, or by root.
func InvokingUser() (*User, error) {
	uid := os.Getenv("SUDO_UID")
	if os.Geteuid() != 0 || uid == "" || uid == "0" {
		return nil, nil
	}
	u := &User{}
	for name, to := range map[string]*uint32{"SUDO_UID": &u.UID, "SUDO_GID": &u.GID} {
		n, err := strconv.ParseUint(os.Getenv(name), 10, 32)
		if err != nil {
			return nil, fault.Errorf(fault.Usage, "unset SUDO_UID to work as root", "%s is not a number: %q", name, os.Getenv(name))
		}
		*to = uint32(n)
	}
	ids, err := groupsOf(uid)
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			u.Groups = append(u.Groups, uint32(n))
		}
	}
	return u, err
}

// groupsOf are the groups of the user. Without cgo Go knows of those in /etc/passwd only, and id(1) of
// others (LDAP, systemd-homed); one that it does not know, either, has the primary group only.
func groupsOf(uid string) ([]string, error) {
	known, err := user.LookupId(uid)
	if err != nil {
		out, _ := exec.Command("id", "-G", uid).Output()
		return strings.Fields(string(out)), nil
	}
	ids, err := known.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("find the groups of user %s: %w", known.Username, err)
	}
	return ids, nil
}

// AsUser runs f with u's rights to files. It changes the calling thread only,
// so f must not hand its work to another goroutine.
//
// setfsuid(2) also takes the file capabilities (CAP_DAC_OVERRIDE and its like)
// out of the thread's effective set and puts them back, so root's override of
// permissions does not apply in f. The kernel makes the process undumpable on
// the way.
func AsUser(u *User, f func() error) error {
	if u == nil || os.Geteuid() != 0 {
		return f()
	}
	runtime.LockOSThread()
	groups, err := unix.Getgroups() // as ints
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("read the supplementary groups: %w", err)
	}
	mine := make([]uint32, len(groups))
	for i, g := range groups {
		mine[i] = uint32(g)
	}
	fsuid, fsgid := setfs(unix.SYS_SETFSUID, -1), setfs(unix.SYS_SETFSGID, -1)

	refused := become(u.Groups, int(u.GID), int(u.UID))
	if refused == nil {
		err = f()
	} else {
		err = fault.Errorf(fault.Unsupported, "unset SUDO_UID to work as root; or run it by sudo itself, which leaves it CAP_SETUID and CAP_SETGID",
			"work for the user who called sudo, %d: %w", u.UID, refused)
	}
	if back := become(mine, fsgid, fsuid); back != nil {
		// Stay locked: the thread dies with its goroutine instead of serving
		// another one with the wrong rights.
		if refused != nil {
			return err
		}
		return fmt.Errorf("return to root's rights: %w", back)
	}
	runtime.UnlockOSThread()
	return err
}

// become sets the groups and file-system ids of this thread. The raw calls
// matter: Go's wrappers would change every thread of the process.
func become(groups []uint32, gid, uid int) error {
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0); errno != 0 {
		return fmt.Errorf("set the supplementary groups: %w", errno)
	}
	// They return the previous id and no error, hence the second call.
	setfs(unix.SYS_SETFSGID, gid)
	setfs(unix.SYS_SETFSUID, uid)
	if setfs(unix.SYS_SETFSGID, -1) != gid || setfs(unix.SYS_SETFSUID, -1) != uid {
		return fmt.Errorf("set the file-system ids to %d:%d: %w", uid, gid, unix.EPERM)
	}
	return nil
}

func setfs(nr uintptr, id int) int {
	previous, _, _ := syscall.RawSyscall(nr, uintptr(id), 0, 0)
	return int(int32(previous))
}
