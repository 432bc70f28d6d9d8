//go:build linux

package ledger

import (
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/bpf"
)

// Store is where the data of a file of the sender's is kept: of one on an overlay, below that. The zero value
// is no file's, or it is not known.
type Store struct {
	Filesystem string // its type
	Device     uint64 // of its super block, as stat(2) has it
}

// Stores are those of source and sinks; known once the sender's window is open.
func (s *Snapshot) Stores() (source Store, sinks [2]Store) {
	slot := &s.Slots[Sender]
	return storeOf(&slot.SourceStore), [2]Store{storeOf(&slot.SinkStore), storeOf(&slot.Sink2Store)}
}

// UnknownSource is why the hooks do not know which file below an overlay it is that the sender reads, or has
// read all the time; "" if they know.
func (s *Snapshot) UnknownSource() string {
	source, _ := s.Stores()
	switch slot := &s.Slots[Sender]; {
	case source == (Store{}):
		return "the pages are of the file below the overlay, and nobody knows which that is: without BTF of the module overlay, or if it was copied up after it was opened"
	case slot.State == bpf.ObjectSlotStateDIED: // at the end of the window it is looked at again
		return "the worker died, and nobody could see whether the overlay copied the source up while it was read"
	case slot.SourceInode == 0:
		return "the overlay copied the source up while it was read: pages of two files were read"
	}
	return ""
}

// DoubledSource is why the hooks that know the sender's source by its inode number cannot tell it from the sink;
// "" if they can, or know it otherwise.
func (s *Snapshot) DoubledSource() string {
	if s.Slots[Sender].SourceDoubled == 0 {
		return ""
	}
	return "on this kernel files are known by inode number and device there, and the sink has the same"
}

func storeOf(s *bpf.ObjectStore) Store {
	var name []byte
	for _, c := range s.Filesystem {
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	if len(name) == 0 {
		return Store{}
	}
	// MAJOR and MINOR of the kernel's dev_t (include/linux/kdev_t.h)
	return Store{Filesystem: string(name), Device: unix.Mkdev(s.Device>>20, s.Device&0xfffff)}
}
