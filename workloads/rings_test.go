//go:build linux

package workloads

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/workloads/uring"
)

// A batch or a chain takes the same calls however long it is, with a shorter one at
// the end, and for more chunks than there are.
func TestDepth(t *testing.T) {
	const chunk, chunks = 4096, 20
	for _, depth := range []int64{1, 3, DefaultDepth, 21, MaxDepth} {
		n := int((chunks + depth - 1) / depth)
		for _, s := range []*Strategy{nativeAIO, ioUring, ioUringFixed, ioUringSplice} {
			t.Run(fmt.Sprintf("%s/%d", s.Name, depth), func(t *testing.T) {
				wl := workload{s, "auto:1M", "file", Config{Work: Work{Bytes: chunks * chunk, Chunk: chunk, Depth: depth}, Cookie: testCookie}}
				sender, _, source, sink := wl.start(t)
				got := traceWindow(t, sender)
				res, err := wait(t, sender)
				o := outcome{sent: res, sendErr: err, source: source, sink: sink}
				o.verified(t, chunks*chunk)
				if s == nativeAIO && (got["io_submit"] != 2*n || got["io_getevents"] != 2*n || len(got) != 2) || s != nativeAIO && (got["io_uring_enter"] != n || len(got) != 1) {
					t.Errorf("the window has %v, want %d batches", got, n)
				}
			})
		}
	}
}

func TestDepthIsRefused(t *testing.T) {
	source, sink := open(t, "zero", "null")
	for _, depth := range []int64{-1, MaxDepth + 1} {
		_, err := Start(Config{Role: Sender, Work: Work{Strategy: ioUring, Chunk: 1, Depth: depth}, Source: source, Sink: sink})
		mustFail(t, err, fault.Usage, "--depth", "take 1 to 256")
	}
}

// The kernel's thread submits: the loop wakes it, waits, and does no more.
func TestSQPoll(t *testing.T) {
	const chunk, chunks = 4096, 257
	for _, s := range []*Strategy{ioUring, ioUringFixed, ioUringSplice, ioUringZC} {
		for _, sink := range SinkKinds {
			if !s.Takes(sink) {
				continue
			}
			t.Run(s.Name+"/"+string(sink), func(t *testing.T) {
				wl := workload{s, "auto:300001", string(sink), Config{Work: Work{Bytes: chunks * chunk, Chunk: chunk, SQPoll: true, Verify: true}}}
				wl.run(t).verified(t, chunks*chunk)
			})
		}
	}
}

// A pipe with room for a page cuts short what is written to it, which breaks the
// chain: what was read goes out first in the next one.
func TestBrokenChains(t *testing.T) {
	const chunk, bytes = 65536, 1_000_123
	for _, s := range []*Strategy{ioUring, ioUringFixed, ioUringSplice} {
		for _, depth := range []int64{1, 8} {
			t.Run(fmt.Sprintf("%s/%d", s.Name, depth), func(t *testing.T) {
				source, sink := open(t, tempFile(t, 300_001), "pipe")
				_, err := unix.FcntlInt(sink.sender.Fd(), unix.F_SETPIPE_SZ, unix.Getpagesize())
				must(t, err)
				cfg := Config{Work: Work{Strategy: s, Chunk: chunk, Bytes: bytes, Depth: depth, Verify: true}, Source: source, Sink: sink, Cookie: testCookie}
				cfg.Role = Receiver
				receiver := startWorker(t, cfg)
				cfg.Role = Sender
				sender := startWorker(t, cfg)
				sink.HandOver()
				release(t, receiver)
				got := traceWindow(t, sender)
				o := outcome{source: source, sink: sink}
				o.sent, o.sendErr = wait(t, sender)
				o.received, o.receiveErr = wait(t, receiver)
				o.verified(t, bytes)
				if len(got) != 1 { // how many io_uring_enter depends on the kernel: 6.1 waits until there is room
					t.Errorf("the window has %v", got)
				}
			})
		}
	}
}

// The receiver is gone: the operation is named, and why it failed.
func TestRingsFail(t *testing.T) {
	for _, s := range []*Strategy{ioUring, ioUringFixed, ioUringSplice, ioUringZC, nativeAIO} {
		sink := SinkUnix
		if !s.Takes(sink) {
			sink = s.Sinks[0]
		}
		sender, receiver, _, _ := workload{s, "auto:1M", string(sink), Config{Work: Work{Chunk: 65536}}}.start(t)
		receiver.Kill()
		<-receiver.Done()
		release(t, sender)
		_, err := wait(t, sender)
		name := map[*Strategy]string{ioUring: "IORING_OP_SEND failed", ioUringFixed: "IORING_OP_SEND failed", ioUringSplice: "IORING_OP_SPLICE failed",
			ioUringZC: "IORING_OP_SEND_ZC failed", nativeAIO: "write failed"}[s]
		mustFail(t, err, fault.Failed, name, "the receiver ended first")
	}
}

