//go:build linux

package tracer

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
)

// amounts are what calls of one name moved from one kind of place to another.
type amounts struct{ calls, bytes, cut int64 }

// caller makes system calls and keeps account of what they returned.
type caller struct {
	t        *testing.T
	buf      []byte
	made     map[string]amounts // by name and path
	toUser   int64              // payload
	fromUser int64
	inKernel int64
	cloned   int64
}

func (c *caller) call(name string, nr uintptr, args ...uintptr) int64 {
	var a [6]uintptr
	copy(a[:], args)
	n, _, errno := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		c.t.Errorf("%s: %v", name, errno)
	}
	return int64(n)
}

func (c *caller) account(nr uintptr, path string, m amounts) {
	key := syscalls.Name(uint32(nr)) + " " + path
	sum := c.made[key]
	c.made[key] = amounts{sum.calls + m.calls, sum.bytes + m.bytes, sum.cut + m.cut}
}

// moves makes a call that moves what it returns, of which so much was cut off; to is the class's sum, if any.
func (c *caller) moves(nr uintptr, path string, class *int64, cut int64, args ...uintptr) {
	n := c.call(syscalls.Name(uint32(nr))+" "+path, nr, args...)
	c.account(nr, path, amounts{1, n, cut})
	if class != nil {
		*class += n - cut
	}
}

type mmsghdr struct {
	unix.Msghdr
	length uint32
	_      uint32
}

// messages are so many of the lengths that are given, each in two parts.
func (c *caller) messages(lengths ...int) []mmsghdr {
	list := make([]mmsghdr, len(lengths))
	for i, n := range lengths {
		parts := make([]unix.Iovec, 2)
		parts[0].Base, parts[1].Base = &c.buf[0], &c.buf[len(c.buf)/2]
		parts[0].SetLen(n / 3)
		parts[1].SetLen(n - n/3)
		list[i].Iov = &parts[0]
		list[i].SetIovlen(len(parts))
	}
	return list
}

// exchange makes a call of several messages, and adds up their lengths.
func (c *caller) exchange(nr uintptr, path string, class *int64, cut int64, fd int, list []mmsghdr, flags uintptr) {
	if n := c.call(syscalls.Name(uint32(nr)), nr, uintptr(fd), uintptr(unsafe.Pointer(&list[0])), uintptr(len(list)), flags); int(n) != len(list) {
		c.t.Errorf("%s %s: %d messages, want %d", syscalls.Name(uint32(nr)), path, n, len(list))
	}
	m := amounts{calls: 1, cut: cut}
	for i := range list {
		m.bytes += int64(list[i].length)
	}
	c.account(nr, path, m)
	*class += m.bytes - cut
}

func (c *caller) read(fd int, path string, class *int64, n int) {
	c.moves(unix.SYS_READ, path, class, 0, uintptr(fd), ptr(c.buf), uintptr(n))
}

func (c *caller) write(fd int, path string, class *int64, n int) {
	c.moves(unix.SYS_WRITE, path, class, 0, uintptr(fd), ptr(c.buf), uintptr(n))
}

func fds(t *testing.T, make func() ([2]int, error)) [2]int {
	t.Helper()
	p, err := make()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
	return p
}

func socketPair(t *testing.T, typ int) [2]int {
	t.Helper()
	return fds(t, func() ([2]int, error) { return unix.Socketpair(unix.AF_UNIX, typ|unix.SOCK_CLOEXEC, 0) })
}

// Calls that no strategy makes are counted to the byte, too: as the caller adds up what they returned, by where the bytes
// came from and went to. All engines agree on what was copied.
func TestAnyCallExactly(t *testing.T) {
	for _, engine := range ledger.Engines {
		t.Run(string(engine), func(t *testing.T) {
			needEngine(t, engine)
			var c *caller
			tr, s := unskipped(t, Options{Copies: engine}, func() {
				c = &caller{t: t, buf: make([]byte, 1<<16), made: map[string]amounts{}}
				files, sockets, kernel := c.files(), c.sockets(), c.kernels()
				window(-1, -1, func() {
					files()
					sockets()
					kernel()
				})
			})
			c.compare(&s.Slots[ledger.Sender])
			got := counted(tr, s, engine, ledger.Workload{})
			for name, pair := range map[string][2]trace.Int{
				"to_user":   {got.Copies.ToUser.Bytes, trace.Known(c.toUser)},
				"from_user": {got.Copies.FromUser.Bytes, trace.Known(c.fromUser)},
				"in_kernel": {got.Copies.InKernel.Bytes, trace.Known(c.inKernel)},
				"cloned":    {got.Moved.Cloned.Bytes, trace.Known(c.cloned)},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s is %v, want %v: %+v", name, pair[0], pair[1], got.Copies)
				}
			}
			if n := s.Slots[ledger.Sender].UncountedCalls; n != 0 {
				t.Errorf("%d calls uncounted", n)
			}
		})
	}
}

