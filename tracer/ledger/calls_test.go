//go:build linux

package ledger

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
	"github.com/zctrace/zctrace/internal/syscalls"
	"github.com/zctrace/zctrace/tracer/trace"
)

var (
	eventfd  = bpf.ObjectFdKind{Detail: unix.ANON_INODE_FS_MAGIC, Attrs: known}
	eventfd2 = file(unix.ANON_INODE_FS_MAGIC) // since 6.16
	pidfd    = file(unix.PID_FS_MAGIC)
	sysfs    = file(unix.SYSFS_MAGIC)
	cgroup   = file(unix.CGROUP2_SUPER_MAGIC)
	hugetlb  = file(unix.HUGETLBFS_MAGIC)
	xfsDax   = file(unix.XFS_SUPER_MAGIC, dax)
	dgram    = socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	seq      = socket(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	netlink  = socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
	packet   = socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	vsock    = socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
	alg      = socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0)
	mptcp    = socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP, sg)
	udplite  = socket(unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE)
	raw      = socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	ktls     = socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP, sg, bpf.ObjectFdAttrFD_ULP)
	full     = device(1, 7)
	tty      = device(4, 1)
	pty      = device(136, 0)
	tun      = device(10, 200)
	closed   = bpf.ObjectFdKind{}
)

const (
	user, regular, character, control, other = trace.EndUser, trace.EndFile, trace.EndDevice, trace.EndControl, trace.EndOther
	overTCP, overUDP, overUnix, byPipe       = trace.EndTCP, trace.EndUDP, trace.EndUnix, trace.EndPipe
)

var (
	copied = []class{toUser}
	sent   = []class{fromUser}
	within = []class{inKernel}
	refs   = []class{pageRefs}
)

// anyCall is what a call does to its bytes.
type anyCall struct {
	name     string
	nr       uint32
	in, out  bpf.ObjectFdKind
	flags    uint32
	from, to string
	certain  []class
	unknown  []class
	apart    bool
}

func reading(name string, in bpf.ObjectFdKind, from string, certain, unknown []class, apart bool) anyCall {
	return anyCall{"read of " + name, unix.SYS_READ, in, none, 0, from, user, certain, unknown, apart}
}

func writing(name string, out bpf.ObjectFdKind, to string, certain, unknown []class, apart bool) anyCall {
	return anyCall{"write to " + name, unix.SYS_WRITE, none, out, 0, user, to, certain, unknown, apart}
}

func receiving(name string, nr uint32, in bpf.ObjectFdKind, flags uint32, from string, certain, unknown []class) anyCall {
	return anyCall{name, nr, in, none, flags, from, user, certain, unknown, false}
}

func splicing(name string, nr uint32, in, out bpf.ObjectFdKind, from, to string, certain, unknown []class, apart bool) anyCall {
	return anyCall{name, nr, in, out, 0, from, to, certain, unknown, apart}
}

var readsAndWrites = []anyCall{
	reading("a file", ext4, regular, copied, nil, false),
	reading("memfd or shmem", tmpfs, regular, copied, nil, false),
	reading("/proc", procfs, regular, copied, nil, false),
	reading("sysfs", sysfs, regular, copied, nil, false),
	reading("hugetlbfs, of which holes are filled", hugetlb, regular, nil, []class{toUser, pageRefs, fill}, false),
	reading("DAX", xfsDax, regular, nil, []class{toUser, pageRefs, fill}, false),
	reading("a block device", block, character, copied, nil, false),
	reading("/dev/zero", zero, character, []class{fill}, nil, false),
	reading("/dev/full", full, character, []class{fill}, nil, false),
	reading("/dev/null", null, character, nil, nil, false),
	reading("/dev/urandom", random, character, copied, nil, false),
	reading("a terminal", tty, character, copied, nil, false),
	reading("a tun device", tun, character, copied, nil, false),
	reading("a pipe", pipe, byPipe, copied, nil, false),
	reading("TCP", tcp, overTCP, copied, nil, false),
	reading("MPTCP", mptcp, overTCP, copied, nil, false),
	reading("kTLS", ktls, overTCP, nil, []class{toUser, inKernel}, false),
	reading("UDP", udp, overUDP, copied, nil, false),
	reading("UDP-Lite", udplite, overUDP, copied, nil, false),
	reading("a unix stream", stream, overUnix, copied, nil, false),
	reading("a unix seqpacket socket", seq, overUnix, copied, nil, false),
	reading("a packet socket", packet, other, copied, nil, false),
	reading("a raw socket", raw, other, copied, nil, false),
	reading("vsock", vsock, other, copied, nil, false),
	reading("AF_ALG, which may work on the caller's memory", alg, other, nil, []class{toUser, pageRefs, fill}, false),
	reading("eventfd", eventfd, control, nil, nil, true),
	reading("eventfd since 6.16", eventfd2, control, nil, nil, true),
	reading("pidfd", pidfd, control, nil, nil, true),
	reading("netlink", netlink, control, nil, nil, true),
	reading("what could not be looked at", closed, other, nil, []class{toUser, pageRefs, fill}, false),
	writing("/proc", procfs, regular, sent, nil, false),
	writing("a cgroup's file", cgroup, regular, sent, nil, false),
	writing("a terminal", pty, character, sent, nil, false),
	writing("/dev/full", full, character, nil, nil, false),
	writing("/dev/null", null, character, nil, nil, false),
	writing("a block device", block, character, sent, nil, false),
	writing("eventfd", eventfd2, control, nil, nil, true),
	writing("netlink", netlink, control, nil, nil, true),
	writing("kTLS", ktls, overTCP, nil, []class{fromUser, inKernel}, false),
	writing("vsock", vsock, other, sent, nil, false),
	writing("AF_ALG", alg, other, nil, []class{fromUser, pageRefs}, false),
}

