//go:build linux

package workloads

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/fault"
	"github.com/zctrace/zctrace/internal/human"
)

// stays is why left bytes of the source cannot be taken out of the page cache, as far as that can be found out,
// and what to do.
func (s *Source) stays(left int64) error {
	const what = "source %s cannot be made cold: %s of %s stay in the page cache, %s"
	why, hint := "mapped, locked or being written", "end the program that uses it (fuser -v shows which), or take another source"
	if IsOverlay(s.Filesystem) {
		why = "in memory (tmpfs), mapped, locked or not written back yet below the overlay"
		hint = "take another source, run sync, or end the program that uses the file below the overlay"
	}
	if name, locked := s.holder(); name != "" && locked {
		why, hint = "locked there by "+name, "end it, let it unlock the file (munlock), or take another source"
	} else if name != "" {
		why, hint = "mapped by "+name, "end it, let it unmap the file, or take another source"
	}
	return fault.Errorf(fault.Failed, hint, what, s.Path, human.Grouped(left), human.Plural(s.Bytes, "byte"), why)
}

// holder is a process that maps the source, and whether it has locked some of it: if there is one, one that has.
func (s *Source) holder() (name string, locked bool) {
	id := fmt.Sprintf(" %02x:%02x %d ", unix.Major(s.Device), unix.Minor(s.Device), s.Inode)
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range processes {
		maps, _ := os.ReadFile(dir + "/maps") // of another user's it cannot be read
		if !strings.Contains(string(maps), id) {
			continue
		}
		comm, _ := os.ReadFile(dir + "/comm")
		name = fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(comm)), filepath.Base(dir))
		if locksIn(dir, id) {
			return name, true
		}
	}
	return name, false
}

// locksIn is whether a process has locked any of its mappings of a file, see proc_pid_smaps(5).
func locksIn(dir, id string) bool {
	smaps, _ := os.ReadFile(dir + "/smaps")
	of := false
	for line := range strings.Lines(string(smaps)) {
		switch name, value, _ := strings.Cut(line, ":"); {
		case strings.Contains(name, "-"): // a mapping begins: its addresses
			of = strings.Contains(line, id)
		case of && name == "Locked" && strings.TrimSpace(value) != "0 kB":
			return true
		}
	}
	return false
}
