//go:build linux

package workloads

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// SinkKind says what a sink is.
type SinkKind string

// The kinds of sink, in the words of the trace format.
const (
	SinkTCP  SinkKind = "tcp"  // a connection over the loopback device, or to another machine
	SinkUnix SinkKind = "unix" // a stream socket pair
	SinkPipe SinkKind = "pipe"
	SinkFile SinkKind = "file"
	SinkNull SinkKind = "null" // /dev/null
)

// SinkKinds are all of them, in the order in which they are listed.
var SinkKinds = []SinkKind{SinkTCP, SinkUnix, SinkPipe, SinkFile, SinkNull}

// Sink is where the payload goes.
type Sink struct {
	Kind    SinkKind
	Address string // host:port for tcp; for a file its path, or the directory if it has no name
	Device  Device

	Filesystem string  // of a file
	Below      []Layer // the file system, from the top down

	user     *User
	named    bool     // the file has a name, Address
	created  bool     // by OpenSink
	claimed  bool     // for this run alone
	size     int64    // where a file goes round, endless for the others
	sender   *os.File // blocking, as all workers' descriptors
	receiver *os.File // nil for file and null, and on another machine
	kept     keptFile // what the receiver writes
	remote   *remote  // another machine; nil: it is here
}

// OpenSink opens a sink on this machine, with the rights of user. A file without a
// name is made beside the source. A file goes round at the source's size, with one that
// has no end after whole chunks, so that an unlimited run fills no disk.
func OpenSink(spec SinkSpec, source *Source, chunk int64, user *User) (*Sink, error) {
	s := &Sink{Kind: spec.Kind, user: user, size: endless}
	if s.Kind != SinkFile {
		if err := s.connect(); err != nil {
			return nil, err
		}
		return s, nil
	}
	s.size = source.size()
	if s.size == endless {
		s.size = max(chunk, defaultSourceBytes-defaultSourceBytes%chunk)
	}
	err := AsUser(user, func() error { return s.openFile(spec.Path, source) })
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(s.sender.Fd()), &st); err != nil {
		s.Close()
		return nil, sinkError(s.Address, err)
	}
	s.Filesystem = filesystem(int(s.sender.Fd()))
	s.Below = below(s.Filesystem, st.Dev)
	s.Device = deviceOf(s.Below)
	return s, nil
}

// connect makes the two ends of all sinks here that are not files.
func (s *Sink) connect() error {
	var fds [2]int // receiver, sender
	var err error
	switch s.Kind {
	case SinkTCP:
		s.Device = Device{Name: "lo", Kind: "loopback"}
		fds, s.Address, err = connectTCP()
	case SinkUnix:
		s.Device = Device{Kind: "memory"}
		fds, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	case SinkPipe:
		s.Device = Device{Kind: "memory"}
		err = unix.Pipe2(fds[:], unix.O_CLOEXEC)
	case SinkNull:
		s.Device = Device{Kind: "none"}
		s.Address = os.DevNull
		fds[0] = -1
		fds[1], err = unix.Open(os.DevNull, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return fault.Errorf(fault.Failed, "take another --sink", "open sink %s: %w", s.Kind, err)
	}
	s.sender = os.NewFile(uintptr(fds[1]), string(s.Kind)+" sink")
	if fds[0] >= 0 {
		s.receiver = os.NewFile(uintptr(fds[0]), string(s.Kind)+" sink's receiver")
	}
	return nil
}

// connectTCP connects to itself over 127.0.0.1. Not with package net: its
// sockets are non-blocking, and would stay so in the worker.
func connectTCP() (fds [2]int, address string, err error) {
	const kind = unix.SOCK_STREAM | unix.SOCK_CLOEXEC
	listener, err := unix.Socket(unix.AF_INET, kind, 0)
	if err != nil {
		return fds, "", err
	}
	defer unix.Close(listener)
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fds, "", fmt.Errorf("bind to 127.0.0.1: %w", err)
	}
	if err := unix.Listen(listener, 1); err != nil {
		return fds, "", err
	}
	port, err := localPort(listener)
	if err != nil {
		return fds, "", err
	}
	sender, err := unix.Socket(unix.AF_INET, kind, 0)
	if err != nil {
		return fds, "", err
	}
	receiver, err := dial(sender, listener, port)
	if err != nil {
		unix.Close(sender)
		return fds, "", err
	}
	return [2]int{receiver, sender}, fmt.Sprintf("127.0.0.1:%d", port), nil
}

