//go:build linux

package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
)

// keptSource is a source that a file system keeps in a certain way.
type keptSource struct {
	name  string
	only  string // file system; "": all
	bytes int64
	make  func(t *testing.T, f *os.File)
	want  want   // of its extents
	cause string // why the disk is read for less
}

const half = 512 << 10

var keptSources = []keptSource{
	{"sparse", "", 4 * half, func(t *testing.T, f *os.File) {
		writeAt(t, f, 0, random(half))
		writeAt(t, f, 2*half, random(half))
	}, want{"mapped_bytes": 2 * half, "hole_bytes": 2 * half}, "holes: 1,048,576 bytes in no block"},
	{"preallocated", "", 4 * half, func(t *testing.T, f *os.File) {
		if err := unix.Fallocate(int(f.Fd()), 0, 0, 4*half); err != nil {
			t.Fatal(err)
		}
		writeAt(t, f, 0, random(8192))
	}, want{"mapped_bytes": 4 * half, "unwritten_bytes": 4*half - 8192}, "unwritten: 2,088,960 bytes in blocks never written"},
	{"odd and sparse", "", 1_000_123, func(t *testing.T, f *os.File) {
		writeAt(t, f, half, random(1_000_123-half))
	}, want{"mapped_bytes": 1_000_123 - half, "hole_bytes": half}, "holes: 524,288 bytes in no block"},
	{"compressed", "btrfs", 2 * half, func(t *testing.T, f *os.File) {
		compress(t, f)
		writeAt(t, f, 0, bytes.Repeat([]byte("compress"), 2*half/8))
	}, want{"mapped_bytes": 2 * half, "encoded_bytes": 2 * half}, "compressed: 1,048,576 bytes as fewer on the disk"},
}

