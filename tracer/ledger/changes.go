//go:build linux

package ledger

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/syscalls"
)

// changing are the calls after which descriptors may refer to something else, and which: what is known of other
// descriptors stays true. What a process descriptor or the like refers to does not matter: it is neither read nor written.
var changing = map[bpf.ObjectChanges][]string{
	bpf.ObjectChangesCHANGES_RESULT: {
		"open", "openat", "openat2", "creat", "open_by_handle_at", "socket", "accept", "accept4", "dup", "dup2", "dup3",
		"eventfd", "eventfd2", "timerfd_create", "signalfd", "signalfd4", "inotify_init", "inotify_init1", "epoll_create",
		"epoll_create1", "memfd_create", "memfd_secret", "pidfd_open", "pidfd_getfd", "userfaultfd", "fanotify_init",
		"perf_event_open", "io_uring_setup", "fsopen", "fsmount", "fspick", "open_tree", "open_tree_attr", "landlock_create_ruleset", "mq_open",
	},
	bpf.ObjectChangesCHANGES_FIRST:    {"close", "connect", "bind", "setsockopt"},
	bpf.ObjectChangesCHANGES_PAIR:     {"pipe", "pipe2"},
	bpf.ObjectChangesCHANGES_PAIR_4:   {"socketpair"},
	bpf.ObjectChangesCHANGES_MESSAGE:  {"recvmsg", "recvmmsg"},
	bpf.ObjectChangesCHANGES_POSITIVE: {"ioctl", "bpf", "seccomp"}, // with some commands
	bpf.ObjectChangesCHANGES_FCNTL:    {"fcntl"},
	bpf.ObjectChangesCHANGES_TABLE:    {"unshare", "close_range", "execve", "execveat"},
}

// unlimited are calls that may change any descriptor, or that are not looked at more closely: requests of io_uring open
// and close files.
var unlimited = []string{"io_uring_enter"}

// lookedAt is the last system call that was, when this was written: those up to here that are not named above leave
// descriptors alone. The later ones have the same number on all architectures.
const lookedAt = unix.SYS_LISTNS

// accountedCalls are those whose bytes the kernel adds to what the caller has read and written (fs/read_write.c: add_rchar,
// add_wchar), and those in which it reads for itself: the head of a program, a module. What is copied on an overlay it adds twice
// (fs/overlayfs/file.c: ovl_copyfile).
var accountedCalls = map[bpf.ObjectAccounted][]string{
	bpf.ObjectAccountedACCOUNTED_READ:    {"read", "pread64", "readv", "preadv", "preadv2"},
	bpf.ObjectAccountedACCOUNTED_WRITTEN: {"write", "pwrite64", "writev", "pwritev", "pwritev2"},
	bpf.ObjectAccountedACCOUNTED_KERNEL:  {"execve", "execveat", "finit_module", "kexec_file_load"},

	bpf.ObjectAccountedACCOUNTED_READ | bpf.ObjectAccountedACCOUNTED_WRITTEN:                                      {"sendfile"},
	bpf.ObjectAccountedACCOUNTED_READ | bpf.ObjectAccountedACCOUNTED_WRITTEN | bpf.ObjectAccountedACCOUNTED_TWICE: {"copy_file_range"},
}

// describeChanges adds to the table which descriptors calls change, and what the kernel accounts of them.
func describeChanges(table []bpf.ObjectCall) {
	numbers := map[string]int{}
	for nr := range table {
		numbers[syscalls.Name(uint32(nr))] = nr
	}
	each := func(names []string, set func(*bpf.ObjectCall)) {
		for _, name := range names {
			if nr, ok := numbers[name]; ok { // not each architecture has all of them
				set(&table[nr])
			}
		}
	}
	for nr := range lookedAt + 1 {
		table[nr].Keeps = 1
	}
	each(unlimited, func(c *bpf.ObjectCall) { c.Keeps = 0 })
	for what, names := range changing {
		each(names, func(c *bpf.ObjectCall) { c.Changes, c.Keeps = uint8(what), 0 })
	}
	for what, names := range accountedCalls {
		each(names, func(c *bpf.ObjectCall) { c.Accounted = uint8(what) })
	}
}

// accounts is whether the kernel counts a call as a read and as a write of the task, and adds its bytes.
func accounts(nr uint32) (read, written bool) {
	name := syscalls.Name(nr)
	for what, names := range accountedCalls {
		if slices.Contains(names, name) {
			return what&bpf.ObjectAccountedACCOUNTED_READ != 0, what&bpf.ObjectAccountedACCOUNTED_WRITTEN != 0
		}
	}
	return false, false
}
