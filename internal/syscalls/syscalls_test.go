package syscalls

import (
	"runtime"
	"slices"
	"testing"
)

func TestTable(t *testing.T) {
	names := Names()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Error("the table is not sorted, or has a name twice")
	}
	for _, c := range table {
		if c.amd64 == none && c.arm64 == none {
			t.Errorf("%s has no number", c.name)
		}
	}
}

func TestName(t *testing.T) {
	numbers := map[string]map[uint32]string{
		"amd64": {0: "read", 2: "open", 17: "pread64", 326: "copy_file_range", 426: "io_uring_enter"},
		"arm64": {63: "read", 67: "pread64", 285: "copy_file_range", 426: "io_uring_enter"},
	}[runtime.GOARCH]
	for nr, want := range numbers {
		if got := Name(nr); got != want {
			t.Errorf("system call %d is called %s, want %s", nr, got, want)
		}
	}
	for nr := range uint32(600) {
		if !IsName(Name(nr)) {
			t.Errorf("%s, number %d, is no name", Name(nr), nr)
		}
	}
	if got := Name(599); got != "syscall_599" {
		t.Errorf("a system call that is in no table is called %s", got)
	}
}

func TestIsName(t *testing.T) {
	for name, want := range map[string]bool{
		"read": true, "open": true, "renameat": true, "syscall_463": true, // of each architecture, and of none
		"": false, "raed": false, "zzz": false, "Read": false,
	} {
		if got := IsName(name); got != want {
			t.Errorf("%q is a name: %v, want %v", name, got, want)
		}
	}
}

func TestErrno(t *testing.T) {
	for n, want := range map[uint32]string{
		1: "EPERM", 11: "EAGAIN", 32: "EPIPE", 35: "EDEADLK", 74: "EBADMSG", 95: "EOPNOTSUPP", 105: "ENOBUFS", 117: "EUCLEAN", 133: "EHWPOISON",
		512: "ERESTARTSYS", 516: "ERESTART_RESTARTBLOCK", 41: "errno_41", 4095: "errno_4095",
	} {
		if got := Errno(n); got != want {
			t.Errorf("errno %d is called %s, want %s", n, got, want)
		}
	}
	names := map[string]bool{}
	for n := range uint32(4096) {
		if name := Errno(n); names[name] || !IsErrno(name) {
			t.Errorf("%s, number %d, is no name, or another's", name, n)
		} else {
			names[name] = true
		}
	}
	for _, name := range Errnos() {
		if !names[name] {
			t.Errorf("%s has no number", name)
		}
	}
	for _, name := range []string{"", "E", "EAGAN", "eagain", "EAGAIN ", "\x1b[2J", "errno_", "errno_x", "errno_-1", "errno_4\x1b[2J"} {
		if IsErrno(name) {
			t.Errorf("%q is taken for an errno", name)
		}
	}
}

func TestRequestNames(t *testing.T) {
	for op, want := range map[uint32]string{0: "IORING_OP_NOP", 4: "IORING_OP_READ_FIXED", 22: "IORING_OP_READ", 26: "IORING_OP_SEND", 30: "IORING_OP_SPLICE",
		46: "IORING_OP_URING_CMD", 47: "IORING_OP_SEND_ZC", 58: "IORING_OP_RECV_ZC", 62: "IORING_OP_PIPE", 63: "IORING_OP_63"} {
		if got := UringOp(op); got != want || !IsRequest(got) {
			t.Errorf("operation %d is called %s, want %s", op, got, want)
		}
	}
	for command, want := range map[uint32]string{0: "IOCB_CMD_PREAD", 8: "IOCB_CMD_PWRITEV", 4: "IOCB_CMD_4"} {
		if got := AIOCommand(command); got != want || !IsRequest(got) {
			t.Errorf("command %d is called %s, want %s", command, got, want)
		}
	}
	for _, name := range []string{"", "read", "READ", "IORING_OP_", "IORING_OP_RAED", "IORING_OP_-1", "IOCB_CMD_READ", "IORING_OP_SEND\x1b[2J"} {
		if IsRequest(name) {
			t.Errorf("%q is taken for a request", name)
		}
	}
	if n := len(Requests()); n != 71 {
		t.Errorf("%d names of requests, want 71", n)
	}
}
