//go:build unix

package outfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func writeHello(w io.Writer) error {
	_, err := io.WriteString(w, "hello\n")
	return err
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "trace.json")
	must(t, Write(path, writeHello))
	if got := content(t, path); got != "hello\n" {
		t.Errorf("content %q", got)
	}
	onlyFiles(t, dir, "trace.json")
}

// Only the user may read it, at any time; a file of the same user that was there keeps who may, and somebody else's does not.
func TestWritePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.json")
	must(t, Write(path, func(w io.Writer) error {
		info, err := w.(*os.File).Stat()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v while it is written", info.Mode())
		}
		return err
	}))
	if got := mode(t, path); got != 0o600 {
		t.Errorf("mode %v, want 0600", got)
	}
	must(t, os.Chmod(path, 0o640))
	must(t, Write(path, writeHello))
	if got := mode(t, path); got != 0o640 {
		t.Errorf("mode %v, want that of the old file", got)
	}
	if os.Geteuid() != 0 { // who cannot give a file away
		return
	}
	must(t, os.Chown(path, 65534, 65534))
	must(t, Write(path, writeHello))
	if got := mode(t, path); got != 0o600 {
		t.Errorf("mode %v after somebody else's file, want 0600", got)
	}
}

func TestWriteReplaces(t *testing.T) {
	for _, perm := range []fs.FileMode{0o600, 0o644, 0o666, 0o664} {
		dir := t.TempDir()
		path := filepath.Join(dir, "trace.json")
		must(t, os.WriteFile(path, []byte("old"), 0o600))
		must(t, os.Chmod(path, perm))
		open, err := os.Open(path)
		must(t, err)
		must(t, Check(path))
		must(t, Write(path, writeHello))
		if got := content(t, path); got != "hello\n" {
			t.Errorf("content %q", got)
		}
		if got := mode(t, path); got != perm {
			t.Errorf("mode %v, want that of the old file, %v", got, perm)
		}
		if old, _ := io.ReadAll(open); string(old) != "old" {
			t.Errorf("the old file was written to: %q", old)
		}
		open.Close()
		onlyFiles(t, dir, "trace.json")
	}
}

// A link in /tmp must not make root write elsewhere.
func TestWriteNeverFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	must(t, os.WriteFile(victim, []byte("precious"), 0o640))
	for name, leadsTo := range map[string]string{
		"to-file": victim, "to-nothing": filepath.Join(dir, "nothing"), "to-itself": "to-itself",
	} {
		path := filepath.Join(dir, name)
		must(t, os.Symlink(leadsTo, path))
		must(t, Check(path))
		if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s: the check replaced the link", name)
		}
		must(t, Write(path, writeHello))
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || content(t, path) != "hello\n" {
			t.Errorf("%s was not replaced by a file", name)
		}
		if got := mode(t, path); got == mode(t, victim) {
			t.Errorf("%s has the permissions of what the link led to, %v", name, got)
		}
	}
	if content(t, victim) != "precious" {
		t.Error("the file that a link leads to was written")
	}
	onlyFiles(t, dir, "to-file", "to-nothing", "to-itself")
}

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, os.Symlink(dir, filepath.Join(dir, "link")))
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	must(t, err)
	defer func() { must(t, listener.Close()) }()
	for path, why := range map[string]string{
		"":                              "no file name",
		dir:                             "is a directory (name a file in it)",
		dir + "/":                       "is a directory",
		filepath.Join(dir, "link"):      "is a directory",
		filepath.Join(dir, "socket"):    "is a socket",
		filepath.Join(dir, "no/x.json"): "no such file or directory (create its directory first",
		filepath.Join(file, "x.json"):   "not a directory (name a file in a directory that exists",
		"/dev/fd/65000":                 "bad file descriptor",
	} {
		for name, err := range map[string]error{
			"Write": Write(path, writeHello),
			"Check": Check(path),
		} {
			if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "cannot write "+path) {
				t.Errorf("%s(%q) = %v, want an error with %q", name, path, err, why)
			}
			if err != nil && strings.Contains(err.Error(), ".zctrace-") {
				t.Errorf("%v names the temporary file", err)
			}
		}
	}
	onlyFiles(t, dir, "file", "link", "socket")
}

func TestWriteKeepsTheOldFileOnErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "trace.json")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	err := Write(path, func(w io.Writer) error {
		must(t, writeHello(w))
		return fmt.Errorf("write: %w", syscall.ENOSPC)
	})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("error %v, want ENOSPC and what to do", err)
	}
	if got := content(t, path); got != "old" {
		t.Errorf("the old file holds %q", got)
	}
	onlyFiles(t, dir, "trace.json")
}

