//go:build linux

package workloads

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/internal/human"
)

// notificationBytes is what the notification of a MSG_ZEROCOPY send takes of net.core.optmem_max, at the most,
// until it is read: a struct sk_buff without data (net/core/sock.c: sock_omalloc), which is 960 bytes on Linux
// 6.18 for amd64, and less on older ones.
const notificationBytes = 1 << 10

// noBuffers says why a MSG_ZEROCOPY send of that many bytes fails with ENOBUFS while none is under way, and
// what to do about it. It may be the memory for its notification, or that its pages may not be pinned
// (Linux documentation, networking/msg_zerocopy).
func noBuffers(bytes int64) (why, remedy string) {
	const name, enough = "net.core.optmem_max", maxUnconfirmed * notificationBytes
	text, _ := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	is, err := strconv.Atoi(strings.TrimSpace(string(text)))
	switch {
	case err != nil: // in another network namespace than the machine's, before Linux 6.8
		return fmt.Sprintf("%s, which is not shown here, or RLIMIT_MEMLOCK, %s, leaves no room", name, memoryLock()),
			"raise " + name + " for the whole machine, or ulimit -l"
	case is < notificationBytes:
		return fmt.Sprintf("%s is %d bytes, and the notifications of %d sends take up to %d bytes", name, is, maxUnconfirmed, enough),
			fmt.Sprintf("sysctl %s=%d", name, enough)
	}
	return noPins(bytes)
}

// noPins says why no pages can be pinned for so many bytes.
func noPins(bytes int64) (why, remedy string) {
	return fmt.Sprintf("%s cannot be pinned: RLIMIT_MEMLOCK, %s, is for all that the user's programs pin", human.FormatBytes(bytes), memoryLock()),
		"take a smaller --chunk, or raise ulimit -l"
}

// cure says why a strategy's try failed, and what makes it work; nothing where only something else than what was
// asked for does. The sink is nil if it is not a certain one.
func cure(s *Strategy, source *Source, sink *Sink, failed error) (why, remedy string) {
	switch {
	case errors.Is(failed, unix.ENOBUFS) && s == msgZerocopy:
		return noBuffers(probeBytes)
	case errors.Is(failed, unix.ENOMEM) && s == ioUringZC:
		return noPins(probeBytes)
	case errors.Is(failed, unix.EXDEV) && sink != nil:
		return fmt.Sprintf("the source is on %s, the sink on %s", placeOf(source.file, source.dir()), placeOf(sink.sender, filepath.Dir(sink.Address))),
			"take --sink file, which lies beside the source, or --sink file:PATH on the source's file system"
	}
	return "", ""
}

// placeOf names the file system of a file in a directory.
func placeOf(f *os.File, dir string) string {
	return filesystem(int(f.Fd())) + " (" + mountPoint(dir) + ")"
}

// mountPoint is the uppermost of the directories above a directory that is on its file system.
func mountPoint(dir string) string {
	if followed, err := filepath.EvalSymlinks(dir); err == nil {
		dir = followed
	}
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	var here, above unix.Stat_t
	if unix.Stat(dir, &here) != nil {
		return dir
	}
	for parent := filepath.Dir(dir); parent != dir; dir, parent = parent, filepath.Dir(parent) {
		if unix.Stat(parent, &above) != nil || above.Dev != here.Dev {
			break
		}
	}
	return dir
}
