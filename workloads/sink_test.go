//go:build linux

package workloads

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

func TestSinks(t *testing.T) {
	cases := []struct {
		kind     SinkKind
		address  string
		device   Device
		receiver bool
	}{
		{SinkTCP, `^127\.0\.0\.1:[1-9][0-9]*$`, Device{"lo", "loopback"}, true},
		{SinkUnix, `^$`, Device{"", "memory"}, true},
		{SinkPipe, `^$`, Device{"", "memory"}, true},
		{SinkNull, `^/dev/null$`, Device{"", "none"}, false},
	}
	for _, c := range cases {
		t.Run(string(c.kind), func(t *testing.T) {
			_, sink := open(t, "zero", string(c.kind))
			if sink.Kind != c.kind || sink.Device != c.device || sink.HasReceiver() != c.receiver {
				t.Errorf("got %+v", sink)
			}
			if !regexp.MustCompile(c.address).MatchString(sink.Address) {
				t.Errorf("address %q", sink.Address)
			}
			for _, f := range []*os.File{sink.sender, sink.receiver} {
				if f == nil {
					continue
				}
				flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
				must(t, err)
				if flags&unix.O_NONBLOCK != 0 {
					t.Errorf("%s does not block", f.Name())
				}
				if flags, err = unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
					t.Errorf("%s would leak into other programs", f.Name())
				}
			}
		})
	}
}

func TestUnnamedSinkFileIsBesideTheSource(t *testing.T) {
	path := tempFile(t, 100)
	_, sink := open(t, path, "file")
	if sink.Address != filepath.Dir(path) {
		t.Errorf("the sink is in %s, the source is %s", sink.Address, path)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("beside the source: %v", entries)
	}
	if sink.Device.Kind != "disk" && sink.Device.Kind != "memory" && sink.Device.Kind != "virtual" {
		t.Errorf("device %+v", sink.Device)
	}
}

func TestBadSinks(t *testing.T) {
	source := tempFile(t, 100)
	dir := t.TempDir()
	full := filepath.Join(dir, "full")
	must(t, os.WriteFile(full, []byte("precious"), 0o600))
	fifo := filepath.Join(dir, "fifo")
	must(t, unix.Mkfifo(fifo, 0o600))
	link := filepath.Join(dir, "link")
	must(t, os.Link(source, link))
	symlink := filepath.Join(dir, "symlink")
	must(t, os.Symlink(full, symlink))
	nowhere := filepath.Join(dir, "nowhere")
	must(t, os.Symlink(filepath.Join(dir, "made"), nowhere))
	cases := []struct {
		spec  string
		kind  fault.Kind
		words []string
	}{
		{"", fault.Usage, []string{"tcp, unix, pipe, file, null"}},
		{"tpc", fault.Usage, []string{"tpc", "did you mean tcp?"}},
		{"tcp:80", fault.Usage, []string{"tcp:80"}},
		{"file:", fault.Usage, []string{"file:PATH"}},
		{"file:" + full, fault.Usage, []string{full, "exists already", "8 B"}},
		{"file:" + symlink, fault.Usage, []string{symlink, "is a symbolic link", "name the file"}},
		{"file:" + nowhere, fault.Usage, []string{nowhere, "is a symbolic link"}},
		{"file:" + dir, fault.Usage, []string{dir, "directory"}},
		{"file:" + fifo, fault.Usage, []string{fifo, "fifo"}},
		{"file:/dev/null", fault.Usage, []string{"/dev/null", "character device"}},
		{"file:" + source, fault.Usage, []string{source, "is the source itself"}},
		{"file:" + link, fault.Usage, []string{link, "is the source itself"}},
		{"file:" + dir + "/missing/sink", fault.Usage, []string{"missing/sink", "no such file"}},
		{"file:/proc/self/comm", fault.Usage, []string{"/proc/self/comm is on proc", "a command", "--sink file"}},
		{"file:/proc/zctrace", fault.Usage, []string{"/proc/zctrace is on proc"}}, // before it is made
		{"file:/sys/kernel/profiling", fault.Usage, []string{"is on sysfs"}},
		{"file:" + full + "/sink", fault.Usage, []string{"full/sink", "not a directory"}},
	}
	for _, c := range cases {
		t.Run(c.spec, func(t *testing.T) {
			from, err := sourceNamed(t.Context(), source, nil)
			must(t, err)
			defer from.Close()
			_, err = sinkNamed(c.spec, from, nil)
			mustFail(t, err, c.kind, c.words...)
		})
	}
	if got := readFile(t, full); got != "precious" {
		t.Errorf("the existing file is now %q", got)
	}
	if _, err := os.Lstat(filepath.Join(dir, "made")); err == nil {
		t.Error("a file was made where a link led to")
	}
}

