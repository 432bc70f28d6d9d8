//go:build linux

package workloads

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Support is nil when the strategy can move payload from that source to that
// kind of sink on this machine; otherwise the error says why not and names the
// nearest combination that can. A nil source stands for any file.
//
// It is found out by doing it: the strategy's own loop moves a few bytes, to a
// sink of that kind that nobody uses. The source's first page may be in the
// page cache afterwards.
func Support(s *Strategy, source *Source, sink SinkKind) error {
	why := try(s, source, sink)
	if why == nil {
		return nil
	}
	from := SourceFile
	if source != nil {
		from = source.Kind
	}
	return errorf(Unsupported, alternative(s, source, sink), "%s from %s to %s is not possible here: %w", s.Name, from, sink, why)
}

// alternative looks for what works, and changes as little as it can: another
// source, then another sink, then another strategy.
func alternative(s *Strategy, source *Source, sink SinkKind) string {
	if source != nil && try(s, nil, sink) == nil {
		return "take --source auto"
	}
	for _, kind := range SinkKinds {
		if kind != sink && try(s, source, kind) == nil {
			return fmt.Sprintf("take --sink %s", kind)
		}
	}
	for _, other := range Strategies {
		if other != s && try(other, source, sink) == nil {
			return "take " + other.Name
		}
	}
	return ""
}

// probeBytes is what a probe moves: it fits into any pipe or socket buffer.
const probeBytes = 512

func try(s *Strategy, source *Source, kind SinkKind) error {
	if source == nil {
		memory, err := memoryFile()
		if err != nil {
			return err
		}
		source = &Source{Kind: SourceFile, Bytes: probeBytes, file: memory}
		defer source.Close()
	}
	sink := &Sink{Kind: kind}
	var err error
	if kind == SinkFile {
		sink.sender, err = memoryFile()
	} else {
		err = sink.connect()
	}
	if err != nil {
		return err
	}
	defer sink.Close()

	n := min(probeBytes, source.size())
	buf, err := mapPopulated(-1, n, unix.PROT_READ|unix.PROT_WRITE)
	if err != nil {
		return err
	}
	defer unix.MunmapPtr(buf, uintptr(n))
	if source.Kind != SourceZero {
		if _, err := source.file.Seek(0, unix.SEEK_SET); err != nil {
			return err
		}
	}
	w := &window{
		page: &page{},
		in:   source.file.Fd(), out: sink.sender.Fd(),
		inSize: source.size(), outSize: endless,
		chunk: n, limit: n,
		buf: buf, bufSize: n, flipAt: -1,
	}
	s.loop(w)
	if w.page.failed != 0 {
		return fmt.Errorf("%s: %w", callName(w.page.failedNr), syscall.Errno(w.page.errno))
	}
	return nil
}

// memoryFile is a file of probeBytes zeros in memory, at offset 0.
func memoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("zctrace-probe", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create a file to try with: %w", err)
	}
	f := os.NewFile(uintptr(fd), "probe")
	if err := f.Truncate(probeBytes); err != nil {
		f.Close()
		return nil, fmt.Errorf("size a file to try with: %w", err)
	}
	return f, nil
}