// on makes it, on the disk, and returns its path.
func (s keptSource) on(t *testing.T, f filesystem) string {
	t.Helper()
	dir, err := os.MkdirTemp(f.dir, "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file, err := os.Create(filepath.Join(dir, "source"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s.make(t, file)
	if err := file.Truncate(s.bytes); err != nil {
		t.Fatal(err)
	}
	if err := file.Sync(); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func writeAt(t *testing.T, f *os.File, at int64, b []byte) {
	t.Helper()
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// compress is chattr +c of a new file.
func compress(t *testing.T, f *os.File) {
	t.Helper()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0x4); err != nil { // FS_COMPR_FL
		t.Fatal(err)
	}
}

// cold is a run from a cold source. Reading one first brings the checksums of btrfs into
// memory, which are read, too, and which nobody takes out of it with the pages.
func cold(t *testing.T, f filesystem, args ...string) *trace.Trace {
	t.Helper()
	args = append(args, "--cache", "cold")
	if f.name == "btrfs" {
		traced(t, args...)
	}
	return tracedUnskipped(t, args...)
}

// Of a source that the disk does not hold as it is, every byte that it need not read is
// accounted for: DMA in is the payload less holes and what is unwritten, in whole blocks.
func TestSourceExtents(t *testing.T) {
	emulated := map[string]string{"ext4": "odd and sparse", "xfs": "preallocated", "btrfs": "compressed"}
	for _, f := range mounted(t, "ext4", "xfs", "btrfs") {
		for _, s := range keptSources {
			if s.only != "" && s.only != f.name || testing.Short() && emulated[f.name] != s.name {
				continue
			}
			t.Run(s.name+" on "+f.name, func(t *testing.T) {
				source, n := s.on(t, f), fmt.Sprint(s.bytes)
				tr := cold(t, f, "sendfile", "--source", source, "--sink", "null", "--bytes", n)
				s.checkExtents(t, tr.Run.Source.Extents)
				zeros := s.want["hole_bytes"] + s.want["unwritten_bytes"]
				w := want{"sender.disk.read_bytes": (s.bytes - zeros + 4095) &^ 4095, "sender.copies.fill": zeros}
				if encoded := s.want["encoded_bytes"]; encoded > 0 {
					delete(w, "sender.disk.read_bytes") // nobody says how much it is
					if read := tr.Total.Sender.Disk.ReadBytes.Or(0); read == 0 || read >= encoded/4 {
						t.Errorf("%d bytes read of %d that are compressed", read, encoded)
					}
					checkCause(t, tr, reading.CPUCopies, reading.Explained, reading.Decompressed, "1,048,576 bytes are the CPU's work")
				}
				w.check(t, tr)
				checkCause(t, tr, reading.DMAIn, reading.Explained, reading.NotInBlocks, s.cause)

				if testing.Short() {
					return
				}
				warm := traced(t, "sendfile", "--source", source, "--sink", "null", "--bytes", n)
				checkCause(t, warm, reading.DMAIn, reading.Explained, reading.CacheWarm, "")
				if row := reading.End(warm).Verdict().Row(reading.CPUCopies); row.Agreement != reading.Same {
					t.Errorf("warm: %s", row)
				}
			})
		}
	}
}

// checkExtents: those that are not wanted are 0.
func (s keptSource) checkExtents(t *testing.T, e *trace.Extents) {
	t.Helper()
	if e == nil {
		t.Fatal("no extents")
	}
	for name, got := range map[string]trace.Int{
		"mapped_bytes": e.MappedBytes, "hole_bytes": e.HoleBytes, "unwritten_bytes": e.UnwrittenBytes, "encoded_bytes": e.EncodedBytes,
		"inline_bytes": e.InlineBytes, "unknown_bytes": e.UnknownBytes, "shared_bytes": e.SharedBytes,
	} {
		if got != trace.Known(s.want[name]) {
			t.Errorf("%s of the source is %v, want %d", name, got, s.want[name])
		}
	}
	if e.Bytes != trace.Known(s.bytes) {
		t.Errorf("the extents are of %v bytes, want %d", e.Bytes, s.bytes)
	}
}

// checkCause holds a row of the verdict against why it differs; text is in what it says.
func checkCause(t *testing.T, tr *trace.Trace, s reading.Subject, a reading.Agreement, c reading.CauseKind, text string) {
	t.Helper()
	row := reading.End(tr).Verdict().Row(s)
	if row.Agreement != a || row.Cause.Kind != c || !strings.Contains(row.Cause.String(), text) {
		t.Errorf("%s is of agreement %d for cause %d; want %d, %d, and %q in it", row, row.Agreement, row.Cause.Kind, a, c, text)
	}
}

// What copy_file_range cloned, and what it copied, every engine knows, and they agree to the
// byte: those that see no copy by the extents of the sink.
func TestClones(t *testing.T) {
	size, shared := int64(64*mib), int64(488*4096) // two chunks begin at a block, and are 244 and a part of one
	if testing.Short() {                           // emulated
		size, shared = 4*mib, 244*4096
	}
	for i, f := range mounted(t, "xfs", "btrfs") {
		plain := keptSource{bytes: size, make: func(t *testing.T, f *os.File) { writeAt(t, f, 0, random(int(size))) }}
		for k, c := range []struct {
			name   string
			source keptSource
			chunk  string
			cloned int64
			cause  reading.CauseKind // why nothing is written
		}{
			{"by blocks", plain, "64KiB", size, reading.BlocksShared},
			{"odd chunks", plain, "1000000", shared, reading.WritebackLater},
			{"holes", keptSources[0], "64KiB", 4 * half, reading.BlocksShared},
			{"reserved", keptSources[1], "64KiB", 4 * half, reading.BlocksShared},
			{"odd and sparse", keptSources[2], "64KiB", 1_000_123, reading.BlocksShared},
		} {
			if testing.Short() && k != 1 && k != 3*i {
				continue
			}
			t.Run(c.name+" on "+f.name, func(t *testing.T) {
				n := c.source.bytes
				args := []string{"copy-file-range", "--source", c.source.on(t, f), "--sink", "file", "--bytes", fmt.Sprint(n), "--chunk", c.chunk, "--verify"}
				for _, engine := range []string{"all", "derived"} {
					if engine == "derived" && (!inGuest() || k != 1) {
						break // which all was, or emulated
					}
					tr := tracedUnskipped(t, append(args, "--copies", engine)...)
					want{"sender.moved.cloned": c.cloned, "sender.copies.in_kernel": n - c.cloned}.check(t, tr)
					if engine == "all" {
						checkEngines(t, "sender", &tr.Total.Sender, expectation{bytes: want{inKernel: n - c.cloned}})
					}
					if e := tr.Run.Sink.Extents; e.SharedBytes.Add(e.HoleBytes) != trace.Known(c.cloned) {
						t.Errorf("the sink's extents: %+v", e)
					}
					checkCause(t, tr, reading.DMAOut, reading.Explained, c.cause, "")
					checkCause(t, tr, reading.CopiesInKernel, reading.Explained, reading.BlocksShared, "")
				}
			})
		}
	}
}

// Once a sink was written over, only the last pass can be looked up: engines that see no copy
// estimate. Of a file so small that it is kept inline nobody can tell.
func TestClonesThatAreNotCertain(t *testing.T) {
	oncePerMachine(t)
	for _, f := range mounted(t, "xfs", "btrfs") {
		round := traced(t, "copy-file-range", "--source", sourceOn(t, f, 2*mib), "--sink", "file", "--bytes", "5MiB", "--copies", "derived")
		if c := round.Total.Sender.Moved.Cloned; c.Bytes != trace.Known(5*mib) || c.Provenance != trace.Estimated {
			t.Errorf("%s: cloned is %+v", f.name, c)
		}
		if f.name != "btrfs" {
			continue
		}
		small := traced(t, "copy-file-range", "--source", sourceOn(t, f, 1000), "--sink", "file", "--bytes", "1000", "--copies", "derived")
		if c := small.Total.Sender.Moved.Cloned; c.Bytes.Known() || !strings.Contains(c.Reason, "inline") {
			t.Errorf("inline: cloned is %+v", c)
		}
	}
}

// Direct reads of what is compressed fall back to the page cache, where its pages are
// afterwards. So every engine counts them as copies, and the disk is read for less. If only a
// part is compressed, those without hooks do not know.
func TestDirectReadsFallBack(t *testing.T) {
	const n = 2 * half
	f := mounted(t, "btrfs")[0]
	for i, strategy := range []string{"direct-io", "aio"} {
		for k, cache := range []string{"cold", "warm"} {
			if testing.Short() && i+k > 0 { // emulated
				continue
			}
			tr, _ := tracedByAll(t, strategy, "--source", keptSources[3].on(t, f), "--sink", "null", "--bytes", fmt.Sprint(n), "--cache", cache)
			want{"sender.copies.to_user": n, "sender.moved.page_refs": 0, "sender.page_cache.hit_bytes": hits(tr, n), "sender.copies.fill": 0}.check(t, tr)
			checkEngines(t, "sender", &tr.Total.Sender, expectation{bytes: want{toUser: n}})
			checkCause(t, tr, reading.CopiesToUser, reading.Differs, reading.DirectCopied, "fell back")
			if cache == "cold" {
				want{"sender.page_cache.left_bytes": n, "sender.page_cache.miss_bytes": n}.check(t, tr)
				checkCause(t, tr, reading.CPUCopies, reading.Explained, reading.Decompressed, "")
			} else {
				checkCause(t, tr, reading.DMAIn, reading.Explained, reading.CacheWarm, "")
			}
		}
	}
	part := keptSource{bytes: n, make: func(t *testing.T, f *os.File) {
		compress(t, f)
		writeAt(t, f, 0, bytes.Repeat([]byte("compress"), half/8))
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		writeAt(t, f, half, random(half))
	}}
	c := traced(t, "direct-io", "--source", part.on(t, f), "--sink", "null", "--bytes", fmt.Sprint(n), "--copies", "derived").Total.Sender
	if a := c.Copies.ToUser; a.Bytes.Known() || !strings.HasPrefix(a.Reason, "a part of the source is compressed") {
		t.Errorf("to_user is %+v", a)
	}
}

// A direct read fills in the holes, which hooks do not see and extents tell.
func TestDirectReadsOfHoles(t *testing.T) {
	disks := mounted(t, "ext4", "xfs", "btrfs")
	for i, s := range keptSources[:2] {
		tr := traced(t, "direct-io", "--source", s.on(t, disks[i]), "--sink", "null", "--bytes", fmt.Sprint(s.bytes))
		zeros := s.want["hole_bytes"] + s.want["unwritten_bytes"]
		want{"sender.disk.read_bytes": s.bytes - zeros}.check(t, tr)
		checkCause(t, tr, reading.DMAIn, reading.Explained, reading.NotInBlocks, s.cause)
		if tr.Run.Engine == "fentry" {
			want{"sender.copies.to_user": 0, "sender.copies.fill": zeros, "sender.moved.page_refs": s.bytes - zeros}.check(t, tr)
		} else if c := tr.Total.Sender; c.Copies.Fill.Bytes.Known() || c.Moved.PageRefs.Bytes.Known() {
			t.Errorf("%v filled, %v by reference, and no hook saw that it was not copied", c.Copies.Fill.Bytes, c.Moved.PageRefs.Bytes)
		}
	}
}

// hits are the payload but for the pages that were asked for and were not there.
func hits(tr *trace.Trace, n int64) int64 {
	cache := tr.Total.Sender.PageCache
	return n - (cache.MissBytes.Or(0) - cache.ReadaheadBytes.Or(0))
}
