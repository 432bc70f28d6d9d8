//go:build linux

package workloads

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// CanVerify is nil when the bytes that reach the sink can be compared with the
// source's.
func (s *Sink) CanVerify() error {
	if s.Kind == SinkNull {
		return fault.Errorf(fault.Usage, "take another --sink, or leave --verify", "what went to /dev/null cannot be verified")
	}
	return nil
}

// Snapshot copies the first upTo bytes of the source, 0 for all, to memory: for
// Config.Expect of a receiver when the source is to be cold, since comparing
// with the source itself would load it. Zero needs none, and gets nil.
func (s *Source) Snapshot(ctx context.Context, upTo int64) (*os.File, error) {
	if s.Kind == SourceZero {
		return nil, nil
	}
	if upTo <= 0 || upTo > s.Bytes {
		upTo = s.Bytes
	}
	const hint = "verify a smaller --bytes, or with --cache warm"
	if free := availableMemory(); upTo > free {
		return nil, fault.Errorf(fault.Usage, hint, "a copy of %s of the source does not fit into memory: %s are available", human.FormatBytes(upTo), human.FormatBytes(free))
	}
	fd, err := unix.MemfdCreate("zctrace-expected", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create a copy of the source: %w", err)
	}
	f := os.NewFile(uintptr(fd), "expected")
	copied, err := io.Copy(f, interruptible{ctx, io.NewSectionReader(s.file, 0, upTo)})
	if err == nil && copied < upTo { // it was truncated
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		f.Close()
		return nil, fault.Errorf(fault.Failed, hint, "copy %s of the source to memory: %w", human.FormatBytes(upTo), bare(err))
	}
	return f, nil
}

// interruptible is a reader that fails once its context has ended.
type interruptible struct {
	ctx context.Context
	io.Reader
}

func (r interruptible) Read(b []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(b)
}

// VerifyFile compares a file sink, or what the receiver kept, with the source, after
// payload bytes went there. Once it has gone round, only the last pass is still there
// to compare.
func (s *Sink) VerifyFile(ctx context.Context, source *Source, payload int64) (*Mismatch, error) {
	file, size := s.sender, min(payload, s.size)
	if s.Keeps() {
		file, size = s.kept.file, min(payload, s.kept.size)
	}
	got, want := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); at < size; {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		n := min(int64(len(got)), size-at)
		if _, err := file.ReadAt(got[:n], at); err != nil {
			return nil, fmt.Errorf("read sink %s back: %w", s.Address, bare(err))
		}
		if source.Kind != SourceZero {
			if _, err := source.file.ReadAt(want[:n], at); err != nil {
				return nil, fmt.Errorf("read source %s again: %w", source.Path, bare(err))
			}
		}
		if !bytes.Equal(got[:n], want[:n]) {
			for i := range n {
				if got[i] != want[i] {
					return &Mismatch{Offset: at + i, Expected: want[i], Got: got[i]}, nil
				}
			}
		}
		at += n
	}
	return nil, nil
}
