//go:build linux

package workloads

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// SourceSpec is a source as the user names it: FILE, auto[:SIZE] or zero. A file that
// is called auto or zero is ./auto or ./zero.
type SourceSpec struct {
	Kind  SourceKind
	Path  string // of a file
	Bytes int64  // of auto

	text string
}

// String is the source as it was typed.
func (s SourceSpec) String() string { return s.text }

// ParseSource reads what --source takes. Whether there is such a file shows when it
// is opened.
func ParseSource(text string) (SourceSpec, error) {
	kind, size, sized := strings.Cut(text, ":")
	switch {
	case text == "":
		return SourceSpec{}, fault.Errorf(fault.Usage, "take --source FILE, auto[:SIZE] or zero", "no source given")
	case text == string(SourceZero):
		return SourceSpec{Kind: SourceZero, text: text}, nil
	case kind == string(SourceAuto) && sized:
		n, err := human.ParseBytes(size)
		if err == nil && n == 0 {
			err = errors.New("it would be empty")
		}
		if err != nil {
			return SourceSpec{}, fault.Errorf(fault.Usage, "write it like auto:64MiB", "source auto:%s: %w", size, err)
		}
		return SourceSpec{Kind: SourceAuto, Bytes: n, text: text}, nil
	case kind == string(SourceAuto):
		return SourceSpec{Kind: SourceAuto, Bytes: defaultSourceBytes, text: text}, nil
	}
	return SourceSpec{Kind: SourceFile, Path: text, text: text}, nil
}

// SinkSpec is a sink as the user names it: tcp, unix, pipe, file[:PATH], null or
// HOST:PORT.
type SinkSpec struct {
	Kind SinkKind
	Path string // of a file; "": it has no name, and lies beside the source
	Host string // HOST:PORT of zctrace serve on another machine; "": it is here
}

// IsRemote is true for a sink on another machine.
func (s SinkSpec) IsRemote() bool { return s.Host != "" }

// String is the sink as it was typed.
func (s SinkSpec) String() string {
	switch {
	case s.IsRemote():
		return s.Host
	case s.Path != "":
		return string(s.Kind) + ":" + s.Path
	}
	return string(s.Kind)
}

// ParseSink reads what --sink takes. Whether there is such a file or machine shows when
// it is opened.
func ParseSink(text string) (SinkSpec, error) {
	name, path, colon := strings.Cut(text, ":")
	kind := SinkKind(name)
	switch known := slices.Contains(SinkKinds, kind); {
	case !known && colon:
		return SinkSpec{Kind: SinkTCP, Host: text}, checkAddress(text)
	case !known, colon && kind != SinkFile, colon && path == "":
		return SinkSpec{}, unknownSink(text)
	}
	return SinkSpec{Kind: kind, Path: path}, nil
}

func unknownSink(text string) error {
	var names []string
	for _, k := range SinkKinds {
		names = append(names, string(k))
	}
	hint := "sinks: " + strings.Join(names, ", ") + ", file:PATH, HOST:PORT"
	name, _, colon := strings.Cut(text, ":")
	if !colon && strings.Contains(name, ".") && !strings.Contains(name, "/") {
		return noPort(name)
	}
	return fault.Errorf(fault.Usage, human.DidYouMean(name, names)+hint, "unknown sink %q", text)
}

func checkAddress(address string) error {
	if ip := net.ParseIP(address); ip != nil {
		return ambiguous(address)
	}
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		return fault.Errorf(fault.Usage, "take HOST:PORT, or [ADDRESS]:PORT for IPv6", "sink %s is no HOST:PORT", address)
	case host == "" || port == "":
		return fault.Errorf(fault.Usage, fmt.Sprintf("take HOST:PORT, e.g. %s:%d", orExample(host), DefaultPort), "sink %s lacks the host or the port", address)
	}
	n, err := strconv.ParseUint(port, 10, 32)
	switch {
	case err != nil:
		return unknownSink(address)
	case n == 0 || n > 65535:
		return fault.Errorf(fault.Usage, "take 1 to 65535", "sink %s: there is no port %s", address, port)
	}
	return nil
}

// ambiguous is an address of IPv6 without brackets, whose last part may be meant as the port.
func ambiguous(address string) error {
	colon := strings.LastIndexByte(address, ':')
	host, port := address[:colon], address[colon+1:]
	n, err := strconv.ParseUint(port, 10, 16)
	if net.ParseIP(host) == nil || err != nil || n == 0 {
		return noPort(address)
	}
	hint := "take " + net.JoinHostPort(host, port)
	if n != DefaultPort {
		hint += fmt.Sprintf(" for port %d of it, or %s", n, net.JoinHostPort(address, strconv.Itoa(DefaultPort)))
	}
	return fault.Errorf(fault.Usage, hint, "sink %s does not say where its port begins", address)
}

func orExample(host string) string {
	if host == "" {
		return "192.0.2.1"
	}
	return host
}

func noPort(host string) error {
	return fault.Errorf(fault.Usage, fmt.Sprintf("take %s, where zctrace serve listens unless told otherwise", net.JoinHostPort(host, strconv.Itoa(DefaultPort))), "sink %s has no port", host)
}
