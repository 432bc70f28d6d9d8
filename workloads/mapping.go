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
	Advice   Advice // for madvise(2)
}

// Advice is what the kernel is told of a mapping, as madvise(2) takes it; 0, which
// stands for normal: nothing.
type Advice uintptr

var advices = []struct {
	name string
	Advice
}{{"sequential", unix.MADV_SEQUENTIAL}, {"random", unix.MADV_RANDOM}, {"hugepage", unix.MADV_HUGEPAGE}}

// Advices are what can be asked for, as the user types it.
func Advices() (names []string) {
	for _, a := range advices {
		names = append(names, a.name)
	}
	return names
}

// ParseAdvice reads one of Advices; all else is none.
func ParseAdvice(name string) Advice {
	for _, a := range advices {
		if a.name == name {
			return a.Advice
		}
	}
	return 0
}

// String is the advice as the user types it.
func (a Advice) String() string {
	for _, known := range advices {
		if known.Advice == a {
			return known.name
		}
	}
	return ""
}

// CanBeMapped is whether the source can be mapped, as most files that the kernel makes up cannot.
func (s *Source) CanBeMapped() bool {
	addr, err := unix.MmapPtr(int(s.file.Fd()), 0, nil, uintptr(unix.Getpagesize()), unix.PROT_READ, unix.MAP_SHARED)
	if err == nil {
		_ = unix.MunmapPtr(addr, uintptr(unix.Getpagesize()))
	}
	return err == nil
}

// CheckMapping is nil when the kernel takes the advice for the source, which is
// found out by giving it.
func CheckMapping(m Mapping, source *Source) error {
	if m.Advice == 0 {
		return nil
	}
	size := uintptr(unix.Getpagesize())
	addr, err := unix.MmapPtr(int(source.file.Fd()), 0, nil, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fault.Errorf(fault.Unsupported, "leave --advise out", "map source %s: %w", source.Path, err)
	}
	defer func() { _ = unix.MunmapPtr(addr, size) }()
	_, _, errno := unix.Syscall(unix.SYS_MADVISE, uintptr(addr), size, uintptr(m.Advice))
	if errno == 0 {
		return nil
	}
	why := ""
	if errno == unix.EINVAL && m.Advice == unix.MADV_HUGEPAGE { // madvise(2)
		why = " (the kernel has no transparent huge pages)"
	}
	return fault.Errorf(fault.Unsupported, "leave it out, or take --advise sequential", "--advise %s is not possible here: madvise: %w%s", m.Advice, errno, why)
}
