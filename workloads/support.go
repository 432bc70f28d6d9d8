//go:build linux

package workloads

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// Support is nil when the strategy can move payload from that source to that
// kind of sink on this machine; otherwise the error says why not and names the
// nearest combination that can. A nil source stands for any file.
//
// It is found out by doing it: the strategy's own loop moves a few bytes, to a
// sink of that kind that nobody uses. The source's first page may be in the
// page cache afterwards.
func Support(s *Strategy, source *Source, sink SinkKind) error {
	return refuse(s, source, sink, nil, try(s, source, sink))
}

// SupportSink is Support for a sink that is open. A file, where it matters which
// one it is, gets the few bytes itself, and is empty again afterwards.
func SupportSink(s *Strategy, source *Source, sink *Sink) error {
	if sink.Kind != SinkFile {
		return Support(s, source, sink.Kind)
	}
	why := move(s, source, sink)
	if err := sink.empty(); err != nil {
		return err
	}
	return refuse(s, source, sink.Kind, sink, why)
}

// refuse says why the strategy cannot move payload to that kind of sink, or to that file.
func refuse(s *Strategy, source *Source, sink SinkKind, file *Sink, why error) error {
	if why == nil {
		return nil
	}
	if e := (*fault.Error)(nil); errors.As(why, &e) {
		why = &fault.Error{Kind: e.Kind, What: e.What, Cause: e.Cause} // what to do is said below
	}
	from := SourceFile
	if source != nil {
		from = source.Kind
	}
	more, remedy := cure(s, source, file, why)
	if remedy == "" {
		remedy = alternative(s, source, sink)
	} else {
		why = fmt.Errorf("%w: %s", why, more)
	}
	return fault.Errorf(fault.Unsupported, remedy, "%s from %s to %s is not possible here: %w", s.Name, from, sink, why)
}

// alternative looks for what works, and changes as little as it can: another
// source, then another sink, then another strategy.
func alternative(s *Strategy, source *Source, sink SinkKind) string {
	if source != nil && source.Kind != SourceAuto && try(s, nil, sink) == nil {
		return "take --source auto"
	}
	for _, kind := range SinkKinds {
		if kind != sink && s.Takes(kind) && try(s, source, kind) == nil {
			return fmt.Sprintf("take --sink %s", kind)
		}
	}
	for _, other := range Strategies {
		if other != s && !other.TwoSinks() && other.Takes(sink) && try(other, source, sink) == nil {
			return "take " + other.Name
		}
	}
	return ""
}

// probeBytes is what a probe moves: it fits into any pipe or socket buffer.
const probeBytes = 4096

func try(s *Strategy, source *Source, kind SinkKind) error {
	dir := tempDir()
	if source == nil {
		f, err := probeFile(s, dir, probeBytes)
		if err != nil {
			return err
		}
		source = &Source{Kind: SourceFile, Bytes: probeBytes, file: f}
		defer source.Close()
	} else {
		dir = source.dir()
	}
	sink := &Sink{Kind: kind}
	var err error
	if kind == SinkFile {
		sink.sender, err = probeFile(s, dir, 0)
	} else {
		err = sink.connect()
	}
	if err != nil {
		return err
	}
	defer sink.Close()
	return move(s, source, sink)
}

// move is a run of a few bytes, in this process.
func move(s *Strategy, source *Source, sink *Sink) error {
	runtime.LockOSThread() // as a worker's: an io_uring is for one thread
	defer runtime.UnlockOSThread()
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
		shared: &shared{}, work: Work{Chunk: n, Depth: 1},
		in: source.file.Fd(), out: sink.sender.Fd(),
		inSize: source.size(), outSize: endless,
		limit: n,
		buf:   buf, bufSize: n, flipAt: -1,
		seeklessIn: s.Offsets, seeklessOut: s.Offsets,
	}
	if s.TwoSinks() { // each is tried alone
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer null.Close()
		w.second, w.secondSize = null.Fd(), endless
	}
	if s.prepare != nil {
		undo, err := s.prepare(w)
		if err != nil {
			return err
		}
		defer undo()
	}
	s.loop(w)
	if w.shared.failed != 0 && w.shared.errno == 0 { // as for many files of sysfs
		return fmt.Errorf("%s found nothing more after %s of the %s that the source should have", w.shared.failedCall(), human.Grouped(w.moved), human.Plural(source.size(), "byte"))
	}
	if w.shared.failed != 0 {
		return fmt.Errorf("%s: %w", w.shared.failedCall(), syscall.Errno(w.shared.errno))
	}
	return nil
}

// probeFile is a file of so many zeros that has no name, at offset 0: in memory,
// or below dir if the strategy wants to know what file system it is on.
func probeFile(s *Strategy, dir string, size int64) (f *os.File, err error) {
	if s.onDisk {
		f, err = unnamedFile(dir)
	} else {
		var fd int
		if fd, err = unix.MemfdCreate("zctrace-probe", unix.MFD_CLOEXEC); err == nil {
			f = os.NewFile(uintptr(fd), "probe")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("create a file to try with: %w", bare(err))
	}
	if err := f.Truncate(size); err != nil {
		f.Close()
		return nil, fmt.Errorf("size a file to try with: %w", bare(err))
	}
	return f, nil
}