// compare holds the cells against the calls that were made. One that a signal to the thread ended was made again.
func (c *caller) compare(slot *bpf.ObjectSlot) {
	c.t.Helper()
	counted := map[string]amounts{}
	for i := range slot.Cells {
		cell := &slot.Cells[i]
		from, to := ledger.Path(cell.Key)
		key := fmt.Sprintf("%s %s->%s", syscalls.Name(cell.Key.Nr), from, to)
		if _, made := c.made[key]; made {
			sum := counted[key]
			counted[key] = amounts{sum.calls + int64(cell.Calls-cell.Errors), sum.bytes + int64(cell.Bytes), sum.cut + int64(cell.Cut)}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.made)) {
		if counted[key] != c.made[key] {
			c.t.Errorf("%s: counted %+v, made %+v", key, counted[key], c.made[key])
		}
	}
}

// files are calls on files, pipes and devices.
func (c *caller) files() func() {
	t := c.t
	file := openFile(t, diskFile(t), unix.O_RDWR)
	other := openFile(t, diskFile(t), unix.O_RDWR)
	pipe, second := fds(t, newPipe), fds(t, newPipe)
	urandom, null := openFile(t, "/dev/urandom", unix.O_RDONLY), openFile(t, "/dev/null", unix.O_WRONLY)
	proc, dir := openFile(t, "/proc/self/limits", unix.O_RDONLY), openFile(t, "/proc", unix.O_RDONLY)
	terminal := fds(t, newTerminal)
	iov := c.messages(3000)[0].Iov
	pages := []unix.Iovec{{Base: &c.buf[0]}}
	pages[0].SetLen(5000)
	return func() {
		c.moves(unix.SYS_PREADV2, "file->user", &c.toUser, 0, uintptr(file), uintptr(unsafe.Pointer(iov)), 2, 0, 0, unix.RWF_HIPRI)
		c.moves(unix.SYS_PWRITEV2, "user->file", &c.fromUser, 0, uintptr(file), uintptr(unsafe.Pointer(iov)), 2, 0, 0, unix.RWF_DSYNC)
		c.read(proc, "file->user", &c.toUser, 700)
		c.read(urandom, "device->user", &c.toUser, 333)
		c.write(null, "user->device", nil, 444)
		c.write(terminal[1], "user->device", &c.fromUser, 5)
		c.read(terminal[0], "device->user", &c.toUser, 100)
		c.moves(unix.SYS_SPLICE, "file->pipe", nil, 0, uintptr(file), 0, uintptr(pipe[1]), 0, 4096, 0)
		c.moves(unix.SYS_TEE, "pipe->pipe", nil, 0, uintptr(pipe[0]), uintptr(second[1]), 4096, 0)
		c.moves(unix.SYS_SPLICE, "pipe->file", &c.inKernel, 0, uintptr(pipe[0]), 0, uintptr(other), 0, 4096, 0)
		c.moves(unix.SYS_VMSPLICE, "pipe->user", &c.toUser, 0, uintptr(second[0]), uintptr(unsafe.Pointer(&pages[0])), 1, 0)
		c.moves(unix.SYS_VMSPLICE, "user->pipe", nil, 0, uintptr(second[1]), uintptr(unsafe.Pointer(&pages[0])), 1, 0)
		c.moves(unix.SYS_SENDFILE, "file->file", &c.inKernel, 0, uintptr(other), uintptr(file), 0, 9000)
		c.moves(unix.SYS_GETDENTS64, "control->user", nil, 0, uintptr(dir), ptr(c.buf), 4096)
		c.moves(unix.SYS_GETRANDOM, "control->user", nil, 0, ptr(c.buf), 300, 0)
		c.moves(unix.SYS_GETCWD, "control->user", nil, 0, ptr(c.buf), 4096)
		// Another file by the same number.
		c.call("dup3", unix.SYS_DUP3, uintptr(null), uintptr(other), unix.O_CLOEXEC)
		c.write(other, "user->device", nil, 55)
	}
}

