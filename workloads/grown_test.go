//go:build linux

package workloads

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// grow appends n bytes to a file, as a log is appended to, and has them written to the disk.
func grow(t *testing.T, path string, n int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer f.Close()
	_, err = f.Write(make([]byte, n))
	must(t, err)
	must(t, unix.Fsync(int(f.Fd())))
}

// One that grows after it was opened is the same work for all who take part: a sender that
// goes round it three times, a receiver that compares, or keeps what comes, and a sink.
func TestGrownSource(t *testing.T) {
	const size, payload = 1_000_123, 3*1_000_123 + 77
	for name, run := range map[string]struct {
		strategy *Strategy
		sink     string
		cfg      Config
	}{
		"compared":    {readWrite, "unix", Config{Work: Work{Verify: true}}},
		"from a copy": {readWrite, "unix", Config{Work: Work{Verify: true, Cold: true}}},
		"mapped":      {mmapWrite, "unix", Config{Work: Work{Verify: true}}},
		"kept":        {sendfile, "unix", Config{Work: Work{Receive: spliceReceiver}}},
		"to a file":   {readWrite, "file", Config{}},
	} {
		t.Run(name, func(t *testing.T) {
			path := tempFile(t, size)
			source, err := sourceNamed(t.Context(), path, nil)
			must(t, err)
			t.Cleanup(func() { source.Close() })
			grow(t, path, 500_000)
			again, err := source.Reopen(nil)
			must(t, err)
			t.Cleanup(func() { again.Close() })
			if again.Bytes != size {
				t.Errorf("opened again, it has %d bytes", again.Bytes)
			}
			wl := workload{strategy: run.strategy, sink: run.sink, cfg: run.cfg}
			wl.cfg.Source, wl.cfg.Work.Bytes, wl.cfg.Work.Chunk = again, payload, 65536
			if wl.cfg.Work.Cold {
				wl.cfg.Expect, err = again.Snapshot(t.Context(), payload)
				must(t, err)
				t.Cleanup(func() { wl.cfg.Expect.Close() })
			}
			o := wl.run(t)
			o.verified(t, payload)
			if o.sink.Keeps() {
				if bad, err := o.sink.VerifyFile(t.Context(), again, payload); err != nil || bad != nil {
					t.Errorf("%+v, %v", bad, err)
				}
			}
		})
	}
}

// What others append is not the run's, in the page cache.
func TestPageCacheOfAGrownSource(t *testing.T) {
	const size, pages = 1_000_123, 1_003_520
	dir, err := os.MkdirTemp(onDisk(t, 1).dir(), "zctrace-test-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "source")
	must(t, os.WriteFile(path, make([]byte, size), 0o600))
	source, err := sourceNamed(t.Context(), path, nil)
	must(t, err)
	defer source.Close()
	grow(t, path, 500_000)
	must(t, source.Warm(t.Context(), 0))
	if n, err := source.PageCache(t.Context()); err != nil || n != pages {
		t.Errorf("%d bytes, %v, want %d", n, err, pages)
	}
	must(t, source.Cold(t.Context()))
	if n, err := source.PageCache(t.Context()); err != nil || n != 0 {
		t.Errorf("cold: %d bytes, %v", n, err)
	}
}
