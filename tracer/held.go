//go:build linux

package tracer

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/ledger"
)

// heldSeries are the kernels in whose guests the hooks of engine fentry were held against the copy instructions
// themselves, strategy by strategy (TestEnginesAgree). Whoever adds one to internal/guests/kernels.txt is told to name it here.
var heldSeries = []string{"6.1", "6.12", "7.3"}

// unheld says why bytes that no hook of engine fentry saw copied may have been copied all the same; "" if
// there is no such doubt with these engines on this release of Linux.
func unheld(release string, engines []ledger.Engine) string {
	numbers := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	series := strings.Join(numbers[:min(2, len(numbers))], ".")
	if !slices.Contains(engines, ledger.Fentry) || slices.Contains(engines, ledger.Breakpoint) || slices.Contains(heldSeries, series) {
		return ""
	}
	return fmt.Sprintf("the hooks were not held against the copy instructions on Linux %s yet, which may copy where none of them is; --copies all does that in a run", series)
}

// release is that of the kernel that runs.
func release() string {
	var u unix.Utsname
	_ = unix.Uname(&u) // fails for a bad address only
	return unix.ByteSliceToString(u.Release[:])
}