var sendsAndReceives = []anyCall{
	receiving("recvmmsg of UDP", unix.SYS_RECVMMSG, udp, 0, overUDP, copied, nil),
	receiving("recvmmsg with MSG_TRUNC, less what there was no room for", unix.SYS_RECVMMSG, udp, unix.MSG_TRUNC, overUDP, copied, nil),
	receiving("recvfrom of datagrams with MSG_TRUNC, less the same", unix.SYS_RECVFROM, dgram, unix.MSG_TRUNC, overUnix, copied, nil),
	receiving("recv of TCP with MSG_TRUNC, discarded", unix.SYS_RECVFROM, tcp, unix.MSG_TRUNC, overTCP, nil, nil),
	receiving("recv of a unix stream with MSG_TRUNC, which it takes no notice of", unix.SYS_RECVFROM, stream, unix.MSG_TRUNC, overUnix, copied, nil),
	receiving("recv of MPTCP with MSG_TRUNC", unix.SYS_RECVFROM, mptcp, unix.MSG_TRUNC, overTCP, nil, copied),
	receiving("recv of what is only shown, and copied again", unix.SYS_RECVFROM, tcp, unix.MSG_PEEK, overTCP, copied, nil),
	receiving("recv of a byte out of band", unix.SYS_RECVFROM, tcp, unix.MSG_OOB, overTCP, copied, nil),
	receiving("recv of a packet that came back with an error", unix.SYS_RECVMSG, udp, unix.MSG_ERRQUEUE, overUDP, copied, nil),
	{"recvmsg of netlink with MSG_TRUNC", unix.SYS_RECVMSG, netlink, none, unix.MSG_TRUNC, control, user, nil, nil, true},
	{"sendmmsg to UDP", unix.SYS_SENDMMSG, none, udp, 0, user, overUDP, sent, nil, false},
	{"sendmmsg with MSG_ZEROCOPY", unix.SYS_SENDMMSG, none, tcpZC, unix.MSG_ZEROCOPY, user, overTCP, refs, nil, false},
	{"sendmsg to kTLS with MSG_ZEROCOPY", unix.SYS_SENDMSG, none, socketWith(ktls, zerocopy), unix.MSG_ZEROCOPY, user, overTCP, nil, []class{fromUser, inKernel}, false},
}

