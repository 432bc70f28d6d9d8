//go:build linux

package tracer

import (
	"os"
	"strings"
	"testing"

	"github.com/zctrace/zctrace/tracer/ledger"
)

func TestUnheld(t *testing.T) {
	for _, test := range []struct {
		arch    string
		release string
		engines []ledger.Engine
		doubted bool
	}{
		{"amd64", "6.12.117+deb12-cloud-amd64", []ledger.Engine{ledger.Fentry}, false},
		{"amd64", "6.1.0-56-cloud-amd64", []ledger.Engine{ledger.Fentry}, false},
		{"arm64", "6.12.117+deb12-cloud-arm64", []ledger.Engine{ledger.Fentry}, true}, // its guest has no breakpoints
		{"amd64", "6.11.0-9-generic", []ledger.Engine{ledger.Fentry}, true},
		{"amd64", "99.0-rc1", []ledger.Engine{ledger.Fentry}, true},
		{"amd64", "99.0-rc1", []ledger.Engine{ledger.Fentry, ledger.Breakpoint, ledger.Derived}, false}, // the run itself holds them
		{"amd64", "99.0-rc1", []ledger.Engine{ledger.Derived}, false},
		{"amd64", "99", []ledger.Engine{ledger.Fentry}, true},
		{"amd64", "", []ledger.Engine{ledger.Fentry}, true},
	} {
		if why := unheld(test.arch, test.release, test.engines); (why != "") != test.doubted {
			t.Errorf("%s, %q, %v: %q", test.arch, test.release, test.engines, why)
		}
	}
}

// What to do about it is said only where that can be done.
func TestUnheldHere(t *testing.T) {
	defer func(was []string) { heldSeries = was }(heldSeries)
	heldSeries = nil
	if why := unheldHere([]ledger.Engine{ledger.Fentry}); strings.Contains(why, "--copies all") != (tryBreakpoint() == nil) {
		t.Errorf("breakpoints: %v; %q", tryBreakpoint(), why)
	}
}

// A guest in which the engines are held against each other is of a series that says so. Debian may have a newer
// one any day, in which all is as before but for estimates that say why: make test-all wants it named, and no other change need wait for that.
func TestGuestIsHeld(t *testing.T) {
	why := unheldHere([]ledger.Engine{ledger.Fentry})
	if why == "" || !strings.Contains(os.Getenv(enginesEnv), string(ledger.Breakpoint)) {
		return
	}
	say := t.Logf
	if os.Getenv("ZCTRACE_TEST_ALL") != "" {
		say = t.Errorf
	}
	say("%s: if TestEnginesAgree passes here, add the series of %s to heldSeries", why, release())
}
