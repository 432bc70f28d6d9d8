//go:build linux

package tracer

import (
	"os"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/ledger"
	"github.com/zctrace/zctrace/tracer/trace"
	"golang.org/x/sys/unix"
)

// coldFile is a file of so many pages of which nothing is in the page cache, on the
// first file system that the guest has, which has a disk.
func coldFile(t *testing.T, pages int) int {
	t.Helper()
	base := "/var/tmp"
	if list := strings.Fields(os.Getenv("ZCTRACE_TEST_FILESYSTEMS")); len(list) > 0 {
		_, base, _ = strings.Cut(list[0], ":")
	}
	dir, err := os.MkdirTemp(base, "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	fd := openFile(t, dir+"/f", unix.O_RDWR|unix.O_CREAT)
	if _, err := unix.Write(fd, make([]byte, pages*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fsync(fd); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	return fd
}

// What is read ahead is what nobody asked for: nothing where the kernel is told
// not to, and all but one page where a fault asks for that one.
func TestReadAhead(t *testing.T) {
	page := os.Getpagesize()
	buf := make([]byte, 2*page)
	read := func(fd, at int) {
		_, _, _ = unix.RawSyscall6(unix.SYS_PREAD64, uintptr(fd), ptr(buf), uintptr(len(buf)), uintptr(at*page), 0, 0)
	}
	for _, test := range []struct {
		name   string
		advice int
		work   func(fd int, m []byte)
		asked  int  // pages
		ahead  bool // and more were read
	}{
		{"random reads, read-ahead off", unix.FADV_RANDOM, func(fd int, _ []byte) { read(fd, 50); read(fd, 200); read(fd, 201) }, 5, false},
		{"random reads", unix.FADV_NORMAL, func(fd int, _ []byte) { read(fd, 50); read(fd, 200) }, 4, false},
		{"the first read of a file", unix.FADV_NORMAL, func(fd int, _ []byte) { read(fd, 0) }, 2, true},
		{"a fault", unix.FADV_NORMAL, func(_ int, m []byte) { buf[0] = m[100*page] }, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr, s := unskipped(t, Options{}, func() {
				fd := coldFile(t, 1024)
				if err := unix.Fadvise(fd, 0, 0, test.advice); err != nil {
					t.Fatal(err)
				}
				m, err := unix.Mmap(fd, 0, 1024*page, unix.PROT_READ, unix.MAP_SHARED)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = unix.Munmap(m) }()
				window(fd, -1, func() { test.work(fd, m) })
			})
			if why := tr.missing()[ledger.ReadAhead]; why != "" {
				needEngine(t, ledger.Fentry)
				t.Fatal(why)
			}
			const payload = 1 << 30 // more than all: what of it was no hit was asked for
			c := counted(tr, s, ledger.Derived, ledger.Workload{Cached: true, Payload: trace.Known(payload)})
			asked := payload - c.PageCache.HitBytes.Or(-1)
			if want := int64(test.asked * page); asked != want {
				t.Errorf("%d bytes were asked for, want %d", asked, want)
			}
			added, ahead := c.PageCache.MissBytes.Or(-1), c.PageCache.ReadaheadBytes.Or(-1)
			if added != asked+ahead {
				t.Errorf("%d bytes added are not %d asked for and %d read ahead", added, asked, ahead)
			}
			if c.Disk.ReadBytes != trace.Known(added) || ahead > 0 != test.ahead {
				t.Errorf("%d bytes read ahead, %d in all, %v from the disk", ahead, added, c.Disk.ReadBytes)
			}
		})
	}
}