// sockets are calls on sockets.
func (c *caller) sockets() func() {
	t := c.t
	dgram, stream := socketPair(t, unix.SOCK_DGRAM), socketPair(t, unix.SOCK_STREAM)
	udp, tcp := fds(t, newUDP), fds(t, newTCP)
	file := openFile(t, diskFile(t), unix.O_RDONLY)
	empty := c.messages(0)
	empty[0].SetIovlen(0)
	send, receive := c.messages(10, 2000, 30), c.messages(20, 1500, 20)
	udpSend, udpReceive := c.messages(100, 1000), c.messages(4000, 4000)
	const trunc, peek = unix.MSG_TRUNC, unix.MSG_PEEK
	return func() {
		c.exchange(unix.SYS_SENDMMSG, "user->unix", &c.fromUser, 0, dgram[0], send, 0)
		c.moves(unix.SYS_RECVMSG, "unix->user", nil, 10, uintptr(dgram[1]), uintptr(unsafe.Pointer(&empty[0])), trunc|peek)
		c.moves(unix.SYS_RECVFROM, "unix->user", &c.toUser, 4, uintptr(dgram[1]), ptr(c.buf), 6, trunc|peek, 0, 0)
		c.exchange(unix.SYS_RECVMMSG, "unix->user", &c.toUser, 500+10, dgram[1], receive, trunc)
		c.exchange(unix.SYS_SENDMMSG, "user->udp", &c.fromUser, 0, udp[0], udpSend, 0)
		c.exchange(unix.SYS_RECVMMSG, "udp->user", &c.toUser, 0, udp[1], udpReceive, 0)
		c.moves(unix.SYS_SENDTO, "user->tcp", &c.fromUser, 0, uintptr(tcp[0]), ptr(c.buf), 5000, 0)
		c.moves(unix.SYS_RECVFROM, "tcp->user", &c.toUser, 0, uintptr(tcp[1]), ptr(c.buf), 1000, peek|unix.MSG_WAITALL)
		c.moves(unix.SYS_RECVFROM, "tcp->user", nil, 0, uintptr(tcp[1]), ptr(c.buf), 5000, trunc|unix.MSG_WAITALL)
		c.moves(unix.SYS_SENDTO, "user->tcp", &c.fromUser, 0, uintptr(tcp[0]), ptr(c.buf), 1, unix.MSG_OOB)
		urgent := []unix.PollFd{{Fd: int32(tcp[1]), Events: unix.POLLPRI}} // nothing else waits for it
		_, _ = unix.Poll(urgent, -1)
		c.moves(unix.SYS_RECVFROM, "tcp->user", &c.toUser, 0, uintptr(tcp[1]), ptr(c.buf), 1, unix.MSG_OOB)
		c.moves(unix.SYS_RECVFROM, "tcp->user", &c.toUser, 0, uintptr(tcp[1]), ptr(c.buf), 0, unix.MSG_DONTWAIT)
		c.rights(stream, file)
	}
}

// rights hands on a descriptor, by which the receiver reads what it had another file by before.
func (c *caller) rights(stream [2]int, file int) {
	number, _ := unix.Open("/dev/zero", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	c.read(number, "device->user", nil, 50) // filled
	unix.Close(number)
	control := unix.UnixRights(file)
	message := c.messages(60)
	message[0].Control = &control[0]
	message[0].SetControllen(len(control))
	c.moves(unix.SYS_SENDMSG, "user->unix", &c.fromUser, 0, uintptr(stream[0]), uintptr(unsafe.Pointer(&message[0])), 0)
	c.moves(unix.SYS_RECVMSG, "unix->user", &c.toUser, 0, uintptr(stream[1]), uintptr(unsafe.Pointer(&message[0])), 0)
	if got := int(*(*int32)(unsafe.Pointer(&control[unix.SizeofCmsghdr]))); got != number {
		c.t.Errorf("descriptor %d was received, not %d", got, number)
	}
	c.read(number, "file->user", &c.toUser, 70)
	unix.Close(number)
}

// kernels are calls whose bytes are the kernel's own, another process's, or no copy.
func (c *caller) kernels() func() {
	t := c.t
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	netlink, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(event); unix.Close(timer); unix.Close(netlink) })
	soon := unix.ItimerSpec{Value: unix.Timespec{Nsec: 1}}
	if err := unix.TimerfdSettime(timer, 0, &soon, nil); err != nil {
		t.Fatal(err)
	}
	links := [...]uint32{20, 0x301<<16 | unix.RTM_GETLINK, 1, 0, 0} // struct nlmsghdr of a dump, struct rtgenmsg
	local, remote := c.messages(600)[0].Iov, c.messages(600)[0].Iov
	queue, _, errno := unix.RawSyscall(unix.SYS_MSGGET, unix.IPC_PRIVATE, unix.IPC_CREAT|0o600, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(func() { _, _, _ = unix.RawSyscall(unix.SYS_MSGCTL, queue, unix.IPC_RMID, 0) })
	from, to := fileOn(t, "xfs", 10_000), fileOn(t, "xfs", 0)
	return func() {
		c.buf[0] = 1
		clear(c.buf[1:8])
		c.write(event, "user->control", nil, 8)
		c.read(event, "control->user", nil, 8)
		c.read(timer, "control->user", nil, 8)
		c.moves(unix.SYS_SENDTO, "user->control", nil, 0, uintptr(netlink), uintptr(unsafe.Pointer(&links)), 20, 0, 0, 0)
		c.moves(unix.SYS_RECVFROM, "control->user", nil, 0, uintptr(netlink), ptr(c.buf), 1<<15, unix.MSG_DONTWAIT, 0, 0)
		pid := uintptr(os.Getpid())
		c.moves(unix.SYS_PROCESS_VM_READV, "user->user", &c.toUser, 0, pid, uintptr(unsafe.Pointer(local)), 2, uintptr(unsafe.Pointer(remote)), 2, 0)
		c.moves(unix.SYS_PROCESS_VM_WRITEV, "user->user", &c.fromUser, 0, pid, uintptr(unsafe.Pointer(local)), 2, uintptr(unsafe.Pointer(remote)), 2, 0)
		c.buf[0] = 1 // its type, and zeros
		clear(c.buf[1:8])
		c.call("msgsnd", unix.SYS_MSGSND, queue, ptr(c.buf), 1234, 0)
		c.account(unix.SYS_MSGSND, "user->other", amounts{1, 1234, 0})
		c.fromUser += 1234
		c.moves(unix.SYS_MSGRCV, "other->user", &c.toUser, 0, queue, ptr(c.buf), 5000, 0, 0o4000) // IPC_NOWAIT
		c.clones(int(from.Fd()), int(to.Fd()))
	}
}