var otherCalls = []anyCall{
	{"preadv2, whatever RWF_", unix.SYS_PREADV2, ext4, none, 0, regular, user, copied, nil, false},
	{"pwritev2, whatever RWF_", unix.SYS_PWRITEV2, none, ext4, 0, user, regular, sent, nil, false},
	{"process_vm_readv", unix.SYS_PROCESS_VM_READV, none, none, 0, user, user, copied, nil, false},
	{"process_vm_writev", unix.SYS_PROCESS_VM_WRITEV, none, none, 0, user, user, sent, nil, false},
	{"mq_timedsend", unix.SYS_MQ_TIMEDSEND, none, none, 0, user, other, sent, nil, false},
	{"mq_timedreceive", unix.SYS_MQ_TIMEDRECEIVE, none, none, 0, other, user, copied, nil, false},
	{"msgsnd", unix.SYS_MSGSND, none, none, 0, user, other, sent, nil, false},
	{"msgrcv", unix.SYS_MSGRCV, none, none, 0, other, user, copied, nil, false},
	{"getdents64", unix.SYS_GETDENTS64, none, none, 0, control, user, nil, nil, true},
	{"getrandom", unix.SYS_GETRANDOM, none, none, 0, control, user, nil, nil, true},
	{"getxattr", unix.SYS_GETXATTR, none, none, 0, control, user, nil, nil, true},
	{"ioctl(FICLONE)", unix.SYS_IOCTL, none, none, ficlone, regular, regular, []class{cloned}, nil, false},
	{"ioctl(FICLONERANGE)", unix.SYS_IOCTL, none, none, ficlonerange, regular, regular, []class{cloned}, nil, false},
	{"ioctl(FIDEDUPERANGE)", unix.SYS_IOCTL, none, none, unix.FIDEDUPERANGE, regular, regular, []class{cloned}, nil, false},
	{"another ioctl", unix.SYS_IOCTL, none, none, 0, "", "", nil, nil, true},
	{"getsockopt(TCP_ZEROCOPY_RECEIVE)", unix.SYS_GETSOCKOPT, tcp, none, unix.TCP_ZEROCOPY_RECEIVE, overTCP, user, copied, nil, false},
	{"another getsockopt", unix.SYS_GETSOCKOPT, tcp, none, 0, "", "", nil, nil, false},
	{"a call that moves nothing", unix.SYS_FSYNC, none, none, 0, "", "", nil, nil, false},
}

var splicesAndTheLike = []anyCall{
	splicing("sendfile from a file to kTLS", unix.SYS_SENDFILE, ext4, ktls, regular, overTCP, nil, []class{inKernel, pageRefs}, false),
	splicing("sendfile from /proc to TCP: copied into pages, which go on", unix.SYS_SENDFILE, procfs, tcp, regular, overTCP, within, nil, false),
	splicing("sendfile from /proc to a file: twice", unix.SYS_SENDFILE, procfs, ext4, regular, regular, nil, []class{inKernel, pageRefs}, false),
	splicing("sendfile from a file to a terminal", unix.SYS_SENDFILE, ext4, pty, regular, character, within, nil, false),
	splicing("sendfile from a file to another device", unix.SYS_SENDFILE, ext4, tun, regular, character, nil, []class{inKernel, pageRefs}, false),
	splicing("sendfile from a file to /dev/zero", unix.SYS_SENDFILE, ext4, zero, regular, character, refs, nil, false),
	splicing("sendfile from TCP to a pipe", unix.SYS_SENDFILE, tcp, pipeIn, overTCP, byPipe, nil, []class{inKernel, pageRefs}, false),
	splicing("splice from eventfd", unix.SYS_SPLICE, eventfd2, pipeIn, control, byPipe, nil, nil, true),
	splicing("splice to eventfd", unix.SYS_SPLICE, pipe, eventfd2, byPipe, control, nil, nil, true),
	splicing("splice to AF_ALG", unix.SYS_SPLICE, pipe, alg, byPipe, other, nil, []class{inKernel, pageRefs}, false),
	splicing("splice from urandom to a pipe", unix.SYS_SPLICE, random, pipeIn, character, byPipe, within, nil, false),
	splicing("tee", unix.SYS_TEE, pipe, pipeIn, byPipe, byPipe, refs, nil, false),
	{"vmsplice into a pipe", unix.SYS_VMSPLICE, none, pipeIn, 0, user, byPipe, refs, nil, false},
	{"vmsplice out of a pipe", unix.SYS_VMSPLICE, none, pipe, 0, byPipe, user, copied, nil, false},
	splicing("copy_file_range", unix.SYS_COPY_FILE_RANGE, ext4, ext4, regular, regular, within, nil, false),
}

// What each call does to its bytes, by the kinds of its descriptors, and where these come from and go to.
func TestAnyCall(t *testing.T) {
	for _, test := range slices.Concat(readsAndWrites, sendsAndReceives, otherCalls, splicesAndTheLike) {
		t.Run(test.name, func(t *testing.T) {
			from, to := Path(bpf.ObjectCellKey{Nr: test.nr, In: test.in, Out: test.out, Flags: test.flags})
			if from != test.from || to != test.to {
				t.Errorf("from %q to %q, want %q to %q", from, to, test.from, test.to)
			}
			var v ruling
			if r := ruleOf(test.nr); r != nil {
				v = r(test.in, test.out, test.flags)
			}
			if !slices.Equal(v.certain, test.certain) || !slices.Equal(v.unknown, test.unknown) || v.apart != test.apart {
				t.Errorf("certain %v, unknown %v, apart: %v; want %v, %v, %v", v.certain, v.unknown, v.apart, test.certain, test.unknown, test.apart)
			}
			if (v.reason == "") != (len(v.unknown) == 0) {
				t.Errorf("the reason %q does not fit unknown %v", v.reason, v.unknown)
			}
		})
	}
}

