//go:build linux

package ledger

import (
	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/syscalls"
)

// changing are the calls after which descriptors may refer to something else, and which: what is known of other
// descriptors stays true. A call that is neither here nor among keeping may change any.
var changing = map[bpf.ObjectChanges][]string{
	bpf.ObjectChangesCHANGES_RESULT: {
		"open", "openat", "openat2", "creat", "open_by_handle_at", "socket", "accept", "accept4", "dup", "dup2", "dup3",
		"eventfd", "eventfd2", "timerfd_create", "signalfd", "signalfd4", "inotify_init", "inotify_init1", "epoll_create",
		"epoll_create1", "memfd_create", "memfd_secret", "pidfd_open", "pidfd_getfd", "userfaultfd", "fanotify_init",
		"perf_event_open", "io_uring_setup", "fsopen", "fsmount", "open_tree", "landlock_create_ruleset",
	},
	bpf.ObjectChangesCHANGES_FIRST:   {"close", "connect", "bind", "setsockopt"},
	bpf.ObjectChangesCHANGES_PAIR:    {"pipe", "pipe2"},
	bpf.ObjectChangesCHANGES_PAIR_4:  {"socketpair"},
	bpf.ObjectChangesCHANGES_MESSAGE: {"recvmsg"},
	bpf.ObjectChangesCHANGES_TABLE:   {"unshare", "close_range", "execve", "execveat"},

	bpf.ObjectChangesCHANGES_RESULT | bpf.ObjectChangesCHANGES_FIRST: {"fcntl"}, // F_DUPFD; F_SETFL sets O_DIRECT
}

// keeping are calls besides those of the table that leave descriptors alone, as far as programs make them often.
var keeping = []string{
	"stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
	"getdents", "getdents64", "getcwd", "chdir", "fchdir", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat",
	"renameat2", "link", "linkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "utimensat",
	"truncate", "ftruncate", "fallocate", "fadvise64", "fsync", "fdatasync", "sync_file_range", "readahead", "flock", "umask",
	"getxattr", "lgetxattr", "fgetxattr", "listxattr", "mincore", "mprotect", "mremap", "brk", "mlock", "munlock", "membarrier",
	"poll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "epoll_ctl_old", "inotify_add_watch",
	"timerfd_settime", "timerfd_gettime", "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_getscheduler",
	"sched_setscheduler", "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "alarm", "setitimer", "getitimer", "pause",
	"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getpgid", "getpgrp", "getsid", "setsid", "setpgid", "getgroups",
	"setuid", "setgid", "setresuid", "setresgid", "setgroups", "capget", "capset", "getrlimit", "setrlimit", "prlimit64", "getrusage",
	"sysinfo", "uname", "prctl", "arch_prctl", "getcpu", "getpriority", "setpriority", "set_tid_address", "set_robust_list", "rseq",
	"getrandom", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "rt_sigsuspend", "rt_sigpending", "sigaltstack",
	"kill", "tkill", "tgkill", "restart_syscall", "clone", "clone3", "fork", "vfork", "wait4", "waitid", "exit", "exit_group",
	"futex_waitv", "futex_wait", "futex_wake", "listen", "shutdown", "getsockname", "getpeername", "getsockopt", "syslog", "sync",
}

// accountedCalls are those whose bytes the kernel adds to what the caller has read and written (fs/read_write.c: add_rchar,
// add_wchar), and those in which it reads for itself: the head of a program, a module.
var accountedCalls = map[bpf.ObjectAccounted][]string{
	bpf.ObjectAccountedACCOUNTED_READ:    {"read", "pread64", "readv", "preadv", "preadv2"},
	bpf.ObjectAccountedACCOUNTED_WRITTEN: {"write", "pwrite64", "writev", "pwritev", "pwritev2"},
	bpf.ObjectAccountedACCOUNTED_KERNEL:  {"execve", "execveat", "finit_module", "kexec_file_load"},

	bpf.ObjectAccountedACCOUNTED_READ | bpf.ObjectAccountedACCOUNTED_WRITTEN: {"sendfile", "copy_file_range"},
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
	for what, names := range changing {
		each(names, func(c *bpf.ObjectCall) { c.Changes = uint8(what) })
	}
	each(keeping, func(c *bpf.ObjectCall) { c.Keeps = 1 })
	for what, names := range accountedCalls {
		each(names, func(c *bpf.ObjectCall) { c.Accounted = uint8(what) })
	}
}
