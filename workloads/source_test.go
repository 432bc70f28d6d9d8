//go:build linux

package workloads

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

func TestSources(t *testing.T) {
	file := tempFile(t, 12345)
	cases := []struct {
		spec, path string
		kind       SourceKind
		bytes      int64
	}{
		{file, file, SourceFile, 12345},
		{"auto:64KiB", os.Getenv("TMPDIR"), SourceAuto, 64 << 10},
		{"auto", os.Getenv("TMPDIR"), SourceAuto, 64 << 20},
		{"zero", "/dev/zero", SourceZero, 0},
	}
	for _, c := range cases {
		t.Run(c.spec, func(t *testing.T) {
			s, err := sourceNamed(t.Context(), c.spec, nil)
			must(t, err)
			defer s.Close()
			if s.Kind != c.kind || s.Bytes != c.bytes {
				t.Errorf("got %s of %d bytes, want %s of %d", s.Kind, s.Bytes, c.kind, c.bytes)
			}
			if c.path != "" && s.Path != c.path {
				t.Errorf("path %q, want %q", s.Path, c.path)
			}
			if (s.Filesystem == "") != (c.kind == SourceZero) {
				t.Errorf("file system %q", s.Filesystem)
			}
			flags, err := unix.FcntlInt(s.file.Fd(), unix.F_GETFL, 0)
			must(t, err)
			if flags&(unix.O_ACCMODE|unix.O_NONBLOCK) != unix.O_RDONLY {
				t.Errorf("flags %#o, want read-only and blocking", flags)
			}
		})
	}
}

func TestAutoIsPatternedAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	const size = 1<<20 + 4099 // more than one block of the filler, and no whole word
	s, err := sourceNamed(t.Context(), "auto:1052675", nil)
	must(t, err)
	defer s.Close()
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) > 0 {
		t.Errorf("%s has %v in it", dir, entries)
	}
	got := make([]byte, size+1)
	n, err := s.file.ReadAt(got, 0)
	if n != size {
		t.Fatalf("read %d bytes, %v, want %d", n, err, size)
	}
	want := make([]byte, size+8)
	pattern(want, 0)
	if !bytes.Equal(got[:size], want[:size]) {
		t.Error("the pattern is not that of its offsets")
	}
	// Any part of it can be told from its offset alone.
	part := make([]byte, 4096)
	pattern(part, 8192)
	if !bytes.Equal(part, want[8192:8192+4096]) {
		t.Error("the pattern depends on where it was begun")
	}
}

func TestFileSystemsWithoutUnnamedFiles(t *testing.T) {
	dir := t.TempDir()
	at, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(at)
	f, err := unlinkedFile(at, dir, unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	must(t, err)
	defer f.Close()
	must(t, fill(t.Context(), f, 100))
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) > 0 {
		t.Errorf("%s has %v in it", dir, entries)
	}
}

func TestBadSources(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	must(t, os.WriteFile(empty, nil, 0o600))
	fifo := filepath.Join(dir, "fifo")
	must(t, unix.Mkfifo(fifo, 0o600))
	loop := filepath.Join(dir, "loop")
	must(t, os.Symlink(loop, loop))
	cases := []struct {
		spec  string
		kind  fault.Kind
		words []string
	}{
		{"", fault.Usage, []string{"no source", "auto"}},
		{filepath.Join(dir, "missing"), fault.Usage, []string{"missing", "no such file"}},
		{empty, fault.Usage, []string{empty, "is empty"}},
		{dir, fault.Usage, []string{dir, "is a directory"}},
		{fifo, fault.Usage, []string{fifo, "is a fifo"}},
		{"/dev/null", fault.Usage, []string{"/dev/null", "is a character device"}},
		{"auto:", fault.Usage, []string{`""`, "64KiB"}},
		{"auto:0", fault.Usage, []string{"auto:0"}},
		{"auto:lots", fault.Usage, []string{`"lots"`}},
		{"auto:8388607T", fault.Failed, []string{"EiB", "in ", "TMPDIR", "no space left"}},
	}
	for _, c := range cases {
		t.Run(c.spec, func(t *testing.T) {
			s, err := sourceNamed(t.Context(), c.spec, nil)
			if err == nil {
				s.Close()
			}
			mustFail(t, err, c.kind, c.words...)
		})
	}
	t.Run("loop", func(t *testing.T) {
		if _, err := sourceNamed(t.Context(), loop, nil); !errors.Is(err, unix.ELOOP) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no TMPDIR", func(t *testing.T) {
		t.Setenv("TMPDIR", filepath.Join(dir, "missing"))
		_, err := sourceNamed(t.Context(), "auto", nil)
		mustFail(t, err, fault.Usage, "64 MiB", filepath.Join(dir, "missing"), "TMPDIR")
	})
}