func TestWriteToDevices(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink("/dev/null", link))
	for _, path := range []string{"/dev/null", link} {
		must(t, Check(path))
		must(t, Write(path, writeHello))
	}
	if info, err := os.Lstat("/dev/null"); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
		t.Fatal("/dev/null was replaced")
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link to a device was replaced")
	}
}

func TestWriteToFifo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(path, 0o600))
	must(t, Check(path)) // nobody reads: opening it would hang here

	var got []byte
	done := make(chan error)
	go func() {
		data, err := os.ReadFile(path)
		got = data
		done <- err
	}()
	must(t, Write(path, writeHello))
	must(t, <-done)
	if string(got) != "hello\n" {
		t.Errorf("content %q", got)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Error("the fifo was replaced")
	}
}

func TestFifoWithoutAReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(path, 0o600))
	err := writeInPlace(path, 60*time.Millisecond, writeHello)
	if err == nil || !strings.Contains(err.Error(), "nobody has opened for reading within 60ms (start its reader before the run)") {
		t.Errorf("error %v, want that there is no reader, and what to do", err)
	}
}

// More than the fifo holds goes through, however slow the reader, and one that
// comes late is waited for.
func TestFifoWithALateReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(path, 0o600))
	want := bytes.Repeat([]byte("trace "), 100_000)
	done := make(chan error)
	go func() {
		done <- Write(path, func(w io.Writer) error {
			_, err := w.Write(want)
			return err
		})
	}()
	time.Sleep(80 * time.Millisecond)
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	time.Sleep(80 * time.Millisecond)
	got, err := io.ReadAll(f)
	must(t, err)
	must(t, <-done)
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, want %d", len(got), len(want))
	}
}

// /dev/stdout leads to a regular file when the shell redirects. It is neither
// replaced nor written over.
func TestWriteToOwnDescriptor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(file)
	must(t, err)
	defer f.Close()
	write := func(text string) {
		_, err := f.WriteString(text)
		must(t, err)
	}
	write("before\n")
	path := fmt.Sprintf("/dev/fd/%d", f.Fd())
	must(t, Check(path))
	must(t, Write(path, writeHello))
	write("after\n")
	if got := content(t, file); got != "before\nhello\nafter\n" {
		t.Errorf("content %q", got)
	}
}

// One that is open for reading is refused before the run.
func TestDescriptorOpenForReading(t *testing.T) {
	f, err := os.Open(os.DevNull)
	must(t, err)
	defer f.Close()
	if err := Check(fmt.Sprintf("/dev/fd/%d", f.Fd())); err == nil || !strings.Contains(err.Error(), "open for reading only (name a file") {
		t.Errorf("it says %v", err)
	}
}

func TestOwnDescriptor(t *testing.T) {
	for path, want := range map[string]int{
		"/dev/stdout": 1, "/dev//stdout": 1, "/dev/stderr": 2, "/dev/fd/63": 63, "/proc/self/fd/7": 7,
		"/dev/fd/": -1, "/dev/fd/x": -1, "/dev/fd/-1": -1, "/dev/fd/99999999999": -1, "/dev/fd/1/x": -1,
		"/dev/shm/trace.json": -1, "stdout": -1, "/proc/1/fd/1": -1, "/dev/null": -1, "": -1,
	} {
		if got, ok := ownDescriptor(path); ok != (want >= 0) || ok && got != want {
			t.Errorf("ownDescriptor(%q) = %d, %t, want %d", path, got, ok, want)
		}
	}
}

func TestCheckLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	must(t, Check(filepath.Join(dir, "new.json")))
	onlyFiles(t, dir)
	old := filepath.Join(dir, "old.json")
	must(t, os.WriteFile(old, []byte("old"), 0o600))
	before, err := os.Stat(old)
	must(t, err)
	must(t, Check(old))
	after, err := os.Stat(old)
	must(t, err)
	if !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) || content(t, old) != "old" {
		t.Error("the check touched the file")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	return info.Mode().Perm()
}

func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	left := map[string]bool{}
	for _, name := range want {
		left[name] = true
	}
	for _, e := range entries {
		if !left[e.Name()] {
			t.Errorf("left behind: %s", e.Name())
		}
		delete(left, e.Name())
	}
	if len(left) > 0 {
		t.Errorf("missing: %v", left)
	}
}
