//go:build linux

package workloads

import (
	"slices"
	"testing"

	"github.com/zctrace/zctrace/internal/filesystems"
)

// What is below a file system is told by who keeps its data; below an overlay by the file system that has the file.
func TestLayers(t *testing.T) {
	for _, test := range []struct {
		filesystem string
		want       []Layer
		device     Device
	}{
		{"tmpfs", []Layer{{"memory", ""}}, Device{Kind: "memory"}},
		{"fuse", []Layer{{"daemon", ""}}, Device{Kind: "virtual"}},
		{"virtiofs", []Layer{{"host", ""}}, Device{Kind: "virtual"}},
		{"nfs4", []Layer{{"server", ""}}, Device{Kind: "virtual"}},
		{"btrfs", []Layer{{"disk", ""}}, Device{Kind: "disk"}},
		{"overlay", []Layer{{"unknown", ""}}, Device{Kind: "unknown"}},
		{"0x1234", []Layer{{"unknown", ""}}, Device{Kind: "unknown"}},
	} {
		got := below(test.filesystem, 0)
		if !slices.Equal(got, test.want) || deviceOf(got) != test.device {
			t.Errorf("below %s is %v, and %v carries it away", test.filesystem, got, deviceOf(got))
		}
		over := belowOverlay(test.filesystem, 0)
		if !slices.Equal(over[1:], test.want) || over[0] != (Layer{"filesystem", test.filesystem}) || deviceOf(over) != test.device {
			t.Errorf("below an overlay on %s is %v, and %v carries it away", test.filesystem, over, deviceOf(over))
		}
	}
	for _, name := range []string{"ext4", "tmpfs", "fuse", "nfs"} {
		s := &Source{Kind: SourceFile, Filesystem: "overlay", Below: belowOverlay(name, 0)}
		if s.fsType() != filesystems.Named(name) {
			t.Errorf("a file of an overlay on %s is one of %+v", name, s.fsType())
		}
	}
}
