//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
)

// overlay mounts one on two layers of a file system, with a source of n bytes in the lower one, and returns the
// source's path in it.
func overlay(t *testing.T, on string, n int) string {
	t.Helper()
	needTracing(t)
	dir, err := os.MkdirTemp(on, "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"lower", "upper", "work"} {
		if err := os.Mkdir(path(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(path("lower"), "source"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil { // an overlay does not write back what is below, and direct I/O asks for blocks
		t.Fatal(err)
	}
	return filepath.Join(mountOverlay(t, path("lower"), path("upper"), path("work")), "source")
}

func mountOverlay(t *testing.T, lower, upper, work string) string {
	t.Helper()
	dir := t.TempDir()
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work)
	if err := unix.Mount("overlay", dir, "overlay", 0, options); err != nil {
		cannot(t, fmt.Sprintf("mounting an overlay: %v (run as root, on a kernel that has it)", err))
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// stores are the file systems that an overlay is mounted on.
func stores(t *testing.T) (list []filesystem) {
	for _, f := range filesystems(t) {
		if f.name == "" {
			list = append(onDisks(t), filesystem{"tmpfs", smallDisk(t, "size=16m")})
		} else if f.name != "btrfs" {
			list = append(list, f)
		}
	}
	return list
}

// What is read from an overlay and written to it costs what it costs on the file system below, and every engine
// says so.
func TestOverlay(t *testing.T) {
	const n = 1_000_123
	strategies := []string{"read-write", "mmap-write", "direct-io", "io-uring-fixed", "sendfile", "splice", "copy-file-range", "mmap-copy", "aio"}
	emulated := map[string]string{"tmpfs": "sendfile", "xfs": "copy-file-range"} // and the first on ext4
	for _, f := range stores(t) {
		for i, strategy := range strategies {
			if testing.Short() && emulated[f.name] != strategy && (f.name != "ext4" || i > 3) {
				continue
			}
			t.Run(strategy+" on "+f.name, func(t *testing.T) {
				source := overlay(t, f.dir, n)
				if laws[strategy].direct && !takesDirect(t, strategy, filesystem{dir: filepath.Dir(source)}) {
					return
				}
				tr, _ := tracedByAll(t, strategy, "--source", source, "--sink", "file", "--bytes", "1000123", "--chunk", chunkFor(strategy, "40000"), "--verify")
				below := tr.Run.Source.Below
				if tr.Run.Source.Filesystem != "overlay" || len(below) < 2 || below[0].Kind != "filesystem" || f.name != "" && below[0].Name != f.name {
					t.Fatalf("the source is on %s, on %v", tr.Run.Source.Filesystem, below)
				}
				if !slices.Equal(tr.Run.Sink.Below, below) {
					t.Errorf("the sink is on %v, and the source on %v", tr.Run.Sink.Below, below)
				}
				device := trace.Device{Kind: below[1].Kind, Name: below[1].Name}
				if tr.Run.Sink.Device != device {
					t.Errorf("%v carries it away, want %v", tr.Run.Sink.Device, device)
				}
				e := expect(strategy, "file", below[0].Name, n, n%4096)
				e.check(t, tr)
				checkEngines(t, "sender", &tr.Total.Sender, e)
				if tr.Total.Sender.PageCache.HitBytes.Known() == laws[strategy].direct {
					t.Errorf("%v bytes were in the page cache", tr.Total.Sender.PageCache.HitBytes)
				}
			})
		}
	}
}

// The pages and the disk requests of a cold overlay are those of the file below.
func TestColdOverlay(t *testing.T) {
	const n, pages = 1_000_123, 1_003_520
	for _, strategy := range []string{"mmap-write", "read-write"} {
		if testing.Short() && strategy == "read-write" {
			continue
		}
		t.Run(strategy, func(t *testing.T) {
			tr := traced(t, strategy, "--source", overlay(t, onDisks(t)[0].dir, n), "--bytes", "1000123", "--cache", "cold", "--sink", "tcp")
			want{
				"sender.disk.read_bytes": pages, "sender.page_cache.miss_bytes": pages, "sender.page_cache.left_bytes": pages,
				"losses.disk_reads": 0,
			}.check(t, tr)
		})
	}
}

// What an overlay's source cannot be made cold for is mended by what it says to do.
func TestColdOverlayRemedies(t *testing.T) {
	oncePerMachine(t)
	source, args := overlay(t, onDisks(t)[0].dir, mib), []string{"run", "read-write", "--bytes", "1MiB", "--cache", "cold", "--plain", "--sink", "null", "--source"}
	refused := func(source string) {
		t.Helper()
		failsWith(t, zctrace(t, append(args, source)...), exitFailed, "cannot be made cold: 1,048,576 of 1,048,576 bytes stay in the page cache, in memory (tmpfs), mapped, locked or not written back yet below the overlay",
			"take another source, run sync, or end the program that uses the file below the overlay")
	}
	works := func() {
		t.Helper()
		failsWith(t, zctrace(t, append(args, source)...), 0)
	}
	works() // it is another source than this
	refused(overlay(t, smallDisk(t, "size=4M"), mib))

	below, err := os.OpenFile(filepath.Join(lowerOf(t, source), "source"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer below.Close()
	if _, err := below.Write(make([]byte, mib)); err != nil {
		t.Fatal(err)
	}
	works() // what is dirty below is written back to be dropped (mm/fadvise.c: generic_fadvise)

	mapping, err := unix.Mmap(int(below.Fd()), 0, mib, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	refused(source)
	if err := unix.Munmap(mapping); err != nil { // as at the end of the program
		t.Fatal(err)
	}
	works()
}

// lowerOf is the lower layer of the overlay that a file is on.
func lowerOf(t *testing.T, file string) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); fields[4] == filepath.Dir(file) {
			_, options, _ := strings.Cut(line, "lowerdir=")
			lower, _, _ := strings.Cut(options, ",")
			return lower
		}
	}
	t.Fatalf("nothing is mounted at %s", filepath.Dir(file))
	return ""
}

// An overlay may be on an overlay.
func TestOverlayOnAnOverlay(t *testing.T) {
	const n = 1_000_123
	disk := onDisks(t)[0]
	source := overlay(t, disk.dir, n)
	upper, err := os.MkdirTemp(disk.dir, "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(upper) })
	for _, dir := range []string{"upper", "work"} {
		if err := os.Mkdir(filepath.Join(upper, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	source = filepath.Join(mountOverlay(t, filepath.Dir(source), filepath.Join(upper, "upper"), filepath.Join(upper, "work")), "source")
	tr, _ := tracedByAll(t, "read-write", "--source", source, "--bytes", "1000123", "--sink", "file")
	e := expect("read-write", "file", disk.name, n, 0)
	e.check(t, tr)
	checkEngines(t, "sender", &tr.Total.Sender, e)
	want{"sender.page_cache.hit_bytes": n}.check(t, tr)
}

// Once a file was copied up, each call reads another one: of the pages nothing is claimed.
func TestOverlayCopiedUp(t *testing.T) {
	const n = 1 << 20
	source := overlay(t, onDisks(t)[0].dir, n)
	cmd, _, stderr := running(t, "--source", source, "--bytes", "1MiB", "--rate", "256KiB", "--json", "t.json") // so that there is time for it
	f, err := os.OpenFile(source, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if code := exitStatus(t, cmd.Wait()); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	tr := readTrace(t, filepath.Join(cmd.Dir, "t.json"))
	want{"sender.payload_bytes": n}.check(t, tr)
	if o := tr.Total.Sender.Origin("page_cache.hit_bytes"); tr.Total.Sender.PageCache.HitBytes.Known() || !strings.Contains(o.Reason, "copied the source up") {
		t.Errorf("%v bytes were in the page cache: %+v", tr.Total.Sender.PageCache.HitBytes, o)
	}
}
