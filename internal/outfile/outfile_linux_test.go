package outfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestWriteToFullDevice(t *testing.T) {
	err := Write("/dev/full", writeHello)
	want := "cannot write /dev/full: no space left on device (free some space there, or name a file elsewhere)"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// needsRoot skips the test, which is a failure in CI's `make test-native`.
func needsRoot(t *testing.T, why string) {
	t.Helper()
	why += " (run as root: make test-native)"
	if os.Getenv("CI") != "" && os.Getenv("ZCTRACE_TEST_ROOT") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func TestWriteToFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"); err != nil {
		needsRoot(t, fmt.Sprintf("mounting a small tmpfs: %v", err))
	}
	defer func() { must(t, syscall.Unmount(dir, 0)) }()
	err := Write(filepath.Join(dir, "trace.json"), func(w io.Writer) error {
		_, err := w.Write(make([]byte, 64<<10))
		return err
	})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "trace.json: no space left on device (free") {
		t.Errorf("error %v, want ENOSPC and what to do", err)
	}
	onlyFiles(t, dir)
}

func TestWriteRefusesBlockDevices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	// Number 7:250 is a loop device that nobody has set up.
	if err := syscall.Mknod(path, syscall.S_IFBLK|0o600, 7<<8|250); err != nil {
		needsRoot(t, fmt.Sprintf("making a block device: %v", err))
	}
	if err := Write(path, writeHello); err == nil || !strings.Contains(err.Error(), "is a block device") {
		t.Errorf("error %v, want that it is a block device", err)
	}
}

func TestCheckAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		needsRoot(t, "only root may become somebody else")
	}
	sticky, err := os.MkdirTemp("", "zctrace-sticky") // t.TempDir's parent admits nobody
	must(t, err)
	defer func() { must(t, os.RemoveAll(sticky)) }()
	must(t, os.Chmod(sticky, 0o777|os.ModeSticky))
	closed := filepath.Join(sticky, "closed")
	must(t, os.Mkdir(closed, 0o755))
	taken, own, fifo := filepath.Join(sticky, "taken"), filepath.Join(sticky, "own"), filepath.Join(sticky, "fifo")
	must(t, os.WriteFile(taken, nil, 0o666))
	must(t, os.WriteFile(own, nil, 0o644))
	must(t, os.Chown(own, 65534, 65534))
	must(t, syscall.Mkfifo(fifo, 0o600))

	check := func() {
		for path, why := range map[string]string{
			filepath.Join(sticky, "new"):   "",
			own:                            "",
			taken:                          "belongs to another user",
			fifo:                           "permission denied",
			filepath.Join(closed, "trace"): "permission denied (name a file in a directory that you may write to)",
		} {
			err := Check(path)
			if why == "" && err != nil || why != "" && (err == nil || !strings.Contains(err.Error(), why)) {
				t.Errorf("Check(%s) = %v, want %q", path, err, why)
			}
			// The check must say what would happen; writing to the fifo would only hang.
			if path == fifo {
				continue
			}
			if err := Write(path, writeHello); (err == nil) != (why == "") {
				t.Errorf("Write(%s) = %v, want %q", path, err, why)
			}
		}
	}
	asNobody(t, syscall.SYS_SETRESUID, check)
	asNobody(t, syscall.SYS_SETFSUID, check) // as under sudo: still root, but for files
	onlyFiles(t, sticky, "new", "own", "taken", "fifo", "closed")
}

// asNobody runs f on a thread that the system call nr has made another user's,
// and which ends with it.
func asNobody(t *testing.T, nr uintptr, f func()) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread is spoilt
		const nobody = 65534
		_, _, errno := syscall.RawSyscall(nr, nobody, nobody, nobody)
		if errno != 0 {
			done <- errno
			return
		}
		f()
		done <- nil
	}()
	must(t, <-done)
}

// Where a file system makes no new files, the directory is not what is missing.
func TestWriteWhereNoFilesAreMade(t *testing.T) {
	err := Check("/proc/zctrace.json")
	if os.Geteuid() != 0 && errors.Is(err, os.ErrPermission) { // which is asked first
		return
	}
	if err == nil || !strings.Contains(err.Error(), "/proc/zctrace.json: its file system makes no new files (name a file elsewhere)") {
		t.Errorf("got %v", err)
	}
}
