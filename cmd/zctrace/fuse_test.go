//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/reading"
	"github.com/zctrace/zctrace/tracer/trace"
)

// daemon is a file system of FUSE in the memory of the test: one directory of files (include/uapi/linux/fuse.h).
type daemon struct {
	device    int
	openFlags uint32            // FOPEN_ of each file that is opened
	nodes     [][]byte          // what is in them; the first is the directory
	names     map[string]uint64 // of those that have one
}

// The requests that it knows; it refuses others with ENOSYS, which the kernel takes for no.
const (
	fuseLookup      = 1
	fuseForget      = 2
	fuseGetattr     = 3
	fuseSetattr     = 4
	fuseUnlink      = 10
	fuseOpen        = 14
	fuseRead        = 15
	fuseWrite       = 16
	fuseStatfs      = 17
	fuseRelease     = 18
	fuseInit        = 26
	fuseOpendir     = 27
	fuseReleasedir  = 29
	fuseCreate      = 35
	fuseBatchForget = 42

	fopenDirectIO = 1 // FOPEN_DIRECT_IO
	rootNode      = 1
)

type (
	fuseIn struct {
		Len, Opcode     uint32
		Unique, Node    uint64
		UID, GID, PID   uint32
		Extlen, Padding uint16
	}
	fuseAttr struct {
		Ino, Size, Blocks, Atime, Mtime, Ctime                                                uint64
		Atimensec, Mtimensec, Ctimensec, Mode, Nlink, UID, GID, Rdev, Blksize, ThatItHasFlags uint32
	}
	fuseEntry struct {
		Node, Generation, EntryValid, AttrValid uint64
		EntryValidNsec, AttrValidNsec           uint32
		Attr                                    fuseAttr
	}
	fuseAttrOut struct {
		Valid       uint64
		Nsec, Dummy uint32
		Attr        fuseAttr
	}
	fuseOpened struct {
		Handle         uint64
		Flags, Backing uint32
	}
	fuseTransfer struct {
		Handle, Offset uint64
		Size, Flags    uint32
	}
)

// fuse mounts one with a file "source" of n bytes, which is opened with these flags.
func fuse(t *testing.T, n int, openFlags uint32) string {
	t.Helper()
	needTracing(t)
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		cannot(t, fmt.Sprintf("open /dev/fuse: %v (modprobe fuse, as root)", err))
	}
	dir := t.TempDir()
	if err := unix.Mount("test", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)); err != nil {
		unix.Close(fd)
		cannot(t, fmt.Sprintf("mount a file system of FUSE: %v (run as root)", err))
	}
	d := &daemon{device: fd, openFlags: openFlags, nodes: [][]byte{nil, make([]byte, n)}, names: map[string]uint64{"source": 2}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.serve()
	}()
	t.Cleanup(func() {
		_ = unix.Unmount(dir, unix.MNT_DETACH)
		<-done
		unix.Close(fd)
	})
	return filepath.Join(dir, "source")
}

// serve answers until the file system is unmounted.
func (d *daemon) serve() {
	request := make([]byte, 1<<20)
	for {
		n, err := unix.Read(d.device, request)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT) { // the caller was interrupted
			continue
		}
		if err != nil {
			return
		}
		var in fuseIn
		body := request[40:n]
		_, _ = binary.Decode(request, binary.LittleEndian, &in)
		if in.Opcode == fuseForget || in.Opcode == fuseBatchForget {
			continue
		}
		answer, errno := d.answer(&in, body)
		reply := binary.LittleEndian.AppendUint32(nil, uint32(16+len(answer)))
		reply = binary.LittleEndian.AppendUint32(reply, uint32(-int32(errno)))
		reply = append(binary.LittleEndian.AppendUint64(reply, in.Unique), answer...)
		_, _ = unix.Write(d.device, reply)
	}
}

