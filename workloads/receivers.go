//go:build linux

package workloads

import (
	"os"
	"slices"
	"strings"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// ReceiveMethod is one way to take what arrives at a sink's other end.
type ReceiveMethod struct {
	Name     string   // as the user types it
	Summary  string   // in a few words, for the help
	Transfer []string // those of its system calls that move payload

	sinks    []SinkKind // that it can receive from
	only     string     // why from these only
	keeps    bool       // in a file, where it is compared afterwards
	discards bool       // so that nothing can be compared

	prepare func(*window) (undo func(), _ error) // see Strategy
	loop    func(*window)                        // nosplit, see window
}

var (
	// ReadReceiver is the default.
	ReadReceiver = &ReceiveMethod{
		Name:     "read",
		Summary:  "into a buffer",
		Transfer: []string{"read"},
		sinks:    readable,
		loop:     receiveLoop,
	}
	spliceReceiver = &ReceiveMethod{
		Name:     "splice",
		Summary:  "through a pipe, into a temporary file",
		Transfer: []string{"splice"},
		sinks:    readable,
		keeps:    true,
		prepare:  makeReceivePipe,
		loop:     receiveSpliceLoop,
	}
	zerocopyReceiver = &ReceiveMethod{
		Name:     "zerocopy",
		Summary:  "TCP_ZEROCOPY_RECEIVE: map what arrives, read the rest",
		Transfer: []string{"getsockopt", "read"},
		sinks:    []SinkKind{SinkTCP},
		only:     "only a TCP socket can be mapped, with TCP_ZEROCOPY_RECEIVE",
		prepare:  makeCopyBuffer,
		loop:     receiveZerocopyLoop,
	}
	truncReceiver = &ReceiveMethod{
		Name:     "trunc",
		Summary:  "MSG_TRUNC: discard it",
		Transfer: []string{"recvfrom"},
		sinks:    []SinkKind{SinkTCP},
		only:     "only TCP discards what is received with MSG_TRUNC",
		discards: true,
		loop:     receiveTruncLoop,
	}
)

// readable are the sinks that have another end.
var readable = []SinkKind{SinkTCP, SinkUnix, SinkPipe}

// ReceiveMethods are all of them, in the order in which they are listed.
var ReceiveMethods = []*ReceiveMethod{ReadReceiver, spliceReceiver, zerocopyReceiver, truncReceiver}

// FindReceiveMethod returns the method of that name.
func FindReceiveMethod(name string) (*ReceiveMethod, error) {
	var names []string
	for _, m := range ReceiveMethods {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	hint := human.DidYouMean(name, names) + "receivers: " + strings.Join(names, ", ")
	return nil, fault.Errorf(fault.Usage, hint, "unknown receiver %q", name)
}

// Check says why nothing can be received, or be verified, in this way from a
// sink of that kind. The default goes with all of them.
func (m *ReceiveMethod) Check(sink SinkKind, verify bool) error {
	switch {
	case m == ReadReceiver || !slices.Contains(SinkKinds, sink):
		return nil
	case !slices.Contains(readable, sink):
		return fault.Errorf(fault.Usage, "leave it out, or take --sink tcp", "--receiver %s: nobody receives from sink %s", m.Name, sink)
	case !slices.Contains(m.sinks, sink):
		return fault.Errorf(fault.Usage, "take --sink tcp, or --receiver splice", "--receiver %s from sink %s is not possible: %s", m.Name, sink, m.only)
	case verify && m.discards:
		return fault.Errorf(fault.Usage, "take --receiver zerocopy, or leave --verify", "--receiver %s discards what arrives, so nothing can be verified", m.Name)
	}
	return nil
}

// keptFile is what a receiver keeps the payload in.
type keptFile struct {
	file *os.File // nil: it does not
	size int64    // where it goes round
}

// ReceiveWith opens what the receiver needs besides the sink: to keep the payload,
// a file without a name beside the source, which goes round at the source's size,
// so that an unlimited run fills no disk.
func (s *Sink) ReceiveWith(m *ReceiveMethod, source *Source) error {
	if !m.keeps || !s.HasReceiver() {
		return nil
	}
	s.kept.size = source.size()
	if s.kept.size == endless {
		s.kept.size = defaultSourceBytes
	}
	dir := source.dir()
	err := AsUser(s.user, func() (err error) {
		s.kept.file, err = unnamedFile(dir)
		return err
	})
	if err != nil {
		return fault.Errorf(fault.Failed, "take --receiver read, or a source elsewhere", "make a file for the receiver in %s: %w", dir, bare(err))
	}
	return nil
}

// Keeps is whether the receiver keeps the payload, to be verified afterwards.
func (s *Sink) Keeps() bool { return s.kept.file != nil }
