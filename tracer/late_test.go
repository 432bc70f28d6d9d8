//go:build linux

package tracer

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

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
	for deadline := time.Now().Add(20 * time.Second); c.received.Load() < n; time.Sleep(time.Millisecond) {
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

// loaded starts a tracer with all engines that this kernel allows.
func loaded(t *testing.T, opts Options) (*Tracer, ledger.Missing) {
	t.Helper()
	opts.Copies, opts.Sockets, opts.ZeroCopySends = All, true, true
	tr := start(t, opts)
	return tr, tr.missing()
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
// to the sender.
func checkLateCopies(t *testing.T, opts Options, send func(c connection)) {
	t.Helper()
	tr, missing := loaded(t, opts)
	c := connect(t)
	send(c)
	resent := c.wait(t, lateBytes)
	s := snapshot(t, tr)
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
	noLosses(t, s, missing)
}

func TestEnginesSeeLateCopies(t *testing.T) {
	checkLateCopies(t, Options{}, func(c connection) {
		if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1); err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, lateBytes)
		window(-1, c.fd, func() {
			for sent := 0; sent < len(payload); {
				chunk := payload[sent:min(sent+40_000, len(payload))]
				// Not raw, as (*ring).enter.
				n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(c.fd), ptr(chunk), uintptr(len(chunk)), unix.MSG_ZEROCOPY, 0, 0)
				if errno != 0 {
					t.Errorf("send: %v", errno)
					return
				}
				sent += int(n)
			}
		})
	})
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