func TestSinkFileNeedsTheUsersRights(t *testing.T) {
	source := tempFile(t, 100)
	dir := filepath.Dir(source)
	user := (*User)(nil)
	if os.Geteuid() == 0 {
		user = &User{UID: 65534, GID: 65534}
		openToAll(t, source)
		must(t, os.Chmod(source, 0o644))
	} else {
		must(t, os.Chmod(dir, 0o500))
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	}
	from, err := sourceNamed(t.Context(), source, user)
	must(t, err)
	defer from.Close()
	for _, spec := range []string{"file", "file:" + filepath.Join(dir, "sink")} {
		_, err = sinkNamed(spec, from, user)
		mustFail(t, err, fault.Unsupported, dir, "permission denied", "file:PATH")
	}
}

func TestNamedSinkFile(t *testing.T) {
	source := tempFile(t, 10_000)
	path := filepath.Join(t.TempDir(), "sink")
	// Twice through one sink, as with --baseline; then again on the empty file.
	from, sink := open(t, source, "file:"+path)
	for range 2 {
		must(t, sink.Reset(t.Context()))
		p := startWorker(t, Config{Role: Sender, Work: Work{Strategy: sendfile, Bytes: 10_000, Chunk: 4096}, Source: from, Sink: sink})
		sink.HandOver()
		release(t, p)
		if _, err := wait(t, p); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := readFile(t, path), readFile(t, source); got != want {
		t.Errorf("the sink has %d bytes, which are not the source's %d", len(got), len(want))
	}
	must(t, os.Truncate(path, 0))
	_, again := open(t, source, "file:"+path)
	again.Close()
}

// One run at a time has a file, also while it is empty; a run that does not get it leaves
// it where it is.
func TestClaim(t *testing.T) {
	source := tempFile(t, 100)
	spec := "file:" + filepath.Join(t.TempDir(), "sink")
	from, sink := open(t, source, spec)
	_, other := open(t, source, spec)
	must(t, other.Claim(from)) // though the first one made it
	must(t, unix.Fallocate(int(other.sender.Fd()), 0, 0, 4096))
	mustFail(t, sink.Claim(from), fault.Usage, "is locked: another run writes to it", "name a file that does not exist yet")
	sink.Discard()
	if info, err := os.Stat(sink.Address); err != nil || info.Size() != 4096 {
		t.Errorf("the other run's file is not as it left it: %+v, %v", info, err)
	}
	other.Discard()
	_, fourth := open(t, source, spec)
	other.Close()
	must(t, fourth.Claim(from))
	must(t, os.Remove(fourth.Address))
	mustFail(t, fourth.Claim(from), fault.Usage, "has just been removed or replaced", "run it again")
	must(t, os.WriteFile(fourth.Address, nil, 0o600))
	mustFail(t, fourth.Claim(from), fault.Usage, "has just been removed or replaced", "run it again")
	must(t, os.Remove(fourth.Address))
	_, sink = open(t, source, spec)
	must(t, sink.Claim(from))
	_, third := open(t, source, spec)
	_, err := sink.sender.WriteString("payload")
	must(t, err)
	sink.Close()
	mustFail(t, third.Claim(from), fault.Usage, "exists already, with 7 B in it")
	third.Close()
	must(t, os.Truncate(third.Address, 0))
	_, late := open(t, source, spec)
	must(t, os.Truncate(third.Address, 4096)) // what a run leaves that sent nothing but holes
	mustFail(t, late.Claim(from), fault.Usage, "exists already, with 4 KiB in it")
	late.Discard()
	_, early := open(t, source, "file:"+filepath.Join(t.TempDir(), "sink")) // which it makes
	_, other = open(t, source, "file:"+early.Address)
	must(t, other.Claim(from))
	early.Discard() // before it claims anything
	must(t, unix.Fallocate(int(other.sender.Fd()), 0, 0, 4096))
	early.Discard()
	for _, path := range []string{late.Address, early.Address} {
		if info, err := os.Stat(path); err != nil || info.Size() != 4096 {
			t.Errorf("the other run's file is not as it left it: %+v, %v", info, err)
		}
	}
	for _, spec := range []string{"file", "null", "tcp"} {
		_, sink := open(t, source, spec)
		must(t, sink.Claim(from))
	}
}

// A refused run leaves no file, and takes none away that was there.
func TestDiscard(t *testing.T) {
	source, dir := tempFile(t, 100), t.TempDir()
	path := filepath.Join(dir, "sink")
	user := (*User)(nil)
	if os.Geteuid() == 0 {
		user = &User{UID: 65534, GID: 65534}
		openToAll(t, path)
		must(t, os.Chmod(dir, 0o777))
	}
	from, _ := open(t, source, "null")
	exists := func() bool { _, err := os.Lstat(path); return err == nil }
	for _, c := range []struct {
		name   string
		before func()
		after  func(*Sink)
		stays  bool
	}{
		{"created", func() {}, func(*Sink) {}, false},
		{"was there", func() { must(t, os.WriteFile(path, nil, 0o666)); must(t, os.Chmod(path, 0o666)) }, func(*Sink) {}, true},
		{"used", func() {}, func(s *Sink) { _, err := s.sender.WriteString("payload"); must(t, err) }, true},
		{"space reserved", func() {}, func(s *Sink) { must(t, s.Claim(from)); must(t, unix.Fallocate(int(s.sender.Fd()), 0, 0, 100_000)) }, false},
		{"replaced", func() {}, func(*Sink) { must(t, os.Remove(path)); must(t, os.WriteFile(path, nil, 0o600)) }, true},
		{"gone", func() {}, func(*Sink) { must(t, os.Remove(path)) }, false},
		{"not the user's", func() {}, func(*Sink) {
			if user != nil {
				must(t, os.Chmod(dir, 0o755))
			}
		}, user != nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.before()
			sink, err := sinkNamed("file:"+path, from, user)
			must(t, err)
			defer sink.Close()
			c.after(sink)
			sink.Discard()
			if exists() != c.stays {
				t.Errorf("the file is there: %v, want %v", exists(), c.stays)
			}
			_ = os.Remove(path)
		})
	}
	for _, spec := range []string{"file", "null", "tcp"} {
		_, sink := open(t, source, spec)
		sink.Discard()
	}
}

func TestResetConnectsAgain(t *testing.T) {
	for _, kind := range []SinkKind{SinkTCP, SinkUnix, SinkPipe, SinkNull} {
		source, sink := open(t, "zero", string(kind))
		sink.HandOver()
		must(t, sink.Reset(t.Context()))
		p := startWorker(t, Config{Role: Sender, Work: Work{Strategy: readWrite, Bytes: 100, Chunk: 100}, Source: source, Sink: sink})
		release(t, p)
		if res, err := wait(t, p); err != nil || res.Payload != 100 {
			t.Errorf("%s: %+v, %v", kind, res, err)
		}
	}
}

func TestOnlyNullCannotBeVerified(t *testing.T) {
	for _, kind := range SinkKinds {
		err := (&Sink{Kind: kind}).CanVerify()
		if kind == SinkNull {
			mustFail(t, err, fault.Usage, "/dev/null")
		} else if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestVerifyFileOfAnotherLength(t *testing.T) {
	source, sink := open(t, tempFile(t, 100), "file")
	if bad, err := sink.VerifyFile(t.Context(), source, 100); err == nil {
		t.Errorf("nothing was written, and that is %v", bad)
	}
}
