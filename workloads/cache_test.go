//go:build linux

package workloads

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/filesystems"
)

// onDisk opens a source that can be cold. The test's directory may be on a
// tmpfs; /var/tmp rarely is.
func onDisk(t *testing.T, size int64) *Source {
	t.Helper()
	for _, dir := range []string{t.TempDir(), "/var/tmp"} {
		s, err := makeSource(t.Context(), dir, size)
		must(t, err)
		t.Cleanup(func() { s.Close() })
		if !s.InMemory() {
			return s
		}
	}
	t.Skip("neither the test's directory nor /var/tmp is on a disk, and what is in memory cannot be cold")
	return nil
}

func TestColdAndWarm(t *testing.T) {
	const size = 5<<20 + 123
	s := onDisk(t, size)
	resident := func(want int64, when string) {
		t.Helper()
		if got, err := s.Resident(t.Context()); err != nil || got != want {
			t.Errorf("%s: %d bytes are in the page cache, %v, want %d", when, got, err, want)
		}
	}
	resident(size, "written just now")
	must(t, s.Cold(t.Context()))
	resident(0, "cold")
	must(t, s.Warm(t.Context(), 0))
	resident(size, "warm")
	must(t, s.Cold(t.Context()))
	resident(0, "cold again")
	must(t, s.Warm(t.Context(), 4096))
	if got, err := s.Resident(t.Context()); err != nil || got < 4096 {
		t.Errorf("warm at the start: %d bytes, %v", got, err)
	}
}

// The workers share the source's file position, and Cold comes after they went
// to its start.
func TestColdLeavesThePositionAtTheStart(t *testing.T) {
	s := onDisk(t, 1<<20)
	must(t, s.Cold(t.Context()))
	if at, err := unix.Seek(int(s.file.Fd()), 0, unix.SEEK_CUR); err != nil || at != 0 {
		t.Errorf("it is at %d, %v", at, err)
	}
}

func TestColdFileWithHoles(t *testing.T) {
	onDisk(t, 4096) // or skip
	for _, dir := range []string{t.TempDir(), "/var/tmp"} {
		f, err := unnamedFile(dir)
		must(t, err)
		defer f.Close()
		if filesystems.Named(filesystem(int(f.Fd()))).Keeps == filesystems.ByMemory {
			continue
		}
		must(t, f.Truncate(3<<20))
		_, err = f.WriteAt([]byte("data"), 1<<20)
		must(t, err)
		s := &Source{Kind: SourceFile, Path: dir, Bytes: 3 << 20, file: f}
		must(t, s.Cold(t.Context()))
		if left, err := s.Resident(t.Context()); err != nil || left != 0 {
			t.Errorf("%d bytes stay, %v", left, err)
		}
		return
	}
}

// A hole of terabytes is not read, but it takes its time to look at.
func TestLookingAtAHugeFileEndsWithItsContext(t *testing.T) {
	s := hole(t, 4<<40)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Resident(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Resident: %v", err)
	}
	if _, err := resident(ctx, int(s.file.Fd()), s.Bytes, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("resident: %v", err)
	}
}

// hole is a source without data, on a disk.
func hole(t *testing.T, size int64) *Source {
	t.Helper()
	s := onDisk(t, 1)
	f, err := unnamedFile(s.dir())
	must(t, err)
	t.Cleanup(func() { f.Close() })
	must(t, f.Truncate(size))
	return &Source{Kind: SourceFile, Path: s.dir(), Bytes: size, Filesystem: s.Filesystem, file: f}
}

func TestMappedSourceCannotBeCold(t *testing.T) {
	s := onDisk(t, 1<<20)
	m, err := unix.Mmap(int(s.file.Fd()), 0, 1<<20, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	must(t, err)
	mustFail(t, s.Cold(t.Context()), fault.Failed, "1,048,576 of 1,048,576 bytes", "mapped")
	must(t, unix.Munmap(m))
	must(t, s.Cold(t.Context()))
}

func TestColdNeedsADisk(t *testing.T) {
	zero, _ := open(t, "zero", "null")
	mustFail(t, zero.Cold(t.Context()), fault.Usage, "zero", "--cache warm")
	must(t, zero.Warm(t.Context(), 0))

	path := filepath.Join("/dev/shm", filepath.Base(t.TempDir())+".zctrace")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Skipf("no tmpfs at /dev/shm: %v", err)
	}
	defer os.Remove(path)
	s, _ := open(t, path, "null")
	if s.Filesystem != "tmpfs" {
		t.Skipf("/dev/shm is %s", s.Filesystem)
	}
	mustFail(t, s.Cold(t.Context()), fault.Usage, path, "tmpfs", "--cache warm")
}

