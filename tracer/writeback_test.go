//go:build linux

package tracer

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/ledger"
)

// fileOn is a file of n bytes on that file system where a guest has it, elsewhere on some disk.
func fileOn(t *testing.T, filesystem string, n int) *os.File {
	t.Helper()
	base := "/var/tmp"
	for _, f := range strings.Fields(os.Getenv("ZCTRACE_TEST_FILESYSTEMS")) {
		if name, dir, _ := strings.Cut(f, ":"); name == filesystem {
			base = dir
		}
	}
	f, err := os.CreateTemp(base, "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); os.Remove(f.Name()) })
	if _, err := f.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return f
}

// What another task writes back of the sink is counted, also where it begins within a large folio, which is
// known by its first page.
func TestWritebackWithinAFolio(t *testing.T) {
	page := os.Getpagesize()
	fd := int(fileOn(t, "xfs", 256*page).Fd()) // in large folios
	_, s := unskipped(t, Options{}, func() {
		window(-1, fd, func() {
			if _, err := unix.Pwrite(fd, make([]byte, page), int64(101*page)); err != nil {
				t.Error(err)
			}
			written := make(chan error)
			go func() {
				written <- unix.SyncFileRange(fd, 0, 0, unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
			}()
			if err := <-written; err != nil {
				t.Error(err)
			}
		})
	})
	own := s.Slots[ledger.Sender].DiskWriteBytes
	if got := s.Kernel.WritebackBytes; got != uint64(page) || own != 0 {
		t.Errorf("others wrote back %d bytes, and the thread %d; want %d and none", got, own, page)
	}
}