// Numbers that golang.org/x/sys/unix has for other architectures only.
const (
	ficlone      = 0x40049409
	ficlonerange = 0x4020940d
)

func socketWith(k bpf.ObjectFdKind, a bpf.ObjectFdAttr) bpf.ObjectFdKind {
	k.Attrs |= uint16(a)
	return k
}

// What is no payload belongs to no class, also where hooks saw it copied; what a datagram was longer than its reader's
// memory was not copied.
func TestTallyOfWhatIsNotCopied(t *testing.T) {
	control := cell(unix.SYS_RECVMSG, netlink, none, 3, 1000, 1000)
	metadata := cell(unix.SYS_GETRANDOM, none, none, 1, 256, 256)
	cut := cell(unix.SYS_RECVMMSG, udp, none, 2, 500, 0)
	cut.Key.Flags, cut.Cut = unix.MSG_TRUNC, 180
	c := Counters(slot(control, metadata, cut), Party{})
	if got := c.Copies.ToUser.Bytes; got != trace.Known(320) {
		t.Errorf("%v bytes to user memory, want 320", got)
	}
	for name, want := range map[string]int64{"recvmsg": 1000, "getrandom": 256, "recvmmsg": 500} {
		if got := c.Syscalls.ByName[name].Bytes; got != trace.Known(want) {
			t.Errorf("%s: %v bytes, want %d", name, got, want)
		}
	}
}

// The table says of each call how its result is read, which descriptors it changes, what the kernel accounts, and whether that is all.
func TestCallTable(t *testing.T) {
	table := CallTable()
	numbers := map[string]int{}
	for nr := range table {
		numbers[syscalls.Name(uint32(nr))] = nr
	}
	for name, want := range map[string]bpf.ObjectCall{
		"read":            {InFd: 1, Len: 3, Result: uint8(bpf.ObjectResultRESULT_BYTES), Keeps: 1, Plain: 1, Accounted: uint8(bpf.ObjectAccountedACCOUNTED_READ)},
		"pwritev2":        {OutFd: 1, Result: uint8(bpf.ObjectResultRESULT_BYTES), Keeps: 1, Plain: 1, Accounted: uint8(bpf.ObjectAccountedACCOUNTED_WRITTEN)},
		"copy_file_range": {InFd: 1, OutFd: 3, Len: 5, Result: uint8(bpf.ObjectResultRESULT_BYTES), Keeps: 1, Accounted: 3 | uint8(bpf.ObjectAccountedACCOUNTED_TWICE)},
		"splice":          {InFd: 1, OutFd: 3, Len: 5, Result: uint8(bpf.ObjectResultRESULT_BYTES), Keeps: 1, Plain: 1},
		"sendmmsg":        {OutFd: 1, Flags: 4, Decisive: unix.MSG_ZEROCOPY, Result: uint8(bpf.ObjectResultRESULT_MESSAGES), Keeps: 1},
		"recvmsg": {InFd: 1, Flags: 3, Decisive: unix.MSG_PEEK | unix.MSG_OOB | unix.MSG_TRUNC | unix.MSG_ERRQUEUE,
			Result: uint8(bpf.ObjectResultRESULT_MESSAGE), Changes: uint8(bpf.ObjectChangesCHANGES_MESSAGE)},
		"msgsnd":         {Len: 3, Result: uint8(bpf.ObjectResultRESULT_LENGTH), Received: 1, Keeps: 1},
		"ioctl":          {Flags: 2, Decisive: ^uint32(0), Result: uint8(bpf.ObjectResultRESULT_CLONES), Received: 1, Changes: uint8(bpf.ObjectChangesCHANGES_POSITIVE)},
		"openat":         {Changes: uint8(bpf.ObjectChangesCHANGES_RESULT)},
		"close":          {Changes: uint8(bpf.ObjectChangesCHANGES_FIRST)},
		"socketpair":     {Changes: uint8(bpf.ObjectChangesCHANGES_PAIR_4)},
		"getpid":         {Keeps: 1, Plain: 1},
		"io_uring_enter": {},
		"io_submit":      {Keeps: 1, Plain: 1},
		"execve":         {Changes: uint8(bpf.ObjectChangesCHANGES_TABLE), Accounted: uint8(bpf.ObjectAccountedACCOUNTED_KERNEL)},
		"a future one":   {},
	} {
		nr, ok := numbers[name]
		if !ok {
			nr = lookedAt + 1
		}
		if table[nr] != want {
			t.Errorf("%s is %+v, want %+v", name, table[nr], want)
		}
	}
}