// Someone truncates the source: there is nothing to read where something was.
func TestRingsOfATruncatedSource(t *testing.T) {
	for _, s := range []*Strategy{ioUring, ioUringFixed, ioUringSplice, nativeAIO} {
		path := tempFile(t, 1<<20)
		sender, _, _, _ := workload{s, path, "null", Config{Work: Work{Chunk: 65536, Bytes: 1 << 20}}}.start(t)
		must(t, unix.Truncate(path, 300_000))
		release(t, sender)
		res, err := wait(t, sender)
		mustFail(t, err, fault.Failed, "found nothing more after 300,000 bytes", "truncated the source")
		if res.Payload != 300_000 {
			t.Errorf("%s: %d bytes", s.Name, res.Payload)
		}
	}
}

// Who may pin but little gets as far as that goes, or is told what to do.
func TestRingsWithLittleToPin(t *testing.T) {
	needRoot(t)
	user := &User{UID: 65534, GID: 65534}
	var was unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_MEMLOCK, &was))
	must(t, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 1 << 20, Max: was.Max}))
	defer func() { must(t, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &was)) }()
	run := func(s *Strategy, chunk, depth int64) error {
		source, err := sourceNamed(t.Context(), "auto:4M", user)
		must(t, err)
		defer source.Close()
		sink, err := sinkNamed("tcp", source, user)
		must(t, err)
		defer sink.Close()
		cfg := Config{Work: Work{Strategy: s, Chunk: chunk, Bytes: 8 << 20, Depth: depth, Verify: true}, User: user, Source: source, Sink: sink}
		cfg.Role = Receiver
		receiver := startWorker(t, cfg)
		cfg.Role = Sender
		sender, err := Start(cfg)
		must(t, err)
		defer func() { sender.Kill(); <-sender.Done() }()
		if err := sender.WaitReady(t.Context()); err != nil {
			return err
		}
		sink.HandOver()
		release(t, receiver)
		release(t, sender)
		o := outcome{source: source, sink: sink}
		if o.sent, o.sendErr = wait(t, sender); o.sendErr != nil {
			return o.sendErr
		}
		o.received, o.receiveErr = wait(t, receiver)
		o.verified(t, 8<<20)
		return nil
	}
	must(t, run(ioUringFixed, 65536, 8))
	mustFail(t, run(ioUringFixed, 2<<20, 8), fault.Unsupported, "register buffers", "2 MiB cannot be pinned: RLIMIT_MEMLOCK, 1 MiB", "--chunk")
	must(t, run(ioUringZC, 65536, 64)) // 8 MiB would be under way
	must(t, run(msgZerocopy, 65536, 1))
	mustFail(t, run(msgZerocopy, 2<<20, 1), fault.Failed, "sendto failed", "2 MiB cannot be pinned: RLIMIT_MEMLOCK, 1 MiB", "ulimit -l")
	mustFail(t, run(ioUringZC, 2<<20, 2), fault.Failed, "IORING_OP_SEND_ZC failed", "2 MiB cannot be pinned: RLIMIT_MEMLOCK, 1 MiB", "ulimit -l")
}

// What keeps a ring from being made is said, and what to do about it.
func TestRingErrors(t *testing.T) {
	wrap := func(errno error) error { return fmt.Errorf("set up an io_uring: %w", errno) }
	for _, c := range []struct {
		err   error
		words []string
	}{
		{ringError(wrap(unix.ENOSYS)), []string{"the kernel has none", "CONFIG_IO_URING", "read-write"}},
		{ringError(wrap(unix.EINVAL)), []string{"Linux 6.1", "read-write"}},
		{ringError(wrap(unix.EPERM)), []string{"not permitted", "io_uring", "read-write"}},
		{ringError(wrap(unix.ENOMEM)), []string{"RLIMIT_MEMLOCK", "--depth", "ulimit -l"}},
		{missingError(fmt.Errorf("IORING_OP_SEND_ZC: %w", errors.ErrUnsupported)), []string{"this kernel's io_uring lacks IORING_OP_SEND_ZC", "newer kernel"}},
		{missingError(fmt.Errorf("io_uring_register: %w", unix.ENOSYS)), []string{"does not tell which operations it has: io_uring_register: function not implemented", "allow io_uring_register"}},
		{missingError(unix.EPERM), []string{"does not tell which operations it has: operation not permitted", "allow io_uring_register", "read-write"}},
		{aioError(wrap(unix.EAGAIN)), []string{"fs.aio-max-nr", "--depth"}},
		{aioError(wrap(unix.ENOSYS)), []string{"the kernel has none", "CONFIG_AIO", "direct-io"}},
		{aioError(wrap(unix.EPERM)), []string{"seccomp", "direct-io"}},
	} {
		mustFail(t, c.err, fault.Unsupported, c.words...)
	}
	if other := errors.New("other"); !errors.Is(ringError(other), other) || !errors.Is(aioError(other), other) {
		t.Error("an unknown error is not as it was")
	}
}

func TestOperationsAreNamed(t *testing.T) {
	for op, name := range map[uint8]string{uring.OpNop: "IORING_OP_NOP", uring.OpSendZC: "IORING_OP_SEND_ZC", uring.OpSplice: "IORING_OP_SPLICE"} {
		if got := (&shared{failedOp: 1 + uint32(op)}).failedCall(); got != name {
			t.Errorf("operation %d is called %q, want %q", op, got, name)
		}
	}
}
