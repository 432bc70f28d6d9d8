//go:build linux

package main

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// growing is a file of n bytes on a disk to which others append until the test ends.
func growing(t *testing.T, n int) string {
	t.Helper()
	path := diskFile(t, n)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	appended, end := make(chan error), make(chan struct{})
	go func() {
		defer close(appended)
		for pause := time.NewTicker(time.Millisecond); ; {
			select {
			case <-end:
				pause.Stop()
				return
			case <-pause.C:
				if _, err := f.Write(make([]byte, 12345)); err != nil {
					appended <- err
					return
				}
			}
		}
	}()
	t.Cleanup(func() {
		close(end)
		if err := <-appended; err != nil {
			t.Errorf("append to the source: %v", err)
		}
		f.Close()
	})
	return path
}

// A log that is appended to all the while is as large as it was when it was opened, for all
// who take part, and what is appended is not the run's.
func TestSourceThatGrows(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	source := growing(t, 1_000_123)
	for _, args := range [][]string{
		{"read-write", "--sink", "unix", "--bytes", "20MiB"},
		{"mmap-write", "--sink", "tcp", "--bytes", "20MiB"},
		{"sendfile", "--sink", "unix", "--receiver", "splice", "--bytes", "20MiB"},
		{"splice", "--sink", "file", "--bytes", "20MiB"},
		{"direct-io", "--sink", "file", "--duration", "100ms"},
	} {
		tr := traced(t, append(args, "--source", source, "--verify")...)
		if v := tr.Run.Verified; v == nil || !*v {
			t.Errorf("%v: verified is %v", args, v)
		}
		if args[2] != "file" {
			want{"sender.payload_bytes": 20 * mib, "sender.page_cache.left_bytes": 0}.check(t, tr)
		}
	}
}

// Where a source cannot be mapped, what arrives is compared with a copy of it. Kernels differ in what they let
// be mapped; all of them have the second.
func TestVerifyWhatCannotBeMapped(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	for _, source := range []string{"/proc/config.gz", "/sys/kernel/btf/vmlinux"} {
		info, err := os.Stat(source)
		if os.IsNotExist(err) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		n := strconv.FormatInt(info.Size(), 10)
		tr := traced(t, "read-write", "--source", source, "--bytes", n, "--sink", "unix", "--verify")
		if v := tr.Run.Verified; v == nil || !*v {
			t.Errorf("%s: verified is %v", source, v)
		}
		want{"sender.payload_bytes": info.Size()}.check(t, tr)
	}
}
