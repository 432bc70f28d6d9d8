//go:build linux

package workloads

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// DefaultPort is where `zctrace serve` listens unless told otherwise.
const DefaultPort = 7373

// patience is how long another machine may go without taking a byte, or saying
// what it got.
const patience = 30 * time.Second

// remote is another machine's `zctrace serve`, as a sink.
type remote struct {
	address  string // as the user wrote it
	checksum bool   // it is to say the checksum of what it got
	stacked  string // the device below which the NIC is; "": the route's device is the NIC
}

// Dial connects to `zctrace serve` at HOST:PORT. With checksum, the receipt will
// say what it got, for [Sink.VerifyRemote].
func Dial(ctx context.Context, address string, checksum bool) (*Sink, error) {
	s := &Sink{Kind: SinkTCP, Address: address, size: endless, remote: &remote{address: address, checksum: checksum}}
	if err := s.dial(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// IsRemote is true for a sink on another machine: nobody here receives.
func (s *Sink) IsRemote() bool { return s.remote != nil }

// Stacked names the virtual device that the route goes through and that has a NIC
// below it, such as a bond or a VLAN; it is empty if the route's device is the NIC.
func (s *Sink) Stacked() string {
	if s.remote == nil {
		return ""
	}
	return s.remote.stacked
}

// dial connects, and makes sure that it is `zctrace serve` that answers.
func (s *Sink) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	dialer := net.Dialer{}
	dialer.SetMultipathTCP(false)
	conn, err := dialer.DialContext(ctx, "tcp", s.remote.address)
	if err != nil {
		return s.remote.connectError(ctx, err)
	}
	defer conn.Close()
	if err := s.remote.greet(ctx, conn); err != nil {
		return err
	}
	fd, err := takeOver(conn.(*net.TCPConn))
	if err != nil {
		return fault.Errorf(fault.Failed, "", "take over the connection to %s: %w", s.remote.address, err)
	}
	s.Address = conn.RemoteAddr().String()
	s.Device, s.remote.stacked = routeDevice(fd)
	s.sender = os.NewFile(uintptr(fd), "connection to "+s.remote.address)
	return nil
}

// takeOver returns a descriptor of the connection that blocks, with the kernel's
// defaults where package net has others.
func takeOver(conn *net.TCPConn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(theirs uintptr) {
		fd, err = unix.FcntlInt(theirs, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(controlErr, err); err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.SetNonblock(fd, false),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(patience.Milliseconds())),
	)
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (r *remote) connectError(ctx context.Context, err error) error {
	var unknown *net.DNSError
	var number syscall.Errno
	why := err.Error()
	if errors.As(err, &number) {
		why = number.Error()
	}
	switch {
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return context.Cause(ctx)
	case errors.As(err, &unknown) && !unknown.IsTimeout:
		host, _, _ := net.SplitHostPort(r.address)
		return fault.Errorf(fault.Usage, "take another name, or an address", "sink %s: there is no host %s", r.address, host)
	case errors.Is(err, unix.ECONNREFUSED):
		return fault.Errorf(fault.Failed, r.advice(), "connect to sink %s: nobody listens there", r.address)
	case ctx.Err() != nil, errors.As(err, &unknown), errors.Is(err, unix.ETIMEDOUT), errors.Is(err, os.ErrDeadlineExceeded):
		return fault.Errorf(fault.Failed, "check the address, and that nothing between the machines drops the packets", "connect to sink %s: no answer within %v", r.address, handshakeTime)
	}
	return fault.Errorf(fault.Failed, "check the address, and that there is a route to it", "connect to sink %s: %s", r.address, why)
}

func (r *remote) advice() string { return "run there: zctrace serve --listen " + r.address }

// greet says hello, and hears who answers.
func (r *remote) greet(ctx context.Context, conn net.Conn) error {
	release := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer release()
	var flags uint32
	if r.checksum {
		flags |= flagChecksum
	}
	answer := make([]byte, helloBytes)
	n := 0
	_, err := conn.Write(appendHello(flags))
	if err == nil {
		n, err = io.ReadFull(conn, answer)
	}
	answer = answer[:n]
	status, ours := readHello(answer)
	switch {
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return context.Cause(ctx)
	case ours && status == statusReady:
		return nil
	case ours && status == statusBusy:
		return fault.Errorf(fault.Failed, "wait until another sender is done", "zctrace serve at %s has as many senders as it takes", r.address)
	case ours || otherVersion(answer):
		return fault.Errorf(fault.Failed, "run the same version of zctrace on both machines", "zctrace serve at %s speaks another version of the protocol", r.address)
	case unfinished(answer) && errors.Is(err, os.ErrDeadlineExceeded):
		return fault.Errorf(fault.Failed, "check the network between the machines", "zctrace serve at %s did not end its answer within %v", r.address, handshakeTime)
	case unfinished(answer):
		return fault.Errorf(fault.Failed, "see what zctrace serve says there", "zctrace serve at %s ended the connection within its answer", r.address)
	case n > 0:
		return fault.Errorf(fault.Failed, r.advice(), "what listens at %s is not zctrace serve: it answered %.16q", r.address, answer)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fault.Errorf(fault.Failed, r.advice(), "what listens at %s is not zctrace serve: it did not answer within %v", r.address, handshakeTime)
	}
	return fault.Errorf(fault.Failed, r.advice(), "what listens at %s is not zctrace serve: it ended the connection", r.address)
}

// Finish ends the stream, once the sender is gone, and waits for the receipt: then
// the network has carried everything. The wait ends with ctx.
func (s *Sink) Finish(ctx context.Context) (*Receipt, error) {
	fd := int(s.sender.Fd())
	if err := unix.Shutdown(fd, unix.SHUT_WR); err != nil {
		return nil, s.remote.noReceipt(err)
	}
	text := make([]byte, 0, receiptBytes)
	for len(text) < receiptBytes {
		if err := waitReadable(ctx, fd); err != nil {
			return nil, s.remote.noReceipt(err)
		}
		n, err := unix.Read(fd, text[len(text):receiptBytes])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, s.remote.noReceipt(err)
		case n == 0:
			return nil, s.remote.noReceipt(errors.New("it ended the connection"))
		default:
			text = text[:len(text)+n]
		}
	}
	r, ok := readReceipt(text)
	if !ok {
		return nil, s.remote.noReceipt(errors.New("it answered what is no receipt"))
	}
	return r, nil
}

func (r *remote) noReceipt(why error) error {
	return fault.Errorf(fault.Failed, "see what zctrace serve says there", "zctrace serve at %s did not say what it received: %w", r.address, why)
}

// waitReadable waits as long as the other end takes what is still in the socket's
// buffer, and ctx goes on.
func waitReadable(ctx context.Context, fd int) error {
	const step = 100 * time.Millisecond
	queued, quiet := -1, time.Duration(0)
	for {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(step.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case ready > 0:
			return nil
		case ctx.Err() != nil: // not asked before, so that an answer that is there is taken
			return context.Cause(ctx)
		}
		left, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		if err != nil {
			return err
		}
		if quiet += step; left != queued {
			queued, quiet = left, 0
		}
		if quiet >= patience {
			return fmt.Errorf("nothing moved for %v", patience)
		}
	}
}

// VerifyRemote compares what the receipt says with the source, of which payload
// bytes were sent.
func (s *Sink) VerifyRemote(ctx context.Context, source *Source, payload int64, got *Receipt) error {
	if got.Bytes != payload {
		return fmt.Errorf("verification failed: %s sent, and %s received", human.Plural(payload, "byte"), human.Grouped(got.Bytes))
	}
	want, err := source.digest(ctx, payload)
	if err != nil {
		return err
	}
	if want != got.SHA256 {
		return fmt.Errorf("verification failed: of what was received, %s, the SHA-256 is %x, of that in the source %x", human.Plural(payload, "byte"), got.SHA256, want)
	}
	return nil
}

// digest is the checksum of that much payload; the source goes round.
func (s *Source) digest(ctx context.Context, payload int64) (sum [sha256.Size]byte, err error) {
	hash := sha256.New()
	for left := payload; left > 0; {
		n := min(left, s.size())
		from := interruptible{ctx, io.LimitReader(zeros{}, n)}
		if s.Kind != SourceZero {
			from.Reader = io.NewSectionReader(s.file, 0, n)
		}
		moved, err := io.Copy(hash, from)
		if err == nil && moved < n {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return sum, fmt.Errorf("read source %s again: %w", s.Path, bare(err))
		}
		left -= n
	}
	return [sha256.Size]byte(hash.Sum(nil)), nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
