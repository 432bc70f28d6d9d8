//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/trace"
)

// What is below a file system on a loop device, and below one of the device mapper's on it, is told down to the
// disk. What is written to it is counted once.
func TestLayersOfDisks(t *testing.T) {
	needTracing(t)
	if runtime.GOARCH != "amd64" {
		return // its guest has neither dmsetup nor mkfs.ext4
	}
	dir, file := loopFile(t)
	loop := strings.TrimSpace(must(t, "losetup", "--find", "--show", file))
	t.Cleanup(func() { must(t, "losetup", "--detach", loop) })
	layers := []trace.Layer{{Kind: "disk", Name: filepath.Base(loop)}, {Kind: "file", Name: file}}
	device := loop
	if _, err := os.Stat("/sys/class/misc/device-mapper"); err == nil || inGuest() {
		layers = slices.Insert(layers, 0, trace.Layer{Kind: "disk", Name: mapped(t, loop)})
		device = "/dev/" + layers[0].Name
	}
	must(t, "mkfs.ext4", "-q", device)
	mount := t.TempDir()
	if err := unix.Mount(device, mount, "ext4", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(mount, 0) })
	source := filepath.Join(mount, "source")
	if err := os.WriteFile(source, make([]byte, mib), 0o644); err != nil {
		t.Fatal(err)
	}
	tr := traced(t, "direct-io", "--source", source, "--sink", "file", "--bytes", "1MiB", "--cache", "cold")
	below := tr.Run.Source.Below
	if len(below) <= len(layers) || !slices.Equal(below[:len(layers)], layers) || below[len(layers)].Kind != "filesystem" {
		t.Errorf("the source is on %v, want %v and the file system of %s", below, layers, dir)
	}
	if !slices.Equal(below, tr.Run.Sink.Below) || tr.Run.Sink.Device != (trace.Device{Kind: "disk", Name: layers[0].Name}) {
		t.Errorf("the sink is on %v, and %v carries it away", tr.Run.Sink.Below, tr.Run.Sink.Device)
	}
	want{"sender.disk.read_bytes": mib, "sender.disk.write_bytes": mib, "losses.disk_reads": 0}.check(t, tr)
}

// loopFile makes a file on a disk for a loop device.
func loopFile(t *testing.T) (dir, file string) {
	t.Helper()
	dir, err := os.MkdirTemp(onDisks(t)[0].dir, "zctrace-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file = filepath.Join(dir, "disk")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 16<<20); err != nil {
		t.Fatal(err)
	}
	return dir, file
}

// must runs a program, and returns what it prints.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	needProgram(t, name)
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}

// mapped makes a device of the device mapper's that is another one, and returns its name.
func mapped(t *testing.T, on string) string {
	t.Helper()
	name := fmt.Sprintf("zctrace-test-%d", os.Getpid())
	must(t, "dmsetup", "create", name, "--noudevsync", "--table", "0 32768 linear "+on+" 0")
	t.Cleanup(func() { must(t, "dmsetup", "remove", "--noudevsync", name) })
	return "dm-" + strings.TrimSpace(must(t, "dmsetup", "info", "-c", "--noheadings", "-o", "minor", name))
}

// The name of a loop device's file may by now be that of a file on the device itself.
func TestLoopDeviceBelowItself(t *testing.T) {
	oncePerMachine(t)
	needTracing(t)
	dir, file := loopFile(t)
	loop := strings.TrimSpace(must(t, "losetup", "--find", "--show", file))
	t.Cleanup(func() { must(t, "losetup", "--detach", loop) })
	must(t, "mkfs.ext4", "-q", loop)
	if err := unix.Mount(loop, dir, "ext4", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, 0) })
	if err := os.WriteFile(file, make([]byte, mib), 0o644); err != nil {
		t.Fatal(err)
	}
	tr := traced(t, "read-write", "--source", file, "--sink", "null", "--bytes", "1MiB")
	layers := []trace.Layer{{Kind: "disk", Name: filepath.Base(loop)}, {Kind: "file", Name: file}, {Kind: "filesystem", Name: "ext4"}, {Kind: "unknown"}}
	if !slices.Equal(tr.Run.Source.Below, layers) {
		t.Errorf("the source is on %v, want %v", tr.Run.Source.Below, layers)
	}
}