// dial connects sender to the listener and returns the other end.
func dial(sender, listener, port int) (int, error) {
	if err := unix.Connect(sender, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port}); err != nil {
		return -1, fmt.Errorf("connect to 127.0.0.1 (is the device lo up?): %w", err)
	}
	ours, err := localPort(sender)
	if err != nil {
		return -1, err
	}
	receiver, peer, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if from, ok := peer.(*unix.SockaddrInet4); !ok || from.Port != ours {
		unix.Close(receiver)
		return -1, fmt.Errorf("another program connected to port %d first", port)
	}
	return receiver, nil
}

func localPort(fd int) (int, error) {
	addr, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	return addr.(*unix.SockaddrInet4).Port, nil
}

// A chunk that fills a packet, as large as loopback has them, is sent without
// waiting for more: else Nagle's algorithm keeps what is left of each chunk for the
// next one. Smaller chunks share packets, as they do by default; with a packet for
// each, the packets would be most of what a run costs.
const fullPacket = 64 << 10

// pack chooses how TCP makes packets of chunks, see TCP_NODELAY in tcp(7).
func (s *Sink) pack(chunk int64) error {
	if s.Kind != SinkTCP {
		return nil
	}
	noDelay := 0
	if chunk >= fullPacket {
		noDelay = 1
	}
	if err := unix.SetsockoptInt(int(s.sender.Fd()), unix.IPPROTO_TCP, unix.TCP_NODELAY, noDelay); err != nil {
		return fmt.Errorf("set TCP_NODELAY: %w", err)
	}
	return nil
}

// HasReceiver is false for sinks that nobody here reads from: file, null, and those
// on another machine.
func (s *Sink) HasReceiver() bool { return s.receiver != nil }

// Same is true of two sinks that are one file.
func (s *Sink) Same(other *Sink) bool {
	if s.Kind != SinkFile || other.Kind != SinkFile {
		return false
	}
	one, err1 := s.sender.Stat()
	two, err2 := other.sender.Stat()
	return err1 == nil && err2 == nil && os.SameFile(one, two)
}

// HandOver closes this process's ends of a connection. It has to be called
// once the workers are started: as long as anybody else holds the sender's
// end, the receiver gets no end of file. One on another machine gets it from
// [Sink.Finish].
func (s *Sink) HandOver() {
	if s.Kind != SinkFile && s.remote == nil {
		s.closeEnds()
	}
}

// Reset makes the sink ready for another run: a new connection, an empty file.
func (s *Sink) Reset(ctx context.Context) error {
	if s.Kind == SinkFile {
		return s.empty()
	}
	if s.Keeps() {
		if err := s.kept.file.Truncate(0); err != nil {
			return fault.Errorf(fault.Failed, "", "empty the receiver's file: %w", bare(err))
		}
	}
	s.closeEnds()
	if s.remote != nil {
		return s.dial(ctx)
	}
	return s.connect()
}

// empty is for a file.
func (s *Sink) empty() error {
	if err := s.sender.Truncate(0); err != nil {
		return fault.Errorf(fault.Failed, "", "empty sink %s: %w", s.Address, bare(err))
	}
	return nil
}

// Discard removes the file that OpenSink created, for a run that never began, and
// leaves one that was there before as empty as it was: mmap-copy reserves its space before it
// begins. It leaves alone what has data in it, what took the file's
// place, and what is another run's. It has to be called before Close.
func (s *Sink) Discard() {
	if s.Kind != SinkFile || !s.lock() {
		return
	}
	ours, err := s.sender.Stat()
	if err != nil || !s.claimed && ours.Size() > 0 { // another run has ended with it
		return
	}
	if _, err := s.sender.Seek(0, unix.SEEK_DATA); !errors.Is(err, unix.ENXIO) {
		return
	}
	_ = s.sender.Truncate(0)
	if !s.created {
		return
	}
	// An empty file that stays is no reason to fail.
	_ = AsUser(s.user, func() error {
		if !s.hasName(ours) {
			return nil
		}
		return unix.Unlink(s.Address)
	})
	s.created = false
}

// Close closes this process's descriptors. It may be called more than once.
func (s *Sink) Close() {
	s.closeEnds()
	if s.Keeps() {
		s.kept.file.Close()
	}
}

func (s *Sink) closeEnds() {
	s.sender.Close()
	if s.receiver != nil {
		s.receiver.Close()
	}
}
