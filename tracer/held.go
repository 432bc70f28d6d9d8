//go:build linux

package tracer

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zctrace/zctrace/tracer/ledger"
)

// heldSeries are the kernels of amd64 in whose guests the hooks of engine fentry were held against the copy instructions
// themselves, strategy by strategy (TestEnginesAgree). make test-all wants that of each kernel of internal/guests/kernels.txt here.
// Other architectures have no breakpoints that this could be done with.
var heldSeries = []string{"6.1", "6.12", "7.3"}

// unheld says why bytes that no hook of engine fentry saw copied may have been copied all the same; "" if
// there is no such doubt with these engines on this release of Linux for that architecture.
func unheld(arch, release string, engines []ledger.Engine) string {
	numbers := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	series := strings.Join(numbers[:min(2, len(numbers))], ".")
	held := arch == "amd64" && slices.Contains(heldSeries, series)
	if held || !slices.Contains(engines, ledger.Fentry) || slices.Contains(engines, ledger.Breakpoint) {
		return ""
	}
	return fmt.Sprintf("the hooks were not held against the copy instructions on Linux %s for %s yet, which may copy where none of them is", series, arch)
}

// unheldHere is [unheld] of this machine, with what to do about it, if anything.
func unheldHere(engines []ledger.Engine) string {
	why := unheld(runtime.GOARCH, release(), engines)
	if why != "" && tryBreakpoint() == nil {
		why += "; --copies all does that in a run"
	}
	return why
}

// release is that of the kernel that runs.
func release() string {
	var u unix.Utsname
	_ = unix.Uname(&u) // fails for a bad address only
	return unix.ByteSliceToString(u.Release[:])
}