// clones shares a file's blocks with another, whole and in part, and says nothing where that file system cannot.
func (c *caller) clones(from, to int) {
	const whole, part = 0x40049409, 0x4020940d // FICLONE, FICLONERANGE
	if _, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(to), whole, uintptr(from)); errno != 0 {
		if os.Getenv(enginesEnv) != "" {
			c.t.Errorf("FICLONE: %v", errno)
		}
		return
	}
	c.account(unix.SYS_IOCTL, "file->file", amounts{1, 10_000, 0})
	for _, r := range []unix.FileCloneRange{
		{Src_fd: int64(from), Src_length: 4096},
		{Src_fd: int64(from), Src_offset: 4096, Dest_offset: 1 << 20}, // to its end
	} {
		c.call("FICLONERANGE", unix.SYS_IOCTL, uintptr(to), part, uintptr(unsafe.Pointer(&r)))
	}
	c.account(unix.SYS_IOCTL, "file->file", amounts{2, 10_000, 0})
	c.cloned += 20_000
}

func newPipe() (p [2]int, err error) { return p, unix.Pipe2(p[:], unix.O_CLOEXEC) }

// newTerminal is the two ends of a pseudoterminal.
func newTerminal() (p [2]int, err error) {
	if p[0], err = unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		return p, err
	}
	if err = unix.IoctlSetPointerInt(p[0], unix.TIOCSPTLCK, 0); err != nil {
		return p, err
	}
	n, err := unix.IoctlGetInt(p[0], unix.TIOCGPTN)
	if err != nil {
		return p, err
	}
	p[1], err = unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	return p, err
}

// bound is a socket on loopback, and its address.
func bound(typ int) (fd int, at unix.Sockaddr, err error) {
	if fd, err = unix.Socket(unix.AF_INET, typ|unix.SOCK_CLOEXEC, 0); err != nil {
		return fd, nil, err
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fd, nil, err
	}
	at, err = unix.Getsockname(fd)
	return fd, at, err
}

// newUDP is two sockets, of which the first sends to the second.
func newUDP() (p [2]int, err error) {
	var at unix.Sockaddr
	if p[1], at, err = bound(unix.SOCK_DGRAM); err != nil {
		return p, err
	}
	if p[0], _, err = bound(unix.SOCK_DGRAM); err != nil {
		return p, err
	}
	return p, unix.Connect(p[0], at)
}

// newTCP is the two ends of a connection.
func newTCP() (p [2]int, err error) {
	listener, at, err := bound(unix.SOCK_STREAM)
	if err != nil {
		return p, err
	}
	defer unix.Close(listener)
	if err = unix.Listen(listener, 1); err != nil {
		return p, err
	}
	if p[0], _, err = bound(unix.SOCK_STREAM); err != nil {
		return p, err
	}
	if err = unix.Connect(p[0], at); err != nil {
		return p, err
	}
	p[1], _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC)
	return p, err
}