// Root reads what it likes, so the rights that are missing here are those of
// the user that root works for.
func TestSourceNeedsTheUsersRights(t *testing.T) {
	path := tempFile(t, 100)
	user := (*User)(nil)
	if os.Geteuid() == 0 {
		user = &User{UID: 65534, GID: 65534}
		openToAll(t, path)
		must(t, os.Chmod(path, 0o600))
	} else {
		must(t, os.Chmod(path, 0))
	}
	_, err := sourceNamed(t.Context(), path, user)
	mustFail(t, err, fault.Unsupported, path, "permission denied")
}

// openToAll lets other users reach a file in the test's directory.
func openToAll(t *testing.T, path string) {
	t.Helper()
	for dir := filepath.Dir(path); dir != os.TempDir(); dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
}

func TestAsUser(t *testing.T) {
	needRoot(t)
	path := tempFile(t, 100)
	openToAll(t, path)
	must(t, os.Chown(path, 0, 4242))
	must(t, os.Chmod(path, 0o640))
	read := func() error { _, err := os.ReadFile(path); return err }

	if err := AsUser(&User{UID: 65534, GID: 65534}, read); !errors.Is(err, os.ErrPermission) {
		t.Errorf("another user: %v", err)
	}
	if err := AsUser(&User{UID: 65534, GID: 65534, Groups: []uint32{4242}}, read); err != nil {
		t.Errorf("a member of its group: %v", err)
	}
	if err := read(); err != nil {
		t.Errorf("root again: %v", err)
	}

	must(t, os.Chmod(filepath.Dir(path), 0o777))
	made := filepath.Join(filepath.Dir(path), "made")
	must(t, AsUser(&User{UID: 65534, GID: 65533}, func() error { return os.WriteFile(made, nil, 0o600) }))
	var st unix.Stat_t
	must(t, unix.Stat(made, &st))
	if st.Uid != 65534 || st.Gid != 65533 {
		t.Errorf("the file belongs to %d:%d", st.Uid, st.Gid)
	}
	for _, line := range []string{"Uid:\t0\t0\t0\t0\n", "Gid:\t0\t0\t0\t0\n"} {
		for _, task := range tasks(t) {
			if status := readFile(t, task+"/status"); !bytes.Contains([]byte(status), []byte(line)) {
				t.Errorf("%s lacks %q:\n%s", task, line, status)
			}
		}
	}
}

func tasks(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob("/proc/self/task/*")
	must(t, err)
	return list
}

func TestAsUserWithoutAUser(t *testing.T) {
	want := errors.New("its own")
	if err := AsUser(nil, func() error { return want }); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

func TestInvokingUser(t *testing.T) {
	t.Setenv("SUDO_UID", "")
	if u, err := InvokingUser(); u != nil || err != nil {
		t.Errorf("not under sudo: %+v, %v", u, err)
	}
	t.Setenv("SUDO_UID", "4294967294") // nobody's: no database knows it
	t.Setenv("SUDO_GID", "1234")
	u, err := InvokingUser()
	if os.Geteuid() != 0 {
		if u != nil || err != nil {
			t.Errorf("not root: %+v, %v", u, err)
		}
		return
	}
	if err != nil || u == nil || u.UID != 4294967294 || u.GID != 1234 || len(u.Groups) != 0 {
		t.Errorf("under sudo: %+v, %v", u, err)
	}
	t.Setenv("SUDO_GID", "wheel")
	_, err = InvokingUser()
	mustFail(t, err, fault.Usage, "SUDO_GID", "wheel")
	t.Setenv("SUDO_UID", "0")
	if u, err := InvokingUser(); u != nil || err != nil {
		t.Errorf("root's own sudo: %+v, %v", u, err)
	}
}

// Users that are not in /etc/passwd have the groups that id(1) knows.
func TestGroupsOfNetworkUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, as sudo gives it")
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "id"), []byte("#!/bin/sh\n[ \"$*\" = '-G 4294967294' ] && echo 1234 5678\n"), 0o755))
	t.Setenv("PATH", dir)
	t.Setenv("SUDO_UID", "4294967294")
	t.Setenv("SUDO_GID", "1234")
	if u, err := InvokingUser(); err != nil || u == nil || !slices.Equal(u.Groups, []uint32{1234, 5678}) {
		t.Errorf("%+v, %v", u, err)
	}
}

// What the kernel makes up as it is read seldom has the size that it says.
func TestSourcesThatTheKernelMakesUp(t *testing.T) {
	for _, c := range []struct{ path, why string }{
		{"/proc/version", "says that it is 0 bytes long, as files of proc do"},
		{"/proc/self/ns/net", "as files of nsfs do"},
		{"/sys/kernel/uevent_seqnum", "says that it is 4,096 bytes long and is not, as files of sysfs do"},
	} {
		_, err := sourceNamed(t.Context(), c.path, nil)
		mustFail(t, err, fault.Usage, c.path, c.why, "copy it to a file first")
	}
	s, err := sourceNamed(t.Context(), "/sys/kernel/btf/vmlinux", nil)
	must(t, err)
	defer s.Close()
	_, err = sinkNamed("file", s, nil)
	mustFail(t, err, fault.Usage, "lies beside the source", "/sys/kernel/btf is on sysfs", "--sink file:PATH")
}