func TestColdNeedsTheOwner(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may see every file's page cache")
	}
	for _, path := range []string{"/etc/passwd", "/usr/bin/env"} {
		s, err := sourceNamed(t.Context(), path, nil)
		must(t, err)
		defer s.Close()
		mustFail(t, s.CanBeCold(), fault.Unsupported, path, "owner")
	}
}

func TestColdRunReadsEverythingFromDisk(t *testing.T) {
	s := onDisk(t, 1<<20)
	for _, strategy := range Strategies {
		kind := SinkNull
		if !strategy.Takes(kind) {
			kind = strategy.Sinks[0]
		}
		sink, err := sinkNamed(string(kind), s, nil)
		must(t, err)
		t.Cleanup(sink.Close)
		if sink.HasReceiver() { // that the kernel is done with what is sent is up to the receiver
			release(t, startWorker(t, Config{Role: Receiver, Work: Work{Chunk: 65536}, Sink: sink}))
		}
		cfg := Config{Role: Sender, Work: Work{Strategy: strategy, Bytes: 1 << 20, Chunk: 65536}, Source: s, Sink: sink}
		if strategy.TwoSinks() {
			cfg.Second, err = sinkNamed("null", s, nil)
			must(t, err)
			t.Cleanup(cfg.Second.Close)
		}
		p := startWorker(t, cfg)
		must(t, s.Cold(t.Context())) // as a session does: when the workers are ready
		release(t, p)
		if res, err := wait(t, p); err != nil || res.Payload != 1<<20 {
			t.Errorf("%s: %+v, %v", strategy.Name, res, err)
		}
	}
}

func TestColdNeedsAPageCacheToLookAt(t *testing.T) {
	needRoot(t) // or it is already refused as another user's
	s, _ := open(t, "/sys/kernel/notes", "null")
	mustFail(t, s.CanBeCold(), fault.Usage, s.Path, "sysfs", "cannot be looked at", "--cache warm")
	if s.Cached() {
		t.Error("sysfs has no page cache")
	}
}

func TestCached(t *testing.T) {
	if s := onDisk(t, 4096); s.Cached() != filesystems.Named(s.Filesystem).Cached {
		t.Errorf("a file on %s: %v", s.Filesystem, s.Cached())
	}
	if zero, _ := open(t, "zero", "null"); zero.Cached() {
		t.Error("zero has no page cache")
	}
}

// What is in memory needs no room there, and is not read.
func TestWarmInMemory(t *testing.T) {
	s := &Source{Kind: SourceFile, Filesystem: "tmpfs", Bytes: math.MaxInt64} // and no file to read
	must(t, s.Warm(t.Context(), 0))
}

func TestColdAndVerifyEndWithTheirContext(t *testing.T) {
	s := onDisk(t, 4096)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Cold(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Cold: %v", err)
	}
	_, sink := open(t, "zero", "file")
	if _, err := sink.VerifyFile(ctx, s, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("VerifyFile: %v", err)
	}
}

// A source that stays in the page cache is said to be who keeps it there.
func TestColdNamesWhoKeepsIt(t *testing.T) {
	for _, test := range []struct {
		how   string
		keep  func(addr []byte) error
		words []string
	}{
		{"mapped", func([]byte) error { return nil }, []string{"mapped by workloads.test", "unmap"}},
		{"locked", unix.Mlock, []string{"locked there by workloads.test", "munlock"}},
	} {
		t.Run(test.how, func(t *testing.T) {
			s := onDisk(t, 64<<10)
			if s.Filesystem == "btrfs" {
				t.Skip("its files have another device number in the maps of processes")
			}
			must(t, s.Warm(t.Context(), 0))
			mapping, err := unix.Mmap(int(s.file.Fd()), 0, 64<<10, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
			must(t, err)
			defer func() { _ = unix.Munmap(mapping) }()
			must(t, test.keep(mapping))
			mustFail(t, s.Cold(t.Context()), fault.Failed, append(test.words, fmt.Sprintf("process %d", os.Getpid()))...)
		})
	}
}

// What stays of an overlay's source may be in memory below, which no program's end mends.
func TestColdOverlayMayBeInMemory(t *testing.T) {
	s := &Source{Kind: SourceFile, Path: "x", Filesystem: "overlay", Bytes: 4096, Inode: 1 << 60}
	mustFail(t, s.stays(4096), fault.Failed, "in memory (tmpfs)", "take another source, run sync")
}
