//go:build linux

package main

import (
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
)

// closings is a netlink socket that the kernel tells of every TCP socket (IPv4) of a
// network namespace when it is destroyed, with its TCP_INFO.
type closings int

func watchClosings(t *testing.T) closings {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20) // others close sockets, too; without CAP_NET_ADMIN only some
	const tcpDestroyed = 1                                                   // SKNLGRP_INET_TCP_DESTROY
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (tcpDestroyed - 1)}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(hang.Seconds())}); err != nil {
		t.Fatal(err)
	}
	return closings(fd)
}

// watchClosings is that of the namespace.
func (n namespace) watchClosings(t *testing.T) (c closings) {
	t.Helper()
	ns, err := os.Open("/proc/" + n.pid + "/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err) // the thread is anybody's next
		}
	}()
	return watchClosings(t)
}

// resent is how many bytes the socket sent again that sent n of them.
func (c closings) resent(t *testing.T, n int64) int64 {
	t.Helper()
	message := make([]byte, 4096)
	for {
		size, _, err := unix.Recvfrom(int(c), message, 0)
		if err != nil {
			t.Fatalf("no TCP socket was closed that sent %d bytes: %v", n, err)
		}
		info := tcpInfo(message[:size])
		if again := int64(info.Bytes_retrans); int64(info.Bytes_sent)-again == n {
			return again
		}
	}
}

// tcpInfo is the attribute INET_DIAG_INFO of a message: struct nlmsghdr, struct
// inet_diag_msg, attributes.
func tcpInfo(message []byte) (info unix.TCPInfo) {
	const header, diag, attribute, diagInfo = unix.SizeofNlMsghdr, 72, unix.SizeofNlAttr, 2
	for rest := message[header+diag:]; len(rest) >= attribute; {
		a := (*unix.NlAttr)(unsafe.Pointer(&rest[0]))
		if a.Type == diagInfo {
			copy((*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))[:], rest[attribute:a.Len]) // kernels differ in how much they tell
		}
		rest = rest[min(len(rest), (int(a.Len)+3)&^3):]
	}
	return info
}

// orResent allows for packets that were sent again, and copied again when they arrived:
// no more than the run's socket says.
func (e expectation) orResent(t *testing.T, sender *trace.Counters, closed closings) {
	t.Helper()
	sent := sender.PayloadBytes.Or(-1)
	again := closed.resent(t, sent)
	if n := sender.Copies.InKernel.Bytes.Or(0); n >= e.bytes[inKernel] && n <= e.bytes[inKernel]+again {
		e.bytes[inKernel] = n
	}
}
