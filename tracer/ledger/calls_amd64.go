//go:build linux

package ledger

import "golang.org/x/sys/unix"

// archCalls are those that only this architecture has.
var archCalls = []call{metadata(unix.SYS_GETDENTS), metadata(unix.SYS_READLINK)}
