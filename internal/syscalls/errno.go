package syscalls

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// kernelErrnos are the kernel's own (include/linux/errno.h). Those with which it has a call made again after a
// signal, or turns into EINTR, no program gets to see; the others are not meant to be seen by one.
var kernelErrnos = map[uint32]string{
	512: "ERESTARTSYS",
	513: "ERESTARTNOINTR",
	514: "ERESTARTNOHAND",
	515: "ENOIOCTLCMD",
	516: "ERESTART_RESTARTBLOCK",
	517: "EPROBE_DEFER",
	518: "EOPENSTALE",
	519: "ENOPARAM",
	521: "EBADHANDLE",
	522: "ENOTSYNC",
	523: "EBADCOOKIE",
	524: "ENOTSUPP",
	525: "ETOOSMALL",
	526: "ESERVERFAULT",
	527: "EBADTYPE",
	528: "EJUKEBOX",
	529: "EIOCBQUEUED",
	530: "ERECALLCONFLICT",
	531: "ENOGRACE",
}

// Errno is the name of an errno, as in errno(3) and strace(1), the same on all architectures; of one that the
// table does not have, "errno_" and its number.
func Errno(n uint32) string {
	if name, ok := errnos[n]; ok {
		return name
	}
	if name, ok := kernelErrnos[n]; ok {
		return name
	}
	return fmt.Sprintf("%s%d", unnamed, n)
}

// unnamed begins the name of an errno that the tables do not have.
const unnamed = "errno_"

// IsErrno is whether [Errno] may have given that name, with an older or a newer table, too.
func IsErrno(name string) bool {
	if number, found := strings.CutPrefix(name, unnamed); found {
		_, err := strconv.ParseUint(number, 10, 32)
		return err == nil
	}
	for _, table := range []map[uint32]string{errnos, kernelErrnos} {
		for _, known := range table {
			if known == name {
				return true
			}
		}
	}
	return false
}

// Errnos are the names of all errnos, sorted.
func Errnos() []string {
	names := slices.AppendSeq(slices.Collect(maps.Values(errnos)), maps.Values(kernelErrnos))
	slices.Sort(names)
	return names
}
