//go:build linux

package workloads

import (
	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
)

// Mapping is how a strategy that is Mapped maps the source. The zero value is as
// mmap(2) does by itself: pages are mapped when they are looked at.
type Mapping struct {
	Populate bool   // MAP_POPULATE: all pages at once, by the mmap call
	Advice   string // one of Advices, for madvise(2); "": none
}

// Advices are what the kernel can be told of a mapping, as the user types it.
var Advices = []string{"sequential", "random", "hugepage"}

// advice is what madvise(2) is given; 0, which stands for normal, if nothing was asked
// for.
func (m Mapping) advice() uintptr {
	switch m.Advice {
	case "sequential":
		return unix.MADV_SEQUENTIAL
	case "random":
		return unix.MADV_RANDOM
	case "hugepage":
		return unix.MADV_HUGEPAGE
	}
	return unix.MADV_NORMAL
}

func (m Mapping) flags() uintptr {
	if m.Populate {
		return unix.MAP_POPULATE
	}
	return 0
}

// CheckMapping is nil when the kernel takes the advice for the source, which is
// found out by giving it.
func CheckMapping(m Mapping, source *Source) error {
	if m.Advice == "" {
		return nil
	}
	size := uintptr(unix.Getpagesize())
	addr, err := unix.MmapPtr(int(source.file.Fd()), 0, nil, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fault.Errorf(fault.Unsupported, "leave --advise out", "map source %s: %w", source.Path, err)
	}
	defer func() { _ = unix.MunmapPtr(addr, size) }()
	_, _, errno := unix.Syscall(unix.SYS_MADVISE, uintptr(addr), size, m.advice())
	if errno == 0 {
		return nil
	}
	why := ""
	if errno == unix.EINVAL && m.Advice == "hugepage" { // madvise(2)
		why = " (the kernel has no transparent huge pages)"
	}
	return fault.Errorf(fault.Unsupported, "leave it out, or take --advise sequential", "--advise %s is not possible here: madvise: %w%s", m.Advice, errno, why)
}
