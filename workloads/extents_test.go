//go:build linux

package workloads

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What FIEMAP says of an extent, in the numbers of Extents.
func TestExtentsAdd(t *testing.T) {
	const n = 4096
	for name, c := range map[string]struct {
		flags uint32
		want  Extents
	}{
		"plain":                {0, Extents{}},
		"the last, merged":     {extentLast | extentMerged, Extents{}},
		"shared":               {extentShared, Extents{Shared: n}},
		"unwritten":            {extentUnwritten, Extents{Unwritten: n, Writing: n}},
		"unwritten, shared":    {extentUnwritten | extentShared, Extents{Unwritten: n, Shared: n}},
		"compressed, shared":   {extentEncoded | extentShared, Extents{Encoded: n, Shared: n}},
		"encrypted":            {extentEncrypted | extentEncoded, Extents{Encoded: n}},
		"inline":               {extentInline | 0x100, Extents{Inline: n}},                 // NOT_ALIGNED
		"inline, compressed":   {extentInline | 0x100 | extentEncoded, Extents{Inline: n}}, // in metadata first of all
		"delayed allocation":   {0x2 | 0x4, Extents{Unknown: n}},                           // UNKNOWN, DELALLOC
		"a flag of the future": {1 << 20, Extents{Unknown: n}},
	} {
		c.want.Bytes, c.want.Mapped = n, n
		got := Extents{Bytes: n}
		got.add(n, c.flags)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if plain := c.flags&^(extentLast|extentMerged|extentShared) == 0; got.Plain() != plain {
			t.Errorf("%s: plain is %v", name, got.Plain())
		}
	}
}

// Of a file on a disk, of one in memory, of which only holes are told, and of none. The file
// is left at its position, which a worker shares.
func TestExtents(t *testing.T) {
	const size, data = 400_000, 300_001 // a hole at the end, from the end of a block on
	const mapped = (data + 4095) &^ 4095
	for _, dir := range []string{"/var/tmp", "/dev/shm"} {
		dir, err := os.MkdirTemp(dir, "zctrace-test-")
		must(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		path := filepath.Join(dir, "source")
		must(t, os.WriteFile(path, make([]byte, data), 0o600))
		must(t, os.Truncate(path, size))
		source, _ := open(t, path, "null")
		must(t, source.WriteBack(t.Context()))
		if _, err := unix.Seek(int(source.file.Fd()), 7, unix.SEEK_SET); err != nil {
			t.Fatal(err)
		}
		for upTo, want := range map[int64]Extents{
			size:    {Bytes: size, Mapped: mapped},
			data:    {Bytes: data, Mapped: data},
			200_001: {Bytes: 200_001, Mapped: 200_001},
		} {
			want.HolesOnly = source.InMemory()
			got, err := source.Extents(t.Context(), upTo)
			if err != nil {
				t.Fatalf("%s: %v", source.Filesystem, err)
			}
			if *got != want {
				t.Errorf("of %d bytes on %s: %+v, want %+v", upTo, source.Filesystem, *got, want)
			}
			if plain := want.Mapped == want.Bytes && !want.HolesOnly; got.Plain() != plain {
				t.Errorf("of %d bytes on %s: plain is %v", upTo, source.Filesystem, got.Plain())
			}
		}
		if at, err := unix.Seek(int(source.file.Fd()), 0, unix.SEEK_CUR); at != 7 || err != nil {
			t.Errorf("the source on %s is at %d now, %v", source.Filesystem, at, err)
		}
	}
	zero, tcp := open(t, "zero", "tcp")
	if _, err := zero.Extents(t.Context(), 4096); err == nil {
		t.Error("/dev/zero has extents")
	}
	if _, err := tcp.Extents(t.Context(), 4096); err == nil {
		t.Error("a socket has extents")
	}
}

// Where neither is told, no hole is no knowledge.
func TestExtentsOfWhatTellsNothing(t *testing.T) {
	f, err := os.Open("/proc/version")
	must(t, err)
	defer f.Close()
	if e, err := extentsOf(t.Context(), f, 100, "source"); err == nil {
		t.Errorf("/proc/version has the extents %+v", e)
	}
}
