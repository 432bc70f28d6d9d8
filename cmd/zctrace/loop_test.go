//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// mounted makes a file system of each type and mounts it for the test. The guests have them
// already.
func mounted(t *testing.T, types ...string) (list []filesystem) {
	t.Helper()
	if inGuest() {
		for _, f := range filesystems(t) {
			for _, name := range types {
				if f.name == name {
					list = append(list, f)
				}
			}
		}
		return list
	}
	needTracing(t)
	if os.Geteuid() != 0 {
		cannot(t, "only root mounts file systems")
	}
	for _, name := range types {
		list = append(list, filesystem{name, mountLoop(t, name)})
	}
	return list
}

// mountLoop mounts a file. It has no name any more then, so that it goes with its mount.
func mountLoop(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	image, at := filepath.Join(dir, "image"), filepath.Join(dir, name)
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 512*mib); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"mkfs." + name, image}, {"mount", "-o", "loop", image, at}} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			cannot(t, "cannot make and mount a file system, "+args[0]+": "+err.Error()+"\n"+string(out))
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", at, err)
		}
	})
	if err := os.Remove(image); err != nil {
		t.Fatal(err)
	}
	return at
}
