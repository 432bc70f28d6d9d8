//go:build linux

package workloads

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// The most that a server spends on senders: so many at once, with a buffer each, and
// so many connections that have not said yet who they are.
const (
	maxSenders    = 64
	maxHandshakes = 256
	serveBuffer   = 256 << 10
)

// Server receives what senders on other machines send, and keeps nothing of it.
type Server struct {
	// Report is told how each connection ended; it may be called by several
	// goroutines at once.
	Report func(Served)

	listener   net.Listener
	handshakes chan struct{} // one for each that may be under way
	slots      chan struct{} // one for each sender that may come
	busy       sync.WaitGroup
}

// Served is a connection that has ended.
type Served struct {
	Peer    string
	Bytes   int64
	Elapsed time.Duration // from the first byte to the last
	Err     error         // why it was no complete transfer; nil if it was
}

// Listen listens at ADDRESS:PORT for senders.
func Listen(ctx context.Context, address string) (*Server, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fault.Errorf(fault.Usage, fmt.Sprintf("take ADDRESS:PORT, e.g. 192.0.2.1:%d", DefaultPort), "--listen %s is no ADDRESS:PORT", address)
	}
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, listenError(address, host, err)
	}
	return &Server{listener: listener, handshakes: make(chan struct{}, maxHandshakes), slots: make(chan struct{}, maxSenders)}, nil
}

func listenError(address, host string, err error) error {
	var op *net.OpError
	why := err
	if errors.As(err, &op) {
		why = op.Err
	}
	var unknown *net.DNSError
	var bad *net.AddrError
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fault.Errorf(fault.Failed, "take another port, or end what listens there (ss -ltp)", "listen at %s: the port is in use", address)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fault.Errorf(fault.Usage, "take an address of this machine (ip address), or 0.0.0.0 for all", "listen at %s: no device here has the address %s", address, host)
	case errors.Is(err, unix.EACCES):
		return fault.Errorf(fault.Unsupported, "take a port above 1023", "listen at %s: that port needs privileges", address)
	case errors.As(err, &unknown), errors.As(err, &bad):
		return fault.Errorf(fault.Usage, fmt.Sprintf("take ADDRESS:PORT, e.g. 192.0.2.1:%d", DefaultPort), "listen at %s: %w", address, why)
	}
	return fault.Errorf(fault.Failed, "take another address", "listen at %s: %w", address, why)
}

// Address is where it listens.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Serve takes connections until ctx ends, and then ends those under way.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.listener.Close() })
	defer stop()
	defer s.busy.Wait()
	for {
		conn, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.ECONNABORTED):
			time.Sleep(100 * time.Millisecond) // it passes when a sender ends
			continue
		case err != nil:
			return fmt.Errorf("accept a connection: %w", err)
		}
		select {
		case s.handshakes <- struct{}{}:
			s.busy.Go(func() { s.Report(s.serve(ctx, conn)) })
		default: // the answer fits into the socket's buffer: nobody waits
			_ = conn.SetDeadline(time.Now().Add(handshakeTime))
			_, _ = conn.Write(appendHello(statusBusy))
			conn.Close()
			s.Report(Served{Peer: conn.RemoteAddr().String(), Err: fmt.Errorf("refused: %d connections have not said who they are", maxHandshakes)})
		}
	}
}

// serve takes one sender's payload, and closes the connection.
func (s *Server) serve(ctx context.Context, conn net.Conn) (done Served) {
	done.Peer = conn.RemoteAddr().String()
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	flags, err := hear(conn)
	<-s.handshakes
	if err != nil {
		done.Err = err
		return done
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		_, _ = conn.Write(appendHello(statusBusy))
		done.Err = fmt.Errorf("refused: %d senders are here already", maxSenders)
		return done
	}
	if _, err := conn.Write(appendHello(statusReady)); err != nil {
		done.Err = fmt.Errorf("the connection broke: %w", bareNet(err))
		return done
	}
	_ = conn.SetDeadline(time.Time{}) // a sender may pause
	var sum hash.Hash
	if flags&flagChecksum != 0 {
		sum = sha256.New()
	}
	done.Bytes, done.Elapsed, err = drain(conn, sum)
	if err == nil {
		receipt := Receipt{Bytes: done.Bytes}
		if sum != nil {
			receipt.SHA256 = [sha256.Size]byte(sum.Sum(nil))
		}
		_ = conn.SetWriteDeadline(time.Now().Add(handshakeTime))
		_, err = conn.Write(receipt.marshal())
	}
	switch {
	case ctx.Err() != nil:
		done.Err = context.Cause(ctx)
	case err != nil:
		done.Err = fmt.Errorf("the connection broke: %w", bareNet(err))
	}
	return done
}

// hear takes the sender's hello.
func hear(conn net.Conn) (flags uint32, err error) {
	_ = conn.SetDeadline(time.Now().Add(handshakeTime))
	hello := make([]byte, helloBytes)
	n, err := io.ReadFull(conn, hello)
	flags, ours := readHello(hello[:n])
	switch {
	case otherVersion(hello[:n]):
		_, _ = conn.Write(appendHello(statusReady)) // so that it knows
		return 0, errors.New("dropped: it speaks another version of the protocol")
	case unfinished(hello[:n]) && errors.Is(err, os.ErrDeadlineExceeded):
		return 0, fmt.Errorf("dropped: it did not end its hello within %v", handshakeTime)
	case unfinished(hello[:n]):
		return 0, errors.New("it left before its hello ended")
	case n > 0 && !ours:
		return 0, errors.New("dropped: it is no zctrace")
	case n == 0 && errors.Is(err, io.EOF):
		return 0, errors.New("it left without a word")
	case err != nil:
		return 0, fmt.Errorf("dropped: it said nothing within %v", handshakeTime)
	}
	return flags, nil
}

// drain reads to the end.
func drain(conn net.Conn, sum hash.Hash) (total int64, elapsed time.Duration, err error) {
	buf := make([]byte, serveBuffer)
	var first time.Time
	for {
		n, err := conn.Read(buf)
		if n > 0 && total == 0 {
			first = time.Now()
		}
		total += int64(n)
		if sum != nil {
			sum.Write(buf[:n])
		}
		if err != nil && total > 0 {
			elapsed = time.Since(first)
		}
		if errors.Is(err, io.EOF) {
			return total, elapsed, nil
		}
		if err != nil {
			return total, elapsed, err
		}
	}
}

// bareNet leaves off what package net says before the reason.
func bareNet(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return bare(err)
}
