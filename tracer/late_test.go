//go:build linux

package tracer

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
)

// connection is a TCP connection over loopback whose other end reads and counts.
type connection struct {
	fd       int
	received *atomic.Int64
}

func connect(t *testing.T) connection {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	sender, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := connection{received: new(atomic.Int64)}
	file, err := sender.(*net.TCPConn).File() // blocking
	if err != nil {
		t.Fatal(err)
	}
	c.fd = int(file.Fd())
	t.Cleanup(func() { file.Close(); sender.Close(); receiver.Close() })
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := receiver.Read(buf)
			c.received.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	return c
}

// wait returns when n bytes have arrived, with what was sent again on the way.
func (c connection) wait(t *testing.T, n int64) (resent int64) {
	t.Helper()
	for deadline := time.Now().Add(hang); c.received.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d bytes have arrived", c.received.Load(), n)
		}
	}
	info, err := unix.GetsockoptTCPInfo(c.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		t.Fatal(err)
	}
	return int64(info.Bytes_retrans)
}

// everyEngine asks for all engines that this kernel allows.
func everyEngine(opts Options) Options {
	opts.Copies, opts.Sockets, opts.ZeroCopySends = All, true, true
	return opts
}

func noLosses(t *testing.T, s *ledger.Snapshot, missing ledger.Missing) {
	t.Helper()
	for cause, n := range ledger.Losses(s, ledger.Party{Missing: missing}, ledger.Party{Missing: missing}) {
		if n != 0 {
			t.Errorf("loss %s: %d", cause, n)
		}
	}
}

const lateBytes = 1_000_123

// loopback is why no test here can have to do with a NIC.
const loopback = "loopback moves no bytes by DMA"

// checkLateCopies sends by reference over loopback, which is no zero copy: every byte is
// copied after all, when its packet arrives, on anybody's time. Each engine charges it
// to the sender. send returns when the kernel is done with the payload: no packet of it is on its way then, nor sent again.
func checkLateCopies(t *testing.T, opts Options, send func(c connection)) {
	t.Helper()
	var resent int64
	tr, s := unskipped(t, everyEngine(opts), func() {
		c := connect(t)
		send(c)
		resent = c.wait(t, lateBytes)
	})
	for _, e := range tr.engines {
		counters := counted(tr, s, e, ledger.Workload{})
		for name, got := range map[string][2]trace.Int{
			"in_kernel": {counters.Copies.InKernel.Bytes, trace.Known(lateBytes + resent)},
			"from_user": {counters.Copies.FromUser.Bytes, trace.Known(0)},
			"to_user":   {counters.Copies.ToUser.Bytes, trace.Known(0)},
			"page_refs": {counters.Moved.PageRefs.Bytes, trace.Known(lateBytes)},
		} {
			if got[0] != got[1] {
				t.Errorf("%s: %s is %v, want %v (%d bytes sent again)", e, name, got[0], got[1], resent)
			}
		}
	}
	noLosses(t, s, tr.missing())
}

func TestEnginesSeeLateCopies(t *testing.T) {
	checkLateCopies(t, Options{}, func(c connection) {
		if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1); err != nil {
			t.Fatal(err)
		}
		payload, sends := make([]byte, lateBytes), 0
		window(-1, c.fd, func() {
			for sent := 0; sent < len(payload); {
				chunk := payload[sent:min(sent+40_000, len(payload))]
				// Not raw, as (*ring).enter.
				n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(c.fd), ptr(chunk), uintptr(len(chunk)), unix.MSG_ZEROCOPY, 0, 0)
				if errno != 0 {
					t.Errorf("send: %v", errno)
					return
				}
				sent, sends = sent+int(n), sends+1
			}
		})
		c.notified(t, sends)
	})
}

// notified returns when the kernel has said of so many zero-copy sends that it is done with them.
func (c connection) notified(t *testing.T, sends int) {
	t.Helper()
	for deadline := time.Now().Add(hang); sends > 0; {
		oob := make([]byte, 256)
		_, n, _, _, err := unix.Recvmsg(c.fd, nil, oob, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			if time.Now().After(deadline) {
				t.Fatalf("of %d sends there is no notification", sends)
			}
			time.Sleep(time.Millisecond)
			continue
		}
		messages, parseErr := unix.ParseSocketControlMessage(oob[:n])
		if err = errors.Join(err, parseErr); err != nil || len(messages) != 1 {
			t.Fatalf("%d notifications, %v", len(messages), err)
		}
		e := (*unix.SockExtendedErr)(unsafe.Pointer(&messages[0].Data[0]))
		sends -= int(e.Data-e.Info) + 1 // from the first to the last
	}
}

// The same by io_uring, whose packets say in another way whose they are: also of
// requests that a thread of the kernel submits.
func TestEnginesSeeLateCopiesOfSendZC(t *testing.T) {
	for name, flags := range map[string]uint32{"submitted": 0, "polled": setupSQPoll} {
		t.Run(name, func(t *testing.T) {
			checkLateCopies(t, Options{Uring: true}, func(c connection) {
				ring := newRing(t, flags)
				payload := make([]byte, lateBytes)
				window(-1, c.fd, func() { ring.sendZC(t, c.fd, payload) })
			})
		})
	}
}
