//go:build linux

package workloads

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/filesystems"
)

// Layer is a stop on the way that a file's data takes below its file system.
type Layer struct {
	Kind string // filesystem, file (which a loop device stands for), or one of those that keep data: see filesystems.Keeper
	Name string // "" if it has none, or it is not known
}

// below is what is below a file system, from the top down. device is that of its super block.
func below(filesystem string, device uint64) []Layer {
	return belowUnseen(filesystem, device, map[string]bool{})
}

// belowUnseen looks at no device twice: the name of a loop device's file may lead to what is on that device.
func belowUnseen(filesystem string, device uint64, seen map[string]bool) []Layer {
	t := filesystems.Named(filesystem)
	switch t.Keeps {
	case filesystems.ByMemory, filesystems.ByDaemon, filesystems.ByHost, filesystems.ByServer, filesystems.ByKernel:
		return []Layer{{Kind: string(t.Keeps)}}
	case filesystems.ByOthers:
		return []Layer{{Kind: string(filesystems.ByUnknown)}} // see Source.Over
	}
	path := sysPath(device)
	if seen[path] {
		return []Layer{{Kind: string(filesystems.ByUnknown)}}
	}
	if disks := disks([]string{path}, seen); len(disks) > 0 {
		return disks
	}
	if t.Keeps == filesystems.ByDisk { // btrfs and zfs have a number of their own, which is no block device's
		return []Layer{{Kind: string(filesystems.ByDisk)}}
	}
	return []Layer{{Kind: string(filesystems.ByUnknown)}}
}

// belowOverlay is what is below an overlay's file, once it is known which file system has it.
func belowOverlay(filesystem string, device uint64) []Layer {
	return append([]Layer{{Kind: "filesystem", Name: filesystem}}, below(filesystem, device)...)
}

func sysPath(device uint64) string {
	path, _ := filepath.EvalSymlinks(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(device), unix.Minor(device)))
	return path
}

// disks are block devices that are one on top of the other, from the top down; those side by side have
// their names in one layer. A path is that of a device in sysfs.
func disks(paths []string, seen map[string]bool) (layers []Layer) {
	for {
		var names, next []string
		for _, path := range paths {
			if path == "" || seen[path] {
				continue
			}
			seen[path] = true
			names = append(names, filepath.Base(path))
			next = append(next, slaves(path)...)
		}
		if len(names) == 0 {
			return layers
		}
		layers = append(layers, Layer{Kind: string(filesystems.ByDisk), Name: strings.Join(names, ", ")})
		if len(paths) == 1 {
			layers = append(layers, backing(whole(paths[0]), seen)...)
		}
		slices.Sort(next)
		paths = slices.Compact(next)
	}
}

// whole is the device that a partition is of; any other is whole itself.
func whole(path string) string {
	if _, err := os.Stat(path + "/partition"); err == nil {
		return filepath.Dir(path)
	}
	return path
}

// slaves are the devices below one of dm or md.
func slaves(path string) (paths []string) {
	links, _ := filepath.Glob(whole(path) + "/slaves/*")
	for _, link := range links {
		if path, err := filepath.EvalSymlinks(link); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// backing is what is below a loop device: a file, which may not be there under this name.
func backing(path string, seen map[string]bool) []Layer {
	name, err := os.ReadFile(path + "/loop/backing_file")
	if err != nil {
		return nil
	}
	file := strings.TrimSuffix(string(name), "\n")
	layers := []Layer{{Kind: "file", Name: file}}
	f, err := os.OpenFile(file, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return append(layers, Layer{Kind: string(filesystems.ByUnknown)})
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return append(layers, Layer{Kind: string(filesystems.ByUnknown)})
	}
	on := filesystem(int(f.Fd()))
	return append(append(layers, Layer{Kind: "filesystem", Name: on}), belowUnseen(on, st.Dev, seen)...)
}

// deviceOf is what carries away what is written to a file above these layers: the first that counts
// what is written to it.
func deviceOf(layers []Layer) Device {
	i := slices.IndexFunc(layers, func(l Layer) bool { return l.Kind != "filesystem" })
	switch keeps := filesystems.Keeper(layers[i].Kind); keeps {
	case filesystems.ByDisk, filesystems.ByMemory, filesystems.ByUnknown:
		return Device{Name: layers[i].Name, Kind: string(keeps)}
	}
	return Device{Kind: "virtual"}
}

// Over tells the source which file system its overlay's file is on, and with what super block's device.
func (s *Source) Over(filesystem string, device uint64) {
	s.Below = belowOverlay(filesystem, device)
}

// Over tells a file sink the same.
func (s *Sink) Over(filesystem string, device uint64) {
	s.Below = belowOverlay(filesystem, device)
	s.Device = deviceOf(s.Below)
}

// IsOverlay is true for a file system whose files are other file systems'.
func IsOverlay(filesystem string) bool {
	return filesystems.Named(filesystem).Keeps == filesystems.ByOthers
}

// typeBelow is the type of the file system that does the work: the first below overlays.
func typeBelow(filesystem string, layers []Layer) filesystems.Type {
	if IsOverlay(filesystem) && len(layers) > 0 && layers[0].Kind == "filesystem" {
		filesystem = layers[0].Name
	}
	return filesystems.Named(filesystem)
}

func (s *Source) fsType() filesystems.Type { return typeBelow(s.Filesystem, s.Below) }

// InMemory is true for a source whose page cache is all there is.
func (s *Source) InMemory() bool { return s.fsType().Keeps == filesystems.ByMemory }

// InMemory is true for a file sink whose page cache is all there is.
func (s *Sink) InMemory() bool { return typeBelow(s.Filesystem, s.Below).Keeps == filesystems.ByMemory }

// IsRemote is true if what is read of the source comes from another machine, passes no block device here, and
// is charged to the task as if it did: task_io_account_read() in fs/nfs/read.c: nfs_readahead, and fs/netfs
// for the others.
func (s *Source) IsRemote() bool { return s.fsType().Keeps == filesystems.ByServer }

// Cached is true when reads of the source are known to go through the page cache.
func (s *Source) Cached() bool { return s.Kind != SourceZero && s.fsType().Cached && !s.dax() }

// MayBeCached is true when that depends on the mount, or on who keeps the data.
func (s *Source) MayBeCached() bool {
	switch s.fsType().Keeps {
	case filesystems.ByDaemon, filesystems.ByHost, filesystems.ByServer:
		return !s.Cached() && !s.dax()
	}
	return false
}
