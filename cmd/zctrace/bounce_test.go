//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// bounces is whether this kernel copies direct I/O of what must not change meanwhile.
var bounces = sync.OnceValue(func() bool {
	symbols, _ := os.ReadFile("/proc/kallsyms")
	return strings.Contains(string(symbols), " bio_iov_iter_bounce\n")
})

// mountStable mounts a file of a disk that demands that nothing changes while it is written, as one does that
// computes checksums. File systems ask for that when they are mounted.
func mountStable(t *testing.T, name string) string {
	t.Helper()
	dir := mountLoop(t, name)
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	of := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	disk, err := os.Readlink(of)
	if err != nil {
		t.Fatal(err)
	}
	held, err := os.Open("/dev/" + filepath.Base(disk)) // else it goes with the mount
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := os.WriteFile(of+"/queue/stable_writes", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(held.Name(), dir, name, 0, ""); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Since Linux 7.0 direct I/O of what must not change meanwhile passes pages of the kernel's own: writes to
// btrfs, which has checksums, and reads and writes of xfs on a disk that demands it. All engines count the copies of
// what is written; those of what is read, which nobody's context makes, only fentry.
func TestBounced(t *testing.T) {
	needTracing(t)
	const n, whole = 1_000_123, 1_003_520
	for _, f := range mounted(t, "btrfs", "xfs") {
		if f.name == "xfs" && bounces() { // else no disk's demand changes anything
			f.dir = mountStable(t, f.name)
		}
		for _, strategy := range []string{"direct-io", "aio"} {
			t.Run(strategy+" on "+f.name, func(t *testing.T) {
				tr, _ := tracedByAll(t, strategy, "--source", sourceOn(t, f, n), "--sink", "file", "--bytes", fmt.Sprint(n), "--chunk", "40960", "--verify")
				e := expect(strategy, "file", f.name, n, n%4096)
				if f.name == "xfs" && bounces() {
					e.bytes[toUser], e.bytes[fromUser], e.bytes[pageRefs] = n, n, 0
					e.unknown, e.byFentry = nil, []string{toUser, pageRefs}
				} else if !bounces() {
					e.orCopied(&tr.Total.Sender, n)
				}
				e.check(t, tr)
				checkEngines(t, "sender", &tr.Total.Sender, e)
				want{"sender.disk.read_bytes": whole}.check(t, tr)
			})
		}
	}
}