func (d *daemon) answer(in *fuseIn, body []byte) ([]byte, unix.Errno) {
	switch in.Opcode {
	case fuseInit: // version 7.31, and writes of 128 KiB
		return encode([]uint32{7, 31, 128 << 10, 0, 0, 128 << 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), 0
	case fuseLookup:
		node, there := d.names[name(body)]
		if !there {
			return nil, unix.ENOENT
		}
		return encode(d.entry(node)), 0
	case fuseSetattr:
		var size uint64
		if valid := binary.LittleEndian.Uint32(body); valid&8 != 0 { // FATTR_SIZE
			size = binary.LittleEndian.Uint64(body[16:])
			d.resize(in.Node, int(size))
		}
		return encode(fuseAttrOut{Attr: d.attr(in.Node)}), 0
	case fuseGetattr:
		return encode(fuseAttrOut{Attr: d.attr(in.Node)}), 0
	case fuseOpen, fuseOpendir:
		return encode(fuseOpened{Flags: d.openFlags}), 0
	case fuseCreate:
		node := uint64(len(d.nodes) + 1)
		d.nodes = append(d.nodes, nil)
		d.names[name(body[16:])] = node
		return append(encode(d.entry(node)), encode(fuseOpened{Flags: d.openFlags})...), 0
	case fuseUnlink:
		delete(d.names, name(body))
		return nil, 0
	case fuseRead, fuseWrite:
		return d.transfer(in, body), 0
	case fuseStatfs:
		return make([]byte, 80), 0
	case fuseRelease, fuseReleasedir:
		return nil, 0
	}
	return nil, unix.ENOSYS
}

func (d *daemon) transfer(in *fuseIn, body []byte) []byte {
	var what fuseTransfer
	_, _ = binary.Decode(body, binary.LittleEndian, &what)
	at, size := int(what.Offset), int(what.Size)
	if in.Opcode == fuseRead {
		data := d.nodes[in.Node-1]
		return data[min(at, len(data)):min(at+size, len(data))]
	}
	d.resize(in.Node, max(at+size, len(d.nodes[in.Node-1])))
	copy(d.nodes[in.Node-1][at:], body[40:])
	return encode([2]uint32{what.Size})
}

func (d *daemon) resize(node uint64, size int) {
	data := make([]byte, size)
	copy(data, d.nodes[node-1])
	d.nodes[node-1] = data
}

func (d *daemon) attr(node uint64) fuseAttr {
	a := fuseAttr{Ino: node, Size: uint64(len(d.nodes[node-1])), Mode: unix.S_IFREG | 0o644, Nlink: 1, Blksize: 4096}
	if node == rootNode {
		a.Mode = unix.S_IFDIR | 0o755
	}
	return a
}

func (d *daemon) entry(node uint64) fuseEntry { return fuseEntry{Node: node, Attr: d.attr(node)} }

func name(body []byte) string { return string(body[:bytes.IndexByte(body, 0)]) }

func encode(v any) []byte {
	data, _ := binary.Append(nil, binary.LittleEndian, v)
	return data
}

// Files that a daemon keeps are read through the page cache unless it asks for something else; what no disk
// brought came from the daemon.
func TestFUSE(t *testing.T) {
	const n, pages = 1_000_123, 1_003_520
	const daemons = "from the file system's daemon"
	for _, test := range []struct {
		name, strategy, cache, sink string
		openFlags                   uint32
		want                        want
		in                          string // why no disk brought it
	}{
		{"warm", "read-write", "warm", "tcp", 0, want{toUser: n, fromUser: n, "sender.page_cache.hit_bytes": n, "sender.page_cache.miss_bytes": 0}, "page cache warm"},
		{"cold", "sendfile", "cold", "tcp", 0, want{pageRefs: n, "sender.page_cache.miss_bytes": pages, "sender.page_cache.left_bytes": pages}, daemons},
		{"to a file", "read-write", "warm", "file", 0, want{toUser: n, fromUser: n, "sender.page_cache.hit_bytes": n}, "page cache warm"},
		{"past the page cache", "read-write", "warm", "tcp", fopenDirectIO, want{fromUser: n}, daemons},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := fuse(t, n, test.openFlags)
			tr := traced(t, test.strategy, "--source", source, "--sink", test.sink, "--cache", test.cache, "--bytes", "1000123", "--verify")
			if below := tr.Run.Source.Below; tr.Run.Source.Filesystem != "fuse" || len(below) != 1 || below[0].Kind != "daemon" {
				t.Errorf("the source is on %s, %v", tr.Run.Source.Filesystem, below)
			}
			test.want["sender.disk.read_bytes"] = 0
			test.want.check(t, tr)
			v := reading.End(tr).Verdict()
			if cause := v.Row(reading.DMAIn).Cause.String(); cause != test.in {
				t.Errorf("nothing came from a disk: %q, want %q", cause, test.in)
			}
			if row := v.Row(reading.DMAOut); test.sink == "file" && (row.Known || row.Cause.String() != "the file system's daemon has them") {
				t.Errorf("out goes %s (%s)", row.MeasuredText(), row.Cause)
			}
			c := &tr.Total.Sender
			for path, known := range map[string]bool{"page_cache.hit_bytes": c.PageCache.HitBytes.Known(), "page_cache.miss_bytes": c.PageCache.MissBytes.Known()} {
				if o := c.Origin(path); known != (test.openFlags == 0) || !known && !strings.Contains(o.Reason, "depends on who keeps its data") {
					t.Errorf("%s is known: %v, %+v", path, known, o)
				}
			}
			if left := c.PageCache.LeftBytes; test.openFlags != 0 && left.Or(0) != 0 { // before 6.5 nobody can look without mapping it
				t.Errorf("%v bytes were left in the page cache", left)
			}
			if derived := c.Copies.ToUser; test.openFlags != 0 && derived.Provenance == trace.Derived {
				t.Errorf("%v bytes were derived to be copied to user memory", derived.Bytes)
			}
		})
	}
}

// The host of a virtual machine keeps what is on virtiofs.
func TestVirtiofs(t *testing.T) {
	guestOnly(t, "its root is on virtiofs")
	needTracing(t)
	source, err := filepath.Abs("fuse_test.go") // the tests' directory is the host's
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(source)
	if err != nil {
		t.Fatal(err)
	}
	tr := traced(t, "read-write", "--source", source, "--sink", "tcp", "--bytes", fmt.Sprint(info.Size()))
	if below := tr.Run.Source.Below; tr.Run.Source.Filesystem != "virtiofs" || len(below) != 1 || below[0].Kind != "host" {
		t.Errorf("the source is on %s, %v", tr.Run.Source.Filesystem, below)
	}
	want{toUser: info.Size(), fromUser: info.Size(), "sender.page_cache.hit_bytes": info.Size()}.check(t, tr)
}
